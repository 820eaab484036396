"""A random history of reads over many days: failures, gaps, stale spells, vanished periods, loaded reads."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from closing.facts.base import NativePeriodFacts
from closing.facts.readings import GapReason, ReadGap
from entities.models import Connection, LegalEntity
from periods.models import SyncAttempt
from periods.recording.attempts import (
    AttemptResult,
    Outcome,
    OutOfOrderRead,
    abandon_expired,
    begin_attempt,
    finish_attempt,
)
from tests.builders import CLOSED, MAY_DAYS, NOT_UNDERSTOOD, ON_HOLD, OPEN, utc
from tests.db_builders import SampleGroup, save_sample_group
from tests.periods.events import APRIL, DAYS
from tests.sample_entities import TWELVE_ENTITIES

FACTS: tuple[NativePeriodFacts, ...] = (OPEN, OPEN, ON_HOLD, CLOSED, NOT_UNDERSTOOD)
WORDS = ("The ERP does not answer.", "The ERP does not answer.", "The ERP refused access (401).")
LEASE = timedelta(minutes=3)


@dataclass
class ReadHistory:
    """Eight entities in two connections, of which one is rarely read; time moves forward only."""

    chance: random.Random
    now: datetime = field(default_factory=lambda: utc("2026-05-25 09:00"))

    def __post_init__(self) -> None:
        self.group = save_sample_group(TWELVE_ENTITIES[:8])
        other = Connection.objects.create(
            name="lowlands", kind="finops", base_url="https://bc.test", tenant="l", client_id="x"
        )
        codes = list(self.group.entities)
        self.connections = (self.group.connection, other)
        self.codes = {self.group.connection.pk: codes[:5], other.pk: codes[5:]}
        LegalEntity.objects.filter(code__in=codes[5:]).update(connection=other)
        self.said: dict[str, NativePeriodFacts] = dict.fromkeys(codes, OPEN)
        self.troubles: dict[int, int] = dict.fromkeys(
            self.codes, 0
        )  # failures that are still to come in a row
        self.gaps: dict[int, tuple[ReadGap, ...]] = dict.fromkeys(self.codes, ())
        for connection in self.connections:
            self._record(connection, dict.fromkeys(self.codes[connection.pk], CLOSED), april=True)
            self.now += timedelta(minutes=1)

    def live(self, until: datetime) -> None:
        """Read, or fail to, a few times a day until a moment."""
        while self.now < until:
            self.step()

    def step(self) -> None:
        chance = self.chance
        self.now += chance.choice([timedelta(minutes=5), timedelta(minutes=47), timedelta(hours=5)])
        self.now += timedelta(microseconds=chance.randrange(60_000_000))
        if chance.random() < 0.02:
            self.now += timedelta(days=chance.choice([1, 3]))  # nobody reads
        connection = self.connections[chance.random() < 0.3]
        if self.troubles[connection.pk]:
            self.troubles[connection.pk] -= 1
            self.fail(connection)
            return
        match chance.randrange(12):
            case 0:
                self.troubles[connection.pk] = chance.choice([1, 4, 20])
            case 1 | 8:
                self.fail(connection, timedelta(minutes=chance.choice([1, 15])))
                return
            case 2 | 3:
                self.gaps[connection.pk] = tuple(
                    ReadGap(code.lower(), chance.choice(list(GapReason)), f"{code} is not there.")
                    for code in chance.sample(self.codes[connection.pk], chance.choice([0, 1, 2]))
                )
            case 4:
                code = chance.choice(self.codes[connection.pk])
                self.said[code] = chance.choice(FACTS)
            case 5:
                self.die(connection)
            case 6:
                # Their May vanishes: the ERP lists April only.
                self.read(connection, april=True)
                return
            case 7:
                self.read(connection, loaded_after=timedelta(days=chance.choice([1, 30])))
                return
        self.read(connection)

    def read(
        self, connection: Connection, *, april: bool = False, loaded_after: timedelta | None = None
    ) -> None:
        missing = {gap.erp_id for gap in self.gaps[connection.pk]}
        codes = [code for code in self.codes[connection.pk] if code.lower() not in missing]
        said = {code: CLOSED if april else self.said[code] for code in codes}
        self._record(connection, said, april=april, gaps=self.gaps[connection.pk])
        newest = SyncAttempt.objects.filter(connection=connection).latest("pk")
        took = timedelta(microseconds=self.chance.randrange(90_000_000))
        self._change(newest, finished_at=newest.started_at + took)
        if loaded_after is not None:
            self._change(newest, lease_until=newest.started_at + loaded_after)

    def _record(
        self,
        connection: Connection,
        said: Mapping[str, NativePeriodFacts],
        *,
        april: bool = False,
        gaps: tuple[ReadGap, ...] = (),
    ) -> None:
        group = SampleGroup(connection, self.group.entities)
        with suppress(OutOfOrderRead):
            group.read(self.now, said, span=DAYS[APRIL] if april else MAY_DAYS, gaps=gaps)

    def fail(self, connection: Connection, retry_after: timedelta | None = None) -> None:
        attempt = self._begin(connection)
        if attempt is not None:
            finished = self.now + timedelta(seconds=self.chance.randrange(90))
            words = self.chance.choice(WORDS)
            outcome = Outcome.REFUSED if "401" in words else Outcome.UNAVAILABLE
            retry_at = None if retry_after is None else finished + retry_after
            finish_attempt(attempt.pk, AttemptResult(outcome, finished, words=words, retry_at=retry_at))

    def die(self, connection: Connection) -> None:
        """Begin an attempt whose worker dies."""
        attempt = self._begin(connection)
        if attempt is not None:
            self._change(attempt, lease_until=self.now - LEASE)
            abandon_expired(self.now + timedelta(minutes=4), connection_id=connection.pk)
            self.now += timedelta(minutes=5)

    def _begin(self, connection: Connection) -> SyncAttempt | None:
        with suppress(OutOfOrderRead):
            attempt = begin_attempt(connection.pk, self.now, lease=LEASE)
            assert attempt is not None
            self._change(attempt, lease_until=self.now + LEASE)
            return attempt
        return None

    @staticmethod
    def _change(attempt: SyncAttempt, **columns: datetime) -> None:
        SyncAttempt.objects.filter(pk=attempt.pk).update(**columns)
