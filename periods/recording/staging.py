"""Writes readings of any size: COPY to staging tables, then only the differences to the tables."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import count

from django.db.backends.utils import CursorWrapper

from closing.calendar.days import DateSpan
from periods.recording.other_keys import NO_LONGER_LISTED, keep_periods_under_other_keys

# Thousands of entities share a fiscal calendar and some states: each is staged once; a reading is three numbers.
_TABLES = {
    "staged_period": "period int, erp_key text, calendar text, year text, name text, first_day date, last_day date,"
    " type text, reporting_month date",
    "staged_verdict": "verdict int, state text, because text, facts_id bigint, erp_changed_at timestamptz",
    "staged_reading": "entity_id bigint, period int, verdict int",
    "changed_reading": "entity_id bigint, erp_key text, calendar text, year text, name text, first_day date,"
    " last_day date, type text, reporting_month date, state text, because text, facts_id bigint,"
    " erp_changed_at timestamptz, period_id bigint, old_state text, moved boolean, redated boolean, remapped boolean",
}


# Rows of staged_period and staged_verdict, without their numbers.
StagedPeriod = tuple[str, str, str, str, date, date, str, date]
StagedState = tuple[str, str, int, datetime | None]


@dataclass(slots=True)
class StagedBatch:
    """Readings to be staged: `readings` holds a line of text for each, with the numbers of its period and state.

    `periods` and `states` give each row its number when it is first asked for.
    """

    periods: defaultdict[StagedPeriod, int] = field(default_factory=lambda: defaultdict(count().__next__))
    states: defaultdict[StagedState, int] = field(default_factory=lambda: defaultdict(count().__next__))
    readings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StagingResult:
    """The count of the changes that `apply_staged` wrote, and the entities with new period dates.

    `remapped_entity_ids` are those of which a period is in another reporting month than before.
    """

    changes: int
    redated_entity_ids: list[int]
    remapped_entity_ids: list[int]


def prepare(cursor: CursorWrapper) -> None:
    """Create the staging tables of this session; they empty themselves at the end of each transaction."""
    for name, columns in _TABLES.items():
        cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} ({columns}) ON COMMIT DELETE ROWS")
        # A caller may record twice in one transaction (tests, history import).
        cursor.execute(f"DELETE FROM {name}")  # noqa: S608 - names of our own
    # A few big joins of tables without statistics, whose costs are overestimated: compiling them would take longer.
    cursor.execute("SET LOCAL work_mem = '32MB'")
    cursor.execute("SET LOCAL jit = off")


def fill(cursor: CursorWrapper, batch: StagedBatch) -> None:
    """COPY a batch into staging."""
    # Django wraps the errors of statements only; a connection lost during COPY must raise the same error.
    with cursor.db.wrap_database_errors:
        with cursor.copy("COPY staged_period FROM STDIN") as copy:
            for period, number in batch.periods.items():
                copy.write_row((number, *period))
        with cursor.copy("COPY staged_verdict FROM STDIN") as copy:
            for state, number in batch.states.items():
                copy.write_row((number, *state))
        with cursor.copy("COPY staged_reading FROM STDIN") as copy:
            copy.write("".join(batch.readings))


def apply_staged(
    cursor: CursorWrapper,
    *,
    attempt_id: int,
    seen_at: datetime,
    covered: list[int],
    span: DateSpan,
) -> StagingResult:
    """Write the differences between staging and the periods, and their history.

    `covered` are the entities that were read in full; a period of theirs that touches `span` and is absent from
    staging becomes Unknown, unless it is listed under another key now. Call it before the coverage of this attempt is
    stored: history names the read before.
    A change is never dated before that read, which may lie ahead of `seen_at` if another machine's clock did: the
    history of a period is ordered by these moments.
    """
    cursor.execute(
        f"""
        INSERT INTO changed_reading
        SELECT coalesce(s.entity_id, p.entity_id), coalesce(s.erp_key, p.erp_key), coalesce(s.calendar, p.calendar),
               coalesce(s.year, p.year), coalesce(s.name, p.name), coalesce(s.first_day, p.first_day),
               coalesce(s.last_day, p.last_day), coalesce(s.type, p.type),
               coalesce(s.reporting_month, p.reporting_month), coalesce(s.state, 'unknown'),
               coalesce(s.because, '{NO_LONGER_LISTED}'), s.facts_id, s.erp_changed_at, p.id, p.state,
               (p.state, p.facts_id) IS DISTINCT FROM (coalesce(s.state, 'unknown'), s.facts_id),
               s.entity_id IS NOT NULL
                   AND (p.first_day, p.last_day, p.type) IS DISTINCT FROM (s.first_day, s.last_day, s.type),
               coalesce(s.reporting_month <> p.reporting_month AND NOT p.month_set_by_hand, false)
        FROM (SELECT * FROM staged_reading JOIN staged_period USING (period) JOIN staged_verdict USING (verdict)) s
        FULL JOIN (SELECT known.* FROM (SELECT DISTINCT unnest(%(covered)s::bigint[]) AS id) covered
                   JOIN periods_fiscalperiod known ON known.entity_id = covered.id) p
          ON p.entity_id = s.entity_id AND p.erp_key = s.erp_key
        WHERE CASE WHEN s.entity_id IS NULL
              THEN p.last_day >= %(first)s AND p.first_day <= %(last)s
                   AND (p.state <> 'unknown' OR p.facts_id IS NOT NULL)
              ELSE (p.state, p.facts_id, p.first_day, p.last_day, p.type, p.name, p.year, p.calendar,
                    p.reporting_month) IS DISTINCT FROM
                   (s.state, s.facts_id, s.first_day, s.last_day, s.type, s.name, s.year, s.calendar,
                    CASE WHEN p.month_set_by_hand THEN p.reporting_month ELSE s.reporting_month END) END
        """,  # noqa: S608 - words of our own
        {"covered": covered, "first": span.first, "last": span.last},
    )
    touched = cursor.rowcount
    if not touched:
        return StagingResult(0, [], [])
    keep_periods_under_other_keys(cursor, attempt_id)
    cursor.execute(
        """
        WITH added AS (
            INSERT INTO periods_fiscalperiod (entity_id, erp_key, calendar, year, name, first_day, last_day, type,
                reporting_month, month_set_by_hand, state, because, facts_id)
            SELECT entity_id, erp_key, calendar, year, name, first_day, last_day, type,
                reporting_month, false, state, because, facts_id
            FROM changed_reading WHERE period_id IS NULL
            RETURNING id, entity_id, erp_key)
        UPDATE changed_reading c SET period_id = added.id FROM added
        WHERE c.entity_id = added.entity_id AND c.erp_key = added.erp_key AND c.period_id IS NULL
        """
    )
    cursor.execute(
        """
        UPDATE periods_fiscalperiod p
        SET erp_key = CASE WHEN c.facts_id IS NULL THEN p.erp_key ELSE c.erp_key END,
            calendar = c.calendar, year = c.year, name = c.name, first_day = c.first_day, last_day = c.last_day,
            type = c.type, state = c.state, because = c.because, facts_id = c.facts_id,
            reporting_month = CASE WHEN p.month_set_by_hand THEN p.reporting_month ELSE c.reporting_month END
        FROM changed_reading c WHERE p.id = c.period_id AND c.old_state IS NOT NULL
        """
    )
    cursor.execute(
        """
        WITH moved AS (SELECT DISTINCT entity_id FROM changed_reading WHERE moved),
        reads AS MATERIALIZED (
            SELECT moved.entity_id, coalesce(span.last_read_at, newest.started_at) AS read_before
            FROM moved
            LEFT JOIN LATERAL (SELECT * FROM periods_readspan WHERE entity_id = moved.entity_id
                               ORDER BY first_read_at DESC, id DESC LIMIT 1) span ON true
            LEFT JOIN LATERAL (SELECT started_at FROM periods_syncattempt
                               WHERE connection_id = span.connection_id AND outcome IN ('ok', 'partial')
                                 AND id < %(attempt)s ORDER BY started_at DESC LIMIT 1) newest ON true)
        INSERT INTO periods_statechange (period_id, attempt_id, state, previous_state, because, facts_id, seen_at,
            previous_read_at, erp_changed_at)
        SELECT c.period_id, %(attempt)s, c.state,
            CASE WHEN c.old_state = 'unknown' THEN (
                SELECT h.state FROM periods_statechange h
                WHERE h.period_id = c.period_id AND h.state <> 'unknown' ORDER BY h.seen_at DESC, h.id DESC LIMIT 1)
            ELSE c.old_state END,
            c.because, c.facts_id, greatest(%(seen_at)s, reads.read_before), reads.read_before, c.erp_changed_at
        FROM changed_reading c JOIN reads ON reads.entity_id = c.entity_id
        WHERE c.moved
        """,
        {"attempt": attempt_id, "seen_at": seen_at},
    )
    changes = cursor.rowcount
    cursor.execute(
        """
        SELECT entity_id, bool_or(remapped) FROM changed_reading
        WHERE (redated OR remapped) AND type = 'operating' GROUP BY entity_id ORDER BY entity_id
        """
    )
    rows = cursor.fetchall()
    return StagingResult(
        changes,
        [entity_id for entity_id, _ in rows],
        [entity_id for entity_id, remapped in rows if remapped],
    )
