"""The matrix as data: entities by reporting months, each cell a row that `closing` has judged; no words, no HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from board.reports.headings import Heading, headings
from board.scoreboard.table_sections import FOLD_THRESHOLD
from board.web.board_query import FIRST_MONTH, BoardQuery
from board.web.board_request import BoardRequest
from board.web.filters import entity_matches, group_and_descendants, matching_rows
from board.web.labels import is_reopened
from board.web.params import MatrixWindow
from closing.calendar.months import month_end, previous_month
from closing.judging.on_time import OnTimeRate, on_time_rate
from closing.judging.standing import Level
from closing.scoreboard.board import GroupNode, Scoreboard
from closing.scoreboard.row import Row
from entities.models import Group
from periods.snapshot.builder import take_snapshots
from periods.snapshot.closed_months import ClosedMonths, closed_months

_LATE = frozenset({Level.LATE, Level.ALERTING})


@dataclass(frozen=True, slots=True)
class MatrixEntity:
    """An entity that closes at least one of the months, with what the filters and groupings look at."""

    id: int
    code: str
    name: str
    country: str
    group: str
    path: str
    owner: str
    connection: str
    active_from: date | None
    active_to: date | None

    def closes(self, end: date) -> bool:
        """Whether it counts in the reporting month with this last day (01-domain 1.3)."""
        return (self.active_from is None or self.active_from <= end) and (
            self.active_to is None or self.active_to >= end
        )


@dataclass(frozen=True, slots=True)
class ClosedFraction:
    """How many of the entities that count in a month are closed and confirmed.

    `unconfirmed` have no fresh reading. `late` are late or alerting, `alerting` over the line: known only of entities
    whose rows are loaded, and of the last month.
    """

    closed: int = 0
    entities: int = 0
    unconfirmed: int = 0
    late: int = 0
    alerting: int = 0


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One entity over all months; None where it does not count in a month."""

    entity: MatrixEntity
    rows: Sequence[Row | None]

    @property
    def newest(self) -> Row | None:
        """Its row of the latest month it counts in."""
        return next((row for row in reversed(self.rows) if row is not None), None)


@dataclass(frozen=True, slots=True)
class MatrixSection:
    """A heading with its fractions, a month each, and the lines directly below it.

    `open` says whether its entities are loaded; `held` is how many stand directly below it, `left` how many of them
    found no room.
    """

    key: str
    name: str
    depth: int
    fractions: Sequence[ClosedFraction]
    lines: Sequence[MatrixRow]
    held: int
    open: bool = True
    left: int = 0


@dataclass(frozen=True, slots=True)
class Matrix:
    """Entities by months, the latest month last.

    `board` is the last month with all that the person may see, before any filter. `entities` counts those that pass
    the filters. Where not all of them are loaded (`whole` is false) nobody has judged them all: `is_reopened` and
    `on_time_rate` are None.
    """

    months: Sequence[date]
    as_of: datetime
    board: Scoreboard
    sections: Sequence[MatrixSection]
    total: Sequence[ClosedFraction]
    entities: int
    all_loaded: bool
    reopened: int | None
    on_time: OnTimeRate | None

    @property
    def lines(self) -> list[MatrixRow]:
        """Every loaded line, from top to bottom."""
        return [line for section in self.sections for line in section.lines]


def matrix(asked: BoardRequest, window: MatrixWindow | None = None) -> Matrix:
    """The matrix that a question asks for: its filters, grouping and order, with `asked.month` as the last month.

    Filters on state and lateness look at the last month. Up to FOLD_THRESHOLD entities all rows are loaded; above
    that the fractions are counted in the database, and at most FOLD_THRESHOLD entities under open headings are
    loaded. The number of queries depends on neither entities nor months.
    """
    window = window or MatrixWindow()
    months = months_until(asked.month, window.months)
    ends = [month_end(month) for month in months]
    everyone = [each for each in _entities(asked) if any(map(each.closes, ends))]
    groups = _groups(everyone)
    boards: Mapping[date, Scoreboard] = {}
    if len(everyone) <= FOLD_THRESHOLD:
        boards = _boards(asked, everyone, months)
        board = boards[asked.month]
    else:
        board = asked.board()
    chosen = _chosen(everyone, groups, board, asked.query)
    parts = headings(chosen, asked.query.by, groups)
    if len(chosen) <= FOLD_THRESHOLD:
        if not boards:
            boards = _boards(asked, chosen, months)
        return _whole(asked, months, board, boards, chosen, parts)
    return _folded(asked, months, board, chosen, parts, window)


def months_until(last: date, count: int) -> list[date]:
    """The months of a window, oldest first; it does not reach beyond what can be asked for."""
    months = [last]
    while len(months) < count and months[-1] > FIRST_MONTH:
        months.append(previous_month(months[-1]))
    return months[::-1]


def _entities(asked: BoardRequest) -> list[MatrixEntity]:
    rows = (
        asked.entities()
        .order_by("name", "code")
        .values_list(
            "id",
            "code",
            "name",
            "country",
            "group__code",
            "group__path",
            "owner__name",
            "connection__name",
            "active_from",
            "active_to",
        )
    )
    return [MatrixEntity(*row[:6], row[6] or "", row[7] or "", row[8], row[9]) for row in rows]


def _groups(entities: Iterable[MatrixEntity]) -> list[GroupNode]:
    """The groups of the entities and those above them."""
    codes = {code for path in {each.path for each in entities} for code in path.split("/") if code}
    rows = Group.objects.filter(code__in=codes).order_by("path").values_list("code", "name", "parent__code")
    return [GroupNode(code, name, parent or "") for code, name, parent in rows]


def _boards(
    asked: BoardRequest, entities: Sequence[MatrixEntity], months: Sequence[date]
) -> Mapping[date, Scoreboard]:
    own = asked.entities().filter(pk__in=[each.id for each in entities])
    return take_snapshots(own, months, asked.as_of)


def _chosen(
    everyone: Sequence[MatrixEntity], groups: Sequence[GroupNode], board: Scoreboard, question: BoardQuery
) -> list[MatrixEntity]:
    """The entities that pass the filters, in the question's order; who does not close the last month comes last."""
    order = {row.entity_id: place for place, row in enumerate(matching_rows(board, question))}
    wanted = group_and_descendants(groups, question.group)
    if question.show != "all" or question.state or question.level:
        found = [each for each in everyone if each.id in order]
    else:
        found = [each for each in everyone if entity_matches(each, question, wanted)]
    if question.sort == "name":
        return sorted(found, key=lambda each: each.name.casefold())
    return sorted(found, key=lambda each: order.get(each.id, len(order)))


# --- all entities loaded ------------------------------------------------------------------------------------------


def _whole(
    asked: BoardRequest,
    months: Sequence[date],
    board: Scoreboard,
    boards: Mapping[date, Scoreboard],
    chosen: Sequence[MatrixEntity],
    parts: Sequence[Heading[MatrixEntity]],
) -> Matrix:
    lines = _lines(chosen, months, boards)
    sections = [
        MatrixSection(
            part.key,
            part.name,
            part.depth,
            _counted(part.below, lines, len(months)),
            [lines[each.id] for each in part.direct],
            len(part.direct),
        )
        for part in parts
    ]
    rows = [row for line in lines.values() for row in line.rows if row is not None]
    return Matrix(
        months,
        asked.as_of,
        board,
        sections,
        _counted(chosen, lines, len(months)),
        len(chosen),
        all_loaded=True,
        reopened=sum(map(is_reopened, rows)),
        on_time=on_time_rate(rows, asked.as_of),
    )


def _lines(
    entities: Sequence[MatrixEntity], months: Sequence[date], boards: Mapping[date, Scoreboard]
) -> dict[int, MatrixRow]:
    by_month = [{row.entity_id: row for row in boards[month].rows} for month in months]
    return {each.id: MatrixRow(each, [rows.get(each.id) for rows in by_month]) for each in entities}


def _counted(
    entities: Iterable[MatrixEntity], lines: Mapping[int, MatrixRow], months: int
) -> list[ClosedFraction]:
    columns: list[list[Row]] = [[] for _ in range(months)]
    for each in entities:
        for column, row in zip(columns, lines[each.id].rows, strict=True):
            if row is not None:
                column.append(row)
    return [fraction(rows) for rows in columns]


def fraction(rows: Sequence[Row]) -> ClosedFraction:
    """The fraction that rows of one month come to; a stale or unknown one is never closed."""
    return ClosedFraction(
        sum(row.fresh and row.counts_as_closed for row in rows),
        len(rows),
        sum(not row.fresh for row in rows),
        sum(row.standing.level in _LATE for row in rows),
        sum(row.standing.alerting for row in rows),
    )


# --- too many to load ---------------------------------------------------------------------------------------------


def _folded(
    asked: BoardRequest,
    months: Sequence[date],
    board: Scoreboard,
    chosen: Sequence[MatrixEntity],
    parts: Sequence[Heading[MatrixEntity]],
    window: MatrixWindow,
) -> Matrix:
    counted = closed_months(((each.id, each.path) for each in chosen), months, asked.as_of)
    last = {row.entity_id: row for row in board.rows}
    room, shown = FOLD_THRESHOLD, dict[str, Sequence[MatrixEntity]]()
    for part in parts:
        if part.key in window.opened:
            shown[part.key] = part.direct[:room]
            room -= len(shown[part.key])
    loaded = [each for entities in shown.values() for each in entities]
    lines = _lines(loaded, months, _boards(asked, loaded, months)) if loaded else {}
    sections = [
        MatrixSection(
            part.key,
            part.name,
            part.depth,
            _fractions(part.below, months, counted, last),
            [lines[each.id] for each in shown.get(part.key, ())],
            len(part.direct),
            open=part.key in shown,
            left=len(part.direct) - len(shown[part.key]) if part.key in shown else 0,
        )
        for part in parts
    ]
    total = _fractions(chosen, months, counted, last)
    return Matrix(
        months,
        asked.as_of,
        board,
        sections,
        total,
        len(chosen),
        all_loaded=False,
        reopened=None,
        on_time=None,
    )


def _fractions(
    entities: Sequence[MatrixEntity],
    months: Sequence[date],
    counted: Mapping[int, ClosedMonths],
    last: Mapping[int, Row],
) -> list[ClosedFraction]:
    made = []
    for month in months:
        end = month_end(month)
        own = [(each.id, counted[each.id]) for each in entities if each.closes(end)]
        late = alerting = 0
        if month == months[-1]:
            levels = [last[pk].standing.level for pk, _ in own if pk in last]
            late, alerting = sum(level in _LATE for level in levels), levels.count(Level.ALERTING)
        made.append(
            ClosedFraction(
                sum(each.fresh and month in each.months for _, each in own),
                len(own),
                sum(not each.fresh for _, each in own),
                late,
                alerting,
            )
        )
    return made
