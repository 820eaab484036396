"""Controls of the board: month, moment, filters, grouping, order; each is a link or a form field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from board.web import labels
from board.web.board_query import BLOCKED_FILTERS, FIRST_MONTH, GROUPINGS, ORDERS, BoardQuery
from board.web.board_request import BoardRequest
from board.web.filters import blocked_counts
from board.web.readers import Reader
from closing.blockers.row_blockers import ANYTHING, NOT_READABLE
from closing.calendar.date_phrases import month_and_year
from closing.calendar.days import ONE_DAY
from closing.calendar.instants import local_date
from closing.calendar.months import month_of, next_month, previous_month
from closing.scoreboard.board import Scoreboard

Pairs = Sequence[tuple[str, str]]
BOARD_PATH = "/"
LIVE_PATH = "/live/"
WALL_PATH = "/wall/"
ALL = ("", "All")  # the option that filters nothing


@dataclass(frozen=True, slots=True)
class Moments:
    """The menu of moments (_moment.html): the ends of recent days, and a form for any other moment."""

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


def moments(path: str, query: BoardQuery, reader: Reader, now: datetime, own: Pairs = ()) -> Moments:
    """The moments that the screen at `path` can be shown as of; `own` are its own parameters, kept by each link.

    `now` is the moment of the request, whatever moment is shown; a requested day stands for its last minute.
    """
    local_now = now.astimezone(reader.zone)
    yesterday = local_now.date() - ONE_DAY
    days = [yesterday - timedelta(days=back) for back in range(7)]
    at = query.at
    if at is not None:
        at = at.astimezone(reader.zone) if isinstance(at, datetime) else datetime.combine(at, time(23, 59))
    return Moments(
        path=path,
        now=build_url(path, query.replace(at=None), own),
        days=[
            (
                ("yesterday, " if day == yesterday else "") + labels.short_day(day),
                build_url(path, query.replace(at=day), own),
            )
            for day in days
        ],
        hidden_fields=[*query.replace(at=None).pairs(), *own],
        at=f"{at:%Y-%m-%dT%H:%M}" if at is not None else "",
        newest=f"{local_now:%Y-%m-%dT%H:%M}",
    )


def build_url(path: str, query: BoardQuery, own: Pairs = ()) -> str:
    """A path with a query and a screen's own parameters appended."""
    querystring = urlencode([*query.pairs(), *own])
    return f"{path}?{querystring}" if querystring else path


def month_links(
    board_request: BoardRequest, url_of: Callable[[date | None], str]
) -> dict[str, tuple[str, str] | None]:
    """The links to the month before, the month after and the latest one, each as (URL, name) or None.

    `url_of` gives the URL of a month, and of the latest one for None.
    """
    month, latest = board_request.month, board_request.latest_month
    before, after = previous_month(month), next_month(month)
    today = local_date(board_request.as_of, board_request.reader.zone)
    return {
        "previous": (url_of(before), month_and_year(before)) if month > FIRST_MONTH else None,
        "next": (url_of(after), month_and_year(after)) if month < month_of(today) else None,
        "latest": (url_of(None), month_and_year(latest)) if month != latest else None,
    }


def page_number(text: str, pages: int) -> int:
    """The requested page of a list; the first if the text is no number, the last if the number is too high."""
    return min(max(int(text), 1), pages) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def pagination(url: str, number: int, pages: int) -> dict[str, object] | None:
    """Links to the previous and the next page; None if there is only one page."""
    if pages == 1:
        return None
    joint = "&" if "?" in url else "?"
    return {
        "number": number,
        "pages": pages,
        "previous": f"{url}{joint}page={number - 1}" if number > 1 else "",
        "next": f"{url}{joint}page={number + 1}" if number < pages else "",
    }


def filter_form(board: Scoreboard, query: BoardQuery, path: str = BOARD_PATH, own: Pairs = ()) -> FilterForm:
    """The filters of the screen at `path` for these rows, offering only values that some row has."""
    rows = board.rows
    first = [
        select_field("by", "Group by", GROUPINGS.items(), query.by),
        select_field("erp", "ERP", _names(row.connection for row in rows), query.erp),
        *blocked_field(blocked_counts(board, query), query.blocked),
    ]
    states = {row.state_key for row in rows}
    levels = {row.standing.level for row in rows}
    state_options = [(key, label) for key, label in labels.STATE_KEY_LABELS.items() if key in states]
    level_options = [(level.value, label) for level, label in labels.LEVEL_LABELS.items() if level in levels]
    group_options = [(node.code, node.name) for node in board.groups]
    more = [
        select_field("sort", "Order", ORDERS.items(), query.sort),
        select_field("state", "State", [ALL, *state_options], query.state),
        select_field("level", "Against deadline", [ALL, *level_options], query.level),
        select_field("group", "Group", [ALL, *group_options], query.group),
        select_field("country", "Country", _names(row.country for row in rows), query.country),
        select_field("owner", "Owner", _names(row.owner for row in rows), query.owner),
    ]
    used = [query.state, query.level, query.group, query.country, query.owner]
    return FilterForm(
        hidden=[*BoardQuery(month=query.month, at=query.at, show=query.show).pairs(), *own],
        first=first,
        more=more,
        used=sum(map(bool, used)) + (query.sort != "behind"),
        clear=build_url(path, BoardQuery(month=query.month, at=query.at, by=query.by), own),
    )


def blocked_field(counts: Mapping[str, int], chosen: str) -> list[SelectField]:
    """The choice "Blocked by", as a list: none where nothing is in the way of any entity."""
    if not counts and not chosen:
        return []
    options = [
        (value, f"{label} ({counts.get(value, 0):,})")
        for value, label in BLOCKED_FILTERS.items()
        if value in counts or value == chosen
    ]
    return [select_field("blocked", "Blocked by", [ALL, *options], chosen)]


def no_match_message(board: Scoreboard, query: BoardQuery) -> tuple[str, str]:
    """The message when no row passes the filters, and the label of the link to all rows."""
    count = len(board.rows)
    every = "the one entity" if count == 1 else f"all {count} entities"
    if query.q:
        return f"No entity or owner matches “{query.q[:40]}”.", f"Show {every}"
    if query.filters == BoardQuery(show=query.show):
        messages = {
            "outstanding": "Nothing is outstanding.",
            "late": "No entity is overdue.",
            "alerting": "No entity is alerting.",
            "stale": "Every entity has been read.",
        }
        return messages.get(query.show, "There is nothing to show."), f"Show {every}"
    if query.filters == BoardQuery(blocked=query.blocked):
        return _NOT_BLOCKED.get(query.blocked, "This is in the way of no entity."), f"Show {every}"
    return "No entity passes these filters.", f"Show {every}"


_NOT_BLOCKED = {
    ANYTHING: "Nothing is in the way of any entity.",
    NOT_READABLE: "Everything could be read in full.",
}


def _names(names: Iterable[str]) -> list[tuple[str, str]]:
    return [ALL, *((name, name) for name in sorted({name for name in names if name}))]


def select_field(name: str, label: str, options: Iterable[tuple[str, str]], chosen: str) -> SelectField:
    """The choice from a list, which keeps a chosen value that is not among the options."""
    choices = list(options)
    if chosen not in {value for value, _ in choices}:
        choices.append((chosen, chosen))
    return SelectField(name, label, [(value, text, value == chosen) for value, text in choices])
