"""How a reading of any size reaches the tables: COPY to a staging table, then only what is distinct is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.db.backends.utils import CursorWrapper

from closing.days import DateSpan
from closing.readings import PeriodReading

StagedRow = tuple[int, PeriodReading, date, str, str, int]  # entity, reading, month, state, because, facts

_COLUMNS = (
    "entity_id bigint, erp_key text, calendar text, year text, name text, first_day date, last_day date, type text,"
    " reporting_month date, state text, because text, facts_id bigint, erp_changed_at timestamptz"
)
_NAMES = ", ".join(column.split()[0] for column in _COLUMNS.split(","))
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": None})
_ANALYZE_FROM = 2_000  # rows; below it the planner's guess for an unseen table does no harm


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` wrote: rows of history, new periods, and the entities with periods whose dates are new."""

    changes: int
    new_periods: int
    redated: list[int]


def prepare(cursor: CursorWrapper) -> None:
    """Make the staging tables of this session; they empty themselves at the end of each transaction."""
    cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS staged_reading ({_COLUMNS}) ON COMMIT DELETE ROWS")
    cursor.execute(
        f"CREATE TEMP TABLE IF NOT EXISTS changed_reading ({_COLUMNS}, period_id bigint, old_state text,"
        " moved boolean, redated boolean) ON COMMIT DELETE ROWS"
    )
    # A caller may record twice in one transaction (tests, history import).
    cursor.execute("DELETE FROM staged_reading")
    cursor.execute("DELETE FROM changed_reading")


def fill(cursor: CursorWrapper, rows: Iterable[StagedRow]) -> None:
    """COPY readings into staging; text is escaped once per distinct word."""
    words: dict[str, str] = {}

    def word(text: str) -> str:
        escaped = words.get(text)
        if escaped is None:
            escaped = words[text] = text.translate(_ESCAPES)
        return escaped

    lines = []
    for entity_id, reading, month, state, because, facts_id in rows:
        span = reading.span
        changed_at = reading.erp_changed_at
        lines.append(
            f"{entity_id}\t{word(reading.erp_key)}\t{word(reading.calendar)}\t{word(reading.year)}"
            f"\t{word(reading.name)}\t{span.first}\t{span.last}\t{reading.type.value}\t{month}\t{state}\t{word(because)}\t{facts_id}"
            f"\t{changed_at.isoformat() if changed_at else chr(92) + 'N'}\n"
        )
    with cursor.copy(f"COPY staged_reading ({_NAMES}) FROM STDIN") as copy:
        copy.write("".join(lines))
    if len(lines) >= _ANALYZE_FROM:
        cursor.execute("ANALYZE staged_reading (entity_id, erp_key)")


def apply(
    cursor: CursorWrapper,
    *,
    attempt_id: int,
    seen_at: datetime,
    covered: Mapping[int, datetime | None],
    span: DateSpan,
) -> Applied:
    """Move what is distinct from staging into periods and their history.

    `covered` maps the entities that were read in full to the read before (None: never); a period of theirs that
    touches `span` and is absent from staging becomes Unknown.
    """
    cursor.execute(
        """
        INSERT INTO changed_reading
        SELECT s.*, p.id, p.state,
               p.id IS NULL OR (p.state, p.facts_id) IS DISTINCT FROM (s.state, s.facts_id),
               p.id IS NULL OR (p.first_day, p.last_day, p.type) IS DISTINCT FROM (s.first_day, s.last_day, s.type)
        FROM staged_reading s
        LEFT JOIN periods_fiscalperiod p ON p.entity_id = s.entity_id AND p.erp_key = s.erp_key
        WHERE p.id IS NULL
           OR (p.state, p.facts_id, p.first_day, p.last_day, p.type, p.name, p.year, p.calendar)
              IS DISTINCT FROM (s.state, s.facts_id, s.first_day, s.last_day, s.type, s.name, s.year, s.calendar)
        """
    )
    touched = cursor.rowcount
    cursor.execute(
        """
        INSERT INTO changed_reading
        SELECT p.entity_id, p.erp_key, p.calendar, p.year, p.name, p.first_day, p.last_day, p.type, p.reporting_month,
               'unknown', 'no longer in the ERP''s answer', NULL, NULL, p.id, p.state, true, false
        FROM periods_fiscalperiod p
        WHERE p.entity_id = ANY(%(covered)s) AND p.last_day >= %(first)s AND p.first_day <= %(last)s
          AND p.state <> 'unknown'
          AND NOT EXISTS (SELECT FROM staged_reading s WHERE s.entity_id = p.entity_id AND s.erp_key = p.erp_key)
        """,
        {"covered": list(covered), "first": span.first, "last": span.last},
    )
    touched += cursor.rowcount
    if not touched:
        return Applied(0, 0, [])
    if touched >= _ANALYZE_FROM:
        cursor.execute("ANALYZE changed_reading")
    cursor.execute(
        """
        WITH added AS (
            INSERT INTO periods_fiscalperiod (entity_id, erp_key, calendar, year, name, first_day, last_day, type,
                reporting_month, month_set_by_hand, state, because, facts_id, changed_attempt_id)
            SELECT entity_id, erp_key, calendar, year, name, first_day, last_day, type,
                reporting_month, false, state, because, facts_id, %(attempt)s
            FROM changed_reading WHERE period_id IS NULL
            RETURNING id, entity_id, erp_key)
        UPDATE changed_reading c SET period_id = added.id FROM added
        WHERE c.entity_id = added.entity_id AND c.erp_key = added.erp_key
        """,
        {"attempt": attempt_id},
    )
    new_periods = cursor.rowcount
    cursor.execute(
        """
        UPDATE periods_fiscalperiod p
        SET calendar = c.calendar, year = c.year, name = c.name, first_day = c.first_day, last_day = c.last_day,
            type = c.type, state = c.state, because = c.because, facts_id = c.facts_id,
            changed_attempt_id = %(attempt)s,
            reporting_month = CASE WHEN p.month_set_by_hand THEN p.reporting_month ELSE c.reporting_month END
        FROM changed_reading c WHERE p.id = c.period_id AND c.old_state IS NOT NULL
        """,
        {"attempt": attempt_id},
    )
    cursor.execute(
        """
        INSERT INTO periods_statechange (period_id, attempt_id, state, previous_state, because, facts_id, seen_at,
            previous_read_at, erp_changed_at)
        SELECT c.period_id, %(attempt)s, c.state,
            CASE WHEN c.old_state = 'unknown' THEN (
                SELECT h.state FROM periods_statechange h
                WHERE h.period_id = c.period_id AND h.state <> 'unknown' ORDER BY h.seen_at DESC, h.id DESC LIMIT 1)
            ELSE c.old_state END,
            c.because, c.facts_id, %(seen_at)s, reads.read_before, c.erp_changed_at
        FROM changed_reading c
        JOIN unnest(%(entities)s::bigint[], %(reads)s::timestamptz[]) AS reads(entity_id, read_before)
          ON reads.entity_id = c.entity_id
        WHERE c.moved
        """,
        {
            "attempt": attempt_id,
            "seen_at": seen_at,
            "entities": list(covered),
            "reads": list(covered.values()),
        },
    )
    changes = cursor.rowcount
    cursor.execute("SELECT DISTINCT entity_id FROM changed_reading WHERE redated AND type = 'operating'")
    return Applied(changes, new_periods, [entity_id for (entity_id,) in cursor.fetchall()])
