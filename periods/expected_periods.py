"""Periods expected of entities never read, so that a deadline, and an alert, can hang on them (01-domain 1.4).

The ERP has listed none of them: each has the days of its calendar month, no state, no facts and no change. The first
reading that lists a period of that reporting month takes the row over, with its deadlines, notices and remarks.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from django.db.backends.utils import CursorWrapper

from closing.calendar.date_phrases import month_and_year
from closing.calendar.instants import local_date, zone_named
from closing.calendar.months import active_month, month_end, month_of, months_from, previous_month
from entities.models import LegalEntity
from periods.models import ReadSpan

EXPECTED_KEY = "expected|"  # no ERP's key begins so
_AHEAD = 3  # months after the one that ended last: the running one and two more


def is_expected(erp_key: str) -> bool:
    """Whether a period's key is that of an expected period."""
    return erp_key.startswith(EXPECTED_KEY)


def never_read_entities() -> list[int]:
    """The entities that no reading has ever covered."""
    entities = LegalEntity.objects.exclude(pk__in=ReadSpan.objects.values("entity"))
    return list(entities.order_by("pk").values_list("pk", flat=True))


def expect_periods(
    cursor: CursorWrapper,
    entities: Iterable[tuple[int, str, date | None, date | None]],
    as_of: datetime,
) -> None:
    """Add the expected periods of those of these entities that were never read, in one statement.

    `entities` are ids with zone, `active_from` and `active_to`. They begin with the month that had ended last when
    the entity was first looked at here, or with that of `active_from` if it is later: of older months nothing is
    claimed, so that no new connection brings a storm.
    """
    ids, firsts, ends = [], [], []
    for pk, zone, active_from, active_to in entities:
        first = active_month(local_date(as_of, zone_named(zone)))
        ids.append(pk)
        firsts.append(max(first, month_of(active_from)) if active_from else first)
        ends.append(active_to or date.max)
    # Somewhere the month before may still be the last that ended.
    months = months_from(previous_month(active_month(as_of.date())), _AHEAD + 2)
    cursor.execute(
        """
        INSERT INTO periods_fiscalperiod (entity_id, erp_key, calendar, year, name, first_day, last_day, type,
            reporting_month, month_set_by_hand, state, because)
        SELECT e.id, %(key)s || to_char(m.first_day, 'YYYY-MM'), '', to_char(m.first_day, 'YYYY'), m.name,
               m.first_day, m.last_day, 'operating', m.first_day, false, 'unknown', 'never read'
        FROM unnest(%(ids)s::bigint[], %(firsts)s::date[], %(ends)s::date[]) AS e(id, first_day, last_day)
        JOIN unnest(%(months)s::date[], %(month_ends)s::date[], %(names)s::text[]) AS m(first_day, last_day, name)
             ON m.first_day >= e.first_day AND m.last_day <= e.last_day
        WHERE NOT EXISTS (SELECT FROM periods_readspan WHERE entity_id = e.id)
          AND NOT EXISTS (SELECT FROM periods_fiscalperiod listed
                          WHERE listed.entity_id = e.id AND NOT starts_with(listed.erp_key, %(key)s))
        ON CONFLICT (entity_id, erp_key) DO NOTHING
        """,
        {
            "key": EXPECTED_KEY,
            "ids": ids,
            "firsts": firsts,
            "ends": ends,
            "months": months,
            "month_ends": [month_end(month) for month in months],
            "names": [month_and_year(month) for month in months],
        },
    )


def take_over_expected(cursor: CursorWrapper, covered: list[int], seen_at: datetime) -> dict[int, int]:
    """Give each expected period the key of the staged period of its month; returns entity ids by period id.

    Call it between `staging.fill` and `staging.apply_staged`. Deadlines that were set later than this reading, as
    when history is loaded, go: they are set anew as of it.
    """
    cursor.execute(
        """
        WITH expected AS MATERIALIZED (
            SELECT p.id, p.entity_id, p.reporting_month FROM periods_fiscalperiod p
            WHERE p.entity_id = ANY(%(covered)s) AND p.state <> 'closed' AND starts_with(p.erp_key, %(key)s)
              AND NOT EXISTS (SELECT FROM periods_fiscalperiod listed
                              WHERE listed.entity_id = p.entity_id AND listed.type = 'operating'
                                AND listed.reporting_month = p.reporting_month AND listed.id <> p.id)),
        listed AS (
            SELECT DISTINCT ON (expected.id) expected.id, staged.erp_key
            FROM expected
            JOIN staged_reading reading ON reading.entity_id = expected.entity_id
            JOIN staged_period staged ON staged.period = reading.period AND staged.type = 'operating'
                 AND staged.reporting_month = expected.reporting_month
            ORDER BY expected.id, staged.last_day, staged.erp_key)
        UPDATE periods_fiscalperiod p SET erp_key = listed.erp_key FROM listed WHERE p.id = listed.id
        RETURNING p.id, p.entity_id
        """,
        {"covered": covered, "key": EXPECTED_KEY},
    )
    taken = dict(cursor.fetchall())
    if taken:
        cursor.execute(
            "DELETE FROM periods_perioddeadline WHERE period_id = ANY(%s) AND set_at >= %s",
            [list(taken), seen_at],
        )
    return taken
