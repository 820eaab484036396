"""Builds the menu of saved views on each screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo

from django.db.models import F
from django.db.models.functions import Lower
from django.http import QueryDict
from django.urls import reverse

from board.web.board_query import GROUPINGS, ORDERS, BoardQuery, InvalidQuery, parse_query
from board.web.board_request import BoardRequest
from board.web.controls import Pairs, build_url
from board.web.labels import short_day
from board.web.layout import SCREENS
from board.web.params import MatrixWindow, NoticeFilter
from board.web.query_phrasing import describe_filters
from closing.calendar.date_phrases import month_and_year
from entities.models import Person, SavedView
from entities.view_store import MAX_VIEW_NAME_LENGTH


@dataclass(frozen=True, slots=True)
class SavedViewLine:
    """One saved view in a list; `words` describes its query, `screen` is the screen's label."""

    id: int
    name: str
    screen: str
    url: str
    words: str
    start: bool
    here: bool = False


@dataclass(frozen=True, slots=True)
class Menu:
    """The values of the views menu of a screen: the person's views, and the form to save the current one.

    `here` is the name of the current view, if it is saved. `month` and `moment` are those that the query fixes, as
    texts; a saved view drops both unless they are ticked.
    """

    screen: str
    url: str
    here: str
    lines: Sequence[SavedViewLine]
    month: str
    moment: str
    longest_name: int = MAX_VIEW_NAME_LENGTH


def views_menu(board_request: BoardRequest, screen: str, own: Pairs = ()) -> dict[str, object]:
    """The variables `views` and `here_query` of the menu, in one SQL query; `own` as from `own_parameters`."""
    query, zone, views = board_request.query, board_request.reader.zone, views_of(board_request.person)
    querystrings = [
        view_querystring(query.replace(month=month, at=at), own)
        for month in (query.month, None)
        for at in (query.at, None)
    ]
    here = next(
        (view for text in querystrings for view in views if (view.screen, view.query) == (screen, text)), None
    )
    menu = Menu(
        screen=screen,
        url=build_url(reverse(SCREENS[screen][1]), query, own),
        here=here.name if here else "",
        lines=[view_line(view, zone, here=view is here) for view in views],
        month=month_and_year(query.month) if query.month else "",
        moment=_moment(query.at, zone) if query.at else "",
    )
    return {"views": menu, "here_query": view_querystring(query, own)}


def views_of(person: Person) -> list[SavedView]:
    views = SavedView.objects.filter(person=person, deleted_at=None)
    return [view for view in views.order_by(Lower("name"), F("pk")) if view.screen in SCREENS]


def view_query(querystring: str, zone: ZoneInfo) -> BoardQuery:
    """The query of a query string, with the last of repeated parameters, as for a URL; raises InvalidQuery."""
    try:
        params = {name: values[-1] for name, values in parse_qs(querystring, max_num_fields=100).items()}
    except ValueError:
        raise InvalidQuery("This view asks for more than can be understood.") from None
    return parse_query(params, zone)


def own_parameters(screen: str, querystring: str) -> Pairs:
    """The parameters of a query string that only this screen has, without defaults; raises InvalidQuery."""
    if screen == "alerts":
        return NoticeFilter.of(QueryDict(querystring), BoardQuery()).pairs()
    if screen != "matrix":
        return []
    months = MatrixWindow.of(QueryDict(querystring)).months
    return [("months", str(months))] if months != MatrixWindow().months else []


def view_querystring(query: BoardQuery, own: Pairs) -> str:
    return urlencode([*query.pairs(), *own])


def view_url(view: SavedView, zone: ZoneInfo) -> str:
    path = reverse(SCREENS[view.screen][1])
    return build_url(path, view_query(view.query, zone), own_parameters(view.screen, view.query))


def view_line(view: SavedView, zone: ZoneInfo, *, here: bool = False) -> SavedViewLine:
    label, name = SCREENS[view.screen]
    try:
        query, own = view_query(view.query, zone), own_parameters(view.screen, view.query)
        description, url = describe_view(query, own, zone), build_url(reverse(name), query, own)
    except InvalidQuery as error:
        description, url = str(error), reverse(name)
    return SavedViewLine(view.pk, view.name, label, url, description, view.is_start, here)


def describe_view(query: BoardQuery, own: Pairs, zone: ZoneInfo) -> str:
    """Describes a view: "Show: Late · Country: NL · by ERP · April 2026"; "everything" without parameters."""
    parts = [
        *describe_filters(query, ()),
        f"by {_lower(GROUPINGS[query.by])}" if query.by != "group" else "",
        f"in the order of {_lower(ORDERS[query.sort])}" if query.sort != "behind" else "",
        month_and_year(query.month) if query.month else "",
        f"as of {_moment(query.at, zone)}" if query.at else "",
        *(f"{value} months" if name == "months" else f"{name}: {value}" for name, value in own),
    ]
    return " · ".join(part for part in parts if part) or "everything"


def _lower(label: str) -> str:
    return label if label.isupper() else label.lower()


def _moment(at: date | datetime, zone: ZoneInfo) -> str:
    """ "Tue 9 Jun 2026" for the end of a day, "Tue 9 Jun 2026, 14:30" for an instant, in the reader's zone."""
    if not isinstance(at, datetime):
        return f"{short_day(at)} {at.year}"
    local = at.astimezone(zone)
    return f"{short_day(local.date())} {local.year}, {local:%H:%M}"
