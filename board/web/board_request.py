"""The request of every screen: person, query, month and moment. The clock is read here, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, wraps
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import now as now

from board.door import visible_board_of, visible_ids
from board.web import labels
from board.web.board_query import BoardQuery, InvalidQuery, moment_of, parse_query
from board.web.layout import layout_context
from board.web.readers import Reader, View, signed_in
from closing.calendar.date_phrases import month_and_year
from closing.calendar.months import active_month
from closing.scoreboard.board import Scoreboard, with_as_of
from entities.models import LegalEntity, LegalEntityQuerySet, Person
from periods.board_cache.cached_board import VisibleBoard, track_record_length
from periods.snapshot.builder import take_snapshot


@dataclass(frozen=True)
class BoardRequest:
    """A person's request for a view, with the values derived from it.

    `as_of` is the moment of the board: `now`, or an earlier one (then `past`). `latest_month` is the reporting
    month shown by default: the latest that had ended at that moment in the reader's zone.
    """

    person: Person
    reader: Reader
    query: BoardQuery
    now: datetime
    as_of: datetime
    month: date
    latest_month: date

    @property
    def past(self) -> bool:
        return self.query.at is not None

    def clock(self, moment: datetime) -> str:
        """A moment in the reader's zone: "09:12" on the day of `as_of`, "Tue 9 Jun 09:12" on another."""
        return labels.clock(moment, self.reader.zone, self.as_of)

    def layout(self, here: str) -> dict[str, object]:
        """The template variables of the layout of a screen, with the counts of the person's board."""
        return layout_context(self.person, here, self.board())

    def entities(self) -> LegalEntityQuerySet:
        """Every entity that the person may see."""
        return LegalEntity.objects.visible_to(self.person)

    def visible_ids(self) -> frozenset[int] | None:
        """Ids of the entities that the person may see, None for all."""
        return visible_ids(self.person)

    @cached_property
    def visible_board(self) -> VisibleBoard:
        """The cached board of now, as the person may see it, whatever moment the request is for."""
        return visible_board_of(self.person, self.month, self.now)

    def board(self) -> Scoreboard:
        """The scoreboard of every entity that the person may see, before any filter."""
        if self.past:
            entities = self.entities()
            return take_snapshot(
                entities, self.month, self.as_of, track=track_record_length(entities.count())
            )
        return with_as_of(self.visible_board.board, self.as_of)


def board_view(view: View) -> View:
    """Calls `view(request, board_request, ...)` for signed-in people; InvalidQuery gives an error page (400)."""

    @signed_in
    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        person = cast("Person", request.user)
        try:
            return view(request, resolve_request(person, request.GET.dict(), now()), *args, **kwargs)
        except InvalidQuery as error:
            latest = active_month(now().astimezone(Reader.in_zone(person.zone).zone).date())
            context = {**layout_context(person, ""), "problem": str(error), "latest": month_and_year(latest)}
            return render(request, "board/web/invalid_query.html", context, status=400)

    return wrapper


def resolve_request(person: Person, params: dict[str, str], as_of: datetime) -> BoardRequest:
    """The board request of a URL's parameters at a moment; raises InvalidQuery."""
    reader = Reader.in_zone(person.zone)
    query = parse_query(params, reader.zone)
    moment = as_of if query.at is None else moment_of(query.at, reader.zone)
    if moment > as_of:
        if query.at != as_of.astimezone(reader.zone).date():
            raise InvalidQuery(
                "That moment has not come yet. The board can be asked for now and for the past."
            )
        query, moment = query.replace(at=None), as_of  # today has not ended, so its board is the board of now
    latest = active_month(moment.astimezone(reader.zone).date())
    return BoardRequest(person, reader, query, as_of, moment, query.month or latest, latest)
