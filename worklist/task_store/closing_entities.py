"""Entities as the generation of close tasks needs them: ERP, profile, calendar and counting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from closing.calendar.deadlines import WorkdayRule
from closing.calendar.workdays import WorkdayCalendar
from closing.close_tasks.generation import ClosingEntity
from closing.close_tasks.task_templates import PROFILE_FLAGS
from entities.models import LegalEntity
from periods.policies import effective_policies
from worklist.models import ProfileVersion
from worklist.weighing_policies import profile_of


def closing_entities(
    entities: Iterable[LegalEntity], close_group: str, calendars: Mapping[int, WorkdayCalendar]
) -> dict[int, ClosingEntity]:
    """Entities that wait for the tasks of a group, by id, with their calendars by id; the same queries for any.

    Their groups and connections should be selected with them.
    """
    by_id = {entity.pk: entity for entity in entities}
    policies = effective_policies([(pk, entity.group.path) for pk, entity in by_id.items()])
    newest = ProfileVersion.objects.filter(entity__in=by_id).order_by("entity_id", "-set_at")
    profiles: dict[int, Any] = dict(newest.distinct("entity_id").values_list("entity_id", "body"))
    found = {}
    for pk, entity in by_id.items():
        profile = profile_of(profiles.get(pk))
        rule = policies[pk].rule
        found[pk] = ClosingEntity(
            code=entity.code,
            name=entity.name,
            erp=entity.connection.kind if entity.connection else "",
            calendar=calendars[entity.calendar_id],
            zone=entity.zone,
            role=profile.role.value,
            has=frozenset(flag for flag in PROFILE_FLAGS if getattr(profile, flag)),
            groups=tuple(reversed(entity.group.path.strip("/").split("/"))),  # a path is made of codes
            close_group=close_group,
            first_is=rule.first_is if isinstance(rule, WorkdayRule) else 1,
        )
    return found
