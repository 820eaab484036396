"""Compares the board of one month at two moments: the past beside now (04-screens, moment switch)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from closing.calendar.date_phrases import day_and_month, weekday_and_day
from closing.calendar.deadlines import Deadline, city
from closing.judging.standing import LatenessUnit, Level, Standing
from closing.judging.states import PeriodState
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row


class ChangeKind(StrEnum):
    """In which way an entity's row differs, in the order of the summary; `summary` follows a number: "3 closed".

    `STALE` and `CONFIRMED` say how sure the figures are, not that anything has changed.
    """

    CLOSED = "closed", "closed"
    REOPENED = "reopened", "reopened"
    CLOSED_AGAIN = "closed_again", "reopened and closed again"
    OPENED = "opened", "opened"
    ON_HOLD = "on_hold", "put on hold"
    NOT_STARTED = "not_started", "back to not started"
    NOT_DUE = "not_due", "not due any more"  # the month has no period of its own any more
    POLICY = "policy", "counted otherwise by policy"  # the same state, which now counts as closed or not
    OVER_THE_LINE = "over_the_line", "now alerting"
    LATE = "late", "now overdue"
    LESS_LATE = "less_late", "less late"
    DEADLINE = "deadline", "with another deadline"
    UNKNOWN = "unknown", "now unknown"
    KNOWN = "known", "no longer unknown"
    MISSING = "missing", "no longer listed by the ERP"
    LISTED = "listed", "listed by the ERP again"
    APPEARED = "appeared", "new"
    VANISHED = "vanished", "gone from the board"
    STALE = "stale", "no longer read"
    CONFIRMED = "confirmed", "read again"

    summary: str

    def __new__(cls, word: str, summary: str) -> ChangeKind:
        kind = str.__new__(cls, word)
        kind._value_, kind.summary = word, summary
        return kind


CONFIDENCE_KINDS = frozenset({ChangeKind.STALE, ChangeKind.CONFIRMED})

_ORDER = {kind: rank for rank, kind in enumerate(ChangeKind)}
_BY_STATE = {
    PeriodState.OPEN: ChangeKind.OPENED,
    PeriodState.ON_HOLD: ChangeKind.ON_HOLD,
    PeriodState.CLOSED: ChangeKind.CLOSED,
    PeriodState.NOT_STARTED: ChangeKind.NOT_STARTED,
}
_HOW_LATE = {Level.LATE: 1, Level.ALERTING: 2}


@dataclass(frozen=True, slots=True)
class RowChange:
    """One way in which one entity's row differs; `seen_at` is the moment of the read that showed it, if one did."""

    code: str
    name: str
    kind: ChangeKind
    words: str
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BoardDiff:
    """All differences, by kind and then furthest behind first; at most one of a kind for an entity.

    `unconfirmed_rows` counts the rows that cannot be confirmed now: they compare by their last reading.
    """

    then: datetime
    now: datetime
    items: Sequence[RowChange]
    unconfirmed_rows: int = 0

    def __bool__(self) -> bool:
        return bool(self.items)

    @property
    def counts(self) -> Mapping[ChangeKind, int]:
        """How many entities differ in each way; kinds without any are left out."""
        return Counter(item.kind for item in self.items)

    @property
    def summary(self) -> str:
        """ "since then: 3 closed, 1 reopened"; an entity that is only unconfirmed never counts as changed."""
        if not self.items and self.unconfirmed_rows:
            return f"no change seen since, {self.unconfirmed_rows} not read"
        if not self.items:
            return "nothing has changed since"
        parts = [f"{count} {kind.summary}" for kind, count in self.counts.items()]
        changed = any(item.kind not in CONFIDENCE_KINDS for item in self.items)
        return f"since then: {', '.join(parts if changed else ['no change seen', *parts])}"


def diff_boards(then: Scoreboard, now: Scoreboard) -> BoardDiff:
    """Compare the board of one month at two moments.

    A state that was last read too long ago is listed as no longer read, beside the changes that its readings
    showed until then. Raises ValueError for boards of different months.
    """
    if then.month != now.month:
        raise ValueError(f"the boards of {then.month:%Y-%m} and {now.month:%Y-%m} cannot be compared")
    before = {row.code: row for row in then.rows}
    after = {row.code for row in now.rows}
    items = [change for row in now.rows for change in _row_changes(before.get(row.code), row, then.as_of)]
    items += [
        RowChange(row.code, row.name, ChangeKind.VANISHED, "not on the board any more")
        for row in then.rows
        if row.code not in after
    ]
    unconfirmed = sum(not row.fresh or row.state is PeriodState.UNKNOWN for row in now.rows)
    return BoardDiff(then.as_of, now.as_of, sorted(items, key=lambda item: _ORDER[item.kind]), unconfirmed)


def _row_changes(then: Row | None, now: Row, then_at: datetime) -> Iterator[RowChange]:
    def change(kind: ChangeKind, words: str, seen_at: datetime | None = None) -> RowChange:
        return RowChange(now.code, now.name, kind, words, seen_at)

    if then is None:
        yield change(ChangeKind.APPEARED, f"new on the board: {_word(now)}", _seen_at(now))
        return
    if state := _state(then, now):
        yield change(*state, _seen_at(now))
    if lateness := _lateness(then, now, then_at):
        yield change(*lateness)
    if _same_period(then, now) and then.deadline != now.deadline and (moved := _deadline(then, now)):
        yield change(ChangeKind.DEADLINE, moved)
    if (then.missing_since is None) is not (now.missing_since is None):
        missing = now.missing_since is not None
        words = "the ERP no longer lists it" if missing else "the ERP lists it again"
        yield change(
            ChangeKind.MISSING if missing else ChangeKind.LISTED, words, now.missing_since or now.read_at
        )
    if then.fresh and not now.fresh and now.read_at is not None:
        yield change(ChangeKind.STALE, f"{_word(now)} when last read, not read since", now.read_at)
    elif now.fresh and not then.fresh and then.read_at is not None:
        yield change(ChangeKind.CONFIRMED, f"{_word(now)}, read again", now.read_at)


# --- the state ----------------------------------------------------------------------------------------------------


def _state(then: Row, now: Row) -> tuple[ChangeKind, str] | None:
    if now.not_due:
        return None if then.not_due else (ChangeKind.NOT_DUE, f"not due: {now.because}")
    if now.state is PeriodState.UNKNOWN:
        return _state_lost(then, now)
    if then.state is PeriodState.UNKNOWN:
        return _state_known(then, now)
    if then.state is now.state:
        return _same_state(then, now)
    return _other_state(then, now)


def _state_lost(then: Row, now: Row) -> tuple[ChangeKind, str] | None:
    if then.state is PeriodState.UNKNOWN and then.standing.closed == now.standing.closed:
        return None
    if not now.standing.unconfirmed:
        return ChangeKind.UNKNOWN, "unknown now"
    last = "closed" if now.standing.closed else "not closed"
    return ChangeKind.UNKNOWN, f"unknown now, {last} before"


def _state_known(then: Row, now: Row) -> tuple[ChangeKind, str]:
    """For a row UNKNOWN then. A period closed at its first read may have closed long before (01-domain 1.6)."""
    was, standing = then.standing, now.standing
    dated = standing.first_closed_on is not None or standing.closed_between is not None
    if standing.closed and not was.closed and (was.unconfirmed or dated):
        return ChangeKind.CLOSED, _closed(now)
    if undone := _undone(then, now):
        return undone
    if was.closed and not standing.closed:
        return _BY_STATE[now.state], f"{_word(now)}, it was closed before"
    return ChangeKind.KNOWN, f"no longer unknown: {_word(now)}"


def _same_state(then: Row, now: Row) -> tuple[ChangeKind, str] | None:
    if then.standing.closed != now.standing.closed:
        rule = "counts" if now.standing.closed else "no longer counts"
        return ChangeKind.POLICY, f"{_word(now)}, which {rule} as closed by policy"
    if not _same_period(then, now) or _seen_at(then) == _seen_at(now):
        return None
    # The same state twice, seen by different reads: another state lay in between.
    again = f"{_word(now)} again, it had changed in between"
    return _undone(then, now) or (_BY_STATE[now.state], again)


def _other_state(then: Row, now: Row) -> tuple[ChangeKind, str]:
    if now.standing.closed and not then.standing.closed:
        return ChangeKind.CLOSED, _closed(now)
    undone = None if now.standing.closed else _undone(then, now)
    return undone or (_BY_STATE[now.state], f"{_word(now)}, it was {_word(then)}")


def _undone(then: Row, now: Row) -> tuple[ChangeKind, str] | None:
    """The reopening since, or the close after it; a posting window that lay before a new period was no close."""
    was, standing = then.standing, now.standing
    if not standing.reopened:
        return None
    if standing.closed:
        closed_anew = was.closed and (not was.reopened or was.last_closed_on != standing.last_closed_on)
        return (ChangeKind.CLOSED_AGAIN, f"reopened, and {_closed(now, again=True)}") if closed_anew else None
    if was.closed:
        return ChangeKind.REOPENED, f"reopened, {_word(now)} now"
    return (
        None if was.reopened else (ChangeKind.REOPENED, f"closed and reopened in between, {_word(now)} now")
    )


def _closed(row: Row, *, again: bool = False) -> str:
    """ "closed on 9 June, on time"."""
    standing = row.standing
    verb = "on hold, which counts as closed," if row.state is PeriodState.ON_HOLD else "closed"
    verb += " again" if again else ""
    if standing.last_closed_on is not None:
        words = f"{verb} on {day_and_month(standing.last_closed_on)}"
    elif standing.closed_between is not None:
        first, last = map(day_and_month, standing.closed_between)
        words = f"{verb} between {first} and {last}"
    else:
        return f"{verb.rstrip(',')}, date unknown"
    if standing.reopened:
        return words
    if standing.level is Level.CLOSED_ON_TIME:
        return f"{words}, on time"
    if standing.level is Level.CLOSED_LATE:
        return f"{words}, {_late(standing) if standing.days_late else 'after the cut-off'}"
    return words


# --- against the deadline -----------------------------------------------------------------------------------------


def _lateness(then: Row, now: Row, then_at: datetime) -> tuple[ChangeKind, str] | None:
    """Whether the row became late, crossed the alert line, or neither any more; None if its lateness is unknown."""
    if now.standing.closed or now.standing.level is Level.UNKNOWN:
        return None
    before, after = _how_late(then, now.deadline, then_at), _HOW_LATE.get(now.standing.level, 0)
    if before is None or before == after:
        return None
    if after < before:
        was = "alerting" if after else "overdue"
        return ChangeKind.LESS_LATE, f"not {was} any more"
    late = _late(now.standing) if now.standing.days_late else "overdue, past its cut-off"
    unread = " when last read" if now.read_at is not None else ", never read"
    late += "" if now.fresh and not now.standing.unconfirmed else unread
    return (ChangeKind.OVER_THE_LINE, f"{late}, alerting") if after > 1 else (ChangeKind.LATE, late)


def _how_late(row: Row, deadline: Deadline | None, moment: datetime) -> int | None:
    """0 not late, 1 late, 2 over the alert line; an unknown row gives 0 while its deadline was ahead, else None."""
    if row.standing.level is Level.UNKNOWN:
        return 0 if deadline is not None and not deadline.passed(moment) else None
    return _HOW_LATE.get(row.standing.level, 0)


def _deadline(then: Row, now: Row) -> str:
    """The change of the deadline in words; empty if only its explanation differs."""
    was, due = then.deadline, now.deadline
    if due is None:
        return "no deadline set any more"
    if was is None:
        return f"deadline set: {_due(due)}"
    if (was.due_on, was.cut_off, was.zone) == (due.due_on, due.cut_off, due.zone):
        return ""
    if was.zone != due.zone:
        return f"deadline {_due(due)} in {city(due.zone)}, it was {_due(was)} in {city(was.zone)}"
    return f"deadline {_due(due)}, it was {_due(was)}"


def _due(deadline: Deadline) -> str:
    at = f" at {deadline.cut_off:%H:%M}" if deadline.cut_off is not None else ""
    return f"{weekday_and_day(deadline.due_on)}{at}"


def _late(standing: Standing) -> str:
    working = "working " if standing.unit is LatenessUnit.WORKING_DAYS else ""
    return f"{standing.days_late} {working}{'day' if standing.days_late == 1 else 'days'} late"


# --- one row ------------------------------------------------------------------------------------------------------


def _same_period(then: Row, now: Row) -> bool:
    """Whether both rows show the same period; of two in a month a row shows the one that holds the entity up."""
    return then.span is not None and now.span is not None and then.period_id == now.period_id


def _seen_at(row: Row) -> datetime | None:
    return row.seen_between[1] if row.seen_between is not None else None


def _word(row: Row) -> str:
    """The state in a sentence: "on hold"."""
    return row.state_key.replace("_", " ")
