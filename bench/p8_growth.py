"""P8: the cost of growth: more entities, ten years of history, a past instant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime

from django.db.backends.base.base import BaseDatabaseWrapper

from alerts.evaluate.overdue import evaluate_overdue
from bench import large_group
from bench.measure import Contender, Table, alternate
from bench.scratch_databases import database, number, settle, use
from closing.scoreboard.board import Scoreboard
from entities.models import LegalEntity
from periods.snapshot.builder import take_snapshot

NOW = (large_group.NEWEST, large_group.AS_OF)
THEN = (date(2024, 5, 1), datetime(2024, 6, 12, 12, tzinfo=UTC))


def measure(small: bool) -> Iterator[Table]:
    sizes = [100, 200, 500] if small else [500, 2_000, 5_000]
    with ExitStack() as places:

        def seeded(entities: int, months: int) -> BaseDatabaseWrapper:
            place = places.enter_context(database(f"p8_{entities}_{months}"))
            large_group.seed(entities, months)
            evaluate_overdue(large_group.AS_OF)
            settle("alerts_overdueflag", "alerts_overrun")
            return place

        two_years = {size: seeded(size, 24) for size in sizes}
        yield _per_row(two_years)
        ten_years = seeded(sizes[-1], 120)
        yield _history(sizes[-1], two_years[sizes[-1]], ten_years)


def _per_row(places: dict[int, BaseDatabaseWrapper]) -> Table:
    table = Table("P8", "take_snapshot of the current month, 24 months of history, cost per row", unit="us")
    table.figures = alternate(
        [
            Contender(
                f"{size:,} entities",
                "ours",
                _board,
                _in(place),
                times=1e6 / size,
                note="microseconds per row",
            )
            for size, place in places.items()
        ]
    )
    first, last = table.figures[0], table.figures[-1]
    table.goal("cost per row, largest over smallest group", last.name, first.name, 1.3)
    fixed = (first.median - last.median) * min(places) / 1000
    table.remarks.append(
        f"a row of a small group costs more: its statements take about {fixed:.0f} ms however few rows they bring"
    )
    return table


def _history(size: int, two_years: BaseDatabaseWrapper, ten_years: BaseDatabaseWrapper) -> Table:
    use(ten_years)
    periods = number("SELECT count(*) FROM periods_fiscalperiod")
    changes = number("SELECT count(*) FROM periods_statechange")
    table = Table(
        "P8",
        f"{size:,} entities, 10 years of history: {periods:,} periods, {changes:,} changes, against 2 years",
    )
    current, short, past = "current month, 10 years", "current month, 2 years", "a past instant, 10 years"
    long_run, short_run = "evaluate, 10 years", "evaluate, 2 years"
    table.figures = alternate(
        [
            Contender(current, "ours", _board, _in(ten_years)),
            Contender(short, "beside", _board, _in(two_years)),
            Contender(
                past, "beside", lambda: _board(THEN), _in(ten_years), note="May 2024 as of 12 June 2024"
            ),
            Contender(long_run, "beside", lambda: evaluate_overdue(large_group.AS_OF), _in(ten_years)),
            Contender(short_run, "beside", lambda: evaluate_overdue(large_group.AS_OF), _in(two_years)),
        ]
    )
    table.goal("current month with 10 years over 2 years", current, short, 1.2)
    table.goal("a past instant over the current board", past, current, 2)
    use(ten_years)
    now, then = _board(), _board(THEN)
    table.remarks.append(
        f"rows now {len(now.rows)}, {_closed(now)} closed; rows then {len(then.rows)}, {_closed(then)} closed"
    )
    return table


def _in(place: BaseDatabaseWrapper) -> Callable[[], None]:
    return lambda: use(place)


def _board(when: tuple[date, datetime] = NOW) -> Scoreboard:
    return take_snapshot(LegalEntity.objects.all(), *when)


def _closed(board: Scoreboard) -> int:
    return sum(row.counts_as_closed for row in board.rows)
