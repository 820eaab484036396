"""What the stream tells turns one screen into the next: its messages, played to a browser made of lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from board.live.screen_diff import (
    MAX_PUSHED_ROWS,
    ScreenState,
    announcement,
    diff_event,
    heartbeat,
    screen_state,
)
from board.scoreboard.screen import BoardScreen
from board.scoreboard.table_sections import Folds
from board.web.board_query import GROUPINGS, ORDERS, SHOW_FILTERS, BoardQuery
from board.web.readers import Reader
from closing.judging.standing import Level
from closing.scoreboard.board import BoardWarning, GroupNode, Scoreboard, with_as_of
from closing.scoreboard.row import Row
from periods.board_cache.board_draft import built_board
from periods.board_cache.cached_board import CachedBoard
from periods.snapshot.builder import UnredactedBoards
from tests.builders import (
    CLOSED,
    MAY,
    NOT_UNDERSTOOD,
    ON_HOLD,
    RESTRICTED,
    WORKED_EXAMPLE_AT,
    Reads,
    reads_until_close,
    row,
)
from tests.hypothesis_profiles import examples
from tests.sample_entities import GROUPS, NLDT, TWELVE_ENTITIES, UKHC, UKRT, USRT, SampleEntity

TREE = (*GROUPS, GroupNode("NORDICS", "Nordics", "EUROPE"), GroupNode("BALTICS", "Baltics", "NORDICS"))
IEOP = TWELVE_ENTITIES[5]
LONDON = Reader.in_zone("Europe/London")
_GENERATIONS = count(1)


# --- boards made by hand --------------------------------------------------------------------------------------------


def kept(
    rows: Iterable[Row],
    before: CachedBoard | None = None,
    *,
    groups: Sequence[GroupNode] = TREE,
    warnings: Sequence[BoardWarning] = (),
    month: date = MAY,
    as_of: datetime = WORKED_EXAMPLE_AT,
) -> CachedBoard:
    """What a process keeps of these rows after `before`, counting new words as the keeper does."""
    board = Scoreboard(month, as_of, list(rows), groups, warnings)
    return built_board(UnredactedBoards({month: board}, {}), month, next(_GENERATIONS), 0, before)


def seen(board: CachedBoard, question: BoardQuery | None = None) -> ScreenState:
    """What somebody in London who may see everything has on the screen."""
    scope = board.visible_board(None)
    asked = question or BoardQuery()
    return screen_state(
        BoardScreen(with_as_of(scope.board, board.as_of), asked, LONDON, scope, scope.version)
    )


def of(
    who: SampleEntity,
    *reads: tuple[str, object],
    number: int | None = None,
    minutes: int = 2,
    **changes: object,
) -> Row:
    """A row of the story with what only the database knows about it; its newest reading is `minutes` old."""
    read_at = WORKED_EXAMPLE_AT - timedelta(minutes=minutes)
    made = row(who, *reads, read_at=f"{read_at:%Y-%m-%d %H:%M}")  # type: ignore[arg-type]
    pk = [each.code for each in TWELVE_ENTITIES].index(who.code) + 1 if number is None else number
    read = {"connection_id": 1, "stale_at": read_at + timedelta(minutes=15)} if reads else {}
    return replace(made, entity_id=pk, **(read | changes))  # type: ignore[arg-type]


def story_of(who: SampleEntity, name: str) -> Reads:
    told: dict[str, Reads] = {
        "open": reads_until_close(who, None),
        "closed": reads_until_close(who, CLOSED, "2026-06-05 16:00"),
        "closed late": reads_until_close(who, CLOSED, "2026-06-11 16:00"),
        "held": reads_until_close(who, ON_HOLD, "2026-06-10 19:00"),
        "restricted": reads_until_close(who, RESTRICTED, "2026-06-10 19:00"),
        "unknown": reads_until_close(who, NOT_UNDERSTOOD, "2026-06-10 19:00"),
        "never": (),
    }
    return told[name]


STORIES = ("open", "closed", "closed late", "held", "restricted", "unknown", "never")


@st.composite
def a_row(draw: st.DrawFn, who: SampleEntity) -> Row:
    """The entity in any state, anywhere in the tree, with a reading of any age."""
    return of(
        who,
        *story_of(who, draw(st.sampled_from(STORIES))),
        minutes=draw(st.sampled_from((0, 2, 9, 40))),
        group=draw(st.sampled_from([node.code for node in TREE])) if draw(st.booleans()) else who.group,
        owner=draw(st.sampled_from(("", "Amira Hale", "Luc Tremblay", "Zoë"))),
        connection=draw(st.sampled_from(("meridian-prod", "cloud-nl"))),
    )


def read_again(known: Row) -> Row:
    """The same with a younger reading, as far as it had one that is fresh."""
    if not known.fresh or known.read_at is None or known.stale_at is None:
        return known
    later = timedelta(seconds=90)
    return replace(known, read_at=known.read_at + later, stale_at=known.stale_at + later)


@st.composite
def two_boards(draw: st.DrawFn) -> tuple[CachedBoard, CachedBoard]:
    """A board and the next one: entities changed, came, went, moved to another group, or were only read again."""
    before, after = [], []
    happens = draw(
        st.lists(st.sampled_from(("same", "same", "read", "changed", "came", "gone")), min_size=12)
    )
    for who, what in zip(TWELVE_ENTITIES, happens, strict=False):
        then = draw(a_row(who))
        if what != "came":
            before.append(then)
        if what != "gone":
            after.append(
                draw(a_row(who)) if what == "changed" else read_again(then) if what == "read" else then
            )
    warned = draw(st.booleans())
    warnings = [BoardWarning("reopened", "", "April of “Ibérica” & others was reopened")] if warned else []
    first = kept(before)
    return first, kept(after, first, warnings=warnings, as_of=WORKED_EXAMPLE_AT + timedelta(seconds=40))


@st.composite
def questions(draw: st.DrawFn) -> BoardQuery:
    """Any grouping and order, and any filter that a message must follow."""
    return BoardQuery(
        by=draw(st.sampled_from(sorted(GROUPINGS))),
        sort=draw(st.sampled_from(sorted(ORDERS))),
        show=draw(st.sampled_from(("all", "all", *sorted(SHOW_FILTERS)))),
        state=draw(st.sampled_from(("", "", "", "closed", "open"))),
        level=draw(st.sampled_from(("", "", "", Level.LATE.value))),
        group=draw(st.sampled_from(("", "", "", "EUROPE"))),
        erp=draw(st.sampled_from(("", "", "", "cloud-nl"))),
        q=draw(st.sampled_from(("", "", "", "uk"))),
    )


# --- a browser ------------------------------------------------------------------------------------------------------

_LINE = re.compile(r'(?=<tr id=")')
_ID = re.compile(r'<tr id="([^"]+)"')
_PARTIAL = re.compile(r'<hx-partial hx-target="#([^"]+)" hx-swap="([^"]+)">(.*?)</hx-partial>', re.DOTALL)
_READ = re.compile(r'<td role="cell" class="read".*?</td>', re.DOTALL)
_FOLDED = 'aria-expanded="false"'


def as_heard(html: str) -> str:
    """HTML after its way through a stream of lines; the age of a reading is left to the browser's clock."""
    return _READ.sub("", "\n".join(html.splitlines()))


def lines(screen: BoardScreen, folded: frozenset[str]) -> list[tuple[str, str]]:
    """Id and content of each line of the table, as a page shows it to somebody who folded these headings."""
    pieces = [piece for piece in _LINE.split(str(screen.rows(Folds(folded)))) if piece.strip()]
    return [(_ID.match(piece)[1], as_heard(piece).strip()) for piece in pieces]  # type: ignore[index]


@dataclass
class Event:
    """One event of a stream, taken apart as a browser does."""

    id: str
    name: str
    data: str

    @classmethod
    def of(cls, told: bytes) -> Event:
        assert told.endswith(b"\n\n")
        fields: dict[str, list[str]] = {}
        for text in told.decode().removesuffix("\n\n").split("\n"):
            name, colon, value = text.partition(": ")
            assert colon or text == "data:", text
            fields.setdefault(name, []).append(value)
        assert set(fields) <= {"id", "event", "data", "retry"}
        first = {name: values[0] for name, values in fields.items() if name != "data"}
        return cls(first.get("id", ""), first.get("event", ""), "\n".join(fields.get("data", [])))


class Browser:
    """The page that somebody looks at, and what the swaps of live.js and htmx do to it."""

    def __init__(self, first: ScreenState, folded: frozenset[str] = frozenset()) -> None:
        self.lines = lines(first.screen, folded)
        self.parts = {key: as_heard(part) for key, part in first.parts.items()}
        self.title, self.readings, self.announced = first.title, "", ""
        self.flashed: list[str] = []

    def take(self, event: Event) -> None:
        rest = event.data
        if title := re.match("<title>(.*?)</title>", rest):
            self.title, rest = title[1], rest[title.end() :]
        assert _PARTIAL.sub("", rest).strip() == "", "something stands outside of what is swapped"
        for target, style, content in _PARTIAL.findall(rest):
            self._swap(target, style, as_heard(content).strip())

    def _swap(self, target: str, style: str, content: str) -> None:
        if style == "delete":
            self.lines = [line for line in self.lines if line[0] != target]
        elif style.startswith("place "):
            assert target == "rows"
            self._place(dict(word.split(":", 1) for word in style.split()[1:]), content)
        elif target == "readings":
            self.readings = content
        elif target == "announced":
            self.announced = content
        elif target.startswith("sum-"):
            self._sum(target, content)
        else:
            assert style == "outerMorph"
            assert f'id="{target}"' in content
            assert target in self.parts
            self.parts[target] = content

    def _place(self, spec: dict[str, str], content: str) -> None:
        where = self._where(spec["what"])
        heading = self._where(spec["in"]) if "in" in spec else None
        if "in" in spec and (heading is None or _FOLDED in self.lines[heading][1]):
            if where is not None:
                del self.lines[where]
            return
        if where is not None:
            if content:
                self.lines[where] = spec["what"], content
            line = self.lines[where]
        elif content and "after" in spec:
            line = spec["what"], content
        else:
            return
        if content:
            assert _ID.match(content)[1] == spec["what"]  # type: ignore[index]
            self.flashed.append(spec["what"])
        if "after" in spec:
            if where is not None:
                del self.lines[where]
            found = [at for key in spec["after"].split("|") if (at := self._where(key)) is not None]
            self.lines.insert(found[0] + 1 if found else 0, line)

    def _sum(self, target: str, content: str) -> None:
        where = self._where(f"group-{target.removeprefix('sum-')}")
        if where is not None:
            key, html = self.lines[where]
            begin, end = html.index(f'<div class="sums" id="{target}">'), html.index("</div></th>")
            self.lines[where] = key, html[:begin] + content + html[end:]

    def _where(self, key: str) -> int | None:
        return next((at for at, (each, _) in enumerate(self.lines) if each == key), None)


def listed(found: ScreenState) -> dict[int, tuple[str, str]]:
    return dict(found.readings)


# --- the law --------------------------------------------------------------------------------------------------------


@examples(150)
@given(two_boards(), questions(), st.data())
def test_what_is_told_makes_the_next_screen(
    boards: tuple[CachedBoard, CachedBoard], question: BoardQuery, data: st.DataObject
) -> None:
    before, after = (seen(each, question) for each in boards)
    folded = frozenset(data.draw(st.sets(st.sampled_from(sorted(before.sums)))) if before.sums else ())
    browser = Browser(before, folded)
    told = diff_event(before, after)
    if told is None:
        assert (before.version, listed(before)) == (after.version, listed(after))
        assert browser.lines == lines(after.screen, folded)
        return
    event = Event.of(told)
    assert (event.name == "refetch") is (frame(before) != frame(after))
    if event.name == "refetch":
        return
    assert event.id == f"{before.version}:{after.version}"
    browser.take(event)
    assert browser.lines == lines(after.screen, folded)
    assert browser.parts == {key: as_heard(part) for key, part in after.parts.items()}
    assert browser.title == after.title
    if listed(before) != listed(after):
        assert re.findall('data-connection="([^"]*)" data-read-at="([^"]*)"', browser.readings) == [
            (str(key), read_at) for key, (read_at, _) in after.readings.items()
        ]


def frame(found: ScreenState) -> object:
    """What is on the page and cannot be told in parts."""
    page = found.screen.page
    headings = {
        (section.key, section.name, section.depth) for section in found.screen.sections if section.name
    }
    return page.month_key, headings, bool(found.rows), page.scope, page.rule, page.notes


# --- what happens to rows -------------------------------------------------------------------------------------------

BEHIND = BoardQuery(by="none")


def four(**changed: Row | None) -> list[Row]:
    """The worked example, with other rows for some, or None for those that are gone."""
    told = {
        "UKHC": of(UKHC, *story_of(UKHC, "closed")),
        "UKRT": of(UKRT, *story_of(UKRT, "closed")),
        "USRT": of(USRT, *story_of(USRT, "held")),
        "NLDT": of(NLDT, *story_of(NLDT, "open")),
    }
    return [each for each in (told | changed).values() if each is not None]


def turned(
    before: Sequence[Row], after: Sequence[Row], question: BoardQuery = BEHIND, folded: Sequence[str] = ()
) -> tuple[Browser, Event]:
    """A browser that shows `before` and has taken the one message that leads to `after`."""
    first = kept(before)
    old, new = seen(first, question), seen(kept(after, first), question)
    told = diff_event(old, new)
    assert told is not None
    browser, event = Browser(old, frozenset(folded)), Event.of(told)
    assert event.id == f"{old.version}:{new.version}"
    assert event.name == ""
    browser.take(event)
    assert browser.lines == lines(new.screen, frozenset(folded))
    return browser, event


def order(browser: Browser) -> list[str]:
    return [key for key, _ in browser.lines]


def test_a_row_that_closes_moves_down_and_is_announced() -> None:
    assert order(Browser(seen(kept(four()), BEHIND))) == ["row-NLDT", "row-USRT", "row-UKHC", "row-UKRT"]
    browser, event = turned(four(), four(NLDT=of(NLDT, *story_of(NLDT, "closed late"))))
    assert order(browser) == ["row-USRT", "row-NLDT", "row-UKHC", "row-UKRT"]
    assert browser.flashed == ["row-NLDT"]
    assert browser.announced == "EU DTC BV: closed 2d late."
    assert "1 of 4 outstanding" in browser.title
    assert event.data.count("<tr ") == 1  # the other rows did not travel


def alike(*codes: str) -> list[Row]:
    """Entities with one rule for the deadline, so that who comes and goes changes nothing in the head."""
    told = {
        "NLDT": of(NLDT, *story_of(NLDT, "open")),
        "IEOP": of(IEOP, *story_of(IEOP, "closed")),
        "UKHC": of(UKHC, *story_of(UKHC, "closed")),
        "UKRT": of(UKRT, *story_of(UKRT, "closed")),
    }
    return [told[code] for code in codes]


def test_a_new_row_stands_where_it_belongs() -> None:
    browser, event = turned(alike("NLDT", "IEOP", "UKRT"), alike("NLDT", "IEOP", "UKHC", "UKRT"))
    assert order(browser) == ["row-NLDT", "row-IEOP", "row-UKHC", "row-UKRT"]
    assert "place what:row-UKHC after:row-IEOP" in event.data


def test_the_first_row_goes_to_the_top() -> None:
    browser, event = turned(alike("IEOP", "UKHC"), alike("NLDT", "IEOP", "UKHC"))
    assert order(browser) == ["row-NLDT", "row-IEOP", "row-UKHC"]
    assert "place what:row-NLDT after:top" in event.data


def test_a_row_that_is_gone_leaves() -> None:
    browser, event = turned(alike("NLDT", "IEOP", "UKHC", "UKRT"), alike("NLDT", "IEOP", "UKHC"))
    assert order(browser) == ["row-NLDT", "row-IEOP", "row-UKHC"]
    assert '<hx-partial hx-target="#row-UKRT" hx-swap="delete"></hx-partial>' in event.data
    assert browser.announced == ""


def test_a_row_that_no_longer_passes_the_filter_leaves() -> None:
    late = BoardQuery(by="none", show="late")
    browser, _ = turned(four(), four(USRT=of(USRT, *story_of(USRT, "closed"))), late)
    assert order(browser) == ["row-NLDT"]
    assert "Overdue <b>1</b>" in browser.parts["chips"]


def test_a_row_in_another_group_moves_below_its_heading() -> None:
    moved = of(UKRT, *story_of(UKRT, "closed"), group="EUROPE")
    browser, event = turned(four(), four(UKRT=moved), BoardQuery())
    assert order(browser)[:3] == ["group-EUROPE", "row-NLDT", "row-UKRT"]
    assert order(browser)[3:] == ["group-AMERICAS", "row-USRT", "group-UK", "row-UKHC"]
    assert "in:group-EUROPE" in event.data


def test_a_row_that_moves_below_a_folded_heading_is_not_shown() -> None:
    moved = of(UKRT, *story_of(UKRT, "closed"), group="EUROPE")
    browser, _ = turned(four(), four(UKRT=moved), BoardQuery(), ["EUROPE"])
    assert "row-UKRT" not in order(browser)
    assert "<b>1</b>/2 closed" in dict(browser.lines)["group-EUROPE"]


def test_a_row_that_moves_out_of_a_folded_heading_appears() -> None:
    moved = of(UKRT, *story_of(UKRT, "closed"), group="EUROPE")
    browser, _ = turned(four(), four(UKRT=moved), BoardQuery(), ["UK"])
    assert order(browser)[:3] == ["group-EUROPE", "row-NLDT", "row-UKRT"]


def test_a_row_below_another_heading_is_told_so_wherever_it_stood() -> None:
    """The heading could move above the row as well, but a folded heading must take its row away."""
    before = [*alike("NLDT", "UKHC", "UKRT"), of(IEOP, *story_of(IEOP, "open"))]
    after = [*alike("NLDT", "UKHC", "UKRT"), of(IEOP, *story_of(IEOP, "closed"), group="UK")]
    browser, _ = turned(before, after, BoardQuery(), ["UK"])
    assert order(browser) == ["group-EUROPE", "row-NLDT", "group-UK"]


def test_a_heading_moves_behind_a_folded_one() -> None:
    """The line before it is folded away: its heading stands for it."""
    europe = [of(NLDT, *story_of(NLDT, "closed")), of(IEOP, *story_of(IEOP, "closed"))]
    before = [*europe, of(UKHC, *story_of(UKHC, "open"))]
    after = [*europe, of(UKHC, *story_of(UKHC, "closed"))]
    browser, event = turned(before, after, BoardQuery(), ["EUROPE"])
    assert order(browser) == ["group-EUROPE", "group-UK", "row-UKHC"]
    assert "what:group-UK after:row-IEOP|group-EUROPE" in event.data


def test_the_fewest_rows_move() -> None:
    """Two trade places: one of them moves, whatever the number of rows that stay."""
    late = of(UKHC, *story_of(UKHC, "closed late"))
    _, event = turned(four(), four(UKHC=late))
    assert event.data.count("after:") <= 1


# --- what is not told, or told shorter ------------------------------------------------------------------------------


def test_nothing_is_told_where_nothing_changed() -> None:
    first = kept(four())
    assert diff_event(seen(first), seen(kept(four(), first))) is None


def test_younger_readings_change_no_row() -> None:
    first = kept(four())
    old, new = seen(first), seen(kept([read_again(each) for each in four()], first))
    told = diff_event(old, new)
    assert told is not None
    event = Event.of(told)
    assert event.id == f"{old.version}:{old.version}"
    assert _PARTIAL.findall(event.data) == [("readings", "innerHTML", event.data.split(">", 1)[1][:-13])]
    assert event.data.count("<li ") == 1
    assert 'data-connection="1" data-read-at="2026-06-12T11:59:30Z"' in event.data


def many(number: int, name: str) -> list[Row]:
    """So many entities of one group, all in one state."""
    crowd = [replace(UKHC, code=f"E{each:03}", name=f"Entity {each:03}") for each in range(number)]
    return [of(who, *story_of(who, name), number=each + 1) for each, who in enumerate(crowd)]


@pytest.mark.parametrize(("changed", "name"), [(MAX_PUSHED_ROWS, ""), (MAX_PUSHED_ROWS + 1, "refetch")])
def test_many_changes_are_fetched_by_each_browser(changed: int, name: str) -> None:
    before = many(MAX_PUSHED_ROWS + 20, "open")
    first = kept(before)
    news = [replace(each, because=f"{each.because} again") for each in before[:changed]]
    told = diff_event(seen(first, BEHIND), seen(kept([*news, *before[changed:]], first), BEHIND))
    assert told is not None
    assert Event.of(told).name == name
    if name:
        assert (
            Event.of(told).data == "61 entities have changed: Entity 000, Entity 001, Entity 002 and others."
        )


def test_what_is_announced_after_a_fetch_is_one_line_whatever_the_names() -> None:
    before = many(MAX_PUSHED_ROWS + 1, "open")
    first = kept(before)
    news = [replace(each, name=HOSTILE, because=f"{each.because} again") for each in before]
    told = diff_event(seen(first, BEHIND), seen(kept(news, first), BEHIND))
    assert told is not None
    assert told.count(b"\n") == 3
    assert Event.of(told).name == "refetch"
    assert Event.of(told).data.startswith("61 entities have changed: ")


def test_a_new_owner_and_country_can_be_chosen_at_once() -> None:
    """What the form offers comes with the message that brings the first who has it, and goes with the last."""
    before, after = four(), four(NLDT=of(replace(NLDT, owner="Zoë", country="BE"), *story_of(NLDT, "open")))
    browser, _ = turned(before, after)
    assert '<option value="Zoë">' in browser.parts["pick-owner"]
    assert '<option value="BE">' in browser.parts["pick-country"]
    browser, _ = turned(after, before)
    assert "Zoë" not in browser.parts["pick-owner"]
    assert "BE" not in browser.parts["pick-country"]


OTHER_FRAMES = {
    "another month": {"month": date(2026, 4, 1)},
    "a group of another name": {
        "groups": [replace(node, name="Kingdom, united") if node.code == "UK" else node for node in TREE]
    },
    "a group moved below another": {
        "groups": [replace(node, parent="EUROPE") if node.code == "UK" else node for node in TREE]
    },
}


@pytest.mark.parametrize("what", OTHER_FRAMES)
def test_other_headings_are_fetched(what: str) -> None:
    first = kept(four())
    after = kept(four(), first, **OTHER_FRAMES[what])  # type: ignore[arg-type]
    told = diff_event(seen(first), seen(after))
    assert told is not None
    assert Event.of(told).name == "refetch"
    assert Event.of(told).data == ("The board shows April 2026 now." if what == "another month" else "")


def tracked(known: Row) -> Row:
    return replace(known, track_record=(Level.CLOSED_ON_TIME,) * 12)


FRAMES_OF_ROWS = {
    "the last row goes": (four(), []),
    "the first row comes": ([], four()),
    "a first row below another heading": (four(USRT=None), four()),
    "the last row below a heading": (four(), four(USRT=None)),
    "another rule for a deadline": (four(), four(NLDT=of(NLDT, *story_of(NLDT, "open"), deadline=None))),
    "the first months before": (four(), four(NLDT=tracked(of(NLDT, *story_of(NLDT, "open"))))),
    "no more months before": (four(NLDT=tracked(of(NLDT, *story_of(NLDT, "open")))), four()),
    "another alert line": (four(), four(NLDT=of(NLDT, *story_of(NLDT, "open"), alert_after_days=9))),
}


@pytest.mark.parametrize("what", FRAMES_OF_ROWS)
def test_what_is_in_no_part_is_fetched(what: str) -> None:
    before, after = FRAMES_OF_ROWS[what]
    first = kept(before)
    told = diff_event(seen(first), seen(kept(after, first)))
    assert told is not None
    assert Event.of(told).name == "refetch"


# --- words ----------------------------------------------------------------------------------------------------------

HOSTILE = '</hx-partial></title><img src=x onerror="alert(1)">&amp;\'\r\ndata: x\u2028id: 7\n\nevent: refetch'


def test_a_hostile_name_stays_a_name() -> None:
    evil = replace(NLDT, name=HOSTILE, owner=HOSTILE)
    late, later = story_of(NLDT, "open"), story_of(NLDT, "held")
    browser, event = turned(four(NLDT=of(evil, *late)), four(NLDT=of(evil, *later)))
    assert "<img" not in event.data
    assert event.data.count("</hx-partial>") == event.data.count("<hx-partial ")
    assert "&lt;img" in browser.announced
    assert "&lt;img" in browser.parts["verdict"]
    assert "onerror=&quot;" in dict(browser.lines)["row-NLDT"]


def test_a_hostile_heading_stays_a_name() -> None:
    evil, held = replace(NLDT, owner=HOSTILE), replace(USRT, owner=HOSTILE)
    before = four(NLDT=of(evil, *story_of(NLDT, "open")), USRT=of(held, *story_of(USRT, "open")))
    after = four(NLDT=of(evil, *story_of(NLDT, "held")), USRT=of(held, *story_of(USRT, "closed")))
    _, event = turned(before, after, BoardQuery(by="owner"))
    assert "<img" not in event.data


@pytest.mark.parametrize("number", range(6))
def test_the_announcement_names_at_most_three(number: int) -> None:
    told = announcement(many(number, "open"), WORKED_EXAMPLE_AT)
    named = [f"Entity {each:03}" for each in range(6) if f"Entity {each:03}" in told]
    assert len(named) == min(number, 3)
    assert told.startswith(f"{number} entities have changed: ") is (number > 3)
    assert bool(told) is bool(number)


def test_the_announcement_confirms_nothing_that_is_not() -> None:
    stale = of(NLDT, *story_of(NLDT, "closed"), minutes=40)
    assert not stale.fresh
    assert announcement([stale], WORKED_EXAMPLE_AT).endswith(", not read lately.")


def test_a_beat_names_the_version_and_the_time() -> None:
    told = Event.of(heartbeat("abc", "2026-06-12T12:00:00Z", retry=1500))
    assert (told.name, told.id) == ("beat", "")
    assert told.data == '{"version": "abc", "now": "2026-06-12T12:00:00Z"}'
