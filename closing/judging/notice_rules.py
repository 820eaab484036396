"""Decides which notices are due, each with a named reason (01-domain 1.5), and whether a connection has an outage.

`closing.judging.standing` judges lateness. Here it is weighed against earlier notices, the certainty of the reading,
and how long evaluation has been running without a gap.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from closing.calendar.workdays import WorkdayCalendar, workdays_or_weekdays

# A close that lasts shorter is flapping: it ends no episode (05-reliability A7).
HOLD_DOWN = timedelta(minutes=30)
ESCALATE_AFTER = (10, 15)  # days late of each step of an escalation
DUE_SOON_DAYS = 2  # working days ahead of a deadline
REMINDER_INTERVAL_DAYS = 7  # days between two reminders after the last step of the escalation


class NoticeKind(StrEnum):
    """The kinds of notice: about a period, except for the last four, about a connection or a whole group."""

    ALERT = "alert"
    ESCALATION = "escalation"
    UNCONFIRMED = "unconfirmed"
    REOPENED = "reopened"
    PERMANENT_REOPENED = "anomaly"
    CLEARED = "cleared"
    DUE_SOON = "due_soon"
    LATE = "late"
    NO_DEADLINE = "no_deadline"
    STALE = "stale"
    REFUSED = "refused"
    READ_AGAIN = "read_again"
    GROUP_CLOSED = "group_closed"


class NoticeReason(StrEnum):
    """Why a notice is due, or is not."""

    PAST_THE_LINE = "past the alert line, and read to be so"
    PAST_A_STEP = "still not closed at a step of the escalation"
    CLOSE_EXPECTED = (
        "waits: somebody looks after it, and the day on which they expect the close has not passed"
    )
    PAST_LINE_UNREAD = "past the alert line, last known not closed, and cannot be read"
    PAST_LINE_NEVER_READ = "past the alert line, and never read"
    CLOSE_UNDONE = "was closed, and is not any more"
    PERMANENT_UNDONE = "permanently closed in Finance & Operations, and reopened"
    CLOSED_AFTER_NOTICE = "closed after it was told of"
    DUE_IN_DAYS = "due within the days that it is told of ahead"
    STILL_LATE = "past its deadline, and read to be so"
    WITHOUT_A_DEADLINE = "ended, and nobody has set a deadline for it"
    NO_READING = "nothing was read from it for longer than is allowed"
    PARTLY_READ = "some of its entities were not read for longer than is allowed"
    ACCESS_REFUSED = "the ERP turns us away"
    TROUBLE_ENDED = "every entity of the connection is read again, and has been for half an hour"
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
    """The facts about one episode of one period at a moment, from which notices are decided.

    `days_late` and `past_line` are judged as of the last reading, `past_line_now` by today's date whatever was read.
    `confirmed`: the reading is fresh and began after the last gap in evaluation; `past_restart_grace`: evaluation has
    run long enough since that gap to conclude that no reading comes. `closed_for` is None while it is not closed.
    `close_expected`: it was acknowledged and its expected close has not passed. `due_soon`: the deadline is near and
    has not passed; `no_deadline`: there is none. While `silenced`, all due notices wait. `already_notified` holds the
    kinds and steps of the notices in this episode, or in the time before it.
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
    never_read: bool = False
    already_notified: Set[tuple[str, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class NoticeDecision:
    """Whether a notice of a kind and step is due, and why."""

    kind: NoticeKind
    step: int
    due: bool
    reason: NoticeReason


def decide_notices(
    inputs: NoticeInputs, escalate_after: tuple[int, ...] = ESCALATE_AFTER
) -> list[NoticeDecision]:
    """The decision on each notice that this episode could bring; a due one has not been sent before."""
    decisions = _before_silence(inputs, escalate_after)
    if not inputs.silenced:
        return decisions
    return [replace(one, due=False, reason=NoticeReason.SILENCED) if one.due else one for one in decisions]


def _before_silence(inputs: NoticeInputs, escalate_after: tuple[int, ...]) -> list[NoticeDecision]:
    if inputs.closed_for is not None:
        return _once_closed(inputs, inputs.closed_for)
    if not inputs.read_before_deadline:
        return [NoticeDecision(NoticeKind.ALERT, 0, False, NoticeReason.DEADLINE_BEFORE_FIRST_READ)]
    if inputs.no_deadline:
        return [_once_confirmed(inputs, NoticeKind.NO_DEADLINE, NoticeReason.WITHOUT_A_DEADLINE)]
    if inputs.due_soon:
        return [_once_confirmed(inputs, NoticeKind.DUE_SOON, NoticeReason.DUE_IN_DAYS)]
    within = None if inputs.past_line else NoticeReason.WITHIN_THE_LINE
    expected = NoticeReason.CLOSE_EXPECTED if inputs.close_expected else None
    decisions = [_once_confirmed(inputs, NoticeKind.ALERT, NoticeReason.PAST_THE_LINE, wait=within)]
    if (NoticeKind.ALERT, 0) in inputs.already_notified or decisions[0].due:
        decisions += [
            _once_confirmed(inputs, NoticeKind.ESCALATION, NoticeReason.PAST_A_STEP, step, expected)
            for step, days in enumerate(escalate_after, start=1)
            if inputs.days_late >= days
        ]
    if not inputs.confirmed:
        decisions.append(_unconfirmed(inputs))
    if inputs.days_late and _reminder_is_due(inputs, escalate_after):
        days = inputs.days_late  # the step of a reminder
        decisions.append(_once_confirmed(inputs, NoticeKind.LATE, NoticeReason.STILL_LATE, days, expected))
    return decisions


def is_due_soon(today: date, due_on: date, ahead: int, calendar: WorkdayCalendar | None) -> bool:
    """Whether a deadline is at most `ahead` working days away; counts weekdays without a calendar."""
    return due_on >= today and workdays_or_weekdays(calendar, today, due_on) <= ahead


def _reminder_is_due(inputs: NoticeInputs, escalate_after: tuple[int, ...]) -> bool:
    """Each day up to the last step of the escalation, each week from then on."""
    last = max((step for kind, step in inputs.already_notified if kind == NoticeKind.LATE), default=0)
    return inputs.days_late > last and (
        inputs.days_late <= max(escalate_after, default=0)
        or inputs.days_late >= last + REMINDER_INTERVAL_DAYS
    )


def _once_confirmed(
    inputs: NoticeInputs,
    kind: NoticeKind,
    reason: NoticeReason,
    step: int = 0,
    wait: NoticeReason | None = None,
) -> NoticeDecision:
    """A notice that is due once, unless there is a reason to wait, as soon as a reading confirms it."""
    if (kind, step) in inputs.already_notified:
        return NoticeDecision(kind, step, False, NoticeReason.ALREADY_NOTIFIED)
    if wait is not None or not inputs.confirmed:
        return NoticeDecision(kind, step, False, wait or NoticeReason.NOT_CONFIRMED)
    return NoticeDecision(kind, step, True, reason)


def _unconfirmed(inputs: NoticeInputs) -> NoticeDecision:
    if inputs.already_notified & {(NoticeKind.ALERT, 0), (NoticeKind.UNCONFIRMED, 0)}:
        return NoticeDecision(NoticeKind.UNCONFIRMED, 0, False, NoticeReason.ALREADY_NOTIFIED)
    if not inputs.past_line_now:
        return NoticeDecision(NoticeKind.UNCONFIRMED, 0, False, NoticeReason.WITHIN_THE_LINE)
    if not inputs.past_restart_grace:
        return NoticeDecision(NoticeKind.UNCONFIRMED, 0, False, NoticeReason.RECENTLY_RESTARTED)
    reason = NoticeReason.PAST_LINE_NEVER_READ if inputs.never_read else NoticeReason.PAST_LINE_UNREAD
    return NoticeDecision(NoticeKind.UNCONFIRMED, 0, True, reason)


def _once_closed(inputs: NoticeInputs, closed_for: timedelta) -> list[NoticeDecision]:
    if not inputs.already_notified & {(NoticeKind.ALERT, 0), (NoticeKind.UNCONFIRMED, 0)}:
        return []
    if (NoticeKind.CLEARED, 0) in inputs.already_notified:
        return [NoticeDecision(NoticeKind.CLEARED, 0, False, NoticeReason.ALREADY_NOTIFIED)]
    if closed_for < HOLD_DOWN:
        return [NoticeDecision(NoticeKind.CLEARED, 0, False, NoticeReason.MAY_FLAP)]
    return [NoticeDecision(NoticeKind.CLEARED, 0, True, NoticeReason.CLOSED_AFTER_NOTICE)]


# --- outages of a connection (05-reliability I2, E1) --------------------------------------------------------------

OUTAGE_AFTER = timedelta(minutes=30)  # or three intervals of a connection that is read less often
SAME_OUTAGE_WITHIN = timedelta(hours=2)  # an outage that comes back so soon is the same outage


@dataclass(frozen=True, slots=True)
class OutageInputs:
    """The results of reading a connection.

    `readings` holds the last reading of each entity that counts, None for one that was never read, and
    `first_attempt_at` the first attempt. `refused`: the newest finished attempt was refused access; `read_succeeded`:
    it was read. `past_restart_grace`: we have been back long enough to conclude that no reading comes.
    """

    interval: timedelta
    readings: Sequence[datetime | None]
    first_attempt_at: datetime | None
    refused: bool
    read_succeeded: bool
    past_restart_grace: bool

    @property
    def oldest_reading(self) -> datetime | None:
        """The oldest of the readings; None if an entity was never read, or there are none."""
        moments = [moment for moment in self.readings if moment is not None]
        return min(moments) if moments and len(moments) == len(self.readings) else None

    @property
    def longest_silence(self) -> timedelta:
        """How old a reading may grow before its connection has an outage."""
        return max(OUTAGE_AFTER, 3 * self.interval)

    def is_partly_read(self, as_of: datetime) -> bool:
        """Whether some entity was read lately: then the trouble is that of the others, not of the connection."""
        moments = [moment for moment in self.readings if moment is not None]
        return bool(moments) and as_of - max(moments) <= self.longest_silence


def has_outage(kind: NoticeKind, inputs: OutageInputs, as_of: datetime) -> bool | None:
    """Whether there is an outage of this kind now; None if that is not known, so that the earlier result stays."""
    if kind is NoticeKind.REFUSED:
        return True if inputs.refused else False if inputs.read_succeeded or not inputs.readings else None
    if not inputs.readings:
        return False
    since = inputs.first_attempt_at if None in inputs.readings else inputs.oldest_reading
    if since is None or as_of - since <= inputs.longest_silence:
        return False
    return True if inputs.past_restart_grace else None
