"""Reads the rows in the database that a group file may describe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from entities.models import Connection, Group, LegalEntity, Person, WorkCalendar
from periods.models import AgreedDate, DeadlinePolicy

PolicyOwner = tuple[str, str]  # ("group" or "entity", code)


@dataclass(frozen=True, slots=True)
class ExistingRows:
    """Rows by code, name or e-mail; policies by owner; the newest agreed date by entity code and month."""

    groups: dict[str, Group]
    calendars: dict[str, WorkCalendar]
    connections: dict[str, Connection]
    people: dict[str, Person]
    entities: dict[str, LegalEntity]
    policies: dict[PolicyOwner, DeadlinePolicy]
    agreed: dict[tuple[str, date], AgreedDate]


def read_existing() -> ExistingRows:
    """Read all of these rows, in one query per kind."""
    agreed = AgreedDate.objects.select_related("entity").order_by("set_at", "id")
    return ExistingRows(
        groups={row.code: row for row in Group.objects.select_related("parent")},
        calendars={row.code: row for row in WorkCalendar.objects.all()},
        connections={row.name: row for row in Connection.objects.all()},
        people={row.email: row for row in Person.objects.all()},
        entities={
            row.code: row
            for row in LegalEntity.objects.select_related(
                "group", "calendar", "owner", "deputy", "connection"
            ).order_by("code")
        },
        policies={owner_of(row): row for row in DeadlinePolicy.objects.select_related("group", "entity")},
        agreed={(row.entity.code, row.reporting_month): row for row in agreed},
    )


def owner_of(policy: DeadlinePolicy) -> PolicyOwner:
    """The owner of a policy."""
    if policy.group is not None:
        return ("group", policy.group.code)
    return ("entity", policy.entity.code if policy.entity else "")
