"""Keeps the row of a period that the ERP lists under another key: renamed, in another calendar, moved by days."""

from __future__ import annotations

from django.db.backends.utils import CursorWrapper

NO_LONGER_LISTED = "no longer in the ERP''s answer"

# A key that comes back with days that are mostly others, in another month, is another period: names of a year that
# begins later now, or the first month of what has become a quarter.
_OTHER_DAYS = f"""
WITH other AS (
    UPDATE changed_reading c SET period_id = NULL, old_state = NULL, moved = true
    FROM periods_fiscalperiod p
    WHERE p.id = c.period_id AND c.redated AND c.reporting_month <> p.reporting_month
      AND 3 * (least(c.last_day, p.last_day) - greatest(c.first_day, p.first_day) + 1)
          < 2 * (greatest(c.last_day - c.first_day, p.last_day - p.first_day) + 1)
    RETURNING p.id)
INSERT INTO changed_reading
SELECT p.entity_id, p.erp_key, p.calendar, p.year, p.name, p.first_day, p.last_day, p.type, p.reporting_month,
       'unknown', '{NO_LONGER_LISTED}', NULL, NULL, p.id, p.state, true, false, false
FROM periods_fiscalperiod p JOIN other USING (id)
WHERE p.state <> 'unknown' OR p.facts_id IS NOT NULL
"""  # noqa: S608 - words of our own

# A new period continues one that vanished if they share two thirds of the days of the longer one. Those that this
# read no longer lists come first, then those with the same days; where two are equally near, neither is taken.
_CONTINUED = """
WITH fresh AS MATERIALIZED (
    SELECT entity_id, erp_key, calendar, year, name, type, first_day, last_day FROM changed_reading
    WHERE period_id IS NULL),
gone AS MATERIALIZED (
    SELECT p.*, c.period_id IS NOT NULL AS just_now
    FROM periods_fiscalperiod p LEFT JOIN changed_reading c ON c.period_id = p.id
    WHERE p.entity_id IN (SELECT entity_id FROM fresh)
      AND CASE WHEN c.period_id IS NULL THEN p.state = 'unknown' AND p.facts_id IS NULL
          ELSE c.state = 'unknown' AND c.facts_id IS NULL END),
near AS (
    SELECT fresh.entity_id, fresh.erp_key, gone.id,
           ROW(gone.just_now, (gone.first_day, gone.last_day) = (fresh.first_day, fresh.last_day),
               gone.name = fresh.name) AS nearness
    FROM fresh JOIN gone USING (entity_id, type)
    WHERE 3 * (least(fresh.last_day, gone.last_day) - greatest(fresh.first_day, gone.first_day) + 1)
          >= 2 * (greatest(fresh.last_day - fresh.first_day, gone.last_day - gone.first_day) + 1)),
ranked AS (
    SELECT *, rank() OVER of_fresh AS fresh_rank, rank() OVER of_gone AS gone_rank,
           count(*) OVER (PARTITION BY entity_id, erp_key, nearness) AS fresh_ties,
           count(*) OVER (PARTITION BY id, nearness) AS gone_ties
    FROM near
    WINDOW of_fresh AS (PARTITION BY entity_id, erp_key ORDER BY nearness DESC),
           of_gone AS (PARTITION BY id ORDER BY nearness DESC)),
pair AS MATERIALIZED (
    SELECT entity_id, erp_key, id FROM ranked
    WHERE fresh_rank = 1 AND gone_rank = 1 AND fresh_ties = 1 AND gone_ties = 1),
found AS (DELETE FROM changed_reading c USING pair WHERE c.period_id = pair.id)
UPDATE changed_reading c
SET period_id = gone.id, old_state = gone.state, moved = true,
    redated = (c.first_day, c.last_day) IS DISTINCT FROM (gone.first_day, gone.last_day),
    because = c.because || '; until then listed as '
        || concat_ws(' of ', nullif(gone.name, ''),
                     CASE WHEN position(gone.year IN gone.name) = 0 THEN nullif(gone.year, '') END)
        || CASE WHEN gone.calendar <> c.calendar THEN ' in calendar ' || gone.calendar ELSE '' END
        || CASE WHEN (c.first_day, c.last_day) IS DISTINCT FROM (gone.first_day, gone.last_day)
           THEN to_char(gone.first_day, ', FMDD FMMonth YYYY') || to_char(gone.last_day, ' to FMDD FMMonth YYYY')
           ELSE '' END
FROM pair JOIN gone USING (id)
WHERE c.entity_id = pair.entity_id AND c.erp_key = pair.erp_key AND c.period_id IS NULL
"""

# A key that another period has now; the attempt makes what is left of it unique.
_FREE_KEYS = """
UPDATE periods_fiscalperiod p SET erp_key = left(p.erp_key, 170) || '|until ' || %(attempt)s
FROM changed_reading c
WHERE c.entity_id = p.entity_id AND c.erp_key = p.erp_key AND c.period_id IS DISTINCT FROM p.id
"""


def keep_periods_under_other_keys(cursor: CursorWrapper, attempt_id: int) -> None:
    """Join each new period in `changed_reading` to the one that it continues, which keeps its row and its history.

    Deadlines, overruns, notices and remarks hang on that row. A change is recorded, with the old name in its because;
    it is no change of state. A period that continues none is new, and what it replaces stays Unknown.
    """
    cursor.execute("SELECT EXISTS (SELECT FROM changed_reading WHERE redated)")  # new ones are among them
    (any_redated,) = cursor.fetchone()
    if not any_redated:
        return
    cursor.execute(_OTHER_DAYS)
    cursor.execute(_CONTINUED)
    cursor.execute(_FREE_KEYS, {"attempt": attempt_id})
