"""The data of the matrix: entities by reporting months, each cell a judged row; without texts or HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from board.reports.headings import headings
from board.scoreboard.table_sections import FOLD_THRESHOLD, first_under_open
from board.web.board_query import FIRST_MONTH, BoardQuery
from board.web.board_request import BoardRequest
from board.web.filters import entity_matches, group_and_descendants, matching_rows
from board.web.labels import is_reopened
from board.web.params import MatrixWindow
from closing.calendar.days import counts_for
from closing.calendar.months import month_end, previous_month
from closing.judging.on_time import OnTimeRate, on_time_rate
from closing.scoreboard.board import GroupNode, Scoreboard
from closing.scoreboard.row import Row, is_closed
from entities.models import Group
from periods.snapshot.builder import take_snapshots
from periods.snapshot.closed_months import ClosedMonths, closed_months

_ALL = ""  # the key of all headings together; no heading has an empty one


@dataclass(frozen=True, slots=True)
class MatrixEntity:
    """An entity that closes at least one of the months, with the attributes for filters and groupings."""

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
        return counts_for(end, self.active_from, self.active_to)


@dataclass(frozen=True, slots=True)
class ClosedFraction:
    """The fraction of a month's entities that were closed when last read, as the board's headline counts them.

    `entities` are those with something due for the month; beside them are `not_due`. `unconfirmed` have no fresh
    reading. `late` are late or alerting, `alerting` over the line: counted only for
    entities whose rows are loaded, and for the last month.
    """

    closed: int = 0
    entities: int = 0
    unconfirmed: int = 0
    late: int = 0
    alerting: int = 0
    not_due: int = 0


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One entity over all months; None for a month in which it does not count."""

    entity: MatrixEntity
    rows: Sequence[Row | None]

    @property
    def newest(self) -> Row | None:
        """The row of the latest month in which it counts."""
        return next((row for row in reversed(self.rows) if row is not None), None)


@dataclass(frozen=True, slots=True)
class MatrixSection:
    """A heading with one fraction per month, and the lines directly below it; a filter changes lines, not fractions.

    `open` says whether its entities are loaded; `held` is the number of entities directly below it, `left` the
    number of those that are not loaded although it is open.
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

    `board` is the last month with every row that the person may see, before any filter. `entities` counts those that
    pass the filters. Where not all of them are loaded (`all_loaded` is false), not all are judged: `reopened` and
    `on_time` are None.
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


def matrix(board_request: BoardRequest, window: MatrixWindow | None = None) -> Matrix:
    """The matrix of a request: its filters, grouping and order, with `board_request.month` as the last month.

    Filters on state and lateness apply to the last month. Up to FOLD_THRESHOLD entities all rows are loaded; above
    that the fractions are counted in the database, and at most FOLD_THRESHOLD entities under open headings are
    loaded. The number of queries depends on neither entities nor months.
    """
    window = window or MatrixWindow()
    months = months_until(board_request.month, window.months)
    ends = [month_end(month) for month in months]
    entities = [entity for entity in _entities(board_request) if any(map(entity.closes, ends))]
    groups = _groups(entities)
    boards: Mapping[date, Scoreboard] = {}
    if len(entities) <= FOLD_THRESHOLD:
        boards = _boards(board_request, entities, months)
        board = boards[board_request.month]
    else:
        board = board_request.board()
    matching = _matching_entities(entities, groups, board, board_request.query)
    parts = headings(matching, board_request.query.by, groups)
    # Each heading's entities before any filter, and those of all headings together.
    below = {part.key: part.below for part in headings(entities, board_request.query.by, groups)}
    below[_ALL] = entities
    if boards:
        lines = _matrix_rows(entities, months, boards)
        fractions = {key: _count_rows(each, lines, len(months)) for key, each in below.items()}
    else:
        closed = closed_months(((entity.id, entity.path) for entity in entities), months, board_request.as_of)
        last_rows = {row.entity_id: row for row in board.rows}
        fractions = {key: _count_months(each, months, closed, last_rows) for key, each in below.items()}
    all_loaded = len(matching) <= FOLD_THRESHOLD
    direct = {part.key: part.direct for part in parts}
    shown = direct if all_loaded else first_under_open(direct, window.opened, FOLD_THRESHOLD)
    if not boards:
        loaded = [entity for part in shown.values() for entity in part]
        lines = _matrix_rows(loaded, months, _boards(board_request, loaded, months)) if loaded else {}
    sections = [
        MatrixSection(
            part.key,
            part.name,
            part.depth,
            fractions[part.key],
            [lines[entity.id] for entity in shown.get(part.key, ())],
            len(part.direct),
            open=part.key in shown,
            left=len(part.direct) - len(shown[part.key]) if part.key in shown else 0,
        )
        for part in parts
    ]
    rows = [row for each in matching for row in lines[each.id].rows if row is not None] if all_loaded else []
    return Matrix(
        months,
        board_request.as_of,
        board,
        sections,
        fractions[_ALL],
        len(matching),
        all_loaded,
        reopened=sum(map(is_reopened, rows)) if all_loaded else None,
        on_time=on_time_rate(rows, board_request.as_of) if all_loaded else None,
    )


def months_until(last: date, count: int) -> list[date]:
    """The months of a window, oldest first, none before FIRST_MONTH."""
    months = [last]
    while len(months) < count and months[-1] > FIRST_MONTH:
        months.append(previous_month(months[-1]))
    return months[::-1]


def _entities(board_request: BoardRequest) -> list[MatrixEntity]:
    rows = (
        board_request.entities()
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
    codes = {code for path in {entity.path for entity in entities} for code in path.split("/") if code}
    rows = Group.objects.filter(code__in=codes).order_by("path").values_list("code", "name", "parent__code")
    return [GroupNode(code, name, parent or "") for code, name, parent in rows]


def _boards(
    board_request: BoardRequest, entities: Sequence[MatrixEntity], months: Sequence[date]
) -> Mapping[date, Scoreboard]:
    visible = board_request.entities().filter(pk__in=[entity.id for entity in entities])
    return take_snapshots(visible, months, board_request.as_of, visible=board_request.visible_ids)


def _matching_entities(
    entities: Sequence[MatrixEntity], groups: Sequence[GroupNode], board: Scoreboard, query: BoardQuery
) -> list[MatrixEntity]:
    """The entities that pass the filters, in the query's order; those without a row in the last month come last."""
    order = {row.entity_id: index for index, row in enumerate(matching_rows(board, query))}
    group_codes = group_and_descendants(groups, query.group)
    if query.filters_rows:
        matching = [entity for entity in entities if entity.id in order]
    else:
        matching = [entity for entity in entities if entity_matches(entity, query, group_codes)]
    if query.sort == "name":
        return sorted(matching, key=lambda entity: entity.name.casefold())
    return sorted(matching, key=lambda entity: order.get(entity.id, len(order)))


def _matrix_rows(
    entities: Sequence[MatrixEntity], months: Sequence[date], boards: Mapping[date, Scoreboard]
) -> dict[int, MatrixRow]:
    by_month = [{row.entity_id: row for row in boards[month].rows} for month in months]
    return {entity.id: MatrixRow(entity, [rows.get(entity.id) for rows in by_month]) for entity in entities}


def _count_rows(
    entities: Iterable[MatrixEntity], lines: Mapping[int, MatrixRow], months: int
) -> list[ClosedFraction]:
    columns: list[list[Row]] = [[] for _ in range(months)]
    for entity in entities:
        for column, row in zip(columns, lines[entity.id].rows, strict=True):
            if row is not None:
                column.append(row)
    return [fraction(rows) for rows in columns]


def fraction(rows: Sequence[Row]) -> ClosedFraction:
    """The fraction of the rows of one month; an unknown row never counts as closed."""
    not_due = sum(row.not_due for row in rows)
    return ClosedFraction(
        sum(map(is_closed, rows)),
        len(rows) - not_due,
        sum(not row.fresh for row in rows),
        sum(row.standing.overdue for row in rows),
        sum(row.standing.alerting for row in rows),
        not_due,
    )


def _count_months(
    entities: Sequence[MatrixEntity],
    months: Sequence[date],
    closed: Mapping[int, ClosedMonths],
    last_rows: Mapping[int, Row],
) -> list[ClosedFraction]:
    fractions = []
    for month in months:
        end = month_end(month)
        counting = [(entity.id, closed[entity.id]) for entity in entities if entity.closes(end)]
        late = alerting = 0
        if month == months[-1]:
            standings = [last_rows[pk].standing for pk, _ in counting if pk in last_rows]
            late = sum(standing.overdue for standing in standings)
            alerting = sum(standing.alerting for standing in standings)
        not_due = sum(month in state.not_due for _, state in counting)
        fractions.append(
            ClosedFraction(
                sum(month in state.months for _, state in counting),
                len(counting) - not_due,
                sum(not state.fresh for _, state in counting),
                late,
                alerting,
                not_due,
            )
        )
    return fractions
