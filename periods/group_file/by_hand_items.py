"""What people set by hand for one period of an entity: agreed dates, and reporting months."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime

from django.db.models import QuerySet

from closing.calendar.date_phrases import full_date, month_and_year, weekday_and_date
from closing.calendar.deadlines import Deadline
from closing.calendar.instants import zone_named
from closing.calendar.months import month_end
from closing.facts.readings import PeriodType
from closing.judging.standing import after_period_end
from entities.audit_trail import Verb, entity_object
from entities.models import LegalEntity, Membership, Person, ancestor_paths
from periods.group_file.diff import FieldChange, GroupFileDiff
from periods.group_file.shape import AgreedDateItem, ReportingMonthItem
from periods.models import FiscalPeriod, PeriodDeadline
from periods.recording.reporting_months import remap_earlier_periods

_FAR = 62  # days between the end of a period and that of its month; more is a mistake


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


def _listed() -> QuerySet[FiscalPeriod]:
    """The operating periods that the ERP still lists."""
    return FiscalPeriod.objects.filter(type=PeriodType.OPERATING.value).exclude(state="unknown", facts=None)


def period_ends(codes: Collection[str]) -> Mapping[str, Collection[date]]:
    """The last days of the periods of these entities, by code."""
    ends: dict[str, set[date]] = defaultdict(set)
    if codes:
        for code, last in _listed().filter(entity__code__in=codes).values_list("entity__code", "last_day"):
            ends[code].add(last)
    return ends


def month_problem(item: ReportingMonthItem, ends: Collection[date]) -> str:
    """Why this month cannot be set; "" if it can."""
    if item.period_ends not in ends:
        near = sorted(ends, key=lambda last: (abs((last - item.period_ends).days), last))[:2]
        hint = f"; near it end those of {' and '.join(map(full_date, sorted(near)))}" if near else ""
        return f"{item.entity} has no period that ends on {full_date(item.period_ends)}{hint or '; nothing was read'}"
    if item.month is not None and abs((month_end(item.month) - item.period_ends).days) > _FAR:
        return f"{item.period_ends} is not near the end of {month_and_year(item.month)}; is it mistyped?"
    return ""


def write_months(
    items: Sequence[ReportingMonthItem], entities: Mapping[str, LegalEntity], diff: GroupFileDiff
) -> None:
    """Put the periods into these months; a month that is set by hand stays whatever is read."""
    by_hand = {
        (period.entity.code, period.last_day): period
        for period in _listed().filter(month_set_by_hand=True).select_related("entity").order_by("pk")
    }
    by_rule: set[int] = set()
    for item in items:
        key = item.entity, item.period_ends
        periods = _listed().filter(entity__code=item.entity, last_day=item.period_ends)
        label = f"month of the period of {item.entity} that ends on {full_date(item.period_ends)}"
        old = by_hand.pop(key, None)
        before = "by rule" if old is None else month_and_year(old.reporting_month)
        now = "by rule" if item.month is None else month_and_year(item.month)
        month = old.reporting_month if old is not None else None
        changes = (
            []
            if now == before
            else [FieldChange(f"month of {item.period_ends}", month, item.month, f"{before} -> {now}")]
        )
        diff.change(label, changes, Verb.MONTH_SET, entity_object(entities[item.entity]))
        if not changes:
            continue
        if item.month is None:
            periods.update(month_set_by_hand=False)
            by_rule |= set(periods.values_list("entity", flat=True))
        else:
            periods.update(month_set_by_hand=True, reporting_month=item.month)
    remap_earlier_periods(sorted(by_rule), date.max)
    diff.not_in_file += [
        f"the month of the period of {code} that ends on {full_date(last)}" for code, last in sorted(by_hand)
    ]
