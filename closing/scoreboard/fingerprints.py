"""Fingerprints of boards and rows: equal fingerprints mean equal content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

from closing.facts.base import facts_to_json
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row, annotation_contents


def board_fingerprint(board: Scoreboard, of_row: Callable[[Row], str] | None = None) -> str:
    """A short hash of the board's content without its moment; boards of equal content have equal fingerprints.

    The time of the last read counts only on a row that is no longer fresh, where it is shown. `of_row` may cache
    `row_fingerprint` for rows that have not changed.
    """
    of_row = of_row or row_fingerprint
    content = [
        board.month,
        [of_row(row) for row in board.rows],
        [(node.code, node.name, node.parent) for node in board.groups],
        [(warning.code, warning.entity, warning.text, warning.since) for warning in board.warnings],
    ]
    return _hashed(content)


def row_fingerprint(row: Row) -> str:
    """A short hash of one row's content, by the rule of `board_fingerprint`."""
    return _hashed(_row_content(row))


def _hashed(content: object) -> str:
    text = json.dumps(content, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _row_content(row: Row) -> list[object]:
    due, standing, span = row.deadline, row.standing, row.span
    return [
        [row.entity_id, row.code, row.name, row.group, row.country, row.zone, row.owner, row.connection],
        [
            row.state,
            row.because,
            row.period_name,
            facts_to_json(row.native_facts) if row.native_facts is not None else None,
        ],
        [span.first, span.last] if span is not None else None,
        [due.due_on, due.zone, due.cut_off, due.label, due.explanation] if due is not None else None,
        [
            *(standing.level, standing.days_late, standing.unit, standing.due_in, standing.first_closed_on),
            *(standing.last_closed_on, standing.closed_between, standing.reopened, standing.unconfirmed),
            *(standing.closed, standing.first_close_level),
        ],
        [row.fresh, None if row.fresh else row.read_at, row.counts_as_closed, row.on_hold_counts],
        [row.seen_between, row.missing_since, row.read_error, row.alert_after_days],
        [row.reason_required, row.track_record, *annotation_contents(row)],
        *([["permanent", standing.permanent_reopenings]] if standing.permanent_reopenings else []),
    ]
