"""A fleet whose unfinished work is read, and the assertions of the tests that kill its readers."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from types import TracebackType
from typing import Self

import psycopg
from django.db import connection as database
from django.utils import timezone

from closing.calendar.months import active_month
from connectors.sync import sync_connection
from entities.models import Connection, LegalEntity
from periods.models import ClaimedTick
from simulator.run import Running
from tests.closeboard.processes import poll_until
from tests.faults.stack import queue_task
from tests.periods.model_builders import calendar, groups, policy, top_group, workday
from worklist.models import WorkAttempt

COMPANIES = 8
A_DAY = timedelta(days=1)  # longer than any interval between two reads of work, and than any lease
_ERP_IDS = {"finops": "e{:05}", "business_central": "Company {}"}


@dataclass
class WorkFleet:
    """A connection whose companies have, in the ERP, equally many unposted journal lines in one month."""

    sim: Running
    connection: Connection
    month: date

    def turn(self, lines: int) -> None:
        """Each company has so many unposted lines in the ERP from now on, and one unposted vendor payment more."""
        code = "E" if self.connection.kind == "finops" else "B"
        work = [
            {
                "kind": "journal",
                "number": "K-1",
                "lines": [{"count": lines, "debit": 100 * lines, "day": "end"}],
            }
        ]
        month = f"{self.month:%Y-%m}"
        self.sim.set_states(
            [
                {"company": f"{code}{number:05}", "month": month, "situation": [], "work": work}
                for number in range(1, COMPANIES + 1)
            ]
        )


def work_fleet(sim: Running, kind: str) -> WorkFleet:
    """Save a connection to a running fleet and read its periods, without which there is no work to read."""
    place = groups()["UK"]
    policy(top_group(), **workday(6, 0))
    england = calendar("ENGLAND", "England", "GB", "ENG")
    source = Connection(
        name=f"fleet-{kind}",
        kind=kind,
        base_url=sim.url,
        authority=sim.url,
        tenant=f"{kind.replace('_', '-')}.example",
        client_id="simulator",
        environment="production" if kind == "business_central" else "",
        interval_seconds=300,
        stale_after_seconds=86_400,
    )
    source.secret = "simulator"
    source.save()
    for number in range(1, COMPANIES + 1):
        LegalEntity.objects.create(
            code=f"C{number:05}",
            name=f"Entity {number}",
            country="GB",
            zone="Europe/London",
            group=place,
            calendar=england,
            connection=source,
            erp_id=_ERP_IDS[kind].format(number),
        )
    result = sync_connection(source, timezone.now())
    assert result.attempt is not None
    assert result.attempt.outcome == "ok", result.attempt.words
    return WorkFleet(sim, source, active_month(timezone.now().date()))


def lines_in_force(fleet: WorkFleet) -> set[int | None]:
    """The counts of unposted journal lines of the fleet's month that are in force."""
    with database.cursor() as cursor:
        cursor.execute(_LINES, [fleet.month])
        return {count for count, _ in cursor.fetchall()}


_LINES = """
SELECT r.count, count(*) FROM worklist_blockerreading r JOIN periods_fiscalperiod p ON p.id = r.period_id
WHERE r.kind = 'unposted_journals' AND r.superseded_at IS NULL AND p.reporting_month = %s GROUP BY r.count
"""


# time ---------------------------------------------------------------------------------------------------------------


def age_work_attempts() -> None:
    """Move every attempt a day back, with its lease, as if that time had passed; the clock itself stays."""
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE worklist_workattempt SET started_at = started_at - %(span)s,"
            " lease_until = lease_until - %(span)s, finished_at = finished_at - %(span)s,"
            " retry_at = retry_at - %(span)s",
            {"span": A_DAY},  # type: ignore[dict-item]  # psycopg writes it as an interval
        )


def look_for_work_until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Run the look for due work every second until a condition is true; between two reads a day passes."""
    end = time.monotonic() + seconds
    while not true():
        told = [f"{one.turn} {one.outcome} {one.words}" for one in WorkAttempt.objects.order_by("-pk")[:3]]
        assert time.monotonic() < end, f"not within {seconds} s: {what}; the last attempts: {told}"
        if not work_is_read():
            age_work_attempts()
        ClaimedTick.objects.all().delete()
        queue_task("connectors.sync_work_due")
        with contextlib.suppress(AssertionError):
            poll_until(true, 0.5, what)


def work_is_read() -> bool:
    return WorkAttempt.objects.filter(outcome="running").exists()


# invariants ---------------------------------------------------------------------------------------------------------

_RULES = {
    "an attempt that did not read left facts": """
        SELECT r.id FROM worklist_blockerreading r JOIN worklist_workattempt a ON a.id = r.attempt_id
        WHERE a.outcome NOT IN ('ok', 'partial')""",
    "an attempt's facts are not what it counted": """
        SELECT a.id FROM worklist_workattempt a LEFT JOIN worklist_blockerreading r ON r.attempt_id = a.id
        WHERE a.outcome IN ('ok', 'partial') GROUP BY a.id HAVING count(r.id) <> a.changes""",
    "a span begins or ends with an attempt that did not read": """
        SELECT s.id FROM worklist_workspan s JOIN worklist_workattempt a
          ON a.id IN (s.first_attempt_id, s.last_attempt_id)
        WHERE a.outcome NOT IN ('ok', 'partial')""",
    "a fact was replaced by an older attempt": """
        SELECT before.id FROM worklist_blockerreading before JOIN worklist_blockerreading after
          ON (after.entity_id, after.period_id, after.kind, after.part, after.currency)
             IS NOT DISTINCT FROM (before.entity_id, before.period_id, before.kind, before.part, before.currency)
         AND after.read_at = before.superseded_at
        WHERE after.attempt_id < before.attempt_id OR after.read_at < before.read_at""",
    "a fact ended and no other is in its place": """
        SELECT before.id FROM worklist_blockerreading before
        WHERE before.superseded_at IS NOT NULL AND NOT EXISTS (
            SELECT FROM worklist_blockerreading after
            WHERE (after.entity_id, after.period_id, after.kind, after.part, after.currency)
                  IS NOT DISTINCT FROM (before.entity_id, before.period_id, before.kind, before.part, before.currency)
              AND after.read_at = before.superseded_at)""",
    "a failed attempt has no words": """
        SELECT id FROM worklist_workattempt
        WHERE outcome NOT IN ('ok', 'partial', 'running') AND words = ''""",
}


def assert_work_invariants() -> None:
    """Assert that nothing is half-written, and that facts were only ever replaced forwards."""
    with database.cursor() as cursor:
        for broken, rule in _RULES.items():
            cursor.execute(rule)
            found = [row[0] for row in cursor.fetchall()]
            assert not found, f"{broken}: {found[:5]}"


class WorkWatcher:
    """Watches the facts in force all the time from a session of its own, as the board does, and records violations.

    All companies must have the same number of lines, all of them or none, and at most one attempt runs.
    """

    def __init__(self, url: str, fleet: WorkFleet) -> None:
        self._url, self._month = url, fleet.month
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.looks = 0
        self.seen: list[str] = []
        self.shown: set[int | None] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(30)
        if error is None:
            assert not self.seen, self.seen[:3]
            assert self.looks > 50

    def _look(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as session:
            while not self._stop.wait(0.004):
                rows = session.execute(_LINES, [self._month]).fetchall()
                running = session.execute(
                    "SELECT count(*) FROM worklist_workattempt WHERE outcome = 'running'"
                ).fetchone()
                assert running is not None
                self.looks += 1
                self.shown.update(count for count, _ in rows)
                if len(rows) > 1 or any(companies != COMPANIES for _, companies in rows) or running[0] > 1:
                    self.seen.append(f"{rows}, {running[0]} running")
