"""The door of every screen: who asks, what, for which month and moment. The clock is read here, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, wraps
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import now as now

from board.door import scope_of
from board.web.board_query import BadQuestion, Question, moment_of, parse_question
from board.web.layout import shell
from board.web.readers import Reader, signed_in
from closing.calendar.days import month_and_year
from closing.calendar.months import active_month
from closing.scoreboard.board import Scoreboard, with_as_of
from entities.models import LegalEntity, LegalEntityQuerySet, Person
from periods.board_cache.cached_board import VisibleBoard, track_record_length
from periods.snapshot.take import take_snapshot


@dataclass(frozen=True)
class Asked:
    """A question of a person with everything that is derived at the door.

    `as_of` is the moment the board is wanted for: `now`, or an earlier one (then `past`). `latest` is the reporting
    month that a reader sees without asking for one: the latest that had ended at that moment, where they are.
    """

    person: Person
    reader: Reader
    question: Question
    now: datetime
    as_of: datetime
    month: date
    latest: date

    @property
    def past(self) -> bool:
        return self.question.at is not None

    def entities(self) -> LegalEntityQuerySet:
        """Every entity that the person may see."""
        return LegalEntity.objects.visible_to(self.person)

    @cached_property
    def scope(self) -> VisibleBoard:
        """The kept board of now, as the person sees it; for a past moment this is what it has become."""
        return scope_of(self.person, self.month, self.now)

    def board(self) -> Scoreboard:
        """The scoreboard of all that the person may see, before any filter."""
        if self.past:
            entities = self.entities()
            return take_snapshot(
                entities, self.month, self.as_of, track=track_record_length(entities.count())
            )
        return with_as_of(self.scope.board, self.as_of)


AskedView = Callable[..., HttpResponse]


def asking(view: AskedView) -> Callable[..., HttpResponse]:
    """Calls `view(request, asked, ...)` for signed-in people; a bad question gets a page that says what is wrong.

    A view may raise BadQuestion for parameters of its own.
    """

    @signed_in
    @wraps(view)
    def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        person = cast("Person", request.user)
        try:
            return view(request, ask(person, request.GET.dict(), now()), *args, **kwargs)
        except BadQuestion as bad:
            latest = active_month(now().astimezone(Reader.in_zone(person.zone).zone).date())
            told = {**shell(person, ""), "problem": str(bad), "latest": month_and_year(latest)}
            return render(request, "board/bad_question.html", told, status=400)

    return door


def ask(person: Person, told: dict[str, str], as_of: datetime) -> Asked:
    """What an address asks, at a moment; raises BadQuestion."""
    reader = Reader.in_zone(person.zone)
    question = parse_question(told, reader.zone)
    moment = as_of
    if question.at is not None:
        moment = moment_of(question.at, reader.zone)
        if moment > as_of:
            if question.at != as_of.astimezone(reader.zone).date():
                raise BadQuestion(
                    "That moment has not come yet. The board can be asked for now and for the past."
                )
            question, moment = question.but(at=None), as_of  # today has not ended: now is all there is of it
    latest = active_month(moment.astimezone(reader.zone).date())
    return Asked(person, reader, question, as_of, moment, question.month or latest, latest)
