"""Phrases the standing of an entity's period in one sentence."""

from __future__ import annotations

from datetime import datetime

from board.web import labels
from closing.calendar.date_phrases import weekday_and_day
from closing.calendar.deadlines import city
from closing.calendar.instants import local_date, zone_named
from closing.calendar.workdays import WorkdayCalendar
from closing.judging.alert_line import alert_line_crossed_on
from closing.judging.standing import JudgingPolicy, LatenessUnit, Level
from closing.judging.states import PeriodState
from closing.scoreboard.row import Row

Pieces = list[tuple[str, str]]  # (tone, text): strong, alert, late, ok or "" for plain


def standing_sentence(row: Row, as_of: datetime) -> Pieces:
    """The row's standing as pieces with a tone; says "when last read" if it is stale or unconfirmed."""
    standing, deadline = row.standing, row.deadline
    unsure = not row.fresh or standing.unconfirmed
    if unsure and deadline is not None and standing.level in (Level.NOT_DUE, Level.DUE_TODAY):
        due = weekday_and_day(deadline.due_on)  # `due_in` was judged when it was last read
        if deadline.passed(as_of):
            return [
                ("strong", "Not closed"),
                ("", f" when last read; its deadline of {due} has passed since"),
            ]
        return [("strong", "Not closed"), ("", f" when last read; its deadline is {due}{_at(row)}")]
    pieces = _standing(row, as_of)
    if deadline is not None and standing.overdue and unsure:
        pieces.append(("", " when last read" if row.read_at is not None else ", never read"))
    return pieces


def _standing(row: Row, as_of: datetime) -> Pieces:
    standing, deadline = row.standing, row.deadline
    due = f"{weekday_and_day(deadline.due_on)}{_at(row)}" if deadline is not None else ""
    on = f" on {weekday_and_day(standing.first_closed_on)}" if standing.first_closed_on else ""
    days_late = days_phrase(standing.days_late, standing.unit) if standing.days_late else ""
    match standing.level:
        case Level.ALERTING | Level.LATE:
            tone = "alert" if standing.alerting else "late"
            if days_late:
                return [(tone, f"{days_late} past"), ("", f" its deadline of {due}")]
            day = "today, " if labels.is_confirmed(row) else ""
            return [(tone, "Past its cut-off"), ("", f" of {day}{due}")]
        case Level.DUE_TODAY:
            return [("late", "Due today"), ("", f", {due}")]
        case Level.NOT_DUE:
            return _not_due(row, as_of, due)
        case Level.CLOSED_ON_TIME:
            return [("ok", f"{_closed(row)} on time"), ("", _details(row))]
        case Level.CLOSED_LATE:
            late = f"{days_late} past its deadline" if days_late else "after the cut-off"
            return [("late", f"{_closed(row)} late"), ("", f"{on}, {late} of {due}")]
        case Level.CLOSED_DATE_UNKNOWN if standing.closed_between is not None:
            closed = f"{_closed(row).lower()} {labels.between(*standing.closed_between)}"
            return [("", f"Perhaps on time: {closed}, and the deadline is {due}")]
        case Level.CLOSED_DATE_UNKNOWN:
            why = (
                "it was never seen open before"
                if standing.never_opened
                else "it already was when it was first read"
            )
            return [("", f"{_closed(row)}, date unknown: {why}")]
        case Level.NO_DEADLINE:
            if standing.closed:
                return [("", f"{_closed(row)}{on}; no deadline set")]
            return [("late", "No deadline set")]
        case Level.UNKNOWN:
            due_text = f", and due on {due}" if due else ""
            return [("", f"Unknown whether it is closed{due_text}")]


def _not_due(row: Row, as_of: datetime, due: str) -> Pieces:
    today = local_date(as_of, zone_named(row.zone))
    if row.span is not None and today <= row.span.last:
        due_text = f", due on {due}" if due else ""
        return [("", f"Still running: ends on {weekday_and_day(row.span.last)}{due_text}")]
    if row.standing.due_in is None:
        return [("", "Not due")]
    return [("strong", f"Due in {days_phrase(row.standing.due_in)}"), ("", f", on {due}")]


def _closed(row: Row) -> str:
    return "On hold, which counts as closed," if row.state is PeriodState.ON_HOLD else "Closed"


def _details(row: Row) -> str:
    standing, deadline = row.standing, row.deadline
    if standing.first_closed_on is None or deadline is None:
        return ""
    days = (deadline.due_on - standing.first_closed_on).days
    early = f"{days_phrase(days)} before" if days > 0 else "on the day of"
    first, last = standing.first_closed_on, standing.last_closed_on
    text = f" on {weekday_and_day(first)}, {early} its deadline of {weekday_and_day(deadline.due_on)}"
    if standing.reopened and last is not None and last != first:
        text += f"; reopened and closed again on {weekday_and_day(last)}"
    return text


def _at(row: Row) -> str:
    if row.deadline is None or row.deadline.cut_off is None:
        return ""
    return f" at {row.deadline.cut_off:%H:%M} {city(row.deadline.zone)}"


def days_phrase(count: int, unit: LatenessUnit = LatenessUnit.CALENDAR_DAYS) -> str:
    kind = "working " if unit is LatenessUnit.WORKING_DAYS else ""
    return f"{count} {kind}{'day' if count == 1 else 'days'}"


def side_notes(
    row: Row, as_of: datetime, policy: JudgingPolicy, calendar: WorkdayCalendar | None, typical: str
) -> list[str]:
    """Notes beside the sentence: reopening, alert line, expected close, missing reason, typical close."""
    standing, deadline, remarks = row.standing, row.deadline, row.remarks
    notes = []
    if standing.permanent_reopenings:
        notes.append(f"It was permanently closed and {labels.reopened_times(row)}; {labels.NOT_ALLOWED}.")
    if labels.is_open_again(row):
        close_day = f" on {weekday_and_day(standing.first_closed_on)}" if standing.first_closed_on else ""
        notes.append(f"It was closed{close_day} and has been reopened.")
    if deadline is not None and standing.overdue:
        limit = days_phrase(policy.alert_after_days, standing.unit)
        crossed_on = alert_line_crossed_on(deadline, policy, calendar)
        if standing.alerting and crossed_on is not None:
            notes.append(f"Alerting since {weekday_and_day(crossed_on)}: more than {limit} late.")
        elif crossed_on is not None:
            notes.append(f"Watch: it alerts from {weekday_and_day(crossed_on)}, more than {limit} late.")
    if remarks.expected_on is not None and not row.counts_as_closed:
        is_past = remarks.expected_on < local_date(as_of, zone_named(row.zone))
        verb = "Was expected" if is_past else "Expected"
        notes.append(f"{verb} on {weekday_and_day(remarks.expected_on)}, says {remarks.expected_by}.")
    if row.reason_missing:
        notes.append("The overdue reason is missing.")
    if typical:
        notes.append(typical)
    return notes
