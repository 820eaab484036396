"""Decides when a person gets a notice: at once, in a digest or never, by their choices and hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

from closing.calendar.days import ONE_DAY
from closing.calendar.instants import instant_at, local_date, start_of_day
from closing.calendar.workdays import WEEKDAYS, CalendarUncovered, WorkdayCalendar
from closing.phrasing import reader_zone


class Cadence(StrEnum):
    """How soon a person gets a kind of notice."""

    IMMEDIATE = "at_once"
    DAILY = "daily"
    WEEKLY = "weekly"
    NEVER = "never"


# --- choices --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CadenceRule:
    """How soon a kind of notice may come: its default, whether it cannot be switched off, and whether it repeats.

    One that repeats each day is never sent at once.
    """

    default: Cadence = Cadence.IMMEDIATE
    mandatory: bool = False
    repeats: bool = False


def allowed_cadences(rule: CadenceRule, *, in_digest: bool = False) -> tuple[Cadence, ...]:
    """The cadences allowed for a kind, the soonest first; `in_digest`: the group lets alerts wait for a digest."""
    if rule.mandatory:
        return (Cadence.IMMEDIATE, Cadence.DAILY, Cadence.WEEKLY) if in_digest else (Cadence.IMMEDIATE,)
    return tuple(cadence for cadence in Cadence if cadence is not Cadence.IMMEDIATE or not rule.repeats)


def effective_cadence(rule: CadenceRule, chosen: Cadence | None, *, in_digest: bool = False) -> Cadence:
    """The cadence in force: the chosen one, or the default without a choice.

    A choice that is no longer allowed, since the group no longer lets alerts wait, counts as the soonest allowed one:
    a mail too early costs a glance, one too late costs the close.
    """
    if chosen is None:
        return rule.default
    allowed = allowed_cadences(rule, in_digest=in_digest)
    return chosen if chosen in allowed else allowed[0]


# --- when a message is due ------------------------------------------------------------------------------------------

MAX_DELAY_DAYS = 4  # local dates that any message but a weekly digest may wait: a long weekend
MAX_WEEKLY_DELAY_DAYS = 7


@dataclass(frozen=True, slots=True)
class NotificationHours:
    """When a person reads mail, by the clock of `zone`; an unknown zone counts as UTC.

    `digest_weekday` is that of the weekly digest, Monday 0. From `quiet_from` until `quiet_until` nothing is sent,
    across midnight if they lie so. Digests skip the days off of the `calendar`; with `defer_on_days_off` messages at
    once wait for their end too, and without a calendar the days off are then Saturdays and Sundays.
    """

    zone: str = "UTC"
    digest_at: time = time(8)
    digest_weekday: int = 0
    quiet_from: time | None = None
    quiet_until: time | None = None
    calendar: WorkdayCalendar | None = None
    defer_on_days_off: bool = False

    def is_quiet_at(self, wall: time) -> bool:
        """Whether a time of day lies in the quiet hours."""
        begin, end = self.quiet_from, self.quiet_until
        if begin is None or end is None or begin == end:
            return False
        wall = wall.replace(fold=0)
        return begin <= wall < end if begin < end else wall >= begin or wall < end

    def is_off(self, day: date) -> bool:
        """Whether a day is off; in a year without holiday data only weekends are."""
        calendar = self.calendar or WEEKDAYS
        try:
            return not calendar.is_workday(day)
        except CalendarUncovered:
            return day.weekday() in calendar.weekend

    @property
    def digest_time(self) -> time:
        """The time of day of digests: the end of the quiet hours if it would lie within them."""
        return self.quiet_until if self.is_quiet_at(self.digest_at) and self.quiet_until else self.digest_at


def next_send_at(cadence: Cadence, hours: NotificationHours, as_of: datetime) -> datetime:
    """When a message of this cadence is due, in UTC; `as_of` itself for one at once outside of quiet hours.

    A digest is due at the first of its times after `as_of`. Whatever the settings, no message waits for days off
    longer than MAX_DELAY_DAYS (weekly: MAX_WEEKLY_DELAY_DAYS): then it is due on one. Raises ValueError for NEVER.
    """
    zone, _ = reader_zone(hours.zone)
    match cadence:
        case Cadence.IMMEDIATE:
            return _at_once(hours, zone, as_of)
        case Cadence.DAILY:
            digests = _digests(hours, zone, as_of, MAX_DELAY_DAYS)
            return next((at for day, at in digests if not _skips(hours, day)), digests[-1][1])
        case Cadence.WEEKLY:
            return _weekly(hours, zone, as_of)
    raise ValueError("what is never told is never due")


def _at_once(hours: NotificationHours, zone: ZoneInfo, as_of: datetime) -> datetime:
    moment, last = as_of, local_date(as_of, zone) + MAX_DELAY_DAYS * ONE_DAY
    while True:
        day = local_date(moment, zone)
        if hours.defer_on_days_off and day < last and hours.is_off(day):
            moment = start_of_day(day + ONE_DAY, zone)
        elif hours.is_quiet_at(moment.astimezone(zone).time()):
            moment = _quiet_ends(hours, zone, moment)
        else:
            return moment.astimezone(UTC)


def _weekly(hours: NotificationHours, zone: ZoneInfo, as_of: datetime) -> datetime:
    """On the weekday of digests; if that is a day off, on the next one that is not, or else on one before."""
    digests = _digests(hours, zone, as_of, MAX_WEEKLY_DELAY_DAYS)
    weekdays = [day.weekday() for day, _ in digests]
    weekday = hours.digest_weekday % 7
    index = weekdays.index(weekday) if weekday in weekdays else len(digests) - 1
    later, sooner = digests[index:], digests[:index][::-1]
    return next((at for day, at in (*later, *sooner) if not _skips(hours, day)), digests[index][1])


def _digests(
    hours: NotificationHours, zone: ZoneInfo, as_of: datetime, ahead: int
) -> list[tuple[date, datetime]]:
    """The days up to `ahead` with the moments of their digests, those still to come; at least one."""
    today = local_date(as_of, zone)
    days = [today + n * ONE_DAY for n in range(ahead + 1)]
    digests = [(day, _digest_on(day, hours, zone)) for day in days]
    return [(day, at) for day, at in digests if at > as_of and local_date(at, zone) <= days[-1]]


def _skips(hours: NotificationHours, day: date) -> bool:
    return (hours.calendar is not None or hours.defer_on_days_off) and hours.is_off(day)


def _digest_on(day: date, hours: NotificationHours, zone: ZoneInfo) -> datetime:
    """The moment of a day's digest; if the clocks skip it, after the gap and after any quiet hours there."""
    moment = instant_at(day, hours.digest_time, zone)
    return _quiet_ends(hours, zone, moment) if hours.is_quiet_at(moment.astimezone(zone).time()) else moment


def _quiet_ends(hours: NotificationHours, zone: ZoneInfo, moment: datetime) -> datetime:
    """The end of the quiet hours in which a moment lies: the next time that the local clock shows it."""
    end, day = hours.quiet_until or time.min, local_date(moment, zone)
    ends = []
    for date_of_end in (day, day + ONE_DAY, day + 2 * ONE_DAY):
        again = datetime.combine(date_of_end, end.replace(fold=1), tzinfo=zone).astimezone(UTC)
        ends += [instant_at(date_of_end, end, zone), again]  # the end may come twice when clocks are set back
    return min(at for at in ends if at > moment and not hours.is_quiet_at(at.astimezone(zone).time()))
