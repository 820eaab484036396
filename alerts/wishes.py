"""What people wish: how soon they hear of each kind, and their hours; whoever has said nothing has the usual."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from alerts.models import DIGEST_AT, Subscription
from closing.judging.notices import Kind
from closing.judging.notification_schedule import Hours, Rhythm
from entities.calendars import work_calendars
from entities.models import Person

Chosen = dict[tuple[int, Kind], Rhythm]


def chosen_by(people: Collection[int]) -> Chosen:
    """What these people have chosen otherwise than usual, by person and kind, in one query."""
    rows = Subscription.objects.filter(person__in=people).values_list("person", "kind", "rhythm")
    return {(person, Kind(kind)): Rhythm(rhythm) for person, kind, rhythm in rows}


def hours_of(people: Collection[int], as_of: datetime) -> dict[int, Hours]:
    """The hours of these people by id; three queries at most, whatever their number."""
    rows = list(
        Person.objects.filter(pk__in=people).values_list(
            "pk",
            "zone",
            "habits__digest_at",
            "habits__digest_weekday",
            "habits__quiet_from",
            "habits__quiet_until",
            "habits__calendar",
            "habits__rests_on_days_off",
        )
    )
    wanted = {calendar for *_, calendar, _ in rows if calendar is not None}
    calendars = work_calendars(wanted, range(as_of.year - 1, as_of.year + 2)) if wanted else {}
    return {
        pk: Hours(
            zone=zone,
            digest_at=at if at is not None else DIGEST_AT,
            digest_weekday=weekday or 0,
            quiet_from=begin,
            quiet_until=end,
            calendar=calendars.get(calendar),
            rests=bool(rests),
        )
        for pk, zone, at, weekday, begin, end, calendar, rests in rows
    }
