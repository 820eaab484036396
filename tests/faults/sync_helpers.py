"""Helpers for fault tests of reading: a fleet to read, time travel for attempts, and the final assertions."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import psycopg
from django.db import connection as database
from django.utils import timezone

from closing.calendar.months import active_month
from entities.models import Connection, LegalEntity
from periods.models import ClaimedTick, SyncAttempt
from periods.recording.attempts import abandon_expired
from simulator.run import Running
from tests.closeboard.processes import poll_until
from tests.faults.stack import queue_task
from tests.periods.model_builders import calendar, groups, policy, top_group, workday

INTERVAL = timedelta(minutes=5)  # a connection's default; "two intervals" of 05-reliability B1
FULL = os.environ.get("FAULTS") == "full"  # the sizes of 05-reliability instead of those that fit a push


# the fleet ----------------------------------------------------------------------------------------------------------


@dataclass
class Fleet:
    """Connections to a running `fleet:N` simulator; each reads all its companies, which close a month together.

    The board must therefore show one state for all companies of a connection: two would be half of a reading.
    """

    sim: Running
    connections: list[Connection]
    month: date
    companies: int

    @property
    def only(self) -> Connection:
        [one] = self.connections
        return one

    def turn(self, state: str) -> None:
        """Set the state of all companies in the ERP to `Open`, `OnHold` or `Closed` from now on."""
        codes = [f"E{number:05}" for number in range(1, self.companies * len(self.connections) + 1)]
        self.sim.set_states(
            [{"company": code, "period": f"{self.month:%Y-%m}", "status": state} for code in codes]
        )


def fleet_of(sim: Running, companies: int, *, connections: int = 1, interval: timedelta = INTERVAL) -> Fleet:
    """Save connections with that many companies each; the simulator must play at least as many in all."""
    place = groups()["UK"]
    policy(top_group(), **workday(6, 0))
    england = calendar("ENGLAND", "England", "GB", "ENG")
    made = []
    for number in range(connections):
        source = Connection(
            name=f"fleet-{number + 1}",
            kind="finops",
            base_url=sim.url,
            authority=sim.url,
            tenant="meridian.example",
            client_id="simulator",
            interval_seconds=int(interval.total_seconds()),
        )
        source.secret = "simulator"
        source.save()
        made.append(source)
        for each in range(number * companies + 1, (number + 1) * companies + 1):
            LegalEntity.objects.create(
                code=f"E{each:05}",
                name=f"Entity {each}",
                country="GB",
                zone="Europe/London",
                group=place,
                calendar=england,
                connection=source,
                erp_id=f"e{each:05}",
            )
    return Fleet(sim, made, active_month(timezone.now().date()), companies)


def states(fleet: Fleet) -> set[str]:
    """The shown states of the fleet's month."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT state FROM periods_fiscalperiod WHERE reporting_month = %s", [fleet.month]
        )
        return {state for (state,) in cursor.fetchall()}


# time ---------------------------------------------------------------------------------------------------------------


def age_attempts(span: timedelta) -> None:
    """Move every attempt that far back, with its lease, as if so much time had passed; the clock itself stays."""
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE periods_syncattempt SET started_at = started_at - %(span)s, lease_until = lease_until - %(span)s,"
            " finished_at = finished_at - %(span)s, retry_at = retry_at - %(span)s",
            {"span": span},  # type: ignore[dict-item]  # psycopg writes it as an interval
        )


def look_until(true: Callable[[], object], seconds: float, what: str) -> int:
    """Run the look for due connections every second (beat: every minute) until a condition is true.

    A message in a dying process is lost on purpose; the next look finds the work again. Returns the number of looks.
    """
    looks = 0
    end = time.monotonic() + seconds
    while not true():
        told = [f"{one.outcome} {one.words}".strip() for one in attempts()[-3:]]
        assert time.monotonic() < end, (
            f"not within {seconds} s and {looks} looks: {what}; the last attempts: {told}"
        )
        ClaimedTick.objects.all().delete()
        queue_task("connectors.sync_due")
        looks += 1
        with contextlib.suppress(AssertionError):
            poll_until(true, 1, what)
    return looks


def attempts(**wanted: Any) -> list[SyncAttempt]:
    """Attempts so far, oldest first."""
    return list(SyncAttempt.objects.filter(**wanted).order_by("pk"))


def is_running() -> bool:
    return SyncAttempt.objects.filter(outcome="running").exists()


def begun_since(attempt_id: int) -> Callable[[], bool]:
    """A condition: another attempt has begun."""
    return lambda: newest() > attempt_id


def read_since(attempt_id: int, connections: int = 1) -> Callable[[], bool]:
    """A condition: so many connections had a good read that began after that attempt."""

    def said() -> bool:
        later = SyncAttempt.objects.filter(pk__gt=attempt_id, outcome__in=SyncAttempt.READ_OUTCOMES)
        return later.values("connection_id").distinct().count() >= connections

    return said


def newest() -> int:
    """The id of the newest attempt, 0 before the first."""
    return SyncAttempt.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def drained(seconds: float = 60) -> None:
    """Wait until no attempt runs any more."""
    poll_until(lambda: not is_running(), seconds, "every attempt ends")


def abandon_the_rest() -> None:
    """Abandon the attempts of workers that the test ended, as the first look after their leases does."""
    age_attempts(INTERVAL)
    abandon_expired(timezone.now())


# invariants ---------------------------------------------------------------------------------------------------------

_RULES = {
    "an attempt is still running": "SELECT id FROM periods_syncattempt WHERE outcome = 'running'",
    "an attempt that did not read left history": """
        SELECT a.id FROM periods_syncattempt a JOIN periods_statechange c ON c.attempt_id = a.id
        WHERE a.outcome NOT IN ('ok', 'partial')""",
    "an attempt's history is not what it counted": """
        SELECT a.id FROM periods_syncattempt a LEFT JOIN periods_statechange c ON c.attempt_id = a.id
        WHERE a.outcome IN ('ok', 'partial') GROUP BY a.id HAVING count(c.id) <> a.changes""",
    "a period's state is not the one of its newest change": """
        SELECT p.id FROM periods_fiscalperiod p, LATERAL (
            SELECT state FROM periods_statechange WHERE period_id = p.id ORDER BY id DESC LIMIT 1) c
        WHERE c.state <> p.state""",
    "a period has no history": """
        SELECT id FROM periods_fiscalperiod p
        WHERE NOT EXISTS (SELECT FROM periods_statechange WHERE period_id = p.id)""",
    "a change changed nothing": """
        SELECT id FROM (SELECT id, state, facts_id, lag(state) OVER past AS state_before,
                               lag(facts_id) OVER past AS facts_before
                        FROM periods_statechange WINDOW past AS (PARTITION BY period_id ORDER BY id)) c
        WHERE (state, facts_id) IS NOT DISTINCT FROM (state_before, facts_before)""",
    "a failed attempt has no words": """
        SELECT id FROM periods_syncattempt
        WHERE outcome NOT IN ('ok', 'partial', 'running') AND words = ''""",
    "an operating period has not exactly one deadline in force": """
        SELECT id FROM periods_fiscalperiod p
        WHERE type = 'operating' AND 1 <> (SELECT count(*) FROM periods_perioddeadline
                                           WHERE period_id = p.id AND current)""",
}


def assert_invariants() -> None:
    """Assert the invariants of every fault test: no half reading, one history row a change, no attempt left over."""
    with database.cursor() as cursor:
        for broken, rule in _RULES.items():
            cursor.execute(rule)
            found = [row[0] for row in cursor.fetchall()]
            assert not found, f"{broken}: {found[:5]}"


class ConsistencyWatcher:
    """Watches the database all the time from a session of its own, as the board does, and records violations.

    Per connection the companies' month must show one state, all companies or none, and at most one attempt runs.
    """

    def __init__(self, url: str, fleet: Fleet) -> None:
        self._url, self._fleet = url, fleet
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.looks = 0
        self.seen: list[str] = []
        self.shown: set[str] = set()

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
        while not self._stop.is_set():
            with (
                contextlib.suppress(psycopg.OperationalError),
                psycopg.connect(self._url, autocommit=True) as session,
            ):
                while not self._stop.wait(0.004):
                    self._once(session)
            self._stop.wait(0.05)

    def _once(self, session: psycopg.Connection) -> None:
        rows = session.execute(
            """
            SELECT e.connection_id, array_agg(DISTINCT p.state::text), count(*),
                   (SELECT count(*) FROM periods_syncattempt a
                    WHERE a.connection_id = e.connection_id AND a.outcome = 'running')
            FROM periods_fiscalperiod p JOIN entities_legalentity e ON e.id = p.entity_id
            WHERE p.reporting_month = %s GROUP BY e.connection_id
            """,
            [self._fleet.month],
        ).fetchall()
        self.looks += 1
        for connection_id, shown, companies, running in rows:
            self.shown.update(shown)
            if len(shown) != 1 or companies != self._fleet.companies or running > 1:
                self.seen.append(
                    f"connection {connection_id}: {shown}, {companies} companies, {running} running"
                )


def lasted(moment: datetime, seconds: float) -> Callable[[], bool]:
    """A condition: so many seconds have passed since."""
    return lambda: since(moment) > seconds


def since(moment: datetime) -> float:
    """Seconds since then."""
    return (timezone.now() - moment).total_seconds()
