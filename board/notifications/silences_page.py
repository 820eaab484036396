"""The silences page: the list of silences, and the forms to create, extend and lift them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from alerts.models import Silence
from alerts.routing.silences import (
    LONGEST_REASON,
    MAX_DAYS_AHEAD,
    SilenceNotAllowed,
    SilenceTarget,
    create_silence,
    lift_silence,
    silence_target,
    silenceable_groups,
    still_in_force,
    visible_silences,
)
from board.notifications.forms import SilenceForm
from board.web import labels
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.controls import page_number
from board.web.forms import ReturnForm, SeeOther, bind_errors, form_status, posted
from closing.calendar.date_phrases import full_date
from closing.calendar.instants import local_date
from entities.access import writable_entities
from entities.models import LegalEntity

PAGE_SIZE = 50  # ended silences on one page


@dataclass(frozen=True, slots=True)
class SilenceLine:
    """One silence in the list; `lift_url` is "" for people who may not lift it, and if it has ended."""

    silence: Silence
    what: str
    about: str
    url: str
    until: str
    by: str
    ended: str
    lift_url: str
    again_url: str


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def silences(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The silences in force, the ended ones, and the form for a new one."""
    # The query of a board does not apply here.
    board_request = resolve_request(board_request.person, {}, board_request.now)
    form = SilenceForm(board_request, posted(request), request.GET.get("place", ""))
    try:
        if form.is_valid():
            with bind_errors(form):
                place, last_day, reason = (
                    form.cleaned_data[name] for name in ("place", "last_day", "reason")
                )
                silence = create_silence(board_request.person, place, last_day, reason, board_request.now)
                return _silenced(request, silence, place.name, "is silenced until")
    except SilenceNotAllowed:
        form.add_error("place", "Only its finance staff and administrators may silence it.")
        return _page(request, board_request, form, 403)
    return _page(request, board_request, form, form_status(form))


@require_POST
@board_view
def silence_lift(request: HttpRequest, board_request: BoardRequest, pk: int) -> HttpResponse:
    """Ends a silence now."""
    silence = _visible_silence(board_request, pk)
    try:
        lifted = lift_silence(board_request.person, silence, board_request.now)
    except SilenceNotAllowed:
        return _not_allowed_page(request, board_request, silence)
    name = silence_target(silence).name
    if lifted:
        undo_url = reverse("silence_again", args=[silence.pk])
        messages.success(request, f"The silence of {name} is lifted.", extra_tags=undo_url)
    else:
        messages.info(request, f"The silence of {name} is over already.")
    return _redirect_back(request)


@require_POST
@board_view
def silence_again(request: HttpRequest, board_request: BoardRequest, pk: int) -> HttpResponse:
    """Silences the same target again, until the same day and for the same reason."""
    silence = _visible_silence(board_request, pk)
    target = silence_target(silence)
    try:
        renewed = create_silence(
            board_request.person, target, silence.last_day, silence.reason, board_request.now
        )
    except SilenceNotAllowed:
        return _not_allowed_page(request, board_request, silence)
    except ValidationError as error:
        board_request = resolve_request(board_request.person, {}, board_request.now)
        typed = {"place": _key(target), "last_day": str(silence.last_day), "reason": silence.reason}
        form = SilenceForm(board_request, typed)
        form.add_error(None, error)
        return _page(request, board_request, form, form_status(form))
    return _silenced(request, renewed, target.name, "is silenced again until")


def _visible_silence(board_request: BoardRequest, pk: int) -> Silence:
    silence = visible_silences(board_request.person).filter(pk=pk).first()
    if silence is None:
        raise Http404
    return silence


def _silenced(request: HttpRequest, silence: Silence, name: str, verb: str) -> HttpResponse:
    message = f"{name} {verb} {labels.short_day(silence.last_day)}."
    messages.success(request, message, extra_tags=reverse("lift_silence", args=[silence.pk]))
    return _redirect_back(request)


def _redirect_back(request: HttpRequest) -> HttpResponse:
    """A redirect to the page of the form, if it is a page of this site."""
    return SeeOther(ReturnForm(request.POST).path(reverse("silences")))


def _not_allowed_page(request: HttpRequest, board_request: BoardRequest, silence: Silence) -> HttpResponse:
    context = {
        **board_request.layout("alerts"),
        "name": silence_target(silence).name,
        "back": reverse("silences"),
    }
    return render(request, "board/web/write_refused.html", context, status=403)


# --- the page -----------------------------------------------------------------------------------------------------


def _page(request: HttpRequest, board_request: BoardRequest, form: SilenceForm, status: int) -> HttpResponse:
    groups = list(silenceable_groups(board_request.person))
    entities = list(writable_entities(board_request.person).select_related("group").order_by("name"))
    targets: list[SilenceTarget] = [*groups, *entities]
    allowed = {_key(item) for item in targets}
    visible = visible_silences(board_request.person)
    # Three days are more than any zone needs, so that one query finds every silence that may be in force.
    open_ = visible.filter(lifted_at=None, last_day__gte=board_request.now.date() - timedelta(days=3))
    in_force = still_in_force(list(open_), board_request.now)
    silenced = {_key(silence_target(item)) for item in in_force}
    ended = visible.exclude(pk__in=[item.pk for item in in_force])
    pages = max(1, -(-ended.count() // PAGE_SIZE))
    number = page_number(request.GET.get("page", ""), pages)
    path, today = reverse("silences"), local_date(board_request.now, board_request.reader.zone)
    context = {
        **board_request.layout("alerts"),
        "in_force": [_silence_line(item, board_request, allowed, over=False) for item in in_force],
        "over": [
            _silence_line(item, board_request, allowed - silenced, over=True)
            for item in ended[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        ],
        "form": form if allowed or form.errors else None,
        "groups": [(_key(item), f"{item.name} and all below it") for item in groups],
        "entities": [(_key(item), f"{item.name} ({item.code})") for item in entities],
        "first_day": today.isoformat(),
        "last_day": (today + timedelta(days=MAX_DAYS_AHEAD)).isoformat(),
        "most_days": MAX_DAYS_AHEAD,
        "longest": LONGEST_REASON,
        "older": f"{path}?page={number + 1}" if number < pages else "",
        "newer": f"{path}?page={number - 1}" if number > 1 else "",
        "zone": board_request.reader.zone_name,
    }
    return render(request, "board/notifications/silences.html", context, status=status)


def _silence_line(
    silence: Silence, board_request: BoardRequest, allowed: set[str], *, over: bool
) -> SilenceLine:
    target, now = silence_target(silence), board_request.now
    key = _key(target)
    single = isinstance(target, LegalEntity)
    may_again = over and key in allowed and silence.last_day >= local_date(now, board_request.reader.zone)
    return SilenceLine(
        silence=silence,
        what=target.name,
        about=target.code if single else "all of the group",
        url=reverse("entity", args=[target.code])
        if single
        else f"{reverse('scoreboard')}?group={target.code}",
        until=labels.short_day(silence.last_day)
        if silence.last_day.year == now.year
        else full_date(silence.last_day),
        by=f"{silence.by.name or silence.by.email}, {board_request.clock(silence.made_at)}",
        ended=_end_text(silence, board_request) if over else "",
        lift_url=reverse("lift_silence", args=[silence.pk]) if not over and key in allowed else "",
        again_url=reverse("silence_again", args=[silence.pk]) if may_again else "",
    )


def _end_text(silence: Silence, board_request: BoardRequest) -> str:
    if silence.lifted_at is None or silence.lifted_by is None:
        return "ended with its last day"
    by = silence.lifted_by.name or silence.lifted_by.email
    return f"lifted by {by}, {board_request.clock(silence.lifted_at)}"


def _key(target: SilenceTarget) -> str:
    return f"{'entity' if isinstance(target, LegalEntity) else 'group'}:{target.code}"
