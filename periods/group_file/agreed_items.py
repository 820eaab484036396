"""Checks new agreed dates of a group file against the deadlines in force: who may agree on one, and what it moves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from closing.calendar.date_phrases import month_and_year, weekday_and_date
from closing.calendar.deadlines import Deadline
from closing.calendar.instants import zone_named
from closing.judging.standing import after_period_end
from entities.models import LegalEntity, Membership, Person, ancestor_paths
from periods.group_file.shape import AgreedDateItem
from periods.models import PeriodDeadline


class DeadlinesInForce:
    """The deadlines in force for these agreed dates, and the people who may move them; read in three queries."""

    def __init__(self, items: Iterable[AgreedDateItem], as_of: datetime) -> None:
        items = list(items)
        self.as_of = as_of
        # By entity and month, with the last day of the period.
        self._in_force: dict[tuple[str, date], tuple[date, Deadline]] = {}
        rows = PeriodDeadline.objects.filter(
            current=True,
            set_at__lt=as_of,
            period__entity__code__in={item.entity for item in items},
            period__reporting_month__in={item.month for item in items},
        )
        for row in rows.select_related("period__entity"):
            deadline = Deadline(row.due_on, row.zone, row.cut_off)
            key = (row.period.entity.code, row.period.reporting_month)
            self._in_force[key] = row.period.last_day, deadline
        self._people: dict[str, list[Person]] = {}
        for person in Person.objects.all():
            for name in {person.email, person.name.casefold()}:
                self._people.setdefault(name, []).append(person)
        self._finance = set(
            Membership.objects.filter(role=Membership.Role.FINANCE, group__isnull=False).values_list(
                "person_id", "group__path"
            )
        )

    def problem(self, item: AgreedDateItem, entity: LegalEntity) -> tuple[str, str] | None:
        """What forbids a new agreed date, as the key that it is about and words; None if nothing does."""
        known = self._in_force.get((item.entity, item.month))
        if known is None:
            return None
        last_day, deadline = known
        if after_period_end(self.as_of, last_day, zone_named(entity.zone)):
            words = self._not_allowed(item, entity)
            if words:
                return "agreed_by", words
        agreed = Deadline(item.due_on, entity.zone, item.cut_off)
        if agreed.passed(self.as_of) and not deadline.passed(self.as_of):
            return "due_on", f"{item.due_on} is past; a deadline can only be moved to a day still to come"
        return None

    def note(self, item: AgreedDateItem) -> str:
        """What a new agreed date does not change; "" where it sets the deadline."""
        known = self._in_force.get((item.entity, item.month))
        if known is None or not known[1].passed(self.as_of):
            return ""
        due = weekday_and_date(known[1].due_on)
        return (
            f"The deadline of {item.entity} for {month_and_year(item.month)}, {due}, had passed and stays;"
            f" {weekday_and_date(item.due_on)} is only when the close is expected."
        )

    def _not_allowed(self, item: AgreedDateItem, entity: LegalEntity) -> str:
        """Why the person who agreed may not do so once the period has ended; "" if they may."""
        rule = (
            f"{month_and_year(item.month)} has ended: only finance of a group above {entity.name} can agree on"
            " another date, and never its owner"
        )
        people = self._people.get(item.agreed_by.strip().casefold(), [])
        if not people:
            return f"{rule}; no person has the address `{item.agreed_by}`. Write the person's e-mail address"
        paths = ancestor_paths(entity.group.path)
        if any(
            person.pk != entity.owner_id and any((person.pk, path) in self._finance for path in paths)
            for person in people
        ):
            return ""
        if any(person.pk == entity.owner_id for person in people):
            return f"{rule}; {item.agreed_by} is its owner"
        return f"{rule}; {item.agreed_by} has no such role"
