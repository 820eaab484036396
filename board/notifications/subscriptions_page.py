"""The page of what somebody gets: each kind with what may be chosen, their hours, who stands in, what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from alerts.models import Delivery
from alerts.routing.alert_policy import effective_alert_rules
from alerts.routing.preferences import NotificationPreferences, notification_hours_of
from board.notifications.notice_list import visible_notices
from board.notifications.notice_phrasing import NOTICE_KIND_LABELS
from board.web import labels
from board.web.board_request import BoardRequest
from closing.calendar.instants import local_date
from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import (
    DEFAULT_CADENCES,
    MANDATORY_KINDS,
    Cadence,
    allowed_cadences,
    effective_cadence,
    next_send_at,
)
from closing.phrasing import day_and_clock
from entities.models import WorkCalendar

CADENCE_LABELS = {
    Cadence.IMMEDIATE: "At once",
    Cadence.DAILY: "Daily digest",
    Cadence.WEEKLY: "Weekly digest",
    Cadence.NEVER: "Never",
}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NOTICE_KIND_HELP = {
    NoticeKind.ALERT: "An entity is further past its deadline than its alert line allows.",
    NoticeKind.ESCALATION: "It still is not closed, and a step of its group's escalation has come.",
    NoticeKind.UNCONFIRMED: "An entity would be past its alert line, and nobody can tell, as it is not read.",
    NoticeKind.REOPENED: "A period that had been closed was opened again.",
    NoticeKind.CLEARED: "What you were told of as late has closed, and how late it was.",
    NoticeKind.DUE_SOON: "A deadline is a few working days ahead, and the entity is not closed yet.",
    NoticeKind.LATE: "What is past its deadline, told anew each day, so never at once.",
    NoticeKind.NO_DEADLINE: "A month has ended, and nobody has set a deadline for it.",
    NoticeKind.STALE: "Nothing has been read from an ERP for longer than is allowed.",
    NoticeKind.REFUSED: "An ERP turns us away. This goes to those who administer its entities.",
    NoticeKind.GROUP_CLOSED: "Every entity of a group that you work for has closed.",
}
_LOCKED = (
    "Always at once: everybody relies on this being read in time."
    " An administrator can allow digests in the rules of the group."
)
_NAMED = 3  # groups that a sentence names


@dataclass(frozen=True, slots=True)
class PreferencesForm:
    """What the form holds, by the names of its inputs, and what is wrong with it, by the same names."""

    values: Mapping[str, str]
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CadenceChoice:
    """One kind of notice: what it is, what may be chosen, and why no more where it is less."""

    name: str
    label: str
    about: str
    options: Sequence[tuple[str, str, bool]]  # value, text, chosen
    default: str
    locked: str
    problem: str


@dataclass(frozen=True, slots=True)
class DeputyAssignment:
    """An entity and who is told in whose place."""

    entity: str
    code: str
    person: str


@dataclass(frozen=True, slots=True)
class SubscriptionsPage:
    """Everything on the page, in words."""

    mandatory: Sequence[CadenceChoice]
    optional: Sequence[CadenceChoice]
    values: Mapping[str, str]
    problems: Mapping[str, str]
    weekdays: Sequence[tuple[str, str, bool]]
    calendars: Sequence[tuple[str, str, bool]]
    zone: str
    next: Sequence[str]
    away: str
    deputies: Sequence[DeputyAssignment]
    deputy_for: Sequence[DeputyAssignment]
    is_default: bool


def form_of(now: NotificationPreferences, calendars: Sequence[WorkCalendar]) -> PreferencesForm:
    """The form as it stands for what is arranged; `calendars` are those that may be chosen."""

    def text(value: object) -> str:
        return "" if value is None else f"{value}"[:5] if hasattr(value, "hour") else str(value)

    values = {f"kind-{kind.value}": rhythm.value for kind, rhythm in now.cadences.items()}
    for name in ("digest_at", "quiet_from", "quiet_until", "away_from", "away_until"):
        values[name] = text(getattr(now, name))
    values["calendar"] = next((each.code for each in calendars if each.pk == now.calendar), "")
    values["digest_weekday"] = str(now.digest_weekday)
    values["rests_on_days_off"] = "on" if now.rests_on_days_off else ""
    return PreferencesForm(values)


def calendars_of(asked: BoardRequest, now: NotificationPreferences) -> list[WorkCalendar]:
    """The calendars that somebody may go by: those of the entities they see, and the one they have."""
    found = WorkCalendar.objects.filter(
        Q(pk__in=asked.entities().values("calendar")) | Q(pk=now.calendar or 0)
    )
    return list(found.order_by("name"))


def subscriptions_page(
    asked: BoardRequest,
    form: PreferencesForm,
    now: NotificationPreferences,
    calendars: Sequence[WorkCalendar],
) -> SubscriptionsPage:
    """The page for the person who asks, who has arranged `now`; the same few queries whatever they see."""
    locked, in_digest = _locked(asked)
    made = [_choice(kind, form, locked, in_digest=in_digest) for kind in NOTICE_KIND_LABELS]
    values = form.values
    owned, deputised = _stand_ins(asked)
    return SubscriptionsPage(
        mandatory=[
            choice for kind, choice in zip(NOTICE_KIND_LABELS, made, strict=True) if kind in MANDATORY_KINDS
        ],
        optional=[
            choice
            for kind, choice in zip(NOTICE_KIND_LABELS, made, strict=True)
            if kind not in MANDATORY_KINDS
        ],
        values=values,
        problems=form.problems,
        weekdays=[
            (str(n), name, values.get("digest_weekday", "0") == str(n)) for n, name in enumerate(WEEKDAYS)
        ],
        calendars=[
            ("", "None: every day counts", not values.get("calendar")),
            *((each.code, each.name, values.get("calendar") == each.code) for each in calendars),
        ],
        zone=asked.reader.zone_name,
        next=_next(asked, now, in_digest=in_digest),
        away=_away(asked, now),
        deputies=owned,
        deputy_for=deputised,
        is_default=now == NotificationPreferences(),
    )


def _choice(kind: NoticeKind, form: PreferencesForm, locked: str, *, in_digest: bool) -> CadenceChoice:
    name, promised = f"kind-{kind.value}", kind in MANDATORY_KINDS
    offered = allowed_cadences(kind, in_digest=in_digest)
    typed = form.values.get(name, "")
    chosen = Cadence(typed) if typed in {each.value for each in Cadence} else None
    now = effective_cadence(kind, chosen, in_digest=in_digest)
    return CadenceChoice(
        name=name,
        label=NOTICE_KIND_LABELS[kind],
        about=NOTICE_KIND_HELP[kind],
        options=[(each.value, CADENCE_LABELS[each], each is now) for each in offered],
        default=CADENCE_LABELS[DEFAULT_CADENCES[kind]],
        locked=locked if promised else "",
        problem=form.problems.get(name, ""),
    )


def _locked(asked: BoardRequest) -> tuple[str, bool]:
    """What is said of the kinds that are promised, and whether any of the person's groups lets them wait."""
    rows = list(asked.entities().values_list("pk", "group__path", "group__name"))
    rules = effective_alert_rules((pk, path) for pk, path, _ in rows)
    free = {name for pk, _, name in rows if rules[pk].alerts_in_digest}
    bound = {name for pk, _, name in rows if not rules[pk].alerts_in_digest}
    if not free:
        return _LOCKED, False
    if not bound:
        return "Your group allows these in a digest; they cannot be switched off.", True
    return f"A digest is allowed for {_listed(free)} only; all else comes at once.", True


def _listed(names: set[str]) -> str:
    shown = sorted(names, key=str.casefold)
    more = len(shown) - _NAMED
    if more > 0:
        return f"{', '.join(shown[:_NAMED])} and {more} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


# --- what comes next ------------------------------------------------------------------------------------------------


def _next(asked: BoardRequest, now: NotificationPreferences, *, in_digest: bool) -> list[str]:
    """When the next digests come and what waits in them, a sentence each; also of what is held back until then."""
    rhythms = {effective_cadence(kind, now.cadences.get(kind), in_digest=in_digest) for kind in NoticeKind}
    waiting = {
        Cadence(each.rhythm): each
        for each in Delivery.objects.filter(recipient=asked.person, state=Delivery.State.WAITING).order_by(
            "-due_at"
        )
    }
    seen = visible_notices(asked)
    found = []
    hours = notification_hours_of([asked.person.pk], asked.now)[asked.person.pk]
    for rhythm, name in ((Cadence.DAILY, "daily"), (Cadence.WEEKLY, "weekly")):
        message = waiting.get(rhythm)
        count = seen.filter(lines__delivery=message).distinct().count() if message is not None else 0
        if message is not None and count:
            things = "1 notice waits" if count == 1 else f"{count} notices wait"
            found.append(f"The next {name} digest comes {_when(message.due_at, asked)}; {things} in it.")
        elif rhythm in rhythms:
            when = _when(next_send_at(rhythm, hours, asked.now), asked)
            found.append(f"The next {name} digest would come {when}; right now nothing waits in it.")
    at_once = waiting.get(Cadence.IMMEDIATE)
    if at_once is not None and at_once.due_at > asked.now:
        found.append(f"What is told at once waits until {_when(at_once.due_at, asked)}.")
    elif (until := next_send_at(Cadence.IMMEDIATE, hours, asked.now)) > asked.now:
        found.append(f"You rest now: what is told at once would wait until {_when(until, asked)}.")
    return found


def _when(moment: datetime, asked: BoardRequest) -> str:
    zone = asked.reader.zone
    there = day_and_clock(moment, zone, asked.now)
    day = local_date(moment, zone)
    soon = {0: "today", 1: "tomorrow"}.get((day - local_date(asked.now, zone)).days, "")
    told = f"{soon} {moment.astimezone(zone):%H:%M}" if soon else there
    return f"{told} {asked.reader.zone_name} time"


# --- being away -----------------------------------------------------------------------------------------------------


def _away(asked: BoardRequest, now: NotificationPreferences) -> str:
    today = local_date(asked.now, asked.reader.zone)
    first, last = now.away_from, now.away_until
    if first is None or (last is not None and last < today):
        return ""
    until = f" until {labels.short_day(last)}" if last is not None else ""
    if first > today:
        return f"You are away from {labels.short_day(first)}{until or ' on'}."
    return f"You are away{until}{'' if until else ', without an end'}."


def _stand_ins(asked: BoardRequest) -> tuple[list[DeputyAssignment], list[DeputyAssignment]]:
    """The entities that the person owns with who stands in for them, and those where they stand in themself."""
    mine = Q(owner=asked.person) | Q(deputy=asked.person)
    rows = asked.entities().filter(mine).order_by("name").select_related("owner", "deputy")
    owned, deputised = [], []
    for each in rows:
        if each.owner_id == asked.person.pk:
            owned.append(DeputyAssignment(each.name, each.code, _name(each.deputy)))
        if each.deputy_id == asked.person.pk and each.owner_id != asked.person.pk:
            deputised.append(DeputyAssignment(each.name, each.code, _name(each.owner)))
    return owned, deputised


def _name(person: object) -> str:
    return str(getattr(person, "name", "") or getattr(person, "email", ""))
