"""Any interleaving of attempts, with leases that run out, leaves the facts of the newest one that was recorded."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.db.models.functions import Now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closing.blockers.blocker_facts import BlockerFact
from closing.blockers.blocker_kinds import BlockerKind
from entities.models import Connection
from periods.recording.attempts import begin_attempt_of
from periods.recording.store import LeaseLost
from tests.builders import utc
from tests.worklist.work_reads import LEASE, WORK_DAYS, fact, lines, part_of, record_facts
from worklist.models import BlockerReading, WorkAttempt
from worklist.recording.fact_store import store_facts

pytestmark = pytest.mark.django_db
BANK = BlockerKind.BANK_NOT_RECONCILED
BEGIN = utc("2026-06-02 08:00")
# Lines (None: not readable), and bank statements by currency.
Content = tuple[int | None, dict[str, int]]
contents = st.tuples(
    st.sampled_from([None, 0, 7, 61]),
    st.dictionaries(st.sampled_from(["EUR", "USD", "GBP"]), st.integers(1, 3), min_size=1),
)
steps = st.lists(
    st.tuples(st.sampled_from(["begin", "record", "expire"]), st.integers(0, 2), contents), max_size=24
)


def facts_of(content: Content, at: datetime) -> list[BlockerFact]:
    count, statements = content
    bank = [
        fact("NLDT", BANK, number, at, amount=Decimal(10 * number), currency=currency)
        for currency, number in statements.items()
    ]
    return [lines("NLDT", count, at), *bank]


def in_force() -> tuple[int | None, dict[str, int | None]]:
    """The facts in force, without the zeros of currencies that are gone."""
    rows = BlockerReading.objects.filter(superseded_at=None)
    of_lines = rows.filter(kind="unposted_journals").values_list("count", flat=True)
    bank = rows.filter(kind=BANK.value).exclude(count=0).values_list("currency", "count")
    return of_lines[0] if of_lines else -1, dict(bank)


@dataclass
class _Workers:
    """Three workers of one connection, of which each may hold an attempt that it began."""

    source: Connection
    held: dict[int, WorkAttempt] = field(default_factory=dict)
    recorded: list[datetime] = field(default_factory=list)
    expected: object = (-1, {})

    def begin(self, worker: int, at: datetime) -> None:
        attempt = begin_attempt_of(WorkAttempt, self.source.pk, at, lease=LEASE)
        if attempt is not None:
            self.held[worker] = attempt

    def expire(self) -> None:
        """The leases of all attempts that run are over by the clock of the database."""
        WorkAttempt.objects.filter(outcome="running").update(lease_until=Now() - timedelta(seconds=1))

    def record(self, worker: int, content: Content) -> None:
        attempt = self.held.pop(worker, None)
        if attempt is None:
            return
        with contextlib.suppress(LeaseLost):
            record_facts(attempt, facts_of(content, attempt.started_at))
            self.recorded.append(attempt.started_at)
            self.expected = content


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps)
def test_the_facts_in_force_are_those_of_the_newest_attempt_that_was_recorded(
    source: Connection, steps: list[tuple[str, int, Content]]
) -> None:
    with transaction.atomic():
        workers = _Workers(source)
        for number, (step, worker, content) in enumerate(steps):
            match step:
                case "begin":
                    workers.begin(worker, BEGIN + timedelta(minutes=number))
                case "expire":
                    workers.expire()
                case _:
                    workers.record(worker, content)
            assert in_force() == workers.expected
            assert workers.recorded == sorted(workers.recorded)
        of_failed = BlockerReading.objects.exclude(attempt__outcome__in=WorkAttempt.READ_OUTCOMES)
        assert not of_failed.exists()
        transaction.set_rollback(True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(contents, min_size=2, max_size=5).map(enumerate).map(list).flatmap(st.permutations))
def test_files_that_arrive_in_any_order_leave_the_facts_of_the_latest_moment(
    source: Connection, files: list[tuple[int, Content]]
) -> None:
    with transaction.atomic():
        latest: tuple[int, Content] = (-1, (None, {}))
        for number, content in files:
            at = BEGIN + timedelta(minutes=number)
            facts = [replace(one, source_as_of=at) for one in facts_of(content, at)]
            parts = [part_of("NLDT"), part_of("NLDT", BANK)]
            store_facts(facts, parts, WORK_DAYS, at, attempt_id=None, source="file.csv")
            latest = max(latest, (number, content), key=lambda each: each[0])
            assert in_force() == latest[1]
        transaction.set_rollback(True)
