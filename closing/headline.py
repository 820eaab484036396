"""The headline: closed or not, who holds the group up and by how much, in one sentence that every door shows."""

from __future__ import annotations

from collections.abc import Sequence

from closing.days import day_and_month
from closing.scoreboard import Row, Scoreboard, known, laggards, outstanding, ranked
from closing.standing import LatenessUnit, Level
from closing.states import PeriodState


def headline(board: Scoreboard) -> str:
    """One sentence: closed or not, who holds the group up and by how much; never "closed" on a guess."""
    counts = board.counts
    if not board.rows:
        return "No entities to show."
    held = f" ({counts.closed_by_policy} on hold counted as closed)" if counts.closed_by_policy else ""
    if board.closed:
        return _closed_headline(board.rows, held)
    if board.closed is None:
        stale = sum(not row.fresh and row.state is not PeriodState.UNKNOWN for row in board.rows)
        parts = [f"{stale} stale"] if stale else []
        parts += [f"{counts.unknown} unknown"] if counts.unknown else []
        text = f"Not known: {stale + counts.unknown} of {counts.entities} cannot be confirmed"
        return f"{text} ({', '.join(parts)}){held}.{_holding_up(board.rows)}"
    text = f"Not closed: {counts.outstanding} of {counts.entities} outstanding{held}."
    text += _holding_up(board.rows) or _next_deadline(board.rows)
    stale_closed = sum(not outstanding(row) and not row.fresh for row in board.rows)
    return f"{text} {stale_closed} more cannot be confirmed." if stale_closed else text


def _closed_headline(rows: Sequence[Row], held: str) -> str:
    """By first closes, as on-time is (01-domain 1.7); a later close after a reopening is told beside it."""
    dates = [row.standing.first_closed_on for row in rows if row.standing.first_closed_on is not None]
    if len(dates) < len(rows):
        return f"Group closed{held}."
    text = f"Group closed on {day_and_month(max(dates))}"
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
    return f"{text}{held}."


def _holding_up(rows: Sequence[Row]) -> str:
    """Who is furthest behind and by how much, as a further sentence; empty when nobody is late."""
    behind = laggards(rows)
    if not behind:
        return ""
    first = behind[0]
    if len(behind) == 1:
        who, verb = first.name, "holds"
    elif len(behind) == 2:
        who, verb = f"{first.name} and {behind[1].name}", "hold"
    else:
        who, verb = f"{first.name} and {len(behind) - 1} others", "hold"
    dues = {row.deadline.due_on for row in behind if row.deadline is not None}
    whose = "its" if len(behind) == 1 else "their"
    deadline = f"{whose} {day_and_month(dues.pop())} deadline" if len(dues) == 1 else f"{whose} deadlines"
    standing = first.standing
    by = f"{_days(standing.days_late, standing.unit)} past" if standing.days_late else "past"
    read = "" if all(known(row) for row in behind) else " when last read"
    return f" {who} {verb} the group up, {by} {deadline}{read}."


def _next_deadline(rows: Sequence[Row]) -> str:
    """The nearest deadline still ahead of an outstanding row, or that none is set."""
    waiting = [row for row in rows if outstanding(row)]
    ahead = [(row.standing.due_in, row) for row in waiting if row.standing.due_in is not None]
    if not ahead:
        missing = sum(row.deadline is None for row in waiting)
        return f" {missing} without a deadline." if missing else ""
    due_in = min(days for days, _ in ahead)
    nearest = ranked(row for days, row in ahead if days == due_in)
    first = nearest[0]
    on = day_and_month(first.deadline.due_on) if first.deadline is not None else ""
    more = f" and {len(nearest) - 1} more" if len(nearest) > 1 else ""
    return f" Next deadline: {first.name}{more} on {on}, {'today' if due_in == 0 else f'in {_days(due_in)}'}."


def _days(count: int, unit: LatenessUnit = LatenessUnit.CALENDAR_DAYS) -> str:
    kind = "working " if unit is LatenessUnit.WORKING_DAYS else ""
    return f"{count} {kind}{'day' if count == 1 else 'days'}"
