"""Serializes a scoreboard as the public JSON, as CSV and as a table for a terminal."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import chain

from board.web import labels
from closing.blockers.row_blockers import blockers_json, blockers_phrase
from closing.calendar.date_phrases import month_and_year
from closing.close_tasks.row_tasks import tasks_json, tasks_phrase
from closing.facts.base import facts_to_json
from closing.judging.states import PeriodState
from closing.phrasing import in_the_way
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.headline import headline
from closing.scoreboard.row import Row, furthest_behind

COUNTS = (
    "entities",
    "closed",
    "on_hold",
    "open",
    "unknown",
    "not_started",
    "late",
    "alerting",
    "stale",
    "no_deadline",
)


def as_json(board: Scoreboard) -> dict[str, object]:
    """The public JSON shape as plain values; entities are furthest behind first.

    `counts.late` is the watch level alone: entities over the alert line are in `alerting`. `native` holds the facts
    of the ERP, word for word; `read_at` and `as_of` are UTC. An entity in state `not_due` has no period that ends in
    the month: it is neither outstanding nor closed, and `counts.not_due` is given where there is one.
    """
    behind = furthest_behind(board.rows)
    not_due = {"not_due": board.counts.not_due} if board.counts.not_due else {}
    return {
        "month": f"{board.month:%Y-%m}",
        "as_of": labels.iso(board.as_of),
        "group_closed": board.closed,
        "headline": headline(board),
        "furthest_behind": behind and {"code": behind.code, "days_late": behind.standing.days_late},
        "counts": {name: getattr(board.counts, name) for name in COUNTS} | not_due,
        "entities": [_entity(row) for row in board.rows],
    }


def _entity(row: Row) -> dict[str, object]:
    standing, deadline = row.standing, row.deadline
    first_closed, expected_on = standing.first_closed_on, row.remarks.expected_on
    return {
        "code": row.code,
        "name": row.name,
        "group": row.group,
        "state": row.state_key,
        "because": row.because,
        "native": facts_to_json(row.native_facts) if row.native_facts is not None else None,
        "due_on": deadline.due_on.isoformat() if deadline is not None else None,
        "deadline_explanation": deadline.explanation if deadline is not None else None,
        "days_late": standing.days_late,
        "lateness_unit": standing.unit.value,
        "level": standing.level.value,
        "first_closed_on": first_closed.isoformat() if first_closed is not None else None,
        "reopened": standing.reopened,
        "fresh": row.fresh,
        "read_at": labels.iso(row.read_at),
        "expected_on": expected_on.isoformat() if expected_on is not None else None,
        "overdue_reason": row.remarks.reason_code or None,
        "reason_missing": row.reason_missing,
        "acknowledged": row.remarks.acknowledged_at is not None,
        "permanent_reopenings": standing.permanent_reopenings,
        "blockers": blockers_json(row),
        "tasks": tasks_json(row),
    }


# --- CSV ----------------------------------------------------------------------------------------------------------

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_INVISIBLE = "".join(chr(code) for code in range(0x3001) if chr(code).isspace()) + "\u200b\u2060\ufeff"
_NO_TASKS = dict.fromkeys(("done", "total", "not_needed", "overdue"))
_COLUMNS = (
    "month",
    "as_of",
    "code",
    "name",
    "group",
    "country",
    "owner",
    "state",
    "because",
    "due_on",
    "deadline_explanation",
    "days_late",
    "lateness_unit",
    "level",
    "first_closed_on",
    "reopened",
    "fresh",
    "read_at",
    "expected_on",
    "overdue_reason",
    "reason_missing",
    "acknowledged",
    "permanent_reopenings",
    "in_the_way",
    "tasks_done",
    "tasks_total",
    "tasks_not_needed",
    "tasks_overdue",
)


def board_csv_lines(board: Scoreboard) -> Iterator[str]:
    """A header line and one line per entity, one at a time; see `csv_lines`."""
    of_board = {"month": f"{board.month:%Y-%m}", "as_of": labels.iso(board.as_of)}
    entities = (of_board | _entity(row) | _only_in_csv(row) for row in board.rows)
    return csv_lines(_COLUMNS, ([values[name] for name in _COLUMNS] for values in entities))


def _only_in_csv(row: Row) -> dict[str, object]:
    return {
        "country": row.country,
        "owner": row.owner,
        "in_the_way": blockers_phrase(row, _instant),
        **{f"tasks_{name}": count for name, count in (tasks_json(row) or _NO_TASKS).items()},
    }


def _instant(moment: datetime) -> str:
    return labels.iso(moment) or ""


def csv_lines(names: Sequence[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """A header line and one line for each row (RFC 4180), safe to open in a spreadsheet.

    A text that a spreadsheet might run as a formula gets an apostrophe in front (05-reliability 5.2, ASVS 1.2.10).
    """
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\r\n")
    for values in chain([names], rows):
        lines.writerow([_cell(value) for value in values])
        yield out.getvalue()
        out.seek(0)
        out.truncate()


def could_be_formula(text: str) -> bool:
    """Whether a spreadsheet might run a text as a formula; some ignore leading blanks."""
    return text.startswith(_FORMULA) or text.lstrip(_INVISIBLE).startswith(_FORMULA)


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return labels.iso(value) or ""
        case date():
            return value.isoformat()
        case str():
            return f"'{value}" if could_be_formula(value) else value
        case _:
            return str(value)


# --- terminal -----------------------------------------------------------------------------------------------------

_MARKS = {
    PeriodState.CLOSED: ("✓", "*"),
    PeriodState.ON_HOLD: ("‖", "="),
    PeriodState.OPEN: ("○", "o"),
    PeriodState.UNKNOWN: ("?", "?"),
    PeriodState.NOT_STARTED: ("·", "."),
}
_ASCII = str.maketrans({"·": "|", "…": "~", "–": "-", "’": "'", "“": '"', "”": '"', "×": "x"})
_STYLES = {"alert": "1;31", "late": "33", "today": "33", "ok": "32", "bold": "1", "dim": "2", "none": "33"}
_HEADINGS = ("Entity", "State", "Deadline", "Against deadline", "Read", "Because")
_MAX_WIDTHS = (40, 34, 20, 48, 16)  # maximum widths in columns; the rest of the line is for the because
_MIN_BECAUSE_WIDTH = 24  # columns below which the because goes to a line of its own


def as_table(board: Scoreboard, width: int = 100, colour: bool = False, unicode: bool = True) -> str:
    """The board for a terminal: headline, counts, one line per entity with columns aligned by display width.

    `width` is in columns. Without `unicode` only ASCII marks are used (entity names stay as they are). Times are UTC.
    """

    def style(text: str, name: str) -> str:
        return f"\x1b[{_STYLES[name]}m{text}\x1b[0m" if colour and text.strip() and name in _STYLES else text

    def plain(text: str) -> str:
        return _printable(text if unicode else text.translate(_ASCII))

    cells = [[plain(cell) for cell in _cells(row, board, unicode)] for row in board.rows]
    widths = _widths([list(_HEADINGS), *cells])
    indent = "  "
    rest = width - sum(widths) - len(indent) * len(widths)
    own_line = rest < _MIN_BECAUSE_WIDTH and bool(cells)
    lines = [
        style(plain(f"{month_and_year(board.month)} · {labels.moment_in_full(board.as_of, UTC)} UTC"), "dim"),
        style(plain(headline(board)), "bold"),
        plain(counts_line(board)),
    ]
    if note := labels.on_hold_note(board.rows):
        lines.append(style(plain(note + "."), "dim"))
    lines += [style(plain(f"! {warning.text}"), "late") for warning in board.warnings]
    if cells:
        headings = [_pad(head, size) for head, size in zip(_HEADINGS, widths, strict=False)]
        lines += ["", style(indent.join([*headings, "" if own_line else _HEADINGS[-1]]).rstrip(), "dim")]
    for row, texts in zip(board.rows, cells, strict=True):
        tone = labels.deadline_status(row, board.as_of).tone
        padded = [_pad(text, size, unicode) for text, size in zip(texts, widths, strict=False)]
        padded[3] = style(padded[3], tone if row.fresh or tone in {"alert", "late"} else "dim")
        padded[1] = style(padded[1], "dim" if not row.fresh else "ok" if row.counts_as_closed else "")
        padded[4] = style(padded[4], "" if row.fresh else "late")
        lines.append(indent.join([*padded, "" if own_line else _cut(texts[-1], rest, unicode)]).rstrip())
        if own_line and texts[-1]:
            lines.append(style(f"    {_cut(texts[-1], max(width - 4, _MIN_BECAUSE_WIDTH), unicode)}", "dim"))
    return "\n".join(lines) + "\n"


def _cells(row: Row, board: Scoreboard, unicode: bool) -> Sequence[str]:
    mark = _MARKS[row.state][0 if unicode else 1]
    state = f"{mark} {labels.state_label(row)}"
    if row.read_at is not None and not row.fresh:
        state += f", not read since {labels.clock(row.read_at, UTC, board.as_of)}"
    if labels.is_reopened(row):
        state += f", {labels.reopened_times(row) if row.standing.permanent_reopenings else 'reopened'}"
    deadline = row.deadline
    due = f"{labels.short_day(deadline.due_on)} {deadline.label}".rstrip() if deadline is not None else "-"
    status = labels.deadline_status(row, board.as_of)
    detail = f" · {status.detail}" if status.detail else ""
    read = "never" if row.read_at is None else labels.age(row.read_at, board.as_of)
    tasks = tasks_phrase(row)
    reasons = [in_the_way(row), blockers_phrase(row, _instant), tasks and f"tasks {tasks}"]
    because = "; ".join(filter(None, reasons))
    return f"{row.code}  {row.name}", state, due, status.text + detail, read, because


def counts_line(board: Scoreboard) -> str:
    """ "2 closed · 1 on hold · 1 open · 0 alerting · 2 watch"."""
    counts = board.counts
    states = [
        (counts.closed, "closed"),
        (counts.on_hold, "on hold"),
        (counts.open, "open"),
        (counts.unknown, "unknown"),
        (counts.not_started, "not started"),
        (counts.not_due, "not due"),
    ]
    parts = [f"{count} {name}" for count, name in states if count]
    parts += [f"{counts.alerting} alerting", f"{counts.late} watch"]
    extra = [(counts.stale, "not read"), (counts.no_deadline, "no deadline set")]
    parts += [f"{count} {name}" for count, name in extra if count]
    return " · ".join(parts)


def _widths(table: Iterable[Sequence[str]]) -> list[int]:
    columns = list(zip(*table, strict=True))[: len(_MAX_WIDTHS)]
    return [
        min(limit, max(map(_display_width, column)))
        for limit, column in zip(_MAX_WIDTHS, columns, strict=True)
    ]


def _printable(text: str) -> str:
    """The text without control and invisible characters: a name of an ERP must not control the terminal."""
    return "".join(" " if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"} else char for char in text)


def _display_width(text: str) -> int:
    """The terminal columns of a text: wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def _cut(text: str, room: int, unicode: bool = True) -> str:
    if _display_width(text) <= room:
        return text
    short = ""
    for char in text:
        if _display_width(short + char) > room - 1:
            break
        short += char
    return short.rstrip() + ("…" if unicode else "~")


def _pad(text: str, room: int, unicode: bool = True) -> str:
    short = _cut(text, room, unicode)
    return short + " " * (room - _display_width(short))
