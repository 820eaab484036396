"""Warnings about earlier months that are open again."""

from __future__ import annotations

from datetime import date, datetime

from closing.calendar.date_phrases import month_and_year
from closing.calendar.instants import zone_named
from closing.judging.standing import (
    after_period_end,
)
from closing.scoreboard.board import BoardWarning
from infra.fast_cursor import fast_cursor


def reopened_month_warnings(ids: list[int], month: date, as_of: datetime) -> list[BoardWarning]:
    """Periods of older months that were closed and are open or on hold again at the moment.

    A close undone before the period had ended was no close (see `closing.judging.standing.judge`).
    """
    with fast_cursor() as cursor:
        cursor.execute(
            """
            WITH open_again AS MATERIALIZED (
                SELECT period_id, reopening.seen_at, now.state, now.seen_at AS since
                FROM (SELECT period_id, max(seen_at) AS seen_at FROM periods_statechange
                      WHERE previous_state = 'closed' AND state IN ('open', 'on_hold') AND seen_at <= %(as_of)s
                      GROUP BY period_id) reopening
                JOIN LATERAL (SELECT state, seen_at FROM periods_statechange
                              WHERE period_id = reopening.period_id AND seen_at <= %(as_of)s
                              ORDER BY seen_at DESC, id DESC LIMIT 1) now ON now.state IN ('open', 'on_hold'))
            SELECT entity.code, entity.name, period.reporting_month, change.state, change.since,
                   change.seen_at, period.last_day, entity.zone
            FROM open_again change
            JOIN periods_fiscalperiod period ON period.id = change.period_id
            JOIN entities_legalentity entity ON entity.id = period.entity_id
            WHERE period.entity_id = ANY(%(ids)s) AND period.reporting_month < %(month)s
              AND period.type = 'operating'
            ORDER BY period.id
            """,
            {"ids": ids, "month": month, "as_of": as_of},
        )
        words = {"open": "open again", "on_hold": "on hold again"}
        return [
            BoardWarning("reopened", code, f"{name}, {month_and_year(reported)}, {words[state]}", since)
            for code, name, reported, state, since, seen_at, last_day, zone in cursor.fetchall()
            if after_period_end(seen_at, last_day, zone_named(zone))
        ]
