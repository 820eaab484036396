"""P1: the whole board of one month, every row on the page, for a signed-in person."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench import large_group
from bench.erp import Erp
from bench.measure import Contender, Table, alternate
from bench.scratch_databases import database
from bench.web import HOST, Browser, read_just_now, serving, session_of, somebody
from entities.models import Group, Person
from periods.board_cache.cache import BOARD_CACHE

MONTH = f"{large_group.NEWEST:%Y-%m}"
OURS = "whole page, one process that keeps rows"
CHANGED = "the same after one entity has changed"
COLD = "the same with nothing kept"
PAST = "the same as it was known on 10 November"
NAIVE = "Django ORM objects and one template"
ROW = b'id="row-'
LIMIT = "psycopg fetch, constant answer of equal bytes"


def measure(small: bool) -> Iterator[Table]:
    for entities in (100, 200, 500) if small else (500, 2_000, 5_000):
        with database(f"p1_{entities}"):
            large_group.seed(entities, months=24)
            read_just_now()
            person = somebody("rosa@meridian.example")
            with serving(beside=True) as server:
                yield _table(entities, person, Browser(server.port, f"{session_of(person)}; {all_open()}"))


def all_open() -> str:
    """The cookie of a reader who has opened every heading by hand."""
    return "cb_folds=~" + ".".join(sorted(Group.objects.values_list("code", flat=True)))


def _table(entities: int, person: Person, browser: Browser) -> Table:
    board = f"/?month={MONTH}"
    page = browser.get(board)
    rows = page.count(ROW)
    if rows != entities:
        raise RuntimeError(f"{rows} rows are on the page of {entities} entities")
    fetch = f"/beside/fetched/?month={MONTH}&bytes={len(page)}"
    browser.get(fetch)
    assert browser.last is not None
    fetched = browser.last.headers["Rows"]
    naive = f"/beside/naive/?month={MONTH}"
    erp = Erp()

    def sync() -> None:
        erp.turn(next(iter(erp.states)))
        erp.read()

    table = Table(
        "P1", f"whole board of {entities:,} entities over HTTP, signed in, {len(page) / 1e6:.2f} MB"
    )
    table.figures = alternate(
        [
            Contender(OURS, "ours", lambda: browser.get(board), note="every row rendered into a 200"),
            Contender(CHANGED, "beside", lambda: browser.get(board), sync, note="and all were read again"),
            Contender(COLD, "beside", lambda: browser.get(board), lambda: browser.get("/beside/forget/")),
            Contender(PAST, "beside", lambda: browser.get(f"{board}&at=2026-11-10"), note="nothing is kept"),
            Contender(NAIVE, "baseline", lambda: browser.get(naive), note="one rule, one query per table"),
            Contender(LIMIT, "limit", lambda: browser.get(fetch), note="signed in as nobody"),
        ]
    )
    table.goal("ours over the limit", OURS, LIMIT, 4)
    table.goal("a past moment over a board with nothing kept", PAST, COLD, 2)
    theirs = browser.get(naive)
    table.remarks.append(
        f"rows on our page {rows}, on the naive one {theirs.count(ROW)}, fetched {fetched}; "
        f"bytes a row {len(page) // rows}, naive {len(theirs) // rows}"
    )
    table.remarks.append(_statements(person, board, sync))
    return table


def _statements(person: Person, board: str, sync: Callable[[], None]) -> str:
    """SQL statements of a page in this process, with and without caches: the server runs the same."""
    client = Client(SERVER_NAME=HOST)
    client.force_login(person)
    counts = []
    for prepare in (BOARD_CACHE.clear, lambda: None, sync):
        prepare()
        with CaptureQueriesContext(connection) as counted:
            status = client.get(board).status_code
        if status != 200:
            raise RuntimeError(f"GET {board} gave {status} in this process")
        counts.append(len(counted))
    cold, kept, changed = counts
    return f"SQL statements: {kept} with rows kept, {changed} after one entity has changed, {cold} with nothing kept"
