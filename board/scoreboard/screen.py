"""The board as one reader sees it: the answer above, chips, headings and rows.

BoardSummary, fragment and stream are made of the same parts, so they cannot disagree. A row's fragment is made once
and kept with the board until the row says something else; only the age of its reading is put in each time.
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

from board.scoreboard.row_cells import row_cells
from board.scoreboard.summary import BoardSummary, board_summary
from board.scoreboard.table_sections import BoardSection, Folds, sections
from board.scoreboard.upcoming import Calendars, no_calendars, upcoming_deadlines
from board.web import labels
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest
from board.web.controls import SelectField
from board.web.filters import Chip, chips, filter_board
from board.web.layout import count_alerting
from board.web.readers import Reader
from closing.calendar.workdays import WorkdayCalendar
from closing.scoreboard.board import Scoreboard, with_as_of
from closing.scoreboard.board_diff import diff_boards
from closing.scoreboard.row import Row
from entities.calendars import work_calendars
from periods.board_cache.cached_board import CachedBoard, VisibleBoard

_SHARED = 64  # parts of one board that are kept for others who ask the same
_PARTS = 4096  # rendered parts, of a few hundred bytes each, that are kept whatever board they were made for
T = TypeVar("T")
_HERE = "\0"  # in a row: the age of its reading comes here; in a page: its rows. No text of anybody holds this letter


@dataclass
class BoardScreen:
    """A board narrowed to a question; parts are made when asked for.

    `kept` is None for a past moment, whose parts are made anew. `whole` is all that the reader may see.
    """

    unfiltered: Scoreboard
    query: BoardQuery
    reader: Reader
    cached_board: CachedBoard | None = None
    version: str = ""
    calendars: Calendars = no_calendars
    render_cache: dict[object, Any] = field(default_factory=dict, repr=False)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What is the same for everybody who asks this question of this board, at any moment; made by the first."""
        key = (name, self.query)
        try:
            found: T = self.render_cache[key]
        except KeyError:
            found = make()
            if len(self.render_cache) >= _SHARED:
                # Other threads may do so at any moment: nothing that was put in is read back.
                self.render_cache.clear()
            self.render_cache[key] = found
        return found

    @cached_property
    def board(self) -> Scoreboard:
        """Only what passes the filters."""
        return filter_board(self.unfiltered, self.query)

    @cached_property
    def page(self) -> BoardSummary:
        """The answer, about all that the reader may see: a filter does not change who holds the group up."""
        return board_summary(self.unfiltered, self.reader, past=self.cached_board is None)

    @cached_property
    def chips(self) -> list[tuple[Chip, str]]:
        """Each chip with where it leads."""
        found = chips(self.unfiltered, self.query)
        return [(chip, self.query.url("/", show=chip.show)) for chip in found]

    @cached_property
    def sections(self) -> list[BoardSection]:
        return self.once("sections", lambda: sections(self.board, self.query.by))

    @property
    def day(self) -> date:
        """Which day it is for the reader."""
        return self.unfiltered.as_of.astimezone(self.reader.zone).date()

    @property
    def etag(self) -> str:
        """Names a whole answer: what is said, to whom (zone), what was asked, and the minute of the ages."""
        minute = int(self.unfiltered.as_of.timestamp()) // 60
        asked = zlib.crc32(f"{self.reader.zone_name} {self.query.querystring()}".encode())
        return f"{self.version}-{asked:x}-{minute:x}"

    def verdict(self) -> SafeString:
        """The section with verdict, bar and tiles."""
        return _rendered("board/scoreboard/_verdict.html", {"page": self.page})

    def warnings(self) -> SafeString:
        return _rendered("board/scoreboard/_warnings.html", {"page": self.page})

    def upcoming(self) -> SafeString:
        """The next deadlines while nobody is late, with who may miss theirs."""
        deadlines = upcoming_deadlines(self.unfiltered, self.calendars)
        return _rendered("board/scoreboard/_upcoming_deadlines.html", {"deadlines": deadlines})

    def chip_row(self) -> SafeString:
        return self.once("chips", lambda: _rendered("board/scoreboard/_chips.html", {"chips": self.chips}))

    def select_field(self, pick: SelectField) -> SafeString:
        """One field of the form above the rows."""
        return _rendered("board/web/_select_field.html", {"pick": pick})

    def freshness(self) -> SafeString:
        return _rendered("board/scoreboard/_freshness.html", {"page": self.page})

    def badge(self) -> SafeString:
        """How many entities wait past the alert line, for the navigation."""
        count = count_alerting(self.unfiltered)
        return _rendered_once("board/web/_nav_count.html", (count,), {"key": "past_deadline", "count": count})

    def sums(self, section: BoardSection) -> SafeString:
        """What stands behind the name in a heading."""
        said = (section.key, section.closed, section.entities, section.note, section.behind, section.tone)
        return _rendered_once("board/scoreboard/_roll_up.html", said, {"section": section})

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
        return b"".join((before, self._read(row), after)).decode()

    def rows(self, folds: Folds) -> SafeString:
        """The table's body: headings and the rows of those that are not folded."""
        return SafeString(b"".join(self._body(folds)).decode())

    @property
    def rows_placeholder(self) -> SafeString:
        """Stands in a page where `with_rows` puts the table's body."""
        return SafeString(_HERE)

    def with_rows(self, page: bytes, folds: Folds) -> bytes:
        """A page with the table's body in its place.

        Rows are kept as the bytes that are sent. A template would copy megabytes of text at each of its levels, and
        the answer would encode them all again.
        """
        head, here, tail = page.partition(_HERE.encode())
        return b"".join((head, *self._body(folds), tail)) if here else page

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
                yield self._read(row)
                yield after

    def _fragment(self, row: Row) -> tuple[bytes, bytes]:
        if self.cached_board is None:
            return self._made_anew(row)
        said = self.cached_board.revisions[row.entity_id]
        known = self._made.get(row.entity_id)
        if known is None or known[0] != said:
            known = self._made[row.entity_id] = said, self._made_anew(row)
        return known[1]

    def _made_anew(self, row: Row) -> tuple[bytes, bytes]:
        told = row_cells(row, self.unfiltered.as_of, self.reader, self._query)
        before, _, after = _rendered("board/scoreboard/_row.html", {"line": told, "read": _HERE}).partition(
            _HERE
        )
        return before.encode(), after.encode()

    @cached_property
    def _made(self) -> dict[int, tuple[int, tuple[bytes, bytes]]]:
        """Fragments by entity; "as of 09:12" becomes "as of Tue 9 Jun 09:12" at the reader's midnight."""
        assert self.cached_board is not None
        return self.cached_board.fragments(("row", self.reader.zone_name, self.day))

    @cached_property
    def _query(self) -> str:
        return BoardQuery(month=self.unfiltered.month, at=self.query.at).querystring()

    @cached_property
    def _reads(self) -> dict[tuple[datetime | None, bool], bytes]:
        return {}

    def _read(self, row: Row) -> bytes:
        key = (row.read_at, row.fresh)
        if (known := self._reads.get(key)) is None:
            known = self._reads[key] = read_cell(row, self.unfiltered.as_of, self.reader).encode()
        return known


def board_screen(asked: BoardRequest) -> BoardScreen:
    """The screen of a question: of the kept board, or of one made anew for a past moment."""
    board = asked.board()
    if asked.past:
        return BoardScreen(board, asked.query, asked.reader, calendars=calendars_of(board))
    scope = asked.visible_board
    version = version_of(scope, asked.as_of, asked.reader)
    return BoardScreen(
        board,
        asked.query,
        asked.reader,
        scope.cached_board,
        version,
        calendars_of(board),
        scope.render_cache,
    )


def version_of(scope: VisibleBoard, as_of: datetime, reader: Reader) -> str:
    """Names what a reader is shown now: what the board says, and their day, since it tells "since Tue 9 Jun"."""
    return f"{scope.version}{as_of.astimezone(reader.zone):%m%d}"


def calendars_of(board: Scoreboard) -> Calendars:
    """Looks up the work calendars of a board's entities when they are asked for."""
    return partial(_calendars, board)


def _calendars(board: Scoreboard) -> Mapping[int, WorkdayCalendar]:
    ids = {row.calendar_id for row in board.rows if row.calendar_id is not None}
    return work_calendars(ids, range(board.as_of.year, board.as_of.year + 2))


@dataclass(frozen=True, slots=True)
class BoardChanges:
    """What has changed from a past moment until now, in words."""

    summary: str
    listed: Sequence[str]


def board_changes(asked: BoardRequest, screen: BoardScreen) -> BoardChanges:
    """The differences between the past board on the screen and the same question now."""
    now = filter_board(with_as_of(asked.visible_board.board, asked.now), asked.query.replace(at=None))
    found = diff_boards(screen.board, now)
    summary = found.summary[:1].upper() + found.summary[1:]
    return BoardChanges(summary, [f"{each.name}: {each.words}" for each in found.items])


@cache
def _template(name: str) -> Any:
    return get_template(name)


def _rendered(name: str, told: dict[str, object]) -> SafeString:
    return SafeString(_template(name).render(told))


def _rendered_once(name: str, said: tuple[object, ...], told: dict[str, object]) -> SafeString:
    """As `_rendered`, kept under all that the template shows of `told`: a part of one board is that of many."""
    key = (name, said)
    if (found := _RENDERED.get(key)) is None:
        if len(_RENDERED) >= _PARTS:
            _RENDERED.clear()
        found = _RENDERED[key] = _rendered(name, told)
    return found


_RENDERED: dict[tuple[str, tuple[object, ...]], SafeString] = {}


def read_cell(row: Row, as_of: datetime, reader: Reader) -> str:
    """The last cell of a row: how old its reading is; the only one that time alone changes from minute to minute."""
    if row.read_at is None:
        return '<td role="cell" class="read" data-label="Read"><span>never</span></td>'
    stale = "" if row.fresh else " <em>stale</em>"
    return format_html(
        '<td role="cell" class="read" data-label="Read"><time datetime="{}" title="{}">{}</time>{}</td>',
        labels.iso(row.read_at),
        labels.moment_in_full(row.read_at, reader.zone),
        labels.age(row.read_at, as_of),
        mark_safe(stale),  # noqa: S308 - a text of our own
    )


def reading_times(rows: Sequence[Row]) -> dict[int, tuple[str, str]]:
    """The newest reading of each connection that has fresh rows: when it was read and when it will be too old."""
    found: dict[int, tuple[str, str]] = {}
    for row in rows:
        if row.fresh and row.connection_id is not None and row.connection_id not in found:
            found[row.connection_id] = (labels.iso(row.read_at) or "", labels.iso(row.stale_at) or "")
    return found
