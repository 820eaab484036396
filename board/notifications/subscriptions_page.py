"""The subscriptions page: cadences by kind, hours, absence with deputies, and the next digests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.core import signing
from django.db.models import Q
from django.forms import BoundField
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from alerts.models import Delivery
from alerts.notices.notice_specs import SPECS
from alerts.notices.spec import NoticeSpec
from alerts.routing.alert_policy import load_alert_policies
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.preferences import NotificationPreferences, load_preferences, notification_hours_of
from alerts.routing.settings_updates import update_preferences
from board.notifications.forms import PreferencesForm
from board.notifications.notice_list import visible_notices
from board.web import labels
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.forms import SeeOther, bind_errors, form_status, posted
from closing.calendar.instants import local_date
from closing.judging.notification_schedule import Cadence, allowed_cadences, effective_cadence, next_send_at
from closing.phrasing import day_and_clock
from entities.models import LegalEntity, Person, WorkCalendar

CADENCE_LABELS = {
    Cadence.IMMEDIATE: "At once",
    Cadence.DAILY: "Daily digest",
    Cadence.WEEKLY: "Weekly digest",
    Cadence.NEVER: "Never",
}
_LOCKED_TEXT = (
    "Always at once and required. An administrator can allow digests in the alert rules of the group."
)
_MAX_NAMES = 3  # groups named in a sentence


@dataclass(frozen=True, slots=True)
class CadenceChoice:
    """One kind of notice: its input, the cadences to choose from, and why others are locked."""

    spec: NoticeSpec
    field: BoundField
    options: Sequence[tuple[str, str, bool]]  # value, text, chosen
    default: str
    locked: str


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def subscriptions(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """Shows the person's preferences; a POST saves changes."""
    # The query of a board does not apply here.
    board_request = resolve_request(board_request.person, {}, board_request.now)
    current = load_preferences(board_request.person)
    calendars = WorkCalendar.objects.filter(
        Q(pk__in=board_request.entities().values("calendar")) | Q(pk=current.calendar or 0)
    )
    form = PreferencesForm(current, list(calendars.order_by("name")), posted(request))
    if form.is_valid():
        with bind_errors(form):
            _save(request, board_request, form.preferences(), "Your notifications are saved.")
            return SeeOther(reverse("subscriptions"))
    context = {**board_request.layout("alerts"), **_page_context(board_request, form, current)}
    return render(request, "board/notifications/subscriptions.html", context, status=form_status(form))


@require_POST
@board_view
def subscriptions_reset(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """Resets all preferences to their defaults."""
    _save(request, board_request, NotificationPreferences(), "The defaults are restored.")
    return SeeOther(reverse("subscriptions"))


@require_POST
@board_view
def subscriptions_undo(request: HttpRequest, board_request: BoardRequest, token: str) -> HttpResponse:
    """Restores the preferences before the last change, which the token holds."""
    try:
        previous = NotificationPreferences.from_token(token, board_request.person)
    except signing.BadSignature:
        raise Http404 from None
    _save(request, board_request, previous, "The change is undone.")
    return SeeOther(reverse("subscriptions"))


def _save(
    request: HttpRequest, board_request: BoardRequest, preferences: NotificationPreferences, message: str
) -> None:
    previous = update_preferences(board_request.person, preferences, board_request.now)
    if load_preferences(board_request.person) == previous:
        messages.info(request, "Nothing has changed.")
        return
    undo_url = reverse("subscriptions_back", args=[previous.token(board_request.person)])
    messages.success(request, message, extra_tags=undo_url)


def _page_context(
    board_request: BoardRequest, form: PreferencesForm, preferences: NotificationPreferences
) -> dict[str, object]:
    """The values of the page; the number of queries does not depend on what the person may see."""
    locked, in_digest = _mandatory_rule(board_request)
    choices = [(spec, _choice(spec, form, locked, in_digest=in_digest)) for spec in SPECS.values()]
    owned, deputised = _deputy_assignments(board_request)
    return {
        "mandatory": [choice for spec, choice in choices if spec.cadence.mandatory],
        "optional": [choice for spec, choice in choices if not spec.cadence.mandatory],
        "form": form,
        "zone": board_request.reader.zone_name,
        "next": _upcoming_digests(board_request, preferences, in_digest=in_digest),
        "away": _absence_text(board_request, preferences),
        "deputies": owned,
        "deputy_for": deputised,
        "is_default": preferences == NotificationPreferences(),
    }


def _choice(spec: NoticeSpec, form: PreferencesForm, locked: str, *, in_digest: bool) -> CadenceChoice:
    field, options = form[f"kind-{spec.kind}"], allowed_cadences(spec.cadence, in_digest=in_digest)
    typed = field.value()
    chosen = Cadence(typed) if typed in {option.value for option in Cadence} else None
    current = effective_cadence(spec.cadence, chosen, in_digest=in_digest)
    return CadenceChoice(
        spec=spec,
        field=field,
        options=[(option.value, CADENCE_LABELS[option], option is current) for option in options],
        default=CADENCE_LABELS[spec.cadence.default],
        locked=locked if spec.cadence.mandatory else "",
    )


def _mandatory_rule(board_request: BoardRequest) -> tuple[str, bool]:
    """The text about mandatory kinds, and whether a group of the person's allows them in a digest."""
    groups = board_request.entities().order_by().values_list("group__path", "group__name").distinct()
    rules = load_alert_policies().rules_of
    in_digest_groups = {name for path, name in groups if rules(path).alerts_in_digest}
    immediate_groups = {name for path, name in groups if not rules(path).alerts_in_digest}
    if not in_digest_groups:
        return _LOCKED_TEXT, False
    if not immediate_groups:
        return "Your group allows these in a digest; they are required.", True
    return f"A digest is allowed for {_join_names(in_digest_groups)} only; the others come at once.", True


def _join_names(names: set[str]) -> str:
    shown = sorted(names, key=str.casefold)
    more = len(shown) - _MAX_NAMES
    if more > 0:
        return f"{', '.join(shown[:_MAX_NAMES])} and {more} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


# --- next digests ---------------------------------------------------------------------------------------------------


def _upcoming_digests(
    board_request: BoardRequest, preferences: NotificationPreferences, *, in_digest: bool
) -> list[str]:
    """A sentence for each upcoming digest and its notices, and for messages held back by quiet hours."""
    cadences = {
        effective_cadence(spec.cadence, preferences.cadences.get(kind), in_digest=in_digest)
        for kind, spec in SPECS.items()
    }
    deliveries = Delivery.objects.filter(recipient=board_request.person, state=Delivery.State.WAITING)
    waiting = {Cadence(delivery.rhythm): delivery for delivery in deliveries.order_by("-due_at")}
    visible = visible_notices(board_request)
    sentences = []
    person, context = board_request.person.pk, EvaluationContext(board_request.now)
    hours = notification_hours_of([person], context)[person]
    for cadence, name in ((Cadence.DAILY, "daily"), (Cadence.WEEKLY, "weekly")):
        message = waiting.get(cadence)
        count = visible.filter(lines__delivery=message).distinct().count() if message is not None else 0
        if message is not None and count:
            notices = "1 notice waits" if count == 1 else f"{count} notices wait"
            sentences.append(
                f"The next {name} digest comes {_when(message.due_at, board_request)}; {notices} in it."
            )
        elif message is not None and cadence is Cadence.DAILY:
            when = _when(message.due_at, board_request)
            sentences.append(f"The next daily digest comes {when}; your due tasks are in it.")
        elif cadence in cadences:
            when = _when(next_send_at(cadence, hours, board_request.now), board_request)
            sentences.append(f"The next {name} digest comes {when}; nothing waits in it yet.")
    at_once = waiting.get(Cadence.IMMEDIATE)
    if at_once is not None and at_once.due_at > board_request.now:
        sentences.append(f"Notifications at once wait until {_when(at_once.due_at, board_request)}.")
    elif (until := next_send_at(Cadence.IMMEDIATE, hours, board_request.now)) > board_request.now:
        sentences.append(
            f"Quiet hours or days off: notifications at once wait until {_when(until, board_request)}."
        )
    return sentences


def _when(moment: datetime, board_request: BoardRequest) -> str:
    zone = board_request.reader.zone
    days = (local_date(moment, zone) - local_date(board_request.now, zone)).days
    text = day_and_clock(moment, zone, board_request.now)
    if (relative_day := {0: "today", 1: "tomorrow"}.get(days)) is not None:
        text = f"{relative_day} {moment.astimezone(zone):%H:%M}"
    return f"{text} {board_request.reader.zone_name} time"


# --- absence --------------------------------------------------------------------------------------------------------


def _absence_text(board_request: BoardRequest, preferences: NotificationPreferences) -> str:
    today = local_date(board_request.now, board_request.reader.zone)
    first, last = preferences.away_from, preferences.away_until
    if first is None or (last is not None and last < today):
        return ""
    until = f" until {labels.short_day(last)}" if last is not None else ""
    if first > today:
        return f"You are away from {labels.short_day(first)}{until or ' on'}."
    return f"You are away{until}{'' if until else ', without an end'}."


def _deputy_assignments(
    board_request: BoardRequest,
) -> tuple[list[tuple[LegalEntity, str]], list[tuple[LegalEntity, str]]]:
    """The entities that the person owns, with their deputies, and those whose owner the person stands in for."""
    person = board_request.person
    entities = board_request.entities().filter(Q(owner=person) | Q(deputy=person)).order_by("name")
    owned, deputised = [], []
    for entity in entities.select_related("owner", "deputy"):
        if entity.owner_id == person.pk:
            owned.append((entity, _name(entity.deputy)))
        elif entity.deputy_id == person.pk:
            deputised.append((entity, _name(entity.owner)))
    return owned, deputised


def _name(person: Person | None) -> str:
    return (person.name or person.email) if person is not None else ""
