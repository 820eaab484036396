"""Builders of rows for the sample entities: groups, calendars, policies, months."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import count
from typing import Any

from closing.calendar.months import month_end, month_of, next_month
from entities.group_tree import save_group
from entities.models import Group, LegalEntity, WorkCalendar
from periods.models import DeadlinePolicy, FiscalPeriod, PeriodDeadline, PolicyVersion
from tests import sample_entities
from tests.saved_once import saved_once

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
_keys = count(1)


def groups() -> dict[str, Group]:
    """The groups of the sample entities, by code."""
    made: dict[str, Group] = {}
    for node in sample_entities.GROUPS:
        made[node.code] = save_group(node.code, node.name, made.get(node.parent))
    return made


def top_group() -> Group:
    """The group at the top."""
    return Group.objects.get(code="MERIDIAN")


def calendar(code: str, name: str, country: str = "", subdivision: str = "") -> WorkCalendar:
    """A work calendar, saved once."""
    return WorkCalendar.objects.get_or_create(
        code=code, defaults={"name": name, "country": country, "subdivision": subdivision}
    )[0]


def entity(who: sample_entities.SampleEntity, group: Group, **fields: Any) -> LegalEntity:
    """A legal entity of the worked example on its country's calendar."""
    places = {
        "GB": ("ENGLAND", "England", "GB", "ENG"),
        "NL": ("NL", "Netherlands", "NL"),
        "US": ("US", "US federal", "US"),
    }
    calendar_of = calendar(*places[who.country])
    return LegalEntity.objects.create(
        **{"code": who.code, "name": who.name, "country": who.country, "zone": who.zone}
        | {"group": group, "calendar": calendar_of}
        | fields
    )


def save_four_entities() -> dict[str, LegalEntity]:
    """The four entities of the worked example, by code."""
    return saved_once(_save_four_entities)


def _save_four_entities() -> dict[str, LegalEntity]:
    standing = groups()
    return {who.code: entity(who, standing[who.group]) for who in sample_entities.FOUR_ENTITIES}


def policy(of: Group | LegalEntity, *, set_at: datetime = LONG_AGO, **words: Any) -> PolicyVersion:
    """A version of the policy of a group or an entity: its first, or the next one."""
    owner = {"group": of} if isinstance(of, Group) else {"entity": of}
    held, _ = DeadlinePolicy.objects.get_or_create(
        **owner, defaults={"code": f"{type(of).__name__.upper()}-{of.code}", "name": f"{of.name} close"}
    )
    return PolicyVersion.objects.create(policy=held, number=held.versions.count() + 1, set_at=set_at, **words)


def workday(n: int = 6, first_is: int = 1, **words: Any) -> dict[str, Any]:
    """The JSON of a working-day rule."""
    return {"rule": "workday", "n": n, "first_is": first_is} | words


def months(of: LegalEntity, first: date, last: date) -> list[FiscalPeriod]:
    """Monthly operating periods of an entity, first to last month."""
    made = []
    month = month_of(first)
    while month <= last:
        made.append(period(of, month, month_end(month)))
        month = next_month(month)
    return made


def period(of: LegalEntity, first_day: date, last_day: date, **fields: Any) -> FiscalPeriod:
    """One operating period, as brought by a read."""
    return FiscalPeriod.objects.create(
        **{"entity": of, "erp_key": f"key {next(_keys)}", "year": str(last_day.year), "name": "a period"}
        | {
            "first_day": first_day,
            "last_day": last_day,
            "type": "operating",
            "reporting_month": month_of(last_day),
        }
        | {"state": "open", "because": "no module is restricted"}
        | fields
    )


def in_force(of: FiscalPeriod) -> PeriodDeadline:
    """The deadline in force of a period."""
    return of.deadlines.get(current=True)
