"""What a reader can turn on the board: month, moment, filters, grouping, order; each is a link or a form field."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from urllib.parse import urlencode

from board.web import labels
from board.web.board_query import GROUPINGS, ORDERS, BoardQuery
from board.web.readers import Reader
from closing.calendar.days import ONE_DAY
from closing.judging.standing import Level
from closing.judging.states import PeriodState
from closing.scoreboard.board import Scoreboard

Pairs = Sequence[tuple[str, str]]
BOARD_PATH = "/"
LIVE_PATH = "/live/"
_LEVELS = {
    Level.ALERTING: "Alerting",
    Level.LATE: "Late, on watch",
    Level.DUE_TODAY: "Due today",
    Level.NOT_DUE: "Not due",
    Level.CLOSED_ON_TIME: "Closed on time",
    Level.CLOSED_LATE: "Closed late",
    Level.CLOSED_DATE_UNKNOWN: "Closed, date unknown",
    Level.NO_DEADLINE: "No deadline",
    Level.UNKNOWN: "Not known",
}


@dataclass(frozen=True, slots=True)
class Moments:
    """The menu of moments (_moment.html): ends of days, and a form for any other, with what it carries along."""

    path: str
    now: str
    days: Sequence[tuple[str, str]]
    hidden_fields: Sequence[tuple[str, str]]
    at: str
    newest: str


@dataclass(frozen=True, slots=True)
class SelectField:
    """One choice from a list: (value, label, chosen)."""

    name: str
    label: str
    options: Sequence[tuple[str, str, bool]]


@dataclass(frozen=True, slots=True)
class FilterForm:
    """The form above the rows."""

    hidden: Sequence[tuple[str, str]]
    first: Sequence[SelectField]
    more: Sequence[SelectField]
    used: int  # of `more`
    clear: str


def moments(path: str, question: BoardQuery, reader: Reader, now: datetime, own: Pairs = ()) -> Moments:
    """The moments that a screen at an address may be shown as of; `own` are its own parameters, kept by each link.

    `now` is the moment of asking, whatever moment is shown; a day that was asked for stands for its last minute.
    """
    there = now.astimezone(reader.zone)
    yesterday = there.date() - ONE_DAY
    days = [yesterday - timedelta(days=back) for back in range(7)]
    at = question.at
    if at is not None:
        at = at.astimezone(reader.zone) if isinstance(at, datetime) else datetime.combine(at, time(23, 59))
    return Moments(
        path=path,
        now=build_url(path, question.replace(at=None), own),
        days=[
            (
                ("yesterday, " if day == yesterday else "") + labels.short_day(day),
                build_url(path, question.replace(at=day), own),
            )
            for day in days
        ],
        hidden_fields=[*_fields(question.replace(at=None)), *own],
        at=f"{at:%Y-%m-%dT%H:%M}" if at is not None else "",
        newest=f"{there:%Y-%m-%dT%H:%M}",
    )


def build_url(path: str, question: BoardQuery, own: Pairs = ()) -> str:
    """A path with a question and a screen's own parameters behind it."""
    query = urlencode([*question.pairs(), *own])
    return f"{path}?{query}" if query else path


def page_number(text: str, pages: int) -> int:
    """The page of a list that is asked for; the first where that is no number, the last where it is too high."""
    return min(max(int(text), 1), pages) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def pagination(url: str, number: int, pages: int) -> dict[str, object] | None:
    """The way to the pages before and after; None where there is only one."""
    if pages == 1:
        return None
    joint = "&" if "?" in url else "?"
    return {
        "number": number,
        "pages": pages,
        "previous": f"{url}{joint}page={number - 1}" if number > 1 else "",
        "next": f"{url}{joint}page={number + 1}" if number < pages else "",
    }


def filter_form(board: Scoreboard, question: BoardQuery) -> FilterForm:
    """The filters that make sense for these rows: nothing is offered that nobody has."""
    rows = board.rows
    first = [
        _pick("by", "Group by", GROUPINGS.items(), question.by),
        _pick("erp", "ERP", _named("All", (row.connection for row in rows)), question.erp),
    ]
    states = {row.state for row in rows}
    levels = {row.standing.level for row in rows}
    groups = [("", "All"), *((node.code, node.name) for node in board.groups)]
    more = [
        _pick("sort", "Order", ORDERS.items(), question.sort),
        _pick(
            "state",
            "State",
            [
                ("", "All"),
                *((state.value, labels.STATE_LABELS[state]) for state in PeriodState if state in states),
            ],
            question.state,
        ),
        _pick(
            "level",
            "Against deadline",
            [("", "All"), *((level.value, label) for level, label in _LEVELS.items() if level in levels)],
            question.level,
        ),
        _pick("group", "Group", groups, question.group),
        _pick("country", "Country", _named("All", (row.country for row in rows)), question.country),
        _pick("owner", "Owner", _named("All", (row.owner for row in rows)), question.owner),
    ]
    used = [question.state, question.level, question.group, question.country, question.owner]
    return FilterForm(
        hidden=_fields(BoardQuery(month=question.month, at=question.at, show=question.show)),
        first=first,
        more=more,
        used=sum(map(bool, used)) + (question.sort != "behind"),
        clear=BoardQuery(month=question.month, at=question.at, by=question.by).url(BOARD_PATH),
    )


def no_match_message(board: Scoreboard, question: BoardQuery) -> tuple[str, str]:
    """What to say when the filters leave no row, and what the way on is called."""
    count = len(board.rows)
    every = "the one entity" if count == 1 else f"all {count} entities"
    if question.q:
        return f"Nobody here is called “{question.q[:40]}”.", f"Show {every}"
    if question.filters == BoardQuery(show=question.show):
        told = {
            "outstanding": "Nothing is outstanding.",
            "late": "Nobody is late.",
            "alerting": "Nobody is over the alert line.",
            "stale": "Every reading is fresh.",
        }
        return told.get(question.show, "There is nothing to show."), f"Show {every}"
    return "No entity passes these filters.", f"Show {every}"


def _fields(question: BoardQuery) -> list[tuple[str, str]]:
    return [pair for pair in question.pairs() if pair[1]]


def _named(every: str, names: Iterable[str]) -> list[tuple[str, str]]:
    return [("", every), *((name, name) for name in sorted({name for name in names if name}))]


def _pick(name: str, label: str, options: Iterable[tuple[str, str]], chosen: str) -> SelectField:
    found = list(options)
    if chosen not in {value for value, _ in found}:
        found.append((chosen, chosen))  # what was asked for stays readable, also when nobody has it
    return SelectField(name, label, [(value, words_, value == chosen) for value, words_ in found])
