"""P2: the board without changes, for a browser that has it already and for one that requests it again."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench import large_group
from bench.measure import Contender, Figure, Goal, Table, alternate
from bench.scratch_databases import database
from bench.web import HOST, Browser, read_just_now, serving, session_of, somebody
from entities.models import Person

ASKS = 20  # answers in one round: a single one is too short to measure
BOARD = f"/?month={large_group.NEWEST:%Y-%m}"
SAME = "304 to a browser that has the page"
SEEN = "204 to an open board that asks"
WHOLE = "200 with the whole page as first seen"
CONSTANT = "constant 304, same server and middleware"


def measure(small: bool) -> Iterator[Table]:
    sizes = (100, 200, 500) if small else (500, 2_000, 5_000)
    for entities in sizes:
        with database(f"p2_{entities}"):
            large_group.seed(entities, months=24)
            read_just_now()
            person = somebody("rosa@meridian.example")
            with serving(beside=True) as server:
                yield _table(entities, person, Browser(server.port, session_of(person)))


def _table(entities: int, person: Person, browser: Browser) -> Table:
    page = browser.get(BOARD)
    tag = ""

    def has_the_page() -> None:
        nonlocal tag  # valid until the end of the minute, since ages are shown in minutes
        if time.time() % 60 > 57:
            time.sleep(60 - time.time() % 60)
        browser.get(BOARD)
        assert browser.last is not None
        tag = browser.last.headers["ETag"]

    version = page.partition(b'data-version="')[2].partition(b'"')[0].decode()

    def ask(path: str, expect: int, **headers: str) -> None:
        for _ in range(ASKS):
            browser.get(path, expect, **headers)

    table = Table("P2", f"the same board again, {entities:,} entities, nothing new", unit="ms")
    figures = alternate(
        [
            Contender(
                SAME, "ours", lambda: ask(BOARD, 304, If_None_Match=tag), has_the_page, times=1000 / ASKS
            ),
            Contender(SEEN, "beside", lambda: ask(f"{BOARD}&seen={version}", 204), times=1000 / ASKS),
            Contender(
                WHOLE, "beside", lambda: ask(BOARD, 200), times=1000 / ASKS, note=f"{len(page) / 1e3:.0f} kB"
            ),
            Contender(CONSTANT, "limit", lambda: ask("/beside/constant/?status=304", 304), times=1000 / ASKS),
        ]
    )
    table.figures = [Figure(one.name, one.role, one.rounds, one.note) for one in figures]
    table.goal("304 over a constant one", SAME, CONSTANT, 4)
    table.goals.append(Goal("whole page again", table.of(WHOLE).median, 4, unit="ms"))
    table.goals.append(Goal("SQL statements of a 304", _statements(person), 2, unit=""))
    return table


def _statements(person: Person) -> int:
    client = Client(SERVER_NAME=HOST)
    client.force_login(person)
    tag = client.get(BOARD).headers["ETag"]
    with CaptureQueriesContext(connection) as counted:
        status = client.get(BOARD, headers={"If-None-Match": tag}).status_code
    if status != 304:
        raise RuntimeError(f"GET {BOARD} gave {status} to who has it")
    return len(counted)
