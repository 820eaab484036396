"""Records reads of the sample connection, as a connector returns them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from closing.calendar.days import DateSpan
from closing.facts.base import NativePeriodFacts
from closing.facts.finops_facts import FinopsFacts
from closing.facts.readings import PeriodReading, PeriodType, ReadGap, ReadResult
from entities.models import Connection, LegalEntity
from periods.models import SyncAttempt
from periods.recording.attempts import AttemptResult, Outcome, begin_attempt
from periods.recording.store import RecordingResult, record_readings
from tests.builders import CLOSED, MAY_DAYS, OPEN, utc
from tests.periods.model_builders import policy, save_four_entities, top_group, workday
from tests.saved_once import saved_once

SPAN = DateSpan(date(2026, 1, 1), date(2026, 12, 31))
APRIL_DAYS = DateSpan(date(2026, 4, 1), date(2026, 4, 30))
LEASE = timedelta(minutes=3)


def connect_four_entities() -> tuple[Connection, dict[str, LegalEntity]]:
    """The four entities in one Finance & Operations connection, due on the 6th working day after period end."""
    return saved_once(_connect_four_entities)


def _connect_four_entities() -> tuple[Connection, dict[str, LegalEntity]]:
    source = Connection.objects.create(
        name="meridian-finops",
        kind="finops",
        base_url="http://127.0.0.1:9100",
        tenant="meridian",
        client_id="x",
    )
    entities = save_four_entities()
    for entity in entities.values():
        entity.connection, entity.erp_id = source, entity.code.lower()
        entity.save()
    policy(top_group(), **workday(6, 0))
    return source, entities


def reading(
    code: str, facts: NativePeriodFacts, span: DateSpan = MAY_DAYS, type: PeriodType = PeriodType.OPERATING
) -> PeriodReading:
    """One period of one company."""
    name = f"Period {span.last.month}"
    key = f"Fiscal|{span.last.year}|{name}|{type.value}"
    return PeriodReading(code.lower(), key, "Fiscal", str(span.last.year), name, span, type, facts)


def read_result(
    said: Mapping[str, NativePeriodFacts], *gaps: ReadGap, april: NativePeriodFacts = CLOSED
) -> ReadResult:
    """A read result with each company's May in these facts, and an April beside it."""
    readings = []
    for code, facts in said.items():
        readings += [reading(code, april, APRIL_DAYS), reading(code, facts)]
    return ReadResult(
        tuple(readings),
        gaps,
        pages=1,
        rows=len(readings),
    )


def begin(source: Connection, at: str | datetime) -> SyncAttempt:
    """An attempt as of a moment; fails the test when another one runs."""
    attempt = begin_attempt(source.pk, utc(at) if isinstance(at, str) else at, lease=LEASE)
    assert attempt is not None
    return attempt


def record(attempt: SyncAttempt, brought: ReadResult) -> RecordingResult:
    """Record a read result as the sync does."""
    outcome = Outcome.PARTIAL if brought.gaps else Outcome.OK
    return record_readings(
        attempt, brought, SPAN, AttemptResult(outcome, attempt.started_at + timedelta(seconds=1))
    )


def read(
    source: Connection, at: str | datetime, said: Mapping[str, NativePeriodFacts] | ReadResult
) -> RecordingResult:
    """One whole read at a moment."""
    return record(begin(source, at), said if isinstance(said, ReadResult) else read_result(said))


def facts_of_all(**other: FinopsFacts) -> dict[str, NativePeriodFacts]:
    """All four companies open but for those named."""
    return {code: other.get(code, OPEN) for code in ("UKHC", "UKRT", "USRT", "NLDT")}
