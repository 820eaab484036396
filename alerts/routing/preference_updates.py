"""Changes the notification preferences of a person, and adapts the messages that wait for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from alerts.models import DeliveryLine, Habits, Subscription
from alerts.notices.notice_specs import SPECS, spec_of
from alerts.routing.batching import reschedule_waiting
from alerts.routing.preferences import HABIT_FIELDS, NotificationPreferences, load_preferences
from alerts.routing.rerouting import reroute_waiting
from closing.judging.notification_schedule import Cadence
from entities.audit_trail import Verb, person_object, record_act
from entities.models import Person


@transaction.atomic
def update_preferences(
    person: Person, new: NotificationPreferences, as_of: datetime
) -> NotificationPreferences:
    """Store new preferences; returns those before.

    Waiting messages follow: their due times are set by the new hours, and lines of kinds switched off are left out.
    A notice that then reaches nobody goes to administrators.
    """
    Person.objects.select_for_update(no_key=True).values("pk").get(pk=person.pk)
    before = load_preferences(person)
    cadences = {
        kind: cadence
        for kind, cadence in new.cadences.items()
        if cadence is not spec_of(kind).cadence.default
    }
    new = replace(new, cadences=cadences)
    Subscription.objects.filter(person=person).exclude(kind__in=cadences).delete()
    for kind, cadence in cadences.items():
        Subscription.objects.update_or_create(person=person, kind=kind, defaults={"rhythm": cadence.value})
    if replace(new, cadences={}) == NotificationPreferences():
        Habits.objects.filter(person=person).delete()
    else:
        fields = {name: getattr(new, name) for name in HABIT_FIELDS}
        Habits.objects.update_or_create(person=person, defaults={**fields, "calendar_id": new.calendar})
    if new != before:
        record_act(
            Verb.PREFERENCES_CHANGED,
            person_object(person),
            at=as_of,
            by=person,
            before=_recorded(before),
            after=_recorded(new),
        )
        reschedule_waiting(person.pk, as_of)
        reroute_waiting(DeliveryLine.objects.filter(recipient=person), as_of)
    return before


def _recorded(preferences: NotificationPreferences) -> dict[str, object]:
    defaults = {kind: spec.cadence.default for kind, spec in SPECS.items()}
    habits = {name: getattr(preferences, name) for name in HABIT_FIELDS}
    return habits | {kind: chosen.value for kind, chosen in {**defaults, **preferences.cadences}.items()}


def unsubscribe(person: Person, kinds: frozenset[str], as_of: datetime) -> NotificationPreferences:
    """Switch these kinds off for the person; returns the preferences before."""
    with transaction.atomic():
        now = load_preferences(person)
        return update_preferences(
            person, replace(now, cadences={**now.cadences, **dict.fromkeys(kinds, Cadence.NEVER)}), as_of
        )
