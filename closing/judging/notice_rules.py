"""Which notice is due, with a named reason either way: the one place that decides what is told (01-domain 1.5).

`closing.judging.standing` judges lateness. Here it is weighed against earlier notices, the certainty of the reading,
and how long evaluation has been running without a gap.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from closing.calendar.workdays import CalendarUncovered, WorkdayCalendar

# A close that lasts shorter is flapping: it ends no episode (05-reliability A7).
HOLD_DOWN = timedelta(minutes=30)
ESCALATE_AFTER = (10, 15)  # days late of each step of an escalation
DUE_SOON_DAYS = 2  # working days ahead of a deadline
REMINDER_INTERVAL_DAYS = 7  # days between two reminders, once the last step of the escalation has been told


class NoticeKind(StrEnum):
    """What a notice tells of: a period, but for the last three, which tell of a connection or of a whole group."""

    ALERT = "alert"
    ESCALATION = "escalation"
    UNCONFIRMED = "unconfirmed"
    REOPENED = "reopened"
    CLEARED = "cleared"
    DUE_SOON = "due_soon"
    LATE = "late"
    NO_DEADLINE = "no_deadline"
    STALE = "stale"
    REFUSED = "refused"
    GROUP_CLOSED = "group_closed"


_WEEKDAYS = WorkdayCalendar("weekdays")
# After which good news is owed; that it was to be due soon is none.
PROBLEM_KINDS = frozenset(
    {NoticeKind.ALERT, NoticeKind.ESCALATION, NoticeKind.UNCONFIRMED, NoticeKind.REOPENED, NoticeKind.LATE}
)
INFORMATIONAL_KINDS = frozenset({NoticeKind.CLEARED, NoticeKind.GROUP_CLOSED})  # which nobody need hear of


class NoticeReason(StrEnum):
    """Why a notice is due, or is not."""

    PAST_THE_LINE = "past the alert line, and read to be so"
    PAST_A_STEP = "still not closed at a step of the escalation"
    CLOSE_EXPECTED = (
        "waits: somebody looks after it, and the day on which they expect the close has not passed"
    )
    PAST_AND_UNREAD = "past the alert line, last known not closed, and cannot be read"
    CLOSE_UNDONE = "was closed, and is not any more"
    CLOSED_AFTER_NOTICE = "closed after it was told of"
    DUE_IN_DAYS = "due within the days that it is told of ahead"
    STILL_LATE = "past its deadline, and read to be so"
    WITHOUT_A_DEADLINE = "ended, and nobody has set a deadline for it"
    NO_READING = "nothing was read from it for longer than is allowed"
    ACCESS_REFUSED = "the ERP turns us away"
    EVERYBODY_CLOSED = "every entity of the group counts as closed, and has for half an hour"
    ALREADY_NOTIFIED = "told already"
    WITHIN_THE_LINE = "not past the alert line"
    DEADLINE_BEFORE_FIRST_READ = "its deadline had passed before the entity was first read"
    NOT_CONFIRMED = "waits for a reading: the last one is stale"
    RECENTLY_RESTARTED = "waits: we have not been watching long enough since we were away"
    MAY_FLAP = "closed a moment ago: waits whether it stays so"
    SILENCED = "waits: silenced"


@dataclass(frozen=True, slots=True)
class NoticeInputs:
    """What is known of one episode of one period at a moment.

    `days_late` and `past_line` are judged as of the last reading, `past_line_now` by today's date whatever was read.
    `confirmed` says that the reading is fresh and began after we were last away; `settled` that we have been back for
    long enough to say that no reading comes. `closed_for` is None while it is not closed. `promised` says that it was
    acknowledged and the day on which its people expect the close has not passed. `due_soon` says that the deadline is
    near and has not passed, `no_deadline` that there is none. While it is `silenced` all that is due waits. `told`
    holds each kind and step that this episode, or the time before it, was told of.
    """

    days_late: int
    past_line: bool
    past_line_now: bool
    confirmed: bool
    past_restart_grace: bool
    read_before_deadline: bool
    closed_for: timedelta | None = None
    close_expected: bool = False
    due_soon: bool = False
    no_deadline: bool = False
    silenced: bool = False
    already_notified: Set[tuple[NoticeKind, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class NoticeDecision:
    """Whether a notice of a kind and step is due, and why."""

    kind: NoticeKind
    step: int
    due: bool
    reason: NoticeReason


def decide_notices(
    case: NoticeInputs, escalate_after: tuple[int, ...] = ESCALATE_AFTER
) -> list[NoticeDecision]:
    """The verdict on each notice that this episode could bring; those that are due have not been told."""
    found = _apart_from_silence(case, escalate_after)
    if not case.silenced:
        return found
    return [replace(each, due=False, reason=NoticeReason.SILENCED) if each.due else each for each in found]


def _apart_from_silence(case: NoticeInputs, escalate_after: tuple[int, ...]) -> list[NoticeDecision]:
    if case.closed_for is not None:
        return _once_closed(case, case.closed_for)
    if not case.read_before_deadline:
        return [NoticeDecision(NoticeKind.ALERT, 0, False, NoticeReason.DEADLINE_BEFORE_FIRST_READ)]
    if case.no_deadline:
        return [_of_the_reading(case, NoticeKind.NO_DEADLINE, NoticeReason.WITHOUT_A_DEADLINE)]
    if case.due_soon:
        return [_of_the_reading(case, NoticeKind.DUE_SOON, NoticeReason.DUE_IN_DAYS)]
    found = [_alert(case)]
    if (NoticeKind.ALERT, 0) in case.already_notified or found[0].due:
        for step, days in enumerate(escalate_after, start=1):
            if case.days_late >= days:
                found.append(_step(case, step))
    if not case.confirmed:
        found.append(_unconfirmed(case))
    if case.days_late and _to_be_reminded(case, escalate_after):
        found.append(_reminder(case))
    return found


def is_due_soon(today: date, due_on: date, ahead: int, calendar: WorkdayCalendar | None) -> bool:
    """Whether a deadline is at most so many working days ahead; weekdays are counted without a calendar."""
    if due_on < today:
        return False
    try:
        return (calendar or _WEEKDAYS).workdays_between(today, due_on) <= ahead
    except CalendarUncovered:
        return _WEEKDAYS.workdays_between(today, due_on) <= ahead


def _alert(case: NoticeInputs) -> NoticeDecision:
    if (NoticeKind.ALERT, 0) in case.already_notified:
        return NoticeDecision(NoticeKind.ALERT, 0, False, NoticeReason.ALREADY_NOTIFIED)
    if not case.past_line:
        return NoticeDecision(NoticeKind.ALERT, 0, False, NoticeReason.WITHIN_THE_LINE)
    if not case.confirmed:
        return NoticeDecision(NoticeKind.ALERT, 0, False, NoticeReason.NOT_CONFIRMED)
    return NoticeDecision(NoticeKind.ALERT, 0, True, NoticeReason.PAST_THE_LINE)


def _step(case: NoticeInputs, step: int) -> NoticeDecision:
    if (NoticeKind.ESCALATION, step) in case.already_notified:
        return NoticeDecision(NoticeKind.ESCALATION, step, False, NoticeReason.ALREADY_NOTIFIED)
    if case.close_expected:
        return NoticeDecision(NoticeKind.ESCALATION, step, False, NoticeReason.CLOSE_EXPECTED)
    if not case.confirmed:
        return NoticeDecision(NoticeKind.ESCALATION, step, False, NoticeReason.NOT_CONFIRMED)
    return NoticeDecision(NoticeKind.ESCALATION, step, True, NoticeReason.PAST_A_STEP)


def _to_be_reminded(case: NoticeInputs, escalate_after: tuple[int, ...]) -> bool:
    """Each day up to the last step of the escalation, and each week from then on."""
    last = max((step for kind, step in case.already_notified if kind is NoticeKind.LATE), default=0)
    return case.days_late > last and (
        case.days_late <= max(escalate_after, default=0) or case.days_late >= last + REMINDER_INTERVAL_DAYS
    )


def _reminder(case: NoticeInputs) -> NoticeDecision:
    """That it is late, for digests; the step is how many days."""
    if case.close_expected:
        return NoticeDecision(NoticeKind.LATE, case.days_late, False, NoticeReason.CLOSE_EXPECTED)
    if not case.confirmed:
        return NoticeDecision(NoticeKind.LATE, case.days_late, False, NoticeReason.NOT_CONFIRMED)
    return NoticeDecision(NoticeKind.LATE, case.days_late, True, NoticeReason.STILL_LATE)


def _of_the_reading(case: NoticeInputs, kind: NoticeKind, why: NoticeReason) -> NoticeDecision:
    """Something that is told of once, as soon as it is read to be so."""
    if (kind, 0) in case.already_notified:
        return NoticeDecision(kind, 0, False, NoticeReason.ALREADY_NOTIFIED)
    if not case.confirmed:
        return NoticeDecision(kind, 0, False, NoticeReason.NOT_CONFIRMED)
    return NoticeDecision(kind, 0, True, why)


def _unconfirmed(case: NoticeInputs) -> NoticeDecision:
    if case.already_notified & {(NoticeKind.ALERT, 0), (NoticeKind.UNCONFIRMED, 0)}:
        return NoticeDecision(NoticeKind.UNCONFIRMED, 0, False, NoticeReason.ALREADY_NOTIFIED)
    if not case.past_line_now:
        return NoticeDecision(NoticeKind.UNCONFIRMED, 0, False, NoticeReason.WITHIN_THE_LINE)
    if not case.past_restart_grace:
        return NoticeDecision(NoticeKind.UNCONFIRMED, 0, False, NoticeReason.RECENTLY_RESTARTED)
    return NoticeDecision(NoticeKind.UNCONFIRMED, 0, True, NoticeReason.PAST_AND_UNREAD)


def _once_closed(case: NoticeInputs, closed_for: timedelta) -> list[NoticeDecision]:
    if not case.already_notified & {(NoticeKind.ALERT, 0), (NoticeKind.UNCONFIRMED, 0)}:
        return []
    if (NoticeKind.CLEARED, 0) in case.already_notified:
        return [NoticeDecision(NoticeKind.CLEARED, 0, False, NoticeReason.ALREADY_NOTIFIED)]
    if closed_for < HOLD_DOWN:
        return [NoticeDecision(NoticeKind.CLEARED, 0, False, NoticeReason.MAY_FLAP)]
    return [NoticeDecision(NoticeKind.CLEARED, 0, True, NoticeReason.CLOSED_AFTER_NOTICE)]
