"""Builds the calendar cell of one day of one entity: its mark and its full text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from board.web import labels
from closing.calendar.date_phrases import weekday_and_day
from closing.calendar.deadlines import city
from closing.judging.timeline import TimelineDay
from closing.scoreboard.row import Row


@dataclass(frozen=True, slots=True)
class CalendarCell:
    """One day of one entity: class names, an icon or a few letters, and a full text ("" for a plain date)."""

    css_classes: str
    icon: str = ""
    text: str = ""
    note: str = ""
    full: str = ""


def calendar_cell(day: TimelineDay, row: Row, today: date) -> CalendarCell:
    """The cell of a day, with a full text if there is more to it than its date."""
    marks = (
        (_tone(day), True),
        ("off", day.off_reason or day.running),
        ("due", day.due),
        ("closes", day.closes),
        ("to-come", day.in_future),
        ("today", day.on == today),
    )
    icon, text = _mark(day, row)
    phrases = _phrases(day, row)
    note = "due" if day.due else "hol" if _holiday(day) and not icon and not text else ""
    full = f"{weekday_and_day(day.on)}: {', '.join(phrases)}" if phrases else ""
    return CalendarCell(" ".join(name for name, applies in marks if name and applies), icon, text, note, full)


def _tone(day: TimelineDay) -> str:
    """The class that colours the day, the worst first; a past day without a confirmed state is dark."""
    if day.reopens:
        return "reopens"
    if day.late is not None:
        return "alert" if day.alerting else "late"
    if day.maybe_closed:
        return "perhaps"
    if day.closed:
        return "closed"
    if not day.confirmed and not day.in_future and not day.running:
        return "dark"
    return "expected" if day.expected else ""


def _holiday(day: TimelineDay) -> bool:
    return day.off_reason not in ("", "weekend")


def _mark(day: TimelineDay, row: Row) -> tuple[str, str]:
    """An icon, and a few letters: the days late, or the number of the working day."""
    late = ""
    if day.late is not None:
        late = f"+{day.late}" if day.late else "late"
    if day.reopens:
        return "reopened", late
    if day.closes:
        return "closed", late
    if late:
        return "", late
    if day.maybe_closed:
        return "", "?"
    if day.expected:
        return "", "◇"
    if day.number is not None and not day.closed and not _not_counted(day, row):
        return "", str(day.number)
    return "", ""


def _not_counted(day: TimelineDay, row: Row) -> bool:
    """Whether a future day gets no number: the period is closed, or its deadline is earlier."""
    return day.in_future and (
        row.counts_as_closed or (row.deadline is not None and day.on > row.deadline.due_on)
    )


def _phrases(day: TimelineDay, row: Row) -> list[str]:
    phrases = [day.off_reason] if _holiday(day) else []
    if day.due and row.deadline is not None:
        phrases.append(f"deadline {row.deadline.label}".strip())
        if row.deadline.cut_off is not None:
            phrases.append(f"by {row.deadline.cut_off:%H:%M} in {city(row.deadline.zone)}")
    if day.reopens:
        phrases.append("seen open again")
    if day.closes:
        phrases.append("close first seen" if not row.standing.reopened else "close seen")
    if day.late is not None:
        lateness = labels.days_in_words(day.late, row.standing.unit)
        phrases.append(
            f"{lateness} late, {'alerting' if day.alerting else 'watch'}" if day.late else "after the cut-off"
        )
    elif day.maybe_closed:
        phrases.append("closed on one of these days")
    if day.expected:
        phrases.append(
            f"expected to close, says {row.remarks.expected_by}"
            if row.remarks.expected_by
            else "expected to close"
        )
    return phrases
