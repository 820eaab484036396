"""Builders of the states that stories of the browser look at; each returns the moment or the group of its story."""

from __future__ import annotations

from datetime import date, datetime

from closing.calendar.days import DateSpan
from entities.models import LegalEntity
from tests.builders import CLOSED, ON_HOLD, OPEN, WORKED_EXAMPLE_AT, utc
from tests.db_builders import (
    BUSY_GROUP_AT,
    SampleGroup,
    record_worked_example,
    save_busy_group,
    save_person,
    save_sample_group,
)
from tests.sample_entities import NLDT, UKHC, UKRT

OPEN_NLDT = {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": OPEN, "NLDT": OPEN}


def worked() -> datetime:
    record_worked_example(save_sample_group())
    return WORKED_EXAMPLE_AT


def busy() -> datetime:
    save_busy_group()
    return BUSY_GROUP_AT


def closed() -> datetime:
    group = save_sample_group((UKHC, UKRT, NLDT))
    group.read("2026-06-01 12:00", {"UKHC": OPEN, "UKRT": OPEN, "NLDT": OPEN})
    group.read("2026-06-05 12:00", {"UKHC": CLOSED, "UKRT": OPEN, "NLDT": OPEN})
    group.read("2026-06-08 12:00", {"UKHC": CLOSED, "UKRT": CLOSED, "NLDT": CLOSED})
    return utc("2026-06-08 12:01")


def all_stale() -> datetime:
    worked()
    return utc("2026-06-12 15:40")


def nothing_read() -> datetime:
    save_sample_group()
    return WORKED_EXAMPLE_AT


def no_entities() -> datetime:
    worked()
    LegalEntity.objects.all().update(active_from="2026-07-01")
    return WORKED_EXAMPLE_AT


def no_periods() -> datetime:
    group = save_sample_group()
    july = DateSpan(date(2026, 7, 1), date(2026, 7, 31))
    group.read("2026-06-12 11:58", dict.fromkeys(group.entities, OPEN), span=july)
    return WORKED_EXAMPLE_AT


def no_deadlines() -> datetime:
    group = save_sample_group(policy=False)
    group.read("2026-06-01 12:00", dict.fromkeys(group.entities, OPEN))
    group.read("2026-06-12 11:58", dict.fromkeys(group.entities, OPEN) | {"UKHC": CLOSED})
    return WORKED_EXAMPLE_AT


def on_hold_counts() -> datetime:
    group = save_sample_group(on_hold_counts=True)
    group.read("2026-06-01 12:00", dict.fromkeys(group.entities, OPEN))
    group.read("2026-06-09 12:00", dict.fromkeys(group.entities, ON_HOLD) | {"UKHC": CLOSED})
    return utc("2026-06-09 12:01")


def not_due() -> datetime:
    group = save_sample_group()
    group.read("2026-06-03 12:00", dict.fromkeys(group.entities, OPEN))
    return utc("2026-06-03 12:04")


# What the verdict of each designed state says.
STATES = {
    worked: "Not closed: 2 of 4 outstanding",
    busy: "Not closed: 6 of 12 outstanding",
    closed: "Group closed on 8 June, 1 day early",
    all_stale: "Unknown: 4 of 4 not read",
    nothing_read: "Unknown: 4 of 4 entities",
    no_entities: "Nobody closes May 2026",
    no_periods: "Unknown: 4 of 4 entities",
    no_deadlines: "Not closed: 3 of 4 outstanding",
    on_hold_counts: "Group closed on 9 June, 2 days early (3 on hold counted as closed)",
    not_due: "Not closed: 4 of 4 outstanding",
}


def meridian_at_noon() -> SampleGroup:
    """The worked example at its noon, with Rosa who may see all of it."""
    group = save_sample_group()
    record_worked_example(group)
    save_person()
    return group


def days_later() -> SampleGroup:
    """EU DTC BV is open eight days after its deadline."""
    group = save_sample_group()
    record_worked_example(group)
    group.read("2026-06-17 11:58", OPEN_NLDT)
    save_person()
    return group
