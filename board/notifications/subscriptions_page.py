"""Builds the subscriptions page: cadences by kind, hours, deputies, and the next digests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.forms import BoundField

from alerts.models import Delivery
from alerts.notices.notice_specs import SPECS
from alerts.notices.spec import NoticeSpec
from alerts.routing.alert_policy import load_alert_policies
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.preferences import NotificationPreferences, notification_hours_of
from board.notifications.forms import PreferencesForm
from board.notifications.notice_list import visible_notices
from board.web import labels
from board.web.board_request import BoardRequest
from closing.calendar.instants import local_date
from closing.judging.notification_schedule import Cadence, allowed_cadences, effective_cadence, next_send_at
from closing.phrasing import day_and_clock
from entities.models import WorkCalendar

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
    """One kind of notice: its input, its description, the cadences to choose from, and why others are locked."""

    field: BoundField
    label: str
    about: str
    options: Sequence[tuple[str, str, bool]]  # value, text, chosen
    default: str
    locked: str


@dataclass(frozen=True, slots=True)
class DeputyAssignment:
    """An entity, and its deputy or the owner that the person stands in for."""

    entity: str
    code: str
    person: str


@dataclass(frozen=True, slots=True)
class SubscriptionsPage:
    """The values of the page."""

    mandatory: Sequence[CadenceChoice]
    optional: Sequence[CadenceChoice]
    form: PreferencesForm
    zone: str
    next: Sequence[str]
    away: str
    deputies: Sequence[DeputyAssignment]
    deputy_for: Sequence[DeputyAssignment]
    is_default: bool


def calendars_of(board_request: BoardRequest, preferences: NotificationPreferences) -> list[WorkCalendar]:
    """The calendars to choose from: those of the entities the person may see, and the current one."""
    calendars = WorkCalendar.objects.filter(
        Q(pk__in=board_request.entities().values("calendar")) | Q(pk=preferences.calendar or 0)
    )
    return list(calendars.order_by("name"))


def subscriptions_page(
    board_request: BoardRequest,
    form: PreferencesForm,
    preferences: NotificationPreferences,
) -> SubscriptionsPage:
    """The page for the person of the request; the number of queries does not depend on what they may see."""
    locked, in_digest = _mandatory_rule(board_request)
    choices = [(spec, _choice(spec, form, locked, in_digest=in_digest)) for spec in SPECS.values()]
    owned, deputised = _deputy_assignments(board_request)
    return SubscriptionsPage(
        mandatory=[choice for spec, choice in choices if spec.cadence.mandatory],
        optional=[choice for spec, choice in choices if not spec.cadence.mandatory],
        form=form,
        zone=board_request.reader.zone_name,
        next=_upcoming_digests(board_request, preferences, in_digest=in_digest),
        away=_absence_text(board_request, preferences),
        deputies=owned,
        deputy_for=deputised,
        is_default=preferences == NotificationPreferences(),
    )


def _choice(spec: NoticeSpec, form: PreferencesForm, locked: str, *, in_digest: bool) -> CadenceChoice:
    field, options = form[f"kind-{spec.kind}"], allowed_cadences(spec.cadence, in_digest=in_digest)
    typed = field.value()
    chosen = Cadence(typed) if typed in {option.value for option in Cadence} else None
    current = effective_cadence(spec.cadence, chosen, in_digest=in_digest)
    return CadenceChoice(
        field=field,
        label=spec.label,
        about=spec.help,
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
    waiting = {
        Cadence(delivery.rhythm): delivery
        for delivery in Delivery.objects.filter(
            recipient=board_request.person, state=Delivery.State.WAITING
        ).order_by("-due_at")
    }
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
    full_text = day_and_clock(moment, zone, board_request.now)
    day = local_date(moment, zone)
    relative_day = {0: "today", 1: "tomorrow"}.get((day - local_date(board_request.now, zone)).days, "")
    text = f"{relative_day} {moment.astimezone(zone):%H:%M}" if relative_day else full_text
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


def _deputy_assignments(board_request: BoardRequest) -> tuple[list[DeputyAssignment], list[DeputyAssignment]]:
    """The entities that the person owns, with their deputies, and those whose owner the person stands in for."""
    owner_or_deputy = Q(owner=board_request.person) | Q(deputy=board_request.person)
    rows = board_request.entities().filter(owner_or_deputy).order_by("name").select_related("owner", "deputy")
    owned, deputised = [], []
    for entity in rows:
        if entity.owner_id == board_request.person.pk:
            owned.append(DeputyAssignment(entity.name, entity.code, _name(entity.deputy)))
        if entity.deputy_id == board_request.person.pk and entity.owner_id != board_request.person.pk:
            deputised.append(DeputyAssignment(entity.name, entity.code, _name(entity.owner)))
    return owned, deputised


def _name(person: object) -> str:
    return str(getattr(person, "name", "") or getattr(person, "email", ""))
