"""Sets the deadlines of periods: worked out from the policy in force, or agreed by hand (01-domain 1.4)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, time
from operator import attrgetter
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import FilteredRelation, Max, Min, Q

from closing.blockers.blocker_policy import near_from
from closing.calendar.days import DateSpan, counts_for
from closing.calendar.deadlines import Deadline, DeadlineRule, FixedDateRule, deadline_for
from closing.calendar.months import is_quarter_end, is_year_end
from closing.calendar.workdays import CalendarUncovered, WorkdayCalendar
from closing.facts.readings import PeriodType
from entities.calendars import work_calendars
from entities.models import LegalEntity
from periods.expected_periods import expect_periods, is_expected
from periods.models import AgreedDate, FiscalPeriod, PeriodDeadline
from periods.policies import EffectivePolicy, effective_policies

LOCK = 0x636C6F73  # any number of our own: one writer of deadlines at a time
BATCH = 10_000


@dataclass(frozen=True, slots=True)
class DeadlinesResult:
    """How many deadlines were set, and warnings about those that could not be worked out."""

    rows: int = 0
    warnings: list[str] = field(default_factory=list)


class _Entity(NamedTuple):
    zone: str
    calendar_id: int
    year_end_month: int
    active_from: date | None
    active_to: date | None


class _Current(NamedTuple):
    """The row in force for a period."""

    id: int
    agreed_date_id: int | None
    set_at: datetime
    deadline: Deadline


class _Agreed(NamedTuple):
    id: int
    due_on: date
    cut_off: time | None
    reason: str
    agreed_by: str
    set_at: datetime

    def counts(self, in_force: Sequence[tuple[datetime, Deadline]], zone: str) -> bool:
        """Whether it was entered before the deadline then in force had passed, and for a moment ahead.

        `in_force` are the period's deadlines with the moments they were set, oldest first. Later, or backwards, it
        would move a past that was judged already (01-domain 1.4).
        """
        before = [deadline for set_at, deadline in in_force if set_at < self.set_at]
        if not before:
            return True
        agreed = Deadline(self.due_on, zone, self.cut_off)
        return not before[-1].passed(self.set_at) and not agreed.passed(self.set_at)


class _NewRow(NamedTuple):
    period_id: int
    policy_version_id: int | None
    agreed_date_id: int | None
    set_at: datetime
    near_on: date
    deadline: Deadline


# Each field of a Deadline is a column.
_DEADLINE = tuple(field.name for field in fields(Deadline))
_columns_of = attrgetter(*_DEADLINE)


def lock_deadlines() -> None:
    """Take the lock on setting deadlines until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


@transaction.atomic
def set_deadlines(
    entity_ids: Collection[int] | None, as_of: datetime, *, taken_over: Collection[int] = ()
) -> DeadlinesResult:
    """Set the deadlines of the operating periods of these entities (None: of all) as agreed at `as_of`.

    A row is written for a period that has none, or if another deadline has been agreed since and the one in force is
    not past. A past one is replaced only if the period ends later than it did, or by a date that was agreed before
    it had passed; one that was agreed later is what is expected (`periods.lookups`). A deadline set later than
    `as_of` stays. Rows are never edited; the newest is marked current.

    An entity never read gets deadlines of expected periods, counted from the month and not among the result's rows;
    `taken_over` are such periods that the ERP has now listed: their own days give the deadline, past or not.
    """
    lock_deadlines()
    run = _Run(entity_ids, as_of, taken_over)
    new, replaced, expected = [], [], 0
    for period_id, entity_id, days, month, erp_key, current in run.periods():
        entity = run.entities[entity_id]
        if not counts_for(days.last, entity.active_from, entity.active_to):
            continue
        run.expected = is_expected(erp_key)
        row = run.row_for(period_id, entity_id, days, month, current)
        if row:
            new.append(row)
            expected += run.expected
            if current:
                replaced.append(current.id)
    _write(new, replaced)
    return DeadlinesResult(len(new) - expected, run.warnings())


class _Run:
    """All that one run needs, read once; periods with equal inputs share one result."""

    def __init__(
        self, entity_ids: Collection[int] | None, as_of: datetime, taken_over: Collection[int]
    ) -> None:
        self.taken_over = frozenset(taken_over)
        self.expected = False  # whether the period of the moment is only expected
        entities = (
            LegalEntity.objects.all() if entity_ids is None else LegalEntity.objects.filter(id__in=entity_ids)
        )
        self.as_of = as_of
        self.entities: dict[int, _Entity] = {}
        paths: list[tuple[int, str]] = []
        for entity_id, path, *rest in entities.order_by().values_list("id", "group__path", *_Entity._fields):
            self.entities[entity_id] = _Entity(*rest)
            paths.append((entity_id, path))
        self.policies: dict[int, EffectivePolicy] = effective_policies(paths)
        with connection.cursor() as cursor:
            expect_periods(
                cursor,
                [
                    (pk, entity.zone, entity.active_from, entity.active_to)
                    for pk, entity in self.entities.items()
                    if self.policies[pk].rule is not None
                ],
                as_of,
            )
        of_entities = Q() if entity_ids is None else Q(entity_id__in=self.entities)
        self.periods_to_set = FiscalPeriod.objects.filter(of_entities, type=PeriodType.OPERATING.value)
        agreed = AgreedDate.objects.filter(of_entities).order_by("set_at", "id")
        self.agreed: dict[tuple[int, date], list[_Agreed]] = defaultdict(list)
        for entity_id, month, *rest in agreed.values_list("entity_id", "reporting_month", *_Agreed._fields):
            self.agreed[entity_id, month].append(_Agreed(*rest))
        self.in_force: dict[int, list[tuple[datetime, Deadline]]] = defaultdict(list)
        rows = PeriodDeadline.objects.filter(
            period__entity__in={entity_id for entity_id, _ in self.agreed},
            period__reporting_month__in={month for _, month in self.agreed},
        )
        for row in rows.order_by("set_at"):
            deadline = Deadline(row.due_on, row.zone, row.cut_off)
            self.in_force[row.period_id].append((row.set_at, deadline))
        days = self.periods_to_set.aggregate(first=Min("last_day"), last=Max("last_day"))
        years = range(days["first"].year, days["last"].year + 2) if days["first"] else range(0)
        self.calendars = work_calendars({entity.calendar_id for entity in self.entities.values()}, years)
        self.worked_out: dict[tuple[object, ...], Deadline | str] = {}
        self.near_on: dict[tuple[date, int], date] = {}
        self.uncovered: Counter[str] = Counter()

    def periods(self) -> Iterator[tuple[int, int, DateSpan, date, str, _Current | None]]:
        """The id, entity's id, days, reporting month and key of each period, and the row in force."""
        now = FilteredRelation("deadlines", condition=Q(deadlines__current=True))
        of_now = (f"now__{name}" for name in ("id", "agreed_date_id", "set_at", *_DEADLINE))
        columns = ("id", "entity_id", "first_day", "last_day", "reporting_month", "erp_key", *of_now)
        rows = self.periods_to_set.alias(now=now).order_by("id").values_list(*columns)
        for pk, entity_id, first, last, month, erp_key, now_id, agreed_id, set_at, *due in rows:
            current = _Current(now_id, agreed_id, set_at, Deadline(*due)) if now_id is not None else None
            yield pk, entity_id, DateSpan(first, last), month, erp_key, current

    def row_for(
        self, period_id: int, entity_id: int, days: DateSpan, month: date, current: _Current | None
    ) -> _NewRow | None:
        """The row that a period needs, None if the deadline in force may stay."""
        if current and current.set_at >= self.as_of:
            return None
        entity, policy = self.entities[entity_id], self.policies[entity_id]
        agreed = self._agreed(period_id, entity_id, month, current)
        rule: DeadlineRule
        if agreed:
            rule, cut_off = FixedDateRule(agreed.due_on, agreed.reason, agreed.agreed_by), agreed.cut_off
        elif policy.rule:
            rule, cut_off = policy.rule, policy.cut_off
        else:
            return None
        deadline = self._deadline(rule, cut_off, entity, days, month)
        if isinstance(deadline, str):
            self.uncovered[deadline] += not self.expected
            return None
        if self.expected:
            explanation = f"{deadline.explanation}; its period is not known yet"
            deadline = replace(deadline, explanation=explanation)
        if agreed and current and agreed.id == current.agreed_date_id:
            deadline = replace(deadline, extended=current.deadline.extended)
        elif agreed and policy.rule:
            by_policy = self._deadline(policy.rule, policy.cut_off, entity, days, month)
            extended = isinstance(by_policy, Deadline) and deadline.due_at > by_policy.due_at
            deadline = replace(deadline, extended=extended)
        if current:
            if deadline == (before := current.deadline):
                return None
            in_time = agreed and agreed.id != current.agreed_date_id and not before.passed(agreed.set_at)
            # A period whose end has moved is another one than the deadline was set for.
            of_other_days = before.due_on <= days.last < deadline.due_on
            stays = before.passed(self.as_of) and period_id not in self.taken_over
            if stays and not in_time and not of_other_days:
                return None
        version_id, agreed_id = (None, agreed.id) if agreed else (policy.version_id, None)
        near_on = self._near_on(deadline.due_on, entity.calendar_id)
        return _NewRow(period_id, version_id, agreed_id, self.as_of, near_on, deadline)

    def _agreed(
        self, period_id: int, entity_id: int, month: date, current: _Current | None
    ) -> _Agreed | None:
        """The newest agreed date that counts for a period; one that is in force counts, however it came to be."""
        zone, in_force = self.entities[entity_id].zone, self.in_force[period_id]
        for one in reversed(self.agreed.get((entity_id, month), ())):
            if (current and one.id == current.agreed_date_id) or one.counts(in_force, zone):
                return one
        return None

    def _deadline(
        self, rule: DeadlineRule, cut_off: time | None, entity: _Entity, days: DateSpan, month: date
    ) -> Deadline | str:
        """The deadline, or in words why there is none."""
        quarter_end, year_end = (
            is_end(month, entity.year_end_month) for is_end in (is_quarter_end, is_year_end)
        )
        key = (rule, cut_off, entity.zone, entity.calendar_id, days, month, quarter_end, year_end)
        if key not in self.worked_out:
            calendar: WorkdayCalendar = self.calendars[entity.calendar_id]
            try:
                self.worked_out[key] = deadline_for(
                    rule,
                    days,
                    calendar,
                    entity.zone,
                    cut_off=cut_off,
                    quarter_end=quarter_end,
                    year_end=year_end,
                    month=month,
                )
            except CalendarUncovered as uncovered:
                self.worked_out[key] = str(uncovered)
        return self.worked_out[key]

    def _near_on(self, due_on: date, calendar_id: int) -> date:
        """The first day on which a deadline is near by its calendar."""
        key = due_on, calendar_id
        if key not in self.near_on:
            self.near_on[key] = near_from(due_on, self.calendars[calendar_id])
        return self.near_on[key]

    def warnings(self) -> list[str]:
        """One warning for each calendar and year without holiday data."""
        return [
            f"{why[:1].upper()}{why[1:]}: {count} {'period has' if count == 1 else 'periods have'} no deadline set."
            for why, count in sorted(self.uncovered.items())
            if count
        ]


def _write(new: list[_NewRow], replaced: list[int]) -> None:
    for at in range(0, len(replaced), BATCH):
        PeriodDeadline.objects.filter(id__in=replaced[at : at + BATCH]).update(current=False)
    if new:
        columns = ", ".join([*_NewRow._fields[:-1], *_DEADLINE, "current"])
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {PeriodDeadline._meta.db_table} ({columns}) FROM STDIN") as copy,
        ):
            for row in new:
                copy.write_row((*row[:-1], *_columns_of(row.deadline), True))
