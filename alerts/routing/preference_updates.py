"""How a person changes their notification preferences; what waits to be sent follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from alerts.models import DeliveryLine, Habits, Subscription
from alerts.routing.batching import reschedule_waiting
from alerts.routing.preferences import HABIT_FIELDS, NotificationPreferences, load_preferences
from alerts.routing.rerouting import reroute_waiting
from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import DEFAULT_CADENCES, Cadence
from entities.models import Person


@transaction.atomic
def update_preferences(
    person: Person, wanted: NotificationPreferences, as_of: datetime
) -> NotificationPreferences:
    """Make it so; returns what was arranged before.

    What waits to be sent follows: messages are due when the new hours say, and what is switched off is taken out of
    them. Where that leaves nobody to hear of it, administrators are told.
    """
    Person.objects.select_for_update(no_key=True).values("pk").get(pk=person.pk)
    before = load_preferences(person)
    rhythms = {
        kind: rhythm for kind, rhythm in wanted.cadences.items() if rhythm is not DEFAULT_CADENCES[kind]
    }
    wanted = replace(wanted, cadences=rhythms)
    Subscription.objects.filter(person=person).exclude(kind__in=[kind.value for kind in rhythms]).delete()
    for kind, rhythm in rhythms.items():
        Subscription.objects.update_or_create(
            person=person, kind=kind.value, defaults={"rhythm": rhythm.value}
        )
    if replace(wanted, cadences={}) == NotificationPreferences():
        Habits.objects.filter(person=person).delete()
    else:
        fields = {name: getattr(wanted, name) for name in HABIT_FIELDS}
        Habits.objects.update_or_create(person=person, defaults={**fields, "calendar_id": wanted.calendar})
    if wanted != before:
        reschedule_waiting([person.pk], as_of)
        reroute_waiting(DeliveryLine.objects.filter(recipient=person), as_of)
    return before


def unsubscribe(person: Person, kinds: frozenset[NoticeKind], as_of: datetime) -> NotificationPreferences:
    """Tell the person of these kinds no more; returns what was arranged before."""
    with transaction.atomic():
        now = load_preferences(person)
        return update_preferences(
            person, replace(now, cadences={**now.cadences, **dict.fromkeys(kinds, Cadence.NEVER)}), as_of
        )
