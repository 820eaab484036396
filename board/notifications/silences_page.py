"""Silences: the page that lists them, and the forms that make, move and lift them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from alerts.models import Silence
from alerts.routing.silences import (
    LONGEST_REASON,
    MOST_DAYS,
    InvalidSilence,
    SilenceNotAllowed,
    SilenceTarget,
    create_silence,
    lift_silence,
    silence_target,
    silenceable_groups,
    still_in_force,
    visible_silences,
)
from board.web import labels
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.controls import page_number
from board.web.layout import layout_context
from board.web.redirects import SeeOther
from closing.calendar.date_phrases import full_date
from closing.calendar.instants import local_date
from entities.access import writable_entities
from entities.models import Group, LegalEntity

PAGE_SIZE = 50  # silences that are over, on one page


@dataclass(frozen=True, slots=True)
class SilenceLine:
    """One silence as the page lists it; `lift_url` is empty for who may not lift it, and for one that is over."""

    what: str
    about: str
    url: str
    until: str
    until_iso: str
    by: str
    reason: str
    ended: str
    lift_url: str
    again_url: str


@dataclass(frozen=True, slots=True)
class SilenceForm:
    """The form: what can be chosen, what it holds and what is wrong with it, by field."""

    groups: Sequence[tuple[str, str]]
    entities: Sequence[tuple[str, str]]
    first_day: str
    last_day: str
    values: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    longest: int = LONGEST_REASON
    most_days: int = MOST_DAYS


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def silences(request: HttpRequest, asked: BoardRequest) -> HttpResponse:
    """Those in force, those that are over, and the form that makes one."""
    asked = resolve_request(asked.person, {}, asked.now)  # a question of a board means nothing here
    if request.method != "POST":
        return _page(request, asked, {"place": request.GET.get("place", "")})
    typed = request.POST.dict()
    try:
        made = create_silence(
            asked.person,
            _place(typed.get("place", ""), asked),
            _day(typed.get("last_day", "")),
            typed.get("reason", ""),
            asked.now,
        )
    except InvalidSilence as refused:
        return _page(request, asked, typed, {refused.field: str(refused)}, status=422)
    except SilenceNotAllowed:
        problem = "You see this, and only its finance staff and administrators may silence it."
        return _page(request, asked, typed, {"place": problem}, status=403)
    said = f"{_name(silence_target(made))} is silenced until {labels.short_day(made.last_day)}."
    messages.success(request, said, extra_tags=reverse("lift_silence", args=[made.pk]))
    return _back(request)


@require_POST
@board_view
def lift(request: HttpRequest, asked: BoardRequest, pk: int) -> HttpResponse:
    """End a silence now."""
    silence = _silence(asked, pk)
    try:
        lifted = lift_silence(asked.person, silence, asked.now)
    except SilenceNotAllowed:
        return _refused(request, asked, silence)
    name = _name(silence_target(silence))
    if lifted:
        again = reverse("silence_again", args=[silence.pk])
        messages.success(request, f"The silence of {name} is lifted.", extra_tags=again)
    else:
        messages.info(request, f"The silence of {name} is over already.")
    return _back(request)


@require_POST
@board_view
def again(request: HttpRequest, asked: BoardRequest, pk: int) -> HttpResponse:
    """Silence the same again, until the same day and with the same words."""
    silence = _silence(asked, pk)
    place = silence_target(silence)
    try:
        made = create_silence(asked.person, place, silence.last_day, silence.reason, asked.now)
    except SilenceNotAllowed:
        return _refused(request, asked, silence)
    except InvalidSilence as refused:
        typed = {"place": _key(place), "last_day": str(silence.last_day), "reason": silence.reason}
        return _page(
            request,
            resolve_request(asked.person, {}, asked.now),
            typed,
            {refused.field: str(refused)},
            status=422,
        )
    said = f"{_name(place)} is silenced again until {labels.short_day(made.last_day)}."
    messages.success(request, said, extra_tags=reverse("lift_silence", args=[made.pk]))
    return _back(request)


# --- what a form says ---------------------------------------------------------------------------------------------


def _place(key: str, asked: BoardRequest) -> SilenceTarget:
    """What is meant, 404 for what the person does not see; raises InvalidSilence where nothing is chosen."""
    kind, _, code = key.partition(":")
    if not code:
        raise InvalidSilence("place", "Choose what to silence: an entity or a whole group.")
    if kind == "entity":
        entity = asked.entities().filter(code=code).first()
        if entity is not None:
            return entity
    elif kind == "group":
        group = Group.objects.filter(code=code).first()
        if group is not None and _sees(asked, group):
            return group
    raise Http404


def _sees(asked: BoardRequest, group: Group) -> bool:
    return (
        silenceable_groups(asked.person).filter(pk=group.pk).exists()
        or asked.entities().filter(group__path__startswith=group.path).exists()
    )


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidSilence("last_day", f"“{text[:20]}” is no day. Write it like 2026-06-18.") from None


def _silence(asked: BoardRequest, pk: int) -> Silence:
    found = visible_silences(asked.person).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _back(request: HttpRequest) -> HttpResponse:
    """Where the form was, if that is a page of ours."""
    for name in ("back", "next"):
        wanted = request.POST.get(name, "")
        if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
            return SeeOther(wanted)
    return SeeOther(reverse("silences"))


def _refused(request: HttpRequest, asked: BoardRequest, silence: Silence) -> HttpResponse:
    told = {
        **layout_context(asked.person, "alerts", asked.board()),
        "name": _name(silence_target(silence)),
        "back": reverse("silences"),
    }
    return render(request, "board/web/write_refused.html", told, status=403)


# --- the page -----------------------------------------------------------------------------------------------------


def _page(
    request: HttpRequest,
    asked: BoardRequest,
    typed: Mapping[str, str],
    problems: Mapping[str, str] | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    groups = list(silenceable_groups(asked.person))
    entities = list(writable_entities(asked.person).select_related("group").order_by("name"))
    places: list[SilenceTarget] = [*groups, *entities]
    may = {_key(each) for each in places}
    seen = visible_silences(asked.person)
    # Three days more than any zone needs, so that one query finds all that may still be in force.
    open_ = seen.filter(lifted_at=None, last_day__gte=asked.now.date() - timedelta(days=3))
    in_force = still_in_force(list(open_), asked.now)
    quiet = {_key(silence_target(each)) for each in in_force}
    over = seen.exclude(pk__in=[each.pk for each in in_force])
    pages = max(1, -(-over.count() // PAGE_SIZE))
    number = page_number(request.GET.get("page", ""), pages)
    path = reverse("silences")
    told = {
        **layout_context(asked.person, "alerts", asked.board()),
        "in_force": [_line(each, asked, may, over=False) for each in in_force],
        "over": [
            _line(each, asked, may - quiet, over=True)
            for each in over[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        ],
        "form": _form(groups, entities, asked, typed, problems or {}) if may or problems else None,
        "older": f"{path}?page={number + 1}" if number < pages else "",
        "newer": f"{path}?page={number - 1}" if number > 1 else "",
        "zone": asked.reader.zone_name,
    }
    return render(request, "board/notifications/silences.html", told, status=status)


def _form(
    groups: Sequence[Group],
    entities: Sequence[LegalEntity],
    asked: BoardRequest,
    typed: Mapping[str, str],
    problems: Mapping[str, str],
) -> SilenceForm:
    today = local_date(asked.now, asked.reader.zone)
    return SilenceForm(
        [(_key(each), f"{each.name} and all below it") for each in groups],
        [(_key(each), f"{each.name} ({each.code})") for each in entities],
        today.isoformat(),
        (today + timedelta(days=MOST_DAYS)).isoformat(),
        typed,
        problems,
    )


def _line(silence: Silence, asked: BoardRequest, may: set[str], *, over: bool) -> SilenceLine:
    place, now = silence_target(silence), asked.now
    key = _key(place)
    own = isinstance(place, LegalEntity)
    may_again = over and key in may and silence.last_day >= local_date(now, asked.reader.zone)
    return SilenceLine(
        what=_name(place),
        about=place.code if own else "all of the group",
        url=reverse("entity", args=[place.code]) if own else f"{reverse('scoreboard')}?group={place.code}",
        until=labels.short_day(silence.last_day)
        if silence.last_day.year == now.year
        else full_date(silence.last_day),
        until_iso=silence.last_day.isoformat(),
        by=f"{_who(silence.by.name, silence.by.email)}, {_clock(silence.made_at, asked)}",
        reason=silence.reason,
        ended=_ended(silence, asked) if over else "",
        lift_url=reverse("lift_silence", args=[silence.pk]) if not over and key in may else "",
        again_url=reverse("silence_again", args=[silence.pk]) if may_again else "",
    )


def _ended(silence: Silence, asked: BoardRequest) -> str:
    if silence.lifted_at is None or silence.lifted_by is None:
        return "ended with its last day"
    by = _who(silence.lifted_by.name, silence.lifted_by.email)
    return f"lifted by {by}, {_clock(silence.lifted_at, asked)}"


def _clock(moment: datetime, asked: BoardRequest) -> str:
    return labels.clock(moment, asked.reader.zone, asked.now)


def _who(name: str, email: str) -> str:
    return name or email


def _name(place: SilenceTarget) -> str:
    return place.name


def _key(place: SilenceTarget) -> str:
    return f"{'entity' if isinstance(place, LegalEntity) else 'group'}:{place.code}"
