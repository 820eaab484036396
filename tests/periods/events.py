"""Every kind of event that changes a cached board, one method each, on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.db import connection

from alerts.models import Silence
from alerts.routing.silences import create_silence, lift_silence
from closing.calendar.days import DateSpan
from closing.facts.base import NativePeriodFacts
from closing.facts.period_remarks import OverdueReason
from closing.facts.readings import GapReason, ReadGap
from entities.group_tree import InvalidGroup
from entities.group_tree import save_group as place_group
from entities.models import CalendarDay, Connection, Group, LegalEntity, Person
from periods.deadline_setting import set_deadlines
from periods.models import AgreedDate, DeadlinePolicy, PolicyVersion, Remark, SyncAttempt
from periods.recording.attempts import AttemptResult, OutOfOrderRead, begin_attempt, finish_attempt
from periods.remarks import (
    acknowledge,
    add_note,
    edit_note,
    set_expected_close,
    set_overdue_reason,
    withdraw_note,
)
from tests.builders import CLOSED, MAY, MAY_DAYS, NOT_UNDERSTOOD, ON_HOLD, OPEN, RESTRICTED, utc
from tests.databases import copy_database, drop_database, in_use, maintenance
from tests.db_builders import SampleGroup, save_person, save_sample_group
from tests.periods.snapshot import imbalance_annotation
from tests.sample_entities import TWELVE_ENTITIES

APRIL = date(2026, 4, 1)
DAYS = {APRIL: DateSpan(date(2026, 4, 1), date(2026, 4, 30)), MAY: MAY_DAYS}
FACTS: tuple[NativePeriodFacts, ...] = (OPEN, ON_HOLD, CLOSED, RESTRICTED, NOT_UNDERSTOOD)
GROUPS = ("MERIDIAN", "UK", "EUROPE", "AMERICAS")


@contextmanager
def own_copy(template: str) -> Iterator[None]:
    """Make Django use a new copy of the migrated database, with real commits; dropped afterwards."""
    name = f"{template[:40]}_{uuid4().hex[:10]}"
    connection.close()
    with maintenance() as server:
        copy_database(server, template, name)
        try:
            with in_use(name):
                yield
        finally:
            drop_database(server, name)


@dataclass
class ChangingGroup:
    """The sample group with two connections, people who write remarks, and a clock that only moves forward."""

    now: datetime = field(default_factory=lambda: utc("2026-06-08 09:00"))

    def __post_init__(self) -> None:
        self.group: SampleGroup = save_sample_group(TWELVE_ENTITIES[:8])
        self.codes = list(self.group.entities)
        self.other = Connection.objects.create(
            name="lowlands", kind="business_central", base_url="https://bc.test", tenant="l", client_id="x"
        )
        self.speakers = [save_person(), save_person("uma@meridian.test", "Uma Reyes")]
        self.said: dict[str, NativePeriodFacts] = dict.fromkeys(self.codes, OPEN)
        self.april: dict[str, NativePeriodFacts] = dict.fromkeys(self.codes, CLOSED)
        self.read({}, APRIL)
        self.read({}, MAY)

    def entity(self, code: str) -> LegalEntity:
        return LegalEntity.objects.get(pk=self.group.entities[code].pk)

    # --- time and reads -------------------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def read(
        self,
        news: dict[str, NativePeriodFacts],
        month: date = MAY,
        *,
        ahead: float = 0,
        unread: dict[str, GapReason] | None = None,
    ) -> None:
        """Record a good read of the first connection; `ahead` is the lead of its worker's clock in seconds."""
        said = self.said if month == MAY else self.april
        said.update(news)
        gaps = {code: reason for code, reason in (unread or {}).items() if self._reads(code)}
        told = {code: facts for code, facts in said.items() if code not in gaps and self._reads(code)}
        words = [ReadGap(code.lower(), reason, f"{code} is not there.") for code, reason in gaps.items()]
        with suppress(OutOfOrderRead):
            self.group.read(self.now + timedelta(seconds=ahead), told, span=DAYS[month], gaps=words)

    def _reads(self, code: str) -> bool:
        return self.entity(code).connection_id == self.group.connection.pk

    def fail(self, words: str = "The ERP does not answer.") -> None:
        with suppress(OutOfOrderRead):
            attempt = begin_attempt(self.group.connection.pk, self.now, lease=timedelta(minutes=3))
            assert attempt is not None
            finish_attempt(attempt.pk, AttemptResult(SyncAttempt.Outcome.UNAVAILABLE, self.now, words=words))

    def begin_and_leave(self) -> None:
        """Begin an attempt and abandon it."""
        with suppress(OutOfOrderRead):
            attempt = begin_attempt(self.group.connection.pk, self.now, lease=timedelta(minutes=3))
            assert attempt is not None
            SyncAttempt.objects.filter(pk=attempt.pk).update(
                outcome="abandoned", finished_at=self.now, words="The worker ended before it finished."
            )

    # --- policies ---------------------------------------------------------------------------------------------------

    def agree_policy(self, code: str, **words: object) -> None:
        """Save a new version of the policy of the group (code "") or one entity, and its deadlines."""
        if code:
            policy, _ = DeadlinePolicy.objects.get_or_create(
                entity=self.entity(code), defaults={"code": f"{code}-OWN", "name": f"{code} close"}
            )
        else:
            policy = DeadlinePolicy.objects.get(code="GROUP-CLOSE")
        number = policy.versions.count() + 1
        PolicyVersion.objects.create(policy=policy, number=number, set_at=self.now, **words)
        set_deadlines(None, self.now)

    def agree_date(self, code: str, days: int, cut_off: time | None = None) -> None:
        AgreedDate.objects.create(
            entity=self.entity(code),
            reporting_month=MAY,
            due_on=self.now.date() + timedelta(days=days),
            cut_off=cut_off,
            reason="so agreed",
            agreed_by="R. Bell",
            set_at=self.now,
        )
        set_deadlines([self.entity(code).pk], self.now)

    def day_off(self, code: str) -> None:
        CalendarDay.objects.get_or_create(
            calendar=self.entity(code).calendar, day=self.now.date(), defaults={"working": False}
        )
        set_deadlines(None, self.now)

    # --- remarks ----------------------------------------------------------------------------------------------------

    def speak(self, who: int, code: str, verb: str) -> None:
        by = self.speakers[who]
        with suppress(ValidationError, LegalEntity.DoesNotExist):
            match verb:
                case "note":
                    add_note(by, code, MAY, f"A note at {self.now:%d %H:%M}.", self.now)
                case "reason":
                    set_overdue_reason(by, code, MAY, OverdueReason.PEOPLE_AWAY, "", self.now)
                case "expect":
                    set_expected_close(by, code, MAY, self.now.date() + timedelta(days=3), "", self.now)
                case "acknowledge":
                    acknowledge(by, code, MAY, "Called them.", self.now)
                case "edit" | "withdraw":
                    note = Remark.objects.filter(
                        kind="note", by=by, replaced_by=None, withdrawn=False
                    ).first()
                    if note is not None:
                        entity = note.period.entity if note.period is not None else note.entity
                        assert entity is not None
                        where = entity.code
                        if verb == "edit":
                            edit_note(by, where, note.pk, f"Edited at {self.now:%d %H:%M}.", self.now)
                        else:
                            withdraw_note(by, where, note.pk, self.now)

    def silence(self, who: int, code: str, *, group: bool, days: int) -> None:
        entity = self.entity(code)
        with suppress(ValidationError):
            target = entity.group if group else entity
            last_day = self.now.date() + timedelta(days=days)
            create_silence(self.speakers[who], target, last_day, "a strike", self.now)

    def lift_silences(self, who: int) -> None:
        for silence in Silence.objects.filter(lifted_at=None):
            lift_silence(self.speakers[who], silence, self.now)

    def imbalance(self, code: str, other: str, amount: int, ahead: float, seconds: float) -> None:
        entity, counterparty = self.group.entities[code].pk, self.group.entities[other].pk
        imbalance_annotation.add(entity, counterparty, amount, self.now + timedelta(seconds=ahead), seconds)

    # --- groups and entities ----------------------------------------------------------------------------------------

    def rename_entity(self, code: str, name: str) -> None:
        LegalEntity.objects.filter(pk=self.group.entities[code].pk).update(name=name)

    def rename_speaker(self, who: int, name: str) -> None:
        Person.objects.filter(pk=self.speakers[who].pk).update(name=name)

    def rename_owner(self, code: str, name: str) -> None:
        Person.objects.filter(owned_entities=self.entity(code)).update(name=name)

    def give_away(self, code: str, who: int | None) -> None:
        LegalEntity.objects.filter(pk=self.group.entities[code].pk).update(
            owner=None if who is None else self.speakers[who]
        )

    def move(self, code: str, group: str) -> None:
        LegalEntity.objects.filter(pk=self.group.entities[code].pk).update(
            group=Group.objects.get(code=group)
        )

    def place(self, code: str, name: str, parent: str) -> None:
        """Rename a group and move it below another one, where that is possible."""
        with suppress(InvalidGroup):
            place_group(code, name, Group.objects.get(code=parent) if parent else None)

    def switch(self, code: str, *, on: bool) -> None:
        """Activate an entity, or end it: it was sold before May."""
        LegalEntity.objects.filter(pk=self.group.entities[code].pk).update(
            active_to=None if on else date(2026, 4, 30)
        )

    def connect(self, code: str, where: str) -> None:
        place = {"first": self.group.connection, "other": self.other, "none": None}[where]
        LegalEntity.objects.filter(pk=self.group.entities[code].pk).update(connection=place)

    def stale_after(self, minutes: int) -> None:
        Connection.objects.filter(pk=self.group.connection.pk).update(stale_after_seconds=60 * minutes)

    def found(self, number: int) -> None:
        """Add a new company, not connected yet."""
        like = self.entity("UKHC")
        LegalEntity.objects.get_or_create(
            code=f"NEW{number}",
            defaults={
                "name": f"New company {number}",
                "country": "GB",
                "zone": "Europe/London",
                "group": like.group,
                "calendar": like.calendar,
            },
        )

    def dissolve(self, number: int) -> None:
        LegalEntity.objects.filter(code=f"NEW{number}").delete()
