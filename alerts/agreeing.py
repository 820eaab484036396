"""What a group's administrators agree about being told: its own rules and steps, and where the others come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from alerts.group_rules import USUAL_STEPS, Rules, Step, steps_by_path
from alerts.models import AlertRules, DeliveryLine, EscalationStep
from alerts.readdressing import readdress
from entities.models import Group, Membership, Person, from_root

MOST_DAYS_AHEAD = 20
MOST_DAYS_LATE = 365
MOST_STEPS = 9
Role = Membership.Role


class RulesRefused(ValueError):
    """What cannot be agreed so; `field` is the input that it is about ("step-2-days"), the text says why."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


@dataclass(frozen=True, slots=True)
class Agreed:
    """What one group has agreed itself; None and no steps where it says nothing."""

    due_soon_days: int | None = None
    alerts_in_digest: bool | None = None
    steps: Sequence[Step] = ()


@dataclass(frozen=True, slots=True)
class Above:
    """What holds for a group that says nothing itself, and the names of the groups it comes from; "" is the usual."""

    rules: Rules
    steps: Sequence[Step]
    due_soon_from: str = ""
    in_digest_from: str = ""
    steps_from: str = ""


def agreed_in(group: Group) -> Agreed:
    """What this group has agreed itself."""
    return agreed_in_each([group])[group.pk]


def agreed_in_each(groups: Sequence[Group]) -> dict[int, Agreed]:
    """What each of these groups has agreed itself, by id; three queries at most, whatever their number."""
    rows, steps = AlertRules.objects.in_bulk([each.pk for each in groups]), steps_by_path()
    found = {}
    for each in groups:
        row, own = rows.get(each.pk), steps.get(each.path, ())
        found[each.pk] = Agreed(row.due_soon_days, row.alerts_in_digest, own) if row else Agreed(steps=own)
    return found


def above(group: Group) -> Above:
    """What the groups above this one have agreed, the nearest first."""
    paths = from_root(group.path)[:-1]
    names = dict(Group.objects.filter(path__in=paths).values_list("path", "name"))
    rows = {
        row.group.path: row
        for row in AlertRules.objects.filter(group__path__in=paths).select_related("group")
    }
    steps, usual = steps_by_path(), Rules()
    nearest = list(reversed(paths))
    soon = next((path for path in nearest if path in rows and rows[path].due_soon_days is not None), "")
    digest = next((path for path in nearest if path in rows and rows[path].alerts_in_digest is not None), "")
    own = next((path for path in nearest if path in steps), "")
    days = rows[soon].due_soon_days if soon else None
    in_digest = rows[digest].alerts_in_digest if digest else None
    return Above(
        Rules(usual.due_soon_days if days is None else days, bool(in_digest)),
        steps.get(own, USUAL_STEPS),
        names.get(soon, ""),
        names.get(digest, ""),
        names.get(own, ""),
    )


def may_be_named(group: Group) -> list[Person]:
    """The people who may see the whole group, by name: those whom a step may name."""
    held = Membership.objects.filter(group__path__in=from_root(group.path), person__is_active=True)
    people = Person.objects.filter(is_active=True)
    found = people.filter(pk__in=held.values("person")) | people.filter(is_superuser=True)
    return list(found.order_by("name", "email"))


@transaction.atomic
def agree(group: Group, wanted: Agreed, as_of: datetime) -> Agreed:
    """Let the group have agreed this; returns what it had before. Raises RulesRefused, and changes nothing.

    Alerts that wait in digests which the group allows no more leave at once.
    """
    Group.objects.select_for_update(no_key=True).values("pk").get(pk=group.pk)
    before = agreed_in(group)
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
    readdress(DeliveryLine.objects.filter(notice__period__entity__group__path__startswith=group.path), as_of)
    return before


def _check(group: Group, wanted: Agreed, before: Agreed) -> None:
    if wanted.due_soon_days is not None and not 0 <= wanted.due_soon_days <= MOST_DAYS_AHEAD:
        raise RulesRefused("due_soon_days", f"Between 0 and {MOST_DAYS_AHEAD} working days ahead.")
    if len(wanted.steps) > MOST_STEPS:
        raise RulesRefused("steps", f"An escalation has at most {MOST_STEPS} steps.")
    known = {each.pk for each in may_be_named(group)}
    known |= {person for step in before.steps for person in step.people}
    days: set[int] = set()
    for number, step in enumerate(wanted.steps, start=1):
        if not 1 <= step.after_days <= MOST_DAYS_LATE:
            raise RulesRefused(f"step-{number}-days", f"Between 1 and {MOST_DAYS_LATE} days late.")
        if step.after_days in days:
            words = f"Another step already comes {step.after_days} days late. Put both into one."
            raise RulesRefused(f"step-{number}-days", words)
        days.add(step.after_days)
        if not step.roles and not step.people:
            raise RulesRefused(
                f"step-{number}-roles", "Say whom this step tells: a role, or somebody by name."
            )
        if set(step.roles) - {role.value for role in Role}:
            raise RulesRefused(f"step-{number}-roles", "There is no such role.")
        if set(step.people) - known:
            raise RulesRefused(f"step-{number}-people", "Choose among those who may see the group.")
