"""Each row of the board, cell by cell in the reader's words and zone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from board.web import labels
from board.web.readers import Reader
from closing.calendar.deadlines import city
from closing.judging.standing import Level
from closing.judging.states import PeriodState
from closing.scoreboard.row import Row

_LONG = 60  # letters of a because beyond which the second half folds away
_BAR = 120  # width of the bar against the deadline, in its own units
_LATE = {Level.LATE, Level.ALERTING}
_TRACK_STEP = 10  # width of a month in the small picture of the months before, in its own units
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
    "unsure": "cannot be told",
}


@dataclass(frozen=True, slots=True)
class LatenessBar:
    """Days late as a length, with the alert line at a tick half way."""

    width: int
    tick: int
    tone: str


@dataclass(frozen=True, slots=True)
class RowCells:
    """One row of the table, cell by cell."""

    row: Row
    kind: str  # closed, on_hold, open, unknown, not_started: what the chip looks like
    state: str
    state_notes: Sequence[str]
    reopened: bool
    due: str
    due_label: str
    due_words: str
    deadline_status: labels.DeadlineStatus
    spoken_text: str  # the same in full words, for who listens
    bar: LatenessBar | None
    because: str
    because_more: str
    initials: str
    track_record: Sequence[tuple[int, str]]  # place and tone of each month before
    track_record_label: str
    url: str
    remark_texts: Sequence[str]  # what its people say: an expected date, a reason, notes
    silenced: str  # until when, by whom and why; "" while it is not


def row_cells(row: Row, as_of: datetime, reader: Reader, query: str) -> RowCells:
    """A row cell by cell; `query` goes behind the address of its entity's page."""
    said = labels.deadline_status(row, as_of)
    because, more = _split(row.because)
    if row.read_error and row.read_at is None:
        because, more = row.read_error, ""  # says more than "no data yet", and names the next step
    elif row.read_error and not row.fresh:
        more = f"{more}. {row.read_error}".lstrip(". ")
    deadline = row.deadline
    return RowCells(
        row=row,
        kind=row.state.value,
        state=labels.STATE_LABELS[row.state],
        state_notes=_state_notes(row, as_of, reader),
        reopened=labels.is_reopened(row),
        due=labels.short_day(deadline.due_on) if deadline is not None else "",
        due_label=deadline.label if deadline is not None else "",
        due_words=f"{deadline.explanation}. {_ends(row)}" if deadline is not None else "",
        deadline_status=said,
        spoken_text=_heard(row),
        bar=_bar(row),
        because=because,
        because_more=more,
        initials=labels.initials(row.owner),
        track_record=[
            (place * _TRACK_STEP, _TRACK_TONES[level]) for place, level in enumerate(row.track_record)
        ],
        track_record_label=_track_words(row),
        url=f"/entities/{row.code}/?{query}",
        remark_texts=_said(row),
        silenced=labels.silenced(row.silence) if row.silence is not None else "",
    )


def _track_words(row: Row) -> str:
    """ "Last 12 months: 9 on time, 2 late, 1 not known"; the months that cannot be told are told too."""
    tones = Counter(_TRACK_TONES[level] for level in row.track_record)
    told = [f"{tones[tone]} {label}" for tone, label in _TRACK_LABELS.items() if tones[tone]]
    return f"Last {len(row.track_record)} months: {', '.join(told)}" if told else ""


def _said(row: Row) -> list[str]:
    """What the entity's people say about the period, as long as it is not closed."""
    remarks = row.remarks
    said = []
    if not row.counts_as_closed:
        if remarks.expected_on is not None:
            said.append(f"expected {labels.short_day(remarks.expected_on)}")
        if remarks.reason:
            said.append(remarks.reason)
        elif row.reason_missing:
            said.append("reason missing")
        if remarks.acknowledged_at is not None:
            said.append(f"acknowledged by {remarks.acknowledged_by}")
    if remarks.notes:
        said.append(f"{remarks.notes} {'note' if remarks.notes == 1 else 'notes'}")
    return said


def _state_notes(row: Row, as_of: datetime, reader: Reader) -> list[str]:
    notes = []
    if row.missing_since is not None:
        notes.append(f"missing since {labels.clock(row.missing_since, reader.zone, as_of)}")
    elif row.read_at is not None and not row.fresh:
        notes.append(f"as of {labels.clock(row.read_at, reader.zone, as_of)}")
    elif row.standing.unconfirmed:
        notes.append("unconfirmed")
    if row.state is PeriodState.ON_HOLD and row.counts_as_closed:
        notes.append("counts as closed")
    return notes


def _ends(row: Row) -> str:
    deadline = row.deadline
    assert deadline is not None
    end = f"at {deadline.cut_off:%H:%M}" if deadline.cut_off is not None else "with the day"
    return f"It ends {end} in {city(deadline.zone)}."


def _heard(row: Row) -> str:
    standing = row.standing
    if standing.level not in _LATE or not standing.days_late:
        return ""
    over = "over" if standing.alerting else "not over"
    late = labels.days_in_words(standing.days_late, standing.unit)
    return f"{late} late, {over} the alert line of {row.alert_after_days}"


def _bar(row: Row) -> LatenessBar | None:
    standing = row.standing
    if standing.level not in _LATE:
        return None
    full = 2 * max(row.alert_after_days, 1)
    width = min(_BAR, round(_BAR * standing.days_late / full))
    return LatenessBar(
        max(width, 3), _BAR * row.alert_after_days // full, "alert" if standing.alerting else "late"
    )


def _split(because: str) -> tuple[str, str]:
    """A long because in its first half, always shown, and the rest, folded away."""
    if len(because) <= _LONG:
        return because, ""
    short, colon, more = because.partition(": ")
    return (short, more) if colon and len(short) <= _LONG else (because, "")
