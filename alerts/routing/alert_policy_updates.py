"""How a group's administrators change its alert policy and escalation steps."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from alerts.models import AlertRules, DeliveryLine, EscalationStep
from alerts.routing.alert_policy import (
    GroupAlertPolicy,
    own_policy,
    people_for_steps,
)
from alerts.routing.rerouting import reroute_waiting
from entities.models import Group, Membership

MOST_DAYS_AHEAD = 20
MOST_DAYS_LATE = 365
MOST_STEPS = 9
Role = Membership.Role


class InvalidAlertPolicy(ValueError):
    """What cannot be agreed so; `field` is the input that it is about ("step-2-days"), the text says why."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


@transaction.atomic
def update_alert_policy(group: Group, wanted: GroupAlertPolicy, as_of: datetime) -> GroupAlertPolicy:
    """Let the group have agreed this; returns what it had before. Raises InvalidAlertPolicy, and changes nothing.

    Alerts that wait in digests which the group allows no more leave at once.
    """
    Group.objects.select_for_update(no_key=True).values("pk").get(pk=group.pk)
    before = own_policy(group)
    _check(group, wanted, before)
    if wanted.due_soon_days is None and wanted.alerts_in_digest is None:
        AlertRules.objects.filter(group=group).delete()
    else:
        AlertRules.objects.update_or_create(
            group=group,
            defaults={
                "due_soon_days": wanted.due_soon_days,
                "alerts_in_digest": wanted.alerts_in_digest,
            },
        )
    steps = sorted(wanted.steps, key=lambda each: each.after_days)
    EscalationStep.objects.filter(group=group).delete()
    for number, each in enumerate(steps, start=1):
        made = EscalationStep.objects.create(
            group=group, step=number, after_days=each.after_days, roles=list(each.roles)
        )
        made.people.set(each.people)
    reroute_waiting(
        DeliveryLine.objects.filter(notice__period__entity__group__path__startswith=group.path), as_of
    )
    return before


def _check(group: Group, wanted: GroupAlertPolicy, before: GroupAlertPolicy) -> None:
    if wanted.due_soon_days is not None and not 0 <= wanted.due_soon_days <= MOST_DAYS_AHEAD:
        raise InvalidAlertPolicy("due_soon_days", f"Between 0 and {MOST_DAYS_AHEAD} working days ahead.")
    if len(wanted.steps) > MOST_STEPS:
        raise InvalidAlertPolicy("steps", f"An escalation has at most {MOST_STEPS} steps.")
    known = {each.pk for each in people_for_steps(group)}
    known |= {person for step in before.steps for person in step.people}
    days: set[int] = set()
    for number, step in enumerate(wanted.steps, start=1):
        if not 1 <= step.after_days <= MOST_DAYS_LATE:
            raise InvalidAlertPolicy(f"step-{number}-days", f"Between 1 and {MOST_DAYS_LATE} days late.")
        if step.after_days in days:
            words = f"Another step already comes {step.after_days} days late. Put both into one."
            raise InvalidAlertPolicy(f"step-{number}-days", words)
        days.add(step.after_days)
        if not step.roles and not step.people:
            raise InvalidAlertPolicy(
                f"step-{number}-roles", "Say whom this step tells: a role, or somebody by name."
            )
        if set(step.roles) - {role.value for role in Role}:
            raise InvalidAlertPolicy(f"step-{number}-roles", "There is no such role.")
        if set(step.people) - known:
            raise InvalidAlertPolicy(f"step-{number}-people", "Choose among those who may see the group.")
