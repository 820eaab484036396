"""The menu of saved views on each screen."""

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
    """One saved view as it is listed; `words` says what it asks for, `screen` is the screen's label."""

    id: int
    name: str
    screen: str
    url: str
    words: str
    start: bool
    here: bool = False


@dataclass(frozen=True, slots=True)
class Menu:
    """What the views menu of a screen shows: the person's views, and how to save the one they look at.

    `here` is the name of the view they look at, if it has one. `month` and `moment` are what the question pins, in
    words; a saved view drops both unless they are ticked.
    """

    screen: str
    url: str
    here: str
    lines: Sequence[SavedViewLine]
    month: str
    moment: str
    longest_name: int = MAX_VIEW_NAME_LENGTH


def views_menu(asked: BoardRequest, screen: str, own: Pairs = ()) -> dict[str, object]:
    """The variables `views` and `here_query` of the template `_saved_views_menu.html` on a screen, in one query.

    `own` are the screen's own parameters beside the question, as `own_parameters` knows them.
    """
    question, zone, views = asked.query, asked.reader.zone, views_of(asked.person)
    asking_so = [
        view_querystring(question.replace(month=month, at=at), own)
        for month in (question.month, None)
        for at in (question.at, None)
    ]
    here = next(
        (view for query in asking_so for view in views if (view.screen, view.query) == (screen, query)), None
    )
    menu = Menu(
        screen=screen,
        url=build_url(reverse(SCREENS[screen][1]), question, own),
        here=here.name if here else "",
        lines=[view_line(view, zone, here=view is here) for view in views],
        month=month_and_year(question.month) if question.month else "",
        moment=_moment(question.at, zone) if question.at else "",
    )
    return {"views": menu, "here_query": view_querystring(question, own)}


def views_of(person: Person) -> list[SavedView]:
    views = SavedView.objects.filter(person=person, deleted_at=None)
    return [view for view in views.order_by(Lower("name"), F("pk")) if view.screen in SCREENS]


def view_query(query: str, zone: ZoneInfo) -> BoardQuery:
    """The question of a query string, the last of repeated parameters, as for an address; raises InvalidQuery."""
    try:
        told = {name: values[-1] for name, values in parse_qs(query, max_num_fields=100).items()}
    except ValueError:
        raise InvalidQuery("This view asks for more than can be understood.") from None
    return parse_query(told, zone)


def own_parameters(screen: str, query: str) -> Pairs:
    """The parameters of a query string that only this screen has, without defaults; raises InvalidQuery."""
    if screen == "alerts":
        return NoticeFilter.of(QueryDict(query), BoardQuery()).pairs()
    if screen != "matrix":
        return []
    months = MatrixWindow.of(QueryDict(query)).months
    return [("months", str(months))] if months != MatrixWindow().months else []


def view_querystring(question: BoardQuery, own: Pairs) -> str:
    return urlencode([*question.pairs(), *own])


def view_url(view: SavedView, zone: ZoneInfo) -> str:
    path = reverse(SCREENS[view.screen][1])
    return build_url(path, view_query(view.query, zone), own_parameters(view.screen, view.query))


def view_line(view: SavedView, zone: ZoneInfo, *, here: bool = False) -> SavedViewLine:
    label, name = SCREENS[view.screen]
    try:
        words, url = (
            describe_view(view_query(view.query, zone), own_parameters(view.screen, view.query), zone),
            view_url(view, zone),
        )
    except InvalidQuery as why:
        words, url = str(why), reverse(name)
    return SavedViewLine(view.pk, view.name, label, url, words, view.is_start, here)


def describe_view(question: BoardQuery, own: Pairs, zone: ZoneInfo) -> str:
    """What a view asks for: "Show: Late · Country: NL · by ERP · April 2026"; "everything" when for nothing."""
    parts = [
        *describe_filters(question, ()),
        f"by {_lower(GROUPINGS[question.by])}" if question.by != "group" else "",
        f"in the order of {_lower(ORDERS[question.sort])}" if question.sort != "behind" else "",
        month_and_year(question.month) if question.month else "",
        f"as of {_moment(question.at, zone)}" if question.at else "",
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
