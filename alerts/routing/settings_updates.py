"""Changes the notification settings of people and groups, and adapts the messages that wait for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from alerts.models import AlertRules, DeliveryLine, EscalationStep, Habits, Subscription
from alerts.notices.notice_specs import SPECS, spec_of
from alerts.routing.alert_policy import GroupAlertPolicy, load_alert_policies, people_for_steps
from alerts.routing.batching import reschedule_waiting
from alerts.routing.preferences import HABIT_FIELDS, NotificationPreferences, load_preferences
from alerts.routing.rerouting import reroute_waiting
from closing.judging.notification_schedule import Cadence
from entities.audit_trail import Verb, group_object, person_object, record_act
from entities.models import Group, Person

MOST_DAYS_AHEAD = 20
MOST_DAYS_LATE = 365
MOST_STEPS = 9

# --- preferences of people ------------------------------------------------------------------------------------------


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
            before=_recorded_preferences(before),
            after=_recorded_preferences(new),
        )
        reschedule_waiting(person.pk, as_of)
        reroute_waiting(DeliveryLine.objects.filter(recipient=person), as_of)
    return before


def _recorded_preferences(preferences: NotificationPreferences) -> dict[str, object]:
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


# --- alert policies of groups ---------------------------------------------------------------------------------------


@transaction.atomic
def update_alert_policy(group: Group, policy: GroupAlertPolicy, as_of: datetime) -> GroupAlertPolicy:
    """Give the group this policy; returns the one before. Raises ValidationError, and changes nothing.

    Alerts that wait in digests are sent at once where the new policy does not allow digests.
    """
    Group.objects.select_for_update(no_key=True).values("pk").get(pk=group.pk)
    before = load_alert_policies().own(group.path)
    _check_policy(group, policy, before)
    if policy.due_soon_days is None and policy.alerts_in_digest is None:
        AlertRules.objects.filter(group=group).delete()
    else:
        AlertRules.objects.update_or_create(
            group=group,
            defaults={
                "due_soon_days": policy.due_soon_days,
                "alerts_in_digest": policy.alerts_in_digest,
            },
        )
    steps = sorted(policy.steps, key=lambda step: step.after_days)
    EscalationStep.objects.filter(group=group).delete()
    for number, step in enumerate(steps, start=1):
        row = EscalationStep.objects.create(
            group=group, step=number, after_days=step.after_days, roles=list(step.roles)
        )
        row.people.set(step.people)
    reroute_waiting(
        DeliveryLine.objects.filter(notice__period__entity__group__path__startswith=group.path), as_of
    )
    record_act(
        Verb.ALERT_POLICY_CHANGED,
        group_object(group),
        at=as_of,
        before=_recorded_policy(before),
        after=_recorded_policy(policy),
    )
    return before


def _recorded_policy(policy: GroupAlertPolicy) -> dict[str, object]:
    steps = sorted(policy.steps, key=lambda step: step.after_days)
    return {
        "due_soon_days": policy.due_soon_days,
        "alerts_in_digest": policy.alerts_in_digest,
        "steps": [[step.after_days, sorted(step.roles), sorted(step.people)] for step in steps],
    }


def _check_policy(group: Group, policy: GroupAlertPolicy, before: GroupAlertPolicy) -> None:
    """Raises ValidationError by field; "step-2-days" are the days of the second step."""
    if policy.due_soon_days is not None and not 0 <= policy.due_soon_days <= MOST_DAYS_AHEAD:
        raise ValidationError({"due_soon_days": f"Between 0 and {MOST_DAYS_AHEAD} working days ahead."})
    if len(policy.steps) > MOST_STEPS:
        raise ValidationError(f"An escalation has at most {MOST_STEPS} steps.")
    selectable = {person.pk for person in people_for_steps(group)}
    selectable |= {person for step in before.steps for person in step.people}
    days: set[int] = set()
    for number, step in enumerate(policy.steps, start=1):
        name, message = "days", ""
        if not 1 <= step.after_days <= MOST_DAYS_LATE:
            message = f"Between 1 and {MOST_DAYS_LATE} days late."
        elif step.after_days in days:
            message = f"Another step already starts {step.after_days} days late. Put both into one."
        elif not step.roles and not step.people:
            name, message = "roles", "Choose who is notified: a role, or a person by name."
        elif set(step.people) - selectable:
            name, message = "people", "Choose among those who may see the group."
        if message:
            raise ValidationError({f"step-{number}-{name}": message})
        days.add(step.after_days)
