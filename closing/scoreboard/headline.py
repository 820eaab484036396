"""The headline of a board: closed or not, who holds the group up and by how much, in one sentence."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from closing.blockers.common_cause import EntityCauses, common_cause
from closing.blockers.row_blockers import BLOCKERS
from closing.calendar.date_phrases import day_and_month, month_and_year
from closing.calendar.instants import local_date, zone_named
from closing.calendar.months import month_end
from closing.judging.standing import LatenessUnit, Level
from closing.judging.states import PeriodState
from closing.phrasing import short_day
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row, laggards, outstanding, ranked, state_is_current


class HeadlineRole(Enum):
    """The part that a piece of the headline plays: who holds the group up, by how much, or anything else."""

    WHO = "who"
    HOW_LATE = "how late"
    OTHER = "other"


HeadlinePieces = list[tuple[HeadlineRole, str]]


@dataclass(frozen=True, slots=True)
class Headline:
    """The headline in parts: the `verdict` without its full stop, and the pieces of the sentence that follows it.

    `closed_phrase` is "closed on 8 June" for a closed group, to follow a name; empty for any other.
    """

    verdict: str
    detail: Sequence[tuple[HeadlineRole, str]] = ()
    closed_phrase: str = ""

    @property
    def text(self) -> str:
        return " ".join(filter(None, [f"{self.verdict}.", "".join(text for _, text in self.detail)]))


def headline(board: Scoreboard) -> str:
    """One sentence: closed or not, who holds the group up and by how much; never "closed" on a guess."""
    return headline_parts(board).text


def headline_parts(board: Scoreboard, cause: str | None = None) -> Headline:
    """The headline in parts, for pages that style them separately; `cause` is `shared_cause`, if it is known."""
    counts = board.counts
    if not board.rows:
        return Headline("No entities to show")
    if counts.not_due == counts.entities:
        return Headline(f"Nothing is due: no period ends in {month_and_year(board.month)}")
    if (running := _running(board)) is not None:
        return running
    notes = [f"{counts.closed_by_policy} on hold counted as closed"] if counts.closed_by_policy else []
    notes += [f"{counts.not_due} not due"] if counts.not_due else []
    held = f" ({', '.join(notes)})" if notes else ""
    due = [row for row in board.rows if not row.not_due]
    if board.closed:
        closed = f"{_closed(due)}{held}"
        return Headline(f"Group {closed}", closed_phrase=closed)
    if board.closed is None:
        stale = sum(not row.fresh and row.state is not PeriodState.UNKNOWN for row in due)
        verdict = f"Unknown: {counts.unknown} of {counts.entities} entities"
        if stale:
            more = f", {counts.unknown} more unknown" if counts.unknown else ""
            verdict = f"Unknown: {stale} of {counts.entities} not read{more}"
        return Headline(f"{verdict}{held}", _holding_up(board.rows, cause))
    text = f"Not closed: {counts.outstanding} of {counts.entities} outstanding{held}"
    detail = _holding_up(board.rows, cause) or _next_deadline(board.rows)
    stale_closed = sum(not outstanding(row) and not row.fresh for row in due)
    if stale_closed:
        detail.append((HeadlineRole.OTHER, f"{' ' if detail else ''}{stale_closed} more not read."))
    return Headline(text, detail)


def _running(board: Scoreboard) -> Headline | None:
    """When the month ends and what is due first, by the clock of each entity.

    None once a period of it has ended, and while none is known.
    """
    if all(row.span is None for row in board.rows):
        return None
    ends = [row.span.last if row.span is not None else month_end(board.month) for row in board.rows]
    days_left = [
        (end - local_date(board.as_of, zone_named(row.zone))).days
        for end, row in zip(ends, board.rows, strict=True)
    ]
    if min(days_left) < 0:
        return None
    left, end = max(zip(days_left, ends, strict=True))
    when = "today" if left == 0 else "tomorrow" if left == 1 else f"on {short_day(end)}"
    dues = [row.deadline.due_on for row in board.rows if row.deadline is not None]
    first = f"first deadline {short_day(min(dues))}" if dues else "no deadline set"
    stale = sum(not state_is_current(row) and not row.not_due for row in board.rows)
    detail = [(HeadlineRole.OTHER, f"{stale} of {len(board.rows)} not read.")] if stale else []
    return Headline(f"{month_and_year(board.month)} ends {when}, {first}", detail)


def _closed(rows: Sequence[Row]) -> str:
    """By first closes, as the on-time rate is (01-domain 1.7); a later close after a reopening follows it."""
    dates = [row.standing.first_closed_on for row in rows if row.standing.first_closed_on is not None]
    if len(dates) < len(rows):
        return "closed"
    text = f"closed on {day_and_month(max(dates))}"
    dues = [row.deadline.due_on for row in rows if row.deadline is not None]
    if len(dues) == len(rows):
        days = (max(dates) - max(dues)).days
        text += (
            ", on its deadline" if days == 0 else f", {_days(abs(days))} {'late' if days > 0 else 'early'}"
        )
        # The last deadline of the group may be kept while a member missed its own, earlier one.
        late = sum(row.standing.level is Level.CLOSED_LATE for row in rows)
        if late and days <= 0:
            text += f", {late} of {len(rows)} late"
    again = [row.standing.last_closed_on for row in rows if row.standing.reopened]
    last = max((day for day in again if day is not None), default=None)
    if last is not None:
        text += f", and again on {day_and_month(last)} after a reopening"
    return text


def shared_cause(rows: Sequence[Row]) -> str:
    """ "EU DTC BV and US Retail Inc likely share a root cause: intercompany with UK Retail Ltd."; empty without one.

    A reading that is too old shows no cause of a late entity, and may show that of another one. Names are those of
    the rows: counterparties that the reader may not see have none.
    """
    if sum(row.standing.overdue for row in rows) < 2:
        return ""
    inputs = [
        value.inputs for row in rows if row.standing.overdue and (value := row.get(BLOCKERS)) is not None
    ]
    names = ChainMap({row.code: row.name for row in rows}, *(dict(each.names or {}) for each in inputs))
    cause = common_cause((_causes(row) for row in rows if not row.not_due), names)
    return f"{cause.sentence}." if cause is not None else ""


def _causes(row: Row) -> EntityCauses:
    late, value = row.standing.overdue, row.get(BLOCKERS)
    blockers = value.judged if value is not None else ()
    if late and value is not None:
        blockers = tuple(each.blocker for each in value.blockers if each.fresh)
    return EntityCauses(row.code, row.name, late, row.connection, row.owner, blockers)


def _holding_up(rows: Sequence[Row], cause: str | None) -> HeadlinePieces:
    """The entities furthest behind, by how much and the cause that the late ones share; empty if none is late."""
    behind = laggards(rows)
    if not behind:
        return []
    first = behind[0]
    if len(behind) == 1:
        others, verb = "", "holds"
    elif len(behind) == 2:
        others, verb = f" and {behind[1].name}", "hold"
    else:
        others, verb = f" and {len(behind) - 1} others", "hold"
    dues = {row.deadline.due_on for row in behind if row.deadline is not None}
    whose = "its" if len(behind) == 1 else "their"
    deadline = f"{whose} {day_and_month(dues.pop())} deadline" if len(dues) == 1 else f"{whose} deadlines"
    standing = first.standing
    by = (
        (HeadlineRole.HOW_LATE, f"{_days(standing.days_late, standing.unit)} past")
        if standing.days_late
        else (HeadlineRole.OTHER, "past")
    )
    shared = shared_cause(rows) if cause is None else cause
    read = "" if all(state_is_current(row) for row in behind) else " when last read"
    if all(row.read_at is None for row in behind):
        read = ", never read"
    return [
        (HeadlineRole.WHO, first.name),
        (HeadlineRole.OTHER, f"{others} {verb} the group up, "),
        by,
        (HeadlineRole.OTHER, " ".join(filter(None, [f" {deadline}{read}.", shared]))),
    ]


def _next_deadline(rows: Sequence[Row]) -> HeadlinePieces:
    """The nearest deadline still ahead of an outstanding row, or that none is set."""
    waiting = [row for row in rows if outstanding(row)]
    counted = [(row.standing.due_in, row) for row in waiting if row.standing.due_in is not None]
    ahead = [(days, row) for days, row in counted if days >= 0]
    if counted and not ahead:
        whose = "its" if len(counted) == 1 else "their"
        return [(HeadlineRole.OTHER, f"{len(counted)} not read since {whose} deadline passed.")]
    if not ahead:
        missing = sum(row.deadline is None for row in waiting)
        return [(HeadlineRole.OTHER, f"{missing} with no deadline set.")] if missing else []
    due_in = min(days for days, _ in ahead)
    nearest = ranked(row for days, row in ahead if days == due_in)
    first = nearest[0]
    on = day_and_month(first.deadline.due_on) if first.deadline is not None else ""
    more = f" and {len(nearest) - 1} more" if len(nearest) > 1 else ""
    when = "today" if due_in == 0 else f"in {_days(due_in)}"
    return [(HeadlineRole.OTHER, f"Next deadline: {first.name}{more} on {on}, {when}.")]


def _days(count: int, unit: LatenessUnit = LatenessUnit.CALENDAR_DAYS) -> str:
    kind = "working " if unit is LatenessUnit.WORKING_DAYS else ""
    return f"{count} {kind}{'day' if count == 1 else 'days'}"
