"""The phrases for days, moments, states and remarks that every screen, file and mail uses.

Functions of a row and a moment, without HTML, terminals or mails. `when` formats a moment for the reader.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, tzinfo
from zoneinfo import ZoneInfo

from closing.calendar.date_phrases import day_and_month, short_month, weekday_name
from closing.calendar.deadlines import city
from closing.calendar.instants import local_date, zone_named
from closing.facts.finops_facts import NO_MODULE_RESTRICTED, NOBODY_CAN_POST
from closing.judging.standing import LatenessUnit
from closing.judging.states import PeriodState
from closing.scoreboard.row import Row

MomentFormatter = Callable[[datetime], str]

STATE_LABELS = {
    PeriodState.OPEN: "Open",
    PeriodState.ON_HOLD: "On hold",
    PeriodState.CLOSED: "Closed",
    PeriodState.UNKNOWN: "Unknown",
    PeriodState.NOT_STARTED: "Not started",
}
_STOPPED_EARLY = "Stopped early"
_POSTING_ALLOWED = (
    "posting allowed from ",
    "posting allowed to ",
)  # all of the period: "; " and more may follow
_SAID_BY_THE_STATE = frozenset({"", NO_MODULE_RESTRICTED, NOBODY_CAN_POST})
NOT_DUE_LABEL = "Not due"
_UNITS = {LatenessUnit.CALENDAR_DAYS: "d", LatenessUnit.WORKING_DAYS: "wd"}
_UNIT_WORDS = {LatenessUnit.CALENDAR_DAYS: "calendar", LatenessUnit.WORKING_DAYS: "working"}


def state_label(row: Row) -> str:
    """The state in a word or two; "Stopped early" for what the ERP closed before its last day was over.

    "Not due" for a month in which no period of the entity ends.
    """
    if row.not_due:
        return NOT_DUE_LABEL
    stopped = row.standing.stopped_early and row.state is PeriodState.NOT_STARTED
    return _STOPPED_EARLY if stopped else STATE_LABELS[row.state]


def short_day(day: date) -> str:
    """ "Tue 9 Jun"."""
    return f"{weekday_name(day)} {short_date(day)}"


def short_date(day: date) -> str:
    """ "9 Jun"."""
    return f"{day.day} {short_month(day)}"


def reader_zone(name: str) -> tuple[ZoneInfo, str]:
    """A reader's zone and its short name ("London"); UTC for an unknown name, since times must be shown."""
    try:
        return zone_named(name), city(name)
    except (KeyError, ValueError, OSError):  # no such name, no name at all, or that of a folder of zones
        return zone_named("UTC"), "UTC"


def clock(moment: datetime, zone: tzinfo, as_of: datetime) -> str:
    """A moment in the reader's zone: "09:12" today, "Tue 9 Jun 09:12" on another day, with the year in another."""
    if moment.astimezone(zone).date() == as_of.astimezone(zone).date():
        return f"{moment.astimezone(zone):%H:%M}"
    return day_and_clock(moment, zone, as_of)


def day_and_clock(moment: datetime, zone: tzinfo, as_of: datetime) -> str:
    """ "Tue 9 Jun 09:12" also today, for texts that are read on another day; with the year in another."""
    there = moment.astimezone(zone)
    year = "" if there.year == as_of.astimezone(zone).year else f" {there.year}"
    return f"{short_day(there.date())}{year} {there:%H:%M}"


def age(since: datetime, as_of: datetime) -> str:
    """How old a reading is, in its largest whole unit: "now", "2 min", "3 h", "4 days"."""
    minutes = int((as_of - since).total_seconds() // 60)
    if minutes < 1:
        return "now"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"


def days(count: int, unit: LatenessUnit) -> str:
    """ "3d", or "3wd" where lateness counts working days."""
    return f"{count}{_UNITS[unit]}"


NOT_ALLOWED = "Finance & Operations should not allow this"


def reopened_times(row: Row) -> str:
    """ "reopened once" or "reopened 6 times", of a period that had been closed permanently."""
    times = row.standing.permanent_reopenings
    return f"reopened {'once' if times == 1 else f'{times} times'}"


def days_in_words(count: int, unit: LatenessUnit) -> str:
    """ "3 calendar days"; for readers who hear the page, and for legends."""
    return f"{count} {unit_in_words(count, unit)}"


def unit_in_words(count: int, unit: LatenessUnit) -> str:
    """ "calendar day", or "working days": the unit of so many days."""
    return f"{_UNIT_WORDS[unit]} {'day' if count == 1 else 'days'}"


def unit_explained(unit: LatenessUnit) -> str:
    """ "wd = working days", for a legend."""
    return f"{_UNITS[unit]} = {unit_in_words(0, unit)}"


def between(first: date, last: date) -> str:
    """ "between 8 and 11 June"; both months where they differ."""
    start = str(first.day) if first.month == last.month else day_and_month(first)
    return f"between {start} and {day_and_month(last)}"


def is_confirmed(row: Row) -> bool:
    """Whether the row's state may be shown as a fact."""
    return row.fresh and not row.standing.unconfirmed


def read_when(row: Row) -> str:
    """ "when last read" or "never read" for a row whose standing is not confirmed; "" for one that is."""
    if is_confirmed(row):
        return ""
    return "when last read" if row.read_at is not None else "never read"


def read_when_counts(rows: Sequence[Row]) -> str:
    """ "2 when last read, 1 never read": how many of these rows are not confirmed; no number where all are alike."""
    unsure = [row for row in rows if not is_confirmed(row)]
    never = sum(row.read_at is None for row in unsure)
    counts = [(len(unsure) - never, "when last read"), (never, "never read")]
    return ", ".join(
        words if count == len(rows) else f"{count:,} {words}" for count, words in counts if count
    )


# --- causes and remarks -------------------------------------------------------------------------------------------


def unconfirmed_because(row: Row, when: MomentFormatter) -> str:
    """Since when the row is not read, and why; empty if its state is a fact."""
    if row.missing_since is not None:
        return f"Not listed by the ERP since {when(row.missing_since)}."
    if is_confirmed(row):
        return ""
    if row.read_at is None:
        return f"Never read. {row.read_error}".rstrip()
    if row.fresh:
        return f"The ERP’s answer is missing or not understood. {row.read_error}".rstrip()
    return f"Not read since {when(row.read_at)}. {row.read_error}".rstrip()


def in_the_way(row: Row) -> str:
    """The because as it stands beside the state: nothing where the state alone says it."""
    return because_beside(row.because).removeprefix(f"{state_label(row).lower()}: ")


def because_beside(because: str) -> str:
    """A because as it stands beside its state: nothing where the state alone says it."""
    if because in _SAID_BY_THE_STATE:
        return ""
    return because.partition("; ")[2] if because.startswith(_POSTING_ALLOWED) else because


def state_because(row: Row) -> str:
    """The state with what is in the way: "Open: two modules restricted"; empty if nothing is."""
    state, because = state_label(row), in_the_way(row)
    if not because:
        return ""
    starts = because[:1].upper() + because[1:]
    return starts if starts.startswith(state) else f"{state}: {because}"


def overdue_reason_text(row: Row, when: MomentFormatter) -> str:
    """The overdue reason of the period with its author, or the sentence that none was given."""
    remarks = row.remarks
    if remarks.reason:
        reason = f"{remarks.reason}: “{remarks.reason_text}”" if remarks.reason_text else remarks.reason
        return f"{reason} ({attribution(remarks.reason_by, remarks.reason_at, when)})"
    if row.reason_missing:
        return "No reason given, though its policy asks for one."
    return "No reason given yet."


def expected_close_text(row: Row, as_of: datetime) -> str:
    """The expected close, and whether its day has passed in the entity's zone; empty without one."""
    remarks = row.remarks
    if remarks.expected_on is None:
        return ""
    day = short_day(remarks.expected_on)
    text = f": “{remarks.expected_text}”" if remarks.expected_text else ""
    if remarks.expected_on < local_date(as_of, zone_named(row.zone)):
        return f"Was expected on {day}, which has passed, by {remarks.expected_by}{text}"
    return f"Expected {day} by {remarks.expected_by}{text}"


def acknowledgement_text(row: Row, when: MomentFormatter) -> str:
    """The author and time of the acknowledgement; empty without one."""
    by, at = row.remarks.acknowledged_by, row.remarks.acknowledged_at
    return attribution(by, at, when) if at is not None else ""


def attribution(name: str, at: datetime | None, when: MomentFormatter) -> str:
    """ "Sanne de Wit, Thu 11 Jun 10:00"."""
    return f"{name}, {when(at)}" if at is not None else name
