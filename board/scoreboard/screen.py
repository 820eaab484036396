"""Renders the board of one reader: summary, chips, headings and rows.

Page, fragment and stream consist of the same parts, so they cannot disagree. A row's fragment is rendered once
and cached with the board until the row changes; only the age of its reading is inserted each time.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, cached_property, partial
from typing import Any, TypeVar

from django.template.loader import get_template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from board.scoreboard.roll_up import roll_up_blockers
from board.scoreboard.row_cells import row_cells
from board.scoreboard.summary import BoardSummary, Calendars, board_summary, upcoming_deadlines
from board.scoreboard.table_sections import BoardSection, Folds, sections
from board.web import labels
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest
from board.web.controls import FilterForm, filter_form
from board.web.filters import chips, filter_board
from board.web.layout import nav_counts
from board.web.readers import Reader
from closing.calendar.workdays import WorkdayCalendar
from closing.scoreboard.board import Scoreboard, with_as_of
from closing.scoreboard.board_diff import BoardDiff, diff_boards
from closing.scoreboard.headline import shared_cause
from closing.scoreboard.row import Row
from entities.calendars import work_calendars
from periods.board_cache.cached_board import RowVariant, VisibleBoard

_SHARED = 64  # parts of one board that are cached for requests with the same query
_PARTS = 4096  # rendered parts, of a few hundred bytes each, that are cached across boards
T = TypeVar("T")
_PLACEHOLDER = (
    "\0"  # in a row: for the age of its reading; in a page: for its rows. No text contains this character
)


@dataclass
class BoardScreen:
    """A board filtered by a query; its parts are built on first use.

    `visible_board` is None for a past moment, whose parts are not cached. `unfiltered` is all the reader may see.
    """

    unfiltered: Scoreboard
    query: BoardQuery
    reader: Reader
    visible_board: VisibleBoard | None = None
    version: str = ""
    calendars: Calendars = dict  # without any, no entity counts as at risk
    render_cache: dict[object, Any] = field(default_factory=dict, repr=False)
    _read_cells: dict[tuple[datetime | None, bool], bytes] = field(
        default_factory=dict, init=False, repr=False
    )

    def shared_part(self, name: str, make: Callable[[], T]) -> T:
        """A part that every reader with this query of this board shares at any moment; the first one makes it."""
        part: T = _cached(self.render_cache, (name, self.query), _SHARED, make)
        return part

    @cached_property
    def board(self) -> Scoreboard:
        """The rows that pass the filters."""
        return filter_board(self.unfiltered, self.query)

    @cached_property
    def page(self) -> BoardSummary:
        """The summary of all rows that the reader may see: a filter does not change who holds the group up."""
        rows = self.unfiltered.rows
        cause = _cached(self.render_cache, "cause", _SHARED, lambda: shared_cause(rows))
        return board_summary(self.unfiltered, self.reader, past=self.visible_board is None, cause=cause)

    @cached_property
    def sections(self) -> list[BoardSection]:
        return self.shared_part("sections", lambda: sections(self.board, self.query.by, self.unfiltered))

    @property
    def day(self) -> date:
        """The reader's day at the board's moment."""
        return self.unfiltered.as_of.astimezone(self.reader.zone).date()

    @property
    def etag(self) -> str:
        """The ETag of a whole response: version, zone, query, and the minute of the readings' ages."""
        minute = int(self.unfiltered.as_of.timestamp()) // 60
        request_hash = zlib.crc32(f"{self.reader.zone_name} {self.query.querystring()}".encode())
        return f"{self.version}-{request_hash:x}-{minute:x}"

    def verdict(self) -> SafeString:
        """The verdict, the bar and the tiles."""
        return _rendered("board/scoreboard/_verdict.html", {"page": self.page})

    def warnings(self) -> SafeString:
        return _rendered("board/scoreboard/_warnings.html", {"page": self.page})

    def upcoming(self) -> SafeString:
        """The next deadlines while no entity is late, with the number of entities at risk."""
        deadlines = upcoming_deadlines(self.unfiltered, self.calendars)
        return _rendered("board/scoreboard/_upcoming_deadlines.html", {"deadlines": deadlines})

    def chip_row(self) -> SafeString:
        def render() -> SafeString:
            linked = [
                (chip, self.query.url("/", show=chip.show)) for chip in chips(self.unfiltered, self.query)
            ]
            return _rendered("board/scoreboard/_chips.html", {"chips": linked})

        return self.shared_part("chips", render)

    @property
    def filters(self) -> FilterForm:
        """The form above the rows."""
        return self.shared_part("filters", lambda: filter_form(self.unfiltered, self.query))

    def select_fields(self) -> dict[str, SafeString]:
        """The fields of the form above the rows, which offer their values, by the id of the element."""

        def render() -> dict[str, SafeString]:
            form = self.filters
            return {
                f"pick-{pick.name}": _rendered("board/web/_select_field.html", {"pick": pick})
                for pick in (*form.first, *form.more)
            }

        return self.shared_part("picks", render)

    def freshness(self) -> SafeString:
        unread = "" if self.page.confirmed or not self.page.freshness else self.query.url("/", show="stale")
        return _rendered("board/scoreboard/_freshness.html", {"page": self.page, "unread": unread})

    def nav_counts(self) -> dict[str, SafeString]:
        """The numbers of overdue and of alerting entities for the navigation, by the id of their element."""
        return {
            f"count-{key}": _rendered_once(
                "board/web/_nav_count.html",
                (key, count, tone),
                {"key": key, "count": count, "tone": tone},
            )
            for key, (count, tone) in nav_counts(self.unfiltered).items()
        }

    def sums(self, section: BoardSection) -> SafeString:
        """The roll-up after the name of a heading."""
        return self._sums[section.key]

    @cached_property
    def _sums(self) -> dict[str, SafeString]:
        def render(section: BoardSection) -> SafeString:
            blockers = roll_up_blockers(section, self.query)
            closed = (section.closed, section.entities, section.closed_phrase)
            content = (section.key, *closed, section.note, section.behind, section.tone, blockers)
            context = {"section": section, "blockers": blockers}
            return _rendered_once("board/scoreboard/_roll_up.html", content, context)

        headings = [section for section in self.sections if section.name]
        return self.shared_part("sums", lambda: {section.key: render(section) for section in headings})

    def heading(self, section: BoardSection, *, shut: bool) -> SafeString:
        """The heading row of a section."""
        verb, url = ("open" if shut else "fold"), self.query.url("/")
        fold = f"{url}{'&' if '?' in url else '?'}{verb}={section.key}"
        return _rendered(
            "board/scoreboard/_group_heading.html",
            {"section": section, "shut": shut, "fold": fold, "sums": self.sums(section)},
        )

    def row(self, row: Row) -> str:
        """A whole row of the table."""
        before, after = self._fragment(row)
        return b"".join((before, self._read_cell(row), after)).decode()

    def rows(self, folds: Folds) -> SafeString:
        """The table's body: headings, and the rows of headings that are not folded."""
        return SafeString(b"".join(self._body(folds)).decode())

    @property
    def rows_placeholder(self) -> SafeString:
        """The placeholder that `with_rows` replaces by the table's body."""
        return SafeString(_PLACEHOLDER)

    def with_rows(self, page: bytes, folds: Folds) -> bytes:
        """The page with the table's body inserted.

        Rows are cached as the bytes that are sent. A template would copy megabytes of text at each of its levels, and
        the response would encode all of it again.
        """
        head, placeholder, tail = page.partition(_PLACEHOLDER.encode())
        return b"".join((head, *self._body(folds), tail)) if placeholder else page

    def _body(self, folds: Folds) -> Iterator[bytes]:
        count = len(self.board.rows)
        shut: set[str] = set()
        for section in self.sections:
            if not shut.isdisjoint(section.above):
                continue
            if section.name:
                if folded := folds.shut(section, count):
                    shut.add(section.key)
                yield self.heading(section, shut=folded).encode()
                if folded:
                    continue
            for row in section.rows:
                before, after = self._fragment(row)
                yield before
                yield self._read_cell(row)
                yield after

    def _fragment(self, row: Row) -> tuple[bytes, bytes]:
        if self.visible_board is None:
            return self._render_row(row)
        revision = self.visible_board.cached_board.revisions[row.entity_id]
        key = self.visible_board.row_key(row.entity_id) if self.visible_board.redactions else row.entity_id
        cached = self._row_fragments.get(key)
        if cached is None or cached[0] != revision:
            cached = self._row_fragments[key] = revision, self._render_row(row)
        return cached[1]

    def _render_row(self, row: Row) -> tuple[bytes, bytes]:
        cells = row_cells(row, self.unfiltered.as_of, self.reader, self._row_query)
        before, _, after = _rendered(
            "board/scoreboard/_row.html", {"line": cells, "read": _PLACEHOLDER}
        ).partition(_PLACEHOLDER)
        return before.encode(), after.encode()

    @cached_property
    def _row_fragments(self) -> dict[RowVariant, tuple[int, tuple[bytes, bytes]]]:
        """Cached fragments by entity and redaction.

        A day's own, since "as of 09:12" is "as of Tue 9 Jun 09:12" after midnight.
        """
        assert self.visible_board is not None
        return self.visible_board.cached_board.fragments(("row", self.reader.zone_name, self.day))

    @cached_property
    def _row_query(self) -> str:
        return BoardQuery(month=self.unfiltered.month, at=self.query.at).querystring()

    def _read_cell(self, row: Row) -> bytes:
        key = (row.read_at, row.fresh)
        if (cell := self._read_cells.get(key)) is None:
            cell = self._read_cells[key] = read_cell(row, self.unfiltered.as_of, self.reader).encode()
        return cell


def board_screen(board_request: BoardRequest) -> BoardScreen:
    """The screen of a request: of the cached board, or of a snapshot of a past moment."""
    if not board_request.past:
        return live_screen(board_request, board_request.visible_board)
    board = board_request.board()
    return BoardScreen(
        board, board_request.query, board_request.reader, calendars=partial(board_calendars, board)
    )


def live_screen(board_request: BoardRequest, visible_board: VisibleBoard) -> BoardScreen:
    """The screen of a cached board; its version names the reader's day, since texts say "since Tue 9 Jun"."""
    reader, as_of = board_request.reader, board_request.as_of
    board = with_as_of(visible_board.board, as_of)
    return BoardScreen(
        board,
        board_request.query,
        reader,
        visible_board,
        f"{visible_board.version}{as_of.astimezone(reader.zone):%m%d}",
        partial(board_calendars, board),
        visible_board.render_cache,
    )


def board_calendars(board: Scoreboard) -> Mapping[int, WorkdayCalendar]:
    """The work calendars of a board's entities by id, for the year of its moment and the next."""
    ids = {row.calendar_id for row in board.rows if row.calendar_id is not None}
    return work_calendars(ids, range(board.as_of.year, board.as_of.year + 2))


def board_changes(board_request: BoardRequest, screen: BoardScreen) -> BoardDiff:
    """The differences between the past board on the screen and the same query now."""
    now = filter_board(
        with_as_of(board_request.visible_board.board, board_request.now), board_request.query.replace(at=None)
    )
    return diff_boards(screen.board, now)


@cache
def _template(name: str) -> Any:
    return get_template(name)


def _rendered(name: str, context: dict[str, object]) -> SafeString:
    return SafeString(_template(name).render(context))


def _rendered_once(name: str, content: tuple[object, ...], context: dict[str, object]) -> SafeString:
    """`_rendered`, cached by `content`, all that the template shows of `context`: many boards share a part."""
    return _cached(_RENDERED, (name, content), _PARTS, lambda: _rendered(name, context))


_RENDERED: dict[object, SafeString] = {}


def _cached(parts: dict[object, T], key: object, most: int, make: Callable[[], T]) -> T:
    part = parts.get(key)
    if part is None:
        part = make()
        if len(parts) >= most:
            parts.clear()  # by any thread at any moment, so no value is read back
        parts[key] = part
    return part


def read_cell(row: Row, as_of: datetime, reader: Reader) -> str:
    """The last cell of a row, the age of its reading: the only cell that changes each minute by time alone."""
    if row.read_at is None:
        return '<td role="cell" class="read" data-label="Read"><span>never</span></td>'
    stale = "" if row.fresh else " <em>too old</em>"
    return format_html(
        '<td role="cell" class="read" data-label="Read"><time datetime="{}" title="{}">{}</time>{}</td>',
        labels.iso(row.read_at),
        labels.moment_in_full(row.read_at, reader.zone),
        labels.age(row.read_at, as_of),
        mark_safe(stale),  # noqa: S308 - a text of our own
    )


def reading_times(rows: Sequence[Row]) -> dict[int, tuple[str, str]]:
    """For each connection with fresh rows: when its newest reading was taken and when it becomes stale."""
    times: dict[int, tuple[str, str]] = {}
    for row in rows:
        if row.fresh and row.connection_id is not None and row.connection_id not in times:
            times[row.connection_id] = (labels.iso(row.read_at) or "", labels.iso(row.stale_at) or "")
    return times
