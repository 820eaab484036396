"""Texts of a row, without HTML or terminal codes; those shared with mails come from `closing.phrasing`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from closing.calendar.date_phrases import weekday_and_date
from closing.calendar.deadlines import city
from closing.calendar.instants import local_date, zone_named
from closing.judging.on_time import OnTimeRate
from closing.judging.standing import Level
from closing.judging.states import PeriodState
from closing.phrasing import NOT_ALLOWED as NOT_ALLOWED
from closing.phrasing import NOT_DUE_LABEL as NOT_DUE_LABEL
from closing.phrasing import STATE_LABELS as STATE_LABELS
from closing.phrasing import age as age
from closing.phrasing import between as between
from closing.phrasing import clock as clock
from closing.phrasing import days as days
from closing.phrasing import days_in_words as days_in_words
from closing.phrasing import is_confirmed as is_confirmed
from closing.phrasing import read_when as read_when
from closing.phrasing import read_when_counts as read_when_counts
from closing.phrasing import reader_zone as reader_zone
from closing.phrasing import reopened_times as reopened_times
from closing.phrasing import short_date as short_date
from closing.phrasing import short_day as short_day
from closing.phrasing import state_label as state_label
from closing.phrasing import unit_explained as unit_explained
from closing.phrasing import unit_in_words as unit_in_words
from closing.scoreboard.row import NOT_DUE, Row, RowSilence


@dataclass(frozen=True, slots=True)
class DeadlineStatus:
    """How a row stands against its deadline: short text, a second line, and a tone.

    Tones: alert, late, today, due, ok, was (closed late), unsure, none.
    """

    text: str
    detail: str
    tone: str


LEVEL_LABELS = {
    Level.ALERTING: "Alerting",
    Level.LATE: "Watch",
    Level.DUE_TODAY: "Due today",
    Level.NOT_DUE: "Not due",
    Level.CLOSED_ON_TIME: "Closed on time",
    Level.CLOSED_LATE: "Closed late",
    Level.CLOSED_DATE_UNKNOWN: "Perhaps on time; closed, date unknown",
    Level.NO_DEADLINE: "No deadline set",
    Level.UNKNOWN: "Unknown",
}
# By the state's key in files and filters.
STATE_KEY_LABELS = {state.value: label for state, label in STATE_LABELS.items()} | {NOT_DUE: NOT_DUE_LABEL}
_AHEAD = frozenset({Level.NOT_DUE, Level.DUE_TODAY})


def moment_in_full(moment: datetime, zone: tzinfo) -> str:
    """ "Fri 12 June 2026, 13:00"."""
    local = moment.astimezone(zone)
    return f"{weekday_and_date(local.date())}, {local:%H:%M}"


def deadline_status(row: Row, as_of: datetime, zone: tzinfo | None = None) -> DeadlineStatus:
    """How the row stands against its deadline, in the words of 01-domain 1.5 and 1.6.

    Words relative to now are those of `as_of`, however old the reading; `zone` is the reader's, else the entity's.
    """
    standing = row.standing
    if standing.level in _AHEAD and standing.due_in is not None and standing.due_in < 0:
        return _was_due(row, as_of, zone or zone_named(row.zone))
    match standing.level:
        case Level.ALERTING | Level.LATE:
            return _late(row)
        case Level.DUE_TODAY:
            return DeadlineStatus("due today", cut_off(row), "today")
        case Level.NOT_DUE:
            return _not_due(row, as_of)
        case Level.CLOSED_ON_TIME:
            return DeadlineStatus("on time", _closed_on(row), "ok")
        case Level.CLOSED_LATE:
            late = days(standing.days_late, standing.unit) if standing.days_late else "after the cut-off"
            text = f"closed {late} late" if standing.days_late else f"closed {late}"
            return DeadlineStatus(text, _closed_on(row), "was")
        case Level.CLOSED_DATE_UNKNOWN:
            if standing.closed_between is not None:
                return DeadlineStatus(
                    "perhaps on time", f"closed {between(*standing.closed_between)}", "unsure"
                )
            why = "not seen open before" if standing.never_opened else "already closed when first read"
            return DeadlineStatus("closed, date unknown", why, "unsure")
        case Level.NO_DEADLINE:
            return DeadlineStatus("no deadline set", _closed_on(row) if standing.closed else "", "none")
        case Level.UNKNOWN:
            due = f"due in {standing.due_in}d" if (standing.due_in or 0) > 0 else ""
            return DeadlineStatus("unknown", due, "unsure")


def _was_due(row: Row, as_of: datetime, zone: tzinfo) -> DeadlineStatus:
    """For a deadline that has passed since the row was last known."""
    assert row.deadline is not None
    read = (
        f"not read since {clock(row.read_at, zone, as_of)}"
        if not row.fresh and row.read_at
        else "unknown since"
    )
    return DeadlineStatus(f"was due {short_day(row.deadline.due_on)}", read, "unsure")


def _late(row: Row) -> DeadlineStatus:
    standing = row.standing
    tone = "alert" if standing.level is Level.ALERTING else "late"
    detail = read_when(row)
    if not standing.days_late:
        return DeadlineStatus(lateness_label(row), detail or cut_off(row), tone)
    return DeadlineStatus(f"+{days(standing.days_late, standing.unit)} late", detail, tone)


def _not_due(row: Row, as_of: datetime) -> DeadlineStatus:
    standing = row.standing
    if row.not_due:
        return DeadlineStatus("nothing due", "", "none")
    if row.span is not None and local_date(as_of, zone_named(row.zone)) <= row.span.last:
        return DeadlineStatus("not ended", f"ends {short_date(row.span.last)}", "due")
    if standing.due_in is None:
        return DeadlineStatus("not due", "", "due")
    if standing.due_in == 0:
        return DeadlineStatus("due today", cut_off(row), "today")
    return DeadlineStatus(f"due in {standing.due_in}d", "", "due")


def cut_off(row: Row) -> str:
    """ "by 17:00 London"; "" for a deadline that ends with its day."""
    if row.deadline is None or row.deadline.cut_off is None:
        return ""
    return f"by {row.deadline.cut_off:%H:%M} {city(row.deadline.zone)}"


def _closed_on(row: Row) -> str:
    standing = row.standing
    verb = "on hold" if row.state is PeriodState.ON_HOLD else "closed"
    if standing.first_closed_on is None:
        return f"{verb}, date unknown"
    later = ""
    if standing.reopened and standing.last_closed_on and standing.last_closed_on != standing.first_closed_on:
        later = f", again {short_date(standing.last_closed_on)}"
    return f"{verb} {short_date(standing.first_closed_on)}{later}"


def is_reopened(row: Row) -> bool:
    """Whether the row's period was reopened after its end, whether it was closed again or not."""
    return row.standing.reopened or row.standing.permanent_reopenings > 0


def is_open_again(row: Row) -> bool:
    """Whether the row was closed before and is not closed now."""
    return row.standing.reopened and not row.counts_as_closed


def reopened_label(row: Row) -> str:
    """ "reopened", or how often a permanently closed period was; "" for a period that was not reopened."""
    if row.standing.permanent_reopenings:
        return f"{reopened_times(row)}; {NOT_ALLOWED}"
    return "reopened" if row.standing.reopened else ""


def on_hold_note(rows: Sequence[Row]) -> str:
    """A note that on hold counts as closed, for rows where a number depends on it; "" if it counts for none."""
    by_policy = sum(row.on_hold_counts for row in rows)
    if not by_policy:
        return ""
    return "On hold counts as closed" + ("" if by_policy == len(rows) else f" for {by_policy} of {len(rows)}")


def extended_deadlines(rows: Iterable[Row]) -> list[str]:
    """How many deadlines an agreed date has extended, as an entry of a list; none for none."""
    count = sum(row.deadline is not None and row.deadline.extended for row in rows)
    return [f"{count:,} {'deadline' if count == 1 else 'deadlines'} extended"] if count else []


def lateness_label(row: Row) -> str:
    """ "+3d"; "late today" for a row that is late by no whole day yet, if that was read today."""
    standing = row.standing
    if standing.days_late:
        return f"+{days(standing.days_late, standing.unit)}"
    return "late today" if is_confirmed(row) else "past its cut-off"


def silenced(silence: RowSilence) -> str:
    """Until when an entity is silenced, by whom and why: "Silenced until Thu 18 Jun by Rosa: the auditors are in"."""
    scope = f" with all of {silence.group}" if silence.group else ""
    return f"Silenced{scope} until {short_day(silence.last_day)} by {silence.by}: {silence.reason}"


def against_alert_line(row: Row) -> str:
    """ "alerting: more than 5 calendar days", or "watch: alert line at 5 calendar days"."""
    limit = days_in_words(row.alert_after_days, row.standing.unit)
    return f"alerting: more than {limit}" if row.standing.alerting else f"watch: alert line at {limit}"


def alert_line(rows: Iterable[Row]) -> str:
    """ "more than 5 days"; all limits where they differ: "more than 5 or 8 days"."""
    limits = sorted({row.alert_after_days for row in rows})
    return f"more than {' or '.join(map(str, limits))} {'day' if limits == [1] else 'days'}"


def excluded_closes(rate: OnTimeRate) -> str:
    """The closes that a rate leaves out, so that a part is not read as the whole: "9 of 12 could be judged: ..."."""
    parts = (
        (rate.perhaps_on_time, "perhaps on time"),
        (rate.date_unknown, "closed, date unknown"),
        (rate.unknown, "unknown"),
        (rate.no_deadline, "no deadline set"),
    )
    others = ", ".join(f"{count:,} {name}" for count, name in parts if count)
    return f"{rate.due:,} of {rate.due + rate.excluded:,} could be judged: {others}" if others else ""


def initials(name: str) -> str:
    """The first letters of the first and the last word of a name: "AH"."""
    parts = name.split()
    return "".join(part[0] for part in parts[:1] + parts[1:][-1:]).upper()


def counted(count: int, one: str, many: str) -> str:
    """ "1 message waits", or "3 messages wait"; "" for none."""
    return f"{count} {one if count == 1 else many}" if count else ""


def iso(moment: datetime | None) -> str | None:
    """An instant in the format of JSON and CSV: "2026-06-12T12:00:00Z"."""
    if moment is None:
        return None
    text = moment.astimezone(UTC).isoformat(timespec="seconds" if not moment.microsecond else "milliseconds")
    return text.replace("+00:00", "Z")
