"""The policies by which blockers are judged, and the period that a judgement concerns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.carried import CarriedMark
from closing.blockers.intercompany import DEFAULT_TOLERANCE, IntercompanyTolerance
from closing.calendar.days import ONE_DAY, DateSpan
from closing.calendar.deadlines import Deadline
from closing.calendar.instants import end_of_day, start_of_day, zone_named
from closing.calendar.workdays import WorkdayCalendar
from closing.judging.risk import workdays_until
from closing.judging.states import PeriodState, is_held_for_everybody, is_permanently_closed

NEAR_WORKDAYS = 2  # working days before the deadline from which work that is left warns
_FURTHEST = timedelta(days=60)  # a calendar with a longer holiday begins to warn there


class KindTracking(StrEnum):
    """Whether a kind of work is expected to be done (yes), not needed (no), or not looked at."""

    YES = "yes"
    NO = "no"
    NOT_TRACKED = "not_tracked"


@dataclass(frozen=True, slots=True)
class BlockerPolicy:
    """The agreed limits and the tracking of kinds, of an entity over its groups; a kind without an entry is tracked.

    Counts warn or are noted strictly above their limit. The tolerance is the group's. The tracking of the kinds in
    `not_understood` is a word of a newer version: they are not readable.
    """

    tracking: Mapping[BlockerKind, KindTracking] = field(default_factory=dict, hash=False)
    inventory_close_needed: KindTracking = KindTracking.NOT_TRACKED
    unposted_warn_above: int = 50
    accruals_warn_above: int = 10
    tolerance: IntercompanyTolerance = DEFAULT_TOLERANCE
    not_understood: frozenset[BlockerKind] = frozenset()

    def tracks(self, kind: BlockerKind) -> KindTracking:
        """Whether a kind is tracked; the inventory close has a policy of its own."""
        if kind in self.not_understood:
            return KindTracking.YES
        if kind is BlockerKind.INVENTORY_NOT_CLOSED:
            return self.inventory_close_needed
        return self.tracking.get(kind, KindTracking.YES)


@dataclass(frozen=True, slots=True)
class WeighedPeriod:
    """A period as a judgement needs it: its days, its state, whether anybody can post, and its deadline.

    `held`: nobody can post, and it can be undone (On hold in Finance & Operations; elsewhere On hold lets some post).
    `can_reopen`: the ERP can open the period again.
    """

    span: DateSpan
    zone: str
    state: PeriodState
    held: bool = False
    can_reopen: bool = True
    due_on: date | None = None


def weighed_period(
    span: DateSpan, zone: str, state: PeriodState, because: str, deadline: Deadline | None
) -> WeighedPeriod:
    """A period as its row has it; the because of its state gives `held` and `can_reopen`."""
    return WeighedPeriod(
        span,
        zone,
        state,
        held=is_held_for_everybody(state, because),
        can_reopen=not is_permanently_closed(state, because),
        due_on=deadline.due_on if deadline is not None else None,
    )


def is_near(due_on: date | None, calendar: WorkdayCalendar, today: date) -> bool:
    """Whether a deadline is at most two working days ahead, today or past; never without a deadline.

    `calendar` is the entity's close calendar, `today` its local date. Of counterparties either deadline counts.
    """
    return due_on is not None and workdays_until(due_on, calendar, today) <= NEAR_WORKDAYS


def near_from(due_on: date, calendar: WorkdayCalendar) -> date:
    """The first day on which a deadline is near."""
    day = due_on
    while day > due_on - _FURTHEST and is_near(due_on, calendar, day - ONE_DAY):
        day -= ONE_DAY
    return day


def weighing_changes_at(
    period: WeighedPeriod, calendar: WorkdayCalendar, marks: Iterable[CarriedMark] = ()
) -> list[datetime]:
    """The moments (UTC, in order) at which a judgement may change though no fact, state, policy or task does.

    The end of the period, the day on which its deadline becomes near, and the ends of the marks. For counterparties
    the moments of both apply.
    """
    zone = zone_named(period.zone)
    moments = {end_of_day(period.span.last, zone)}
    if period.due_on is not None:
        moments.add(start_of_day(near_from(period.due_on, calendar), zone))
    moments.update(end_of_day(mark.until, zone) for mark in marks)
    return sorted(moments)
