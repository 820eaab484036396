"""Builds the cells of a board row in the reader's language and zone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString

from board.web import labels
from board.web.blockers_cell import blockers_cell
from board.web.readers import Reader
from board.web.tasks_bar import tasks_bar
from closing.calendar.deadlines import Deadline, city
from closing.judging.standing import Level
from closing.judging.states import PeriodState
from closing.phrasing import in_the_way
from closing.scoreboard.row import Row

_MAX_BECAUSE_LENGTH = 60  # characters of a because beyond which its second half is folded
_BAR_WIDTH = 120  # width of the bar against the deadline, in its own units
_TRACK_STEP = 10  # width of a month in the track record's picture, in its own units
_TRACK_TONES = {
    Level.CLOSED_ON_TIME: "ok",
    Level.CLOSED_LATE: "late",
    Level.LATE: "late",
    Level.ALERTING: "alert",
    Level.DUE_TODAY: "due",
    Level.NOT_DUE: "due",
    Level.CLOSED_DATE_UNKNOWN: "unsure",
    Level.NO_DEADLINE: "unsure",
    Level.UNKNOWN: "unsure",
}
_TRACK_LABELS = {
    "ok": "on time",
    "late": "late",
    "alert": "still open",
    "due": "not due",
    "unsure": "unknown",
}


@dataclass(frozen=True, slots=True)
class LatenessBar:
    """Days late as a length, with a tick for the alert line half way."""

    width: int
    tick: int
    tone: str


@dataclass(frozen=True, slots=True)
class RowCells:
    """One row of the table, cell by cell."""

    row: Row
    kind: str  # closed, on_hold, open, unknown, not_started: the look of the chip
    state: str
    state_notes: Sequence[str]
    reopened: str
    due: str
    due_label: str
    due_words: str
    deadline_status: labels.DeadlineStatus
    spoken_text: str  # the status in full words, for screen readers
    bar: LatenessBar | None
    because: str
    because_more: str
    initials: str
    track_record: Sequence[tuple[int, str]]  # position and tone of each earlier month
    track_record_label: str
    url: str
    remark_texts: Sequence[str]  # remarks: an expected date, a reason, the number of notes
    silenced: str  # until when, by whom and why; "" if not silenced
    blockers: SafeString
    tasks: SafeString


def row_cells(row: Row, as_of: datetime, reader: Reader, query: str) -> RowCells:
    """The cells of a row; `query` is appended to the URL of its entity's page."""
    status = labels.deadline_status(row, as_of, reader.zone)
    because, more = _split(in_the_way(row))
    if row.read_error and row.read_at is None:
        because, more = row.read_error, ""  # more precise than "never read", with the next step
    elif row.read_error and not row.fresh:
        more = f"{more}. {row.read_error}".lstrip(". ")
    if more and not because:
        because, more = more, ""
    deadline = row.deadline
    return RowCells(
        row=row,
        kind=row.state.value,
        state=labels.state_label(row),
        state_notes=_state_notes(row, as_of, reader),
        reopened=labels.reopened_label(row),
        due=labels.short_day(deadline.due_on) if deadline is not None else "",
        due_label=deadline.label if deadline is not None else "",
        due_words=f"{deadline.explanation}. {_deadline_end(deadline)}" if deadline is not None else "",
        deadline_status=status,
        spoken_text=_spoken_text(row),
        bar=_bar(row),
        because=because,
        because_more=more,
        initials=labels.initials(row.owner),
        track_record=[
            (index * _TRACK_STEP, _TRACK_TONES[level]) for index, level in enumerate(row.track_record)
        ],
        track_record_label=_track_record_label(row),
        url=f"/entities/{row.code}/?{query}",
        remark_texts=_remark_texts(row),
        silenced=labels.silenced(row.silence) if row.silence is not None else "",
        blockers=blockers_cell(row, as_of, reader),
        tasks=tasks_bar(row, query),
    )


def _track_record_label(row: Row) -> str:
    """ "Last 12 months: 9 on time, 2 late, 1 unknown"; counts every month."""
    tones = Counter(_TRACK_TONES[level] for level in row.track_record)
    parts = [f"{tones[tone]} {label}" for tone, label in _TRACK_LABELS.items() if tones[tone]]
    return f"Last {len(row.track_record)} months: {', '.join(parts)}" if parts else ""


def _remark_texts(row: Row) -> list[str]:
    """The remarks on the period; of a closed one only the number of notes."""
    remarks = row.remarks
    texts = []
    if not row.counts_as_closed:
        if remarks.expected_on is not None:
            texts.append(f"expected {labels.short_day(remarks.expected_on)}")
        if remarks.reason:
            texts.append(remarks.reason)
        elif row.reason_missing:
            texts.append("reason missing")
        if remarks.acknowledged_at is not None:
            texts.append(f"taken over by {remarks.acknowledged_by}")
    if remarks.notes:
        texts.append(f"{remarks.notes} {'note' if remarks.notes == 1 else 'notes'}")
    return texts


def _state_notes(row: Row, as_of: datetime, reader: Reader) -> list[str]:
    notes = []
    if row.missing_since is not None:
        notes.append(f"missing since {labels.clock(row.missing_since, reader.zone, as_of)}")
    elif row.read_at is not None and not row.fresh:
        notes.append(f"not read since {labels.clock(row.read_at, reader.zone, as_of)}")
    elif row.standing.unconfirmed and row.read_at is not None:
        notes.append("by its last known state")
    if row.state is PeriodState.ON_HOLD and row.counts_as_closed:
        notes.append("counts as closed")
    return notes


def _deadline_end(deadline: Deadline) -> str:
    end = f"at {deadline.cut_off:%H:%M}" if deadline.cut_off is not None else "with the day"
    return f"It ends {end} in {city(deadline.zone)}."


def _spoken_text(row: Row) -> str:
    standing = row.standing
    if not standing.overdue or not standing.days_late:
        return ""
    lateness = labels.days_in_words(standing.days_late, standing.unit)
    return f"{lateness} late, {labels.against_alert_line(row)}"


def _bar(row: Row) -> LatenessBar | None:
    standing = row.standing
    if not standing.overdue:
        return None
    full = 2 * max(row.alert_after_days, 1)
    width = min(_BAR_WIDTH, round(_BAR_WIDTH * standing.days_late / full))
    return LatenessBar(
        max(width, 3), _BAR_WIDTH * row.alert_after_days // full, "alert" if standing.alerting else "late"
    )


def _split(because: str) -> tuple[str, str]:
    """A long because as its first half, always shown, and the rest, which is folded."""
    if len(because) <= _MAX_BECAUSE_LENGTH:
        return because, ""
    short, colon, more = because.partition(": ")
    return (short, more) if colon and len(short) <= _MAX_BECAUSE_LENGTH else (because, "")
