"""P10: the board with what is in the way and close tasks, the lists of tasks, and their statements."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bench import close_work, large_group
from bench.measure import Contender, Figure, Goal, Table, alternate
from bench.p1_board import all_open
from bench.scratch_databases import database, number, use
from bench.web import HOST, Browser, read_just_now, serving, session_of, somebody
from entities.models import Person
from periods.models import FiscalPeriod
from worklist.blocker_reads import read_blockers
from worklist.task_store.task_index import close_groups
from worklist.task_store.task_listing import count_tasks, visible_tasks

MONTH = f"{large_group.NEWEST:%Y-%m}"
MONTHS = 36
BOARD = f"/?month={MONTH}"
KEPT, COLD = "rows kept", "nothing kept"
LISTS = {
    "progress of the group": f"/tasks/?month={MONTH}",
    "overdue": f"/tasks/?month={MONTH}&which=overdue",
    "blocked": f"/tasks/?month={MONTH}&which=blocked",
    "one area": f"/tasks/?month={MONTH}&area=Payables",
    "mine, of 25 entities": f"/tasks/mine/?month={MONTH}",
}
LIST_GOAL = 300.0  # ms
SHARE_GOAL = 1.15


def measure(small: bool) -> Iterator[Table]:
    entities = 50 if small else 500
    with database("p10_without") as without, database("p10_with") as with_work:
        use(without)
        large_group.seed(entities, MONTHS)
        read_just_now()
        reader = somebody("rosa@meridian.example")
        with serving(beside=True) as plain_server:
            plain = Browser(plain_server.port, f"{session_of(reader)}; {all_open()}")
            use(with_work)
            large_group.seed(entities, MONTHS)
            read_just_now()
            close_work.seed_facts()
            owner = close_work.seed_tasks()
            reader = somebody("rosa@meridian.example")
            with serving(beside=True) as server:
                full = Browser(server.port, f"{session_of(reader)}; {all_open()}")
                yield _board(entities, plain, full)
                mine = Browser(server.port, session_of(owner))
                yield _lists(entities, mine, owner)
        yield _statements(entities, reader)


def _board(entities: int, plain: Browser, full: Browser) -> Table:
    facts = number("SELECT count(*) FROM worklist_blockerreading")
    table = Table(
        "P10",
        f"board of {entities:,} entities, {facts:,} facts of {MONTHS} months and {close_work.tasks():,} tasks",
    )
    sizes = len(plain.get(BOARD)), len(full.get(BOARD))
    table.figures = alternate(
        [
            Contender(f"with work and tasks, {KEPT}", "ours", lambda: full.get(BOARD)),
            Contender(f"without, {KEPT}", "limit", lambda: plain.get(BOARD)),
            Contender(
                f"with work and tasks, {COLD}", "beside", lambda: full.get(BOARD), lambda: _forget(full)
            ),
            Contender(f"without, {COLD}", "limit", lambda: plain.get(BOARD), lambda: _forget(plain)),
        ]
    )
    for kept in (KEPT, COLD):
        table.goal(
            f"with work and tasks over without, {kept}",
            f"with work and tasks, {kept}",
            f"without, {kept}",
            SHARE_GOAL,
        )
    table.remarks.append(f"bytes with work and tasks {sizes[1]:,}, without {sizes[0]:,}")
    return table


def _lists(entities: int, browser: Browser, owner: Person) -> Table:
    table = Table(
        "P10", f"lists of {close_work.tasks():,} tasks of {entities:,} entities over HTTP", unit="ms"
    )
    table.figures = alternate(
        [
            Contender(name, "ours", lambda path=path: browser.get(path), times=1000)  # type: ignore[misc]
            for name, path in LISTS.items()
        ]
    )
    table.goals += [_at_most(figure) for figure in table.figures]
    client = Client(SERVER_NAME=HOST)
    client.force_login(owner)
    for name, path in LISTS.items():
        client.get(path)
        with CaptureQueriesContext(connection) as counted:
            status = client.get(path).status_code
        table.remarks.append(f"SQL statements of {name}: {len(counted)} (status {status})")
    return table


def _at_most(figure: Figure) -> Goal:
    return Goal(figure.name, figure.median, LIST_GOAL, unit="ms", by_least=figure.least)


def _statements(entities: int, reader: Person) -> Table:
    table = Table("P10", f"statements for {entities:,} entities, one process", unit="ms")
    now = timezone.now()
    rows = FiscalPeriod.objects.filter(reporting_month=large_group.NEWEST).values_list("pk", "entity")
    periods = {pk: (entity, large_group.NEWEST) for pk, entity in rows}
    past = datetime.combine(large_group.NEWEST, now.timetz())
    waiting, visible = close_groups().ids, visible_tasks(reader, large_group.NEWEST, now)
    table.figures = alternate(
        [
            Contender("blockers of a month, now", "ours", lambda: read_blockers(periods, now), times=1000),
            Contender(
                "blockers of a month, then", "beside", lambda: read_blockers(periods, past), times=1000
            ),
            Contender("tasks counted", "ours", lambda: count_tasks(visible, waiting), times=1000),
        ]
    )
    return table


def _forget(browser: Browser) -> None:
    browser.get("/beside/forget/")
