"""The one lateness rule: state + deadline + moment = standing (01-domain 1.5 to 1.7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from closing.days import DateSpan, WorkCalendar
from closing.deadlines import Deadline
from closing.states import PeriodState


class Level(StrEnum):
    NOT_DUE = "not_due"
    DUE_TODAY = "due_today"
    LATE = "late"
    ALERTING = "alerting"
    CLOSED_ON_TIME = "closed_on_time"
    CLOSED_LATE = "closed_late"
    CLOSED_DATE_UNKNOWN = "closed_date_unknown"
    NO_DEADLINE = "no_deadline"
    UNKNOWN = "unknown"


class LatenessUnit(StrEnum):
    CALENDAR_DAYS = "calendar_days"
    WORKING_DAYS = "working_days"


@dataclass(frozen=True, slots=True)
class JudgePolicy:
    """The agreed choices that judging depends on, each with the default of 01-domain."""

    alert_after_days: int = 5
    unit: LatenessUnit = LatenessUnit.CALENDAR_DAYS
    on_hold_counts_as_closed: bool = False

    def counts_as_closed(self, state: PeriodState) -> bool: ...


@dataclass(frozen=True, slots=True)
class Change:
    """One seen change of state: the read that saw it and the read before (None: we had never looked)."""

    state: PeriodState
    seen_at: datetime
    previous_read_at: datetime | None
    because: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """A period's story up to a moment, folded from its changes under a policy.

    `first_close` is the change that first met the closed rule; `closed_when_first_seen` says that it already was
    at our very first look, so its date is unknown. `reopened_at` is the read that last saw a close undone, None
    if never; `closed_again` the latest close after it.
    """

    state: PeriodState
    since: Change | None
    first_close: Change | None
    closed_when_first_seen: bool
    reopened_at: datetime | None
    last_close: Change | None


def fold(changes: list[Change], policy: JudgePolicy) -> History:
    """Fold changes (oldest first) into a history; an empty list gives UNKNOWN.

    A spell of UNKNOWN between two closed states neither reopens nor re-closes.
    """
    ...


@dataclass(frozen=True, slots=True)
class Standing:
    """The judgement of one period at one moment.

    `days_late` counts in `unit`: while not closed up to the moment's local date, once closed up to the first close.
    `due_in` is days until the deadline (None once passed or closed or without one). `closed_between` gives the local
    dates of the reads around the first close when they lie on both sides of the deadline ("on time?").
    """

    level: Level
    days_late: int
    unit: LatenessUnit
    due_in: int | None = None
    first_closed_on: date | None = None
    last_closed_on: date | None = None
    closed_between: tuple[date, date] | None = None
    reopened: bool = False

    @property
    def alerting(self) -> bool: ...

    @property
    def outstanding(self) -> bool:
        """Not closed as far as anybody knows: anything but the closed levels."""
        ...


def judge(
    history: History,
    deadline: Deadline | None,
    *,
    as_of: datetime,
    period: DateSpan,
    policy: JudgePolicy,
    calendar: WorkCalendar | None = None,
    zone: str | None = None,
) -> Standing:
    """Judge one period at one moment (01-domain 1.3 to 1.7).

    A caller whose reading is stale passes the moment of that reading as `as_of`: the last known level then stays,
    neither clearing nor escalating. `calendar` is needed for working-day lateness; `zone` for a period without
    a deadline. The deadline does not matter for a period that has not ended: it is NOT_DUE.
    """
    ...
