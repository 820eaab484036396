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

from board.web.board_query import GROUPINGS, ORDERS, BadQuestion, Question, parse_question
from board.web.board_request import Asked
from board.web.controls import Pairs, address
from board.web.labels import short_day
from board.web.layout import SCREENS
from board.web.params import Sought, Window
from board.web.query_phrasing import filters_in_words
from closing.calendar.days import month_and_year
from entities.models import Person, SavedView
from entities.services import MAX_VIEW_NAME_LENGTH


@dataclass(frozen=True, slots=True)
class Line:
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
    lines: Sequence[Line]
    month: str
    moment: str
    longest_name: int = MAX_VIEW_NAME_LENGTH


def views_menu(asked: Asked, screen: str, own: Pairs = ()) -> dict[str, object]:
    """The template variables `views` and `here_query` of `board/_views_menu.html` on a screen, in one query.

    `own` are the screen's own parameters beside the question, as `_own` knows them.
    """
    question, zone, views = asked.question, asked.reader.zone, _views_of(asked.person)
    asking_so = [
        _query(question.but(month=month, at=at), own)
        for month in (question.month, None)
        for at in (question.at, None)
    ]
    here = next(
        (view for query in asking_so for view in views if (view.screen, view.query) == (screen, query)), None
    )
    menu = Menu(
        screen=screen,
        url=address(reverse(SCREENS[screen][1]), question, own),
        here=here.name if here else "",
        lines=[_line(view, zone, here=view is here) for view in views],
        month=month_and_year(question.month) if question.month else "",
        moment=_moment(question.at, zone) if question.at else "",
    )
    return {"views": menu, "here_query": _query(question, own)}


def _views_of(person: Person) -> list[SavedView]:
    views = SavedView.objects.filter(person=person, deleted_at=None)
    return [view for view in views.order_by(Lower("name"), F("pk")) if view.screen in SCREENS]


def _question(query: str, zone: ZoneInfo) -> Question:
    """The question of a query string, the last of repeated parameters, as for an address; raises BadQuestion."""
    try:
        told = {name: values[-1] for name, values in parse_qs(query, max_num_fields=100).items()}
    except ValueError:
        raise BadQuestion("This view asks for more than can be understood.") from None
    return parse_question(told, zone)


def _own(screen: str, query: str) -> Pairs:
    """The parameters of a query string that only this screen has, without defaults; raises BadQuestion."""
    if screen == "alerts":
        return Sought.of(QueryDict(query), Question()).pairs()
    if screen != "matrix":
        return []
    months = Window.of(QueryDict(query)).months
    return [("months", str(months))] if months != Window().months else []


def _query(question: Question, own: Pairs) -> str:
    return urlencode([*question.pairs(), *own])


def _url(view: SavedView, zone: ZoneInfo) -> str:
    path = reverse(SCREENS[view.screen][1])
    return address(path, _question(view.query, zone), _own(view.screen, view.query))


def _line(view: SavedView, zone: ZoneInfo, *, here: bool = False) -> Line:
    label, name = SCREENS[view.screen]
    try:
        words, url = (
            in_words(_question(view.query, zone), _own(view.screen, view.query), zone),
            _url(view, zone),
        )
    except BadQuestion as why:
        words, url = str(why), reverse(name)
    return Line(view.pk, view.name, label, url, words, view.is_start, here)


def in_words(question: Question, own: Pairs, zone: ZoneInfo) -> str:
    """What a view asks for: "Show: Late · Country: NL · by ERP · April 2026"; "everything" when for nothing."""
    parts = [
        *filters_in_words(question, ()),
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
