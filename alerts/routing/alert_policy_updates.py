"""Changes the alert policy and the escalation steps of a group, as its administrators ask."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from alerts.models import AlertRules, DeliveryLine, EscalationStep
from alerts.routing.alert_policy import GroupAlertPolicy, load_alert_policies, people_for_steps
from alerts.routing.rerouting import reroute_waiting
from entities.audit_trail import Verb, group_object, record_act
from entities.models import Group

MOST_DAYS_AHEAD = 20
MOST_DAYS_LATE = 365
MOST_STEPS = 9


@transaction.atomic
def update_alert_policy(group: Group, policy: GroupAlertPolicy, as_of: datetime) -> GroupAlertPolicy:
    """Give the group this policy; returns the one before. Raises ValidationError, and changes nothing.

    Alerts that wait in digests are sent at once where the new policy does not allow digests.
    """
    Group.objects.select_for_update(no_key=True).values("pk").get(pk=group.pk)
    before = load_alert_policies().own(group.path)
    _check(group, policy, before)
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
        before=_recorded(before),
        after=_recorded(policy),
    )
    return before


def _recorded(policy: GroupAlertPolicy) -> dict[str, object]:
    steps = sorted(policy.steps, key=lambda step: step.after_days)
    return {
        "due_soon_days": policy.due_soon_days,
        "alerts_in_digest": policy.alerts_in_digest,
        "steps": [[step.after_days, sorted(step.roles), sorted(step.people)] for step in steps],
    }


def _check(group: Group, policy: GroupAlertPolicy, before: GroupAlertPolicy) -> None:
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
