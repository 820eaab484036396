"""Evaluates which periods are overdue at a moment, and opens, updates and ends their overruns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection as database
from django.db import transaction

from alerts.models import Overrun
from alerts.routing.evaluation_context import EvaluationContext
from closing.calendar.instants import zone_named
from closing.calendar.workdays import CalendarUncovered
from closing.judging.notice_rules import HOLD_DOWN
from closing.judging.standing import LatenessUnit, after_period_end
from infra.fast_cursor import fetch_rows
from periods.expected_periods import EXPECTED_KEY
from periods.recording.attempts import OutOfOrderRead
from periods.vanished import REPLACED_PERIODS

_EVALUATOR_LOCK = 5_210_331  # advisory lock: evaluators queue up, and the second finds nothing left to write


@dataclass(frozen=True, slots=True)
class OverdueChanges:
    """The changes of one evaluation: flags written; overruns opened, reopened, past the alert line, ended."""

    flags: int
    opened: int
    reopened: int
    crossed: int
    ended: int


@contextmanager
def evaluator_lock() -> Iterator[None]:
    """A transaction that holds the lock of evaluators: others wait until it ends. May be nested."""
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_EVALUATOR_LOCK])
        yield


def evaluate_overdue(as_of: datetime) -> OverdueChanges:
    """As `update_overdue`, in a transaction of its own in which no other evaluator runs."""
    with evaluator_lock():
        return update_overdue(EvaluationContext(as_of))


def update_overdue(context: EvaluationContext) -> OverdueChanges:
    """Judge every period that has ended, as of a moment, and write only the flags that differ from before.

    The lateness rule is `closing.judging.standing.judge` in SQL, so that a set of any size takes one statement; a
    property test compares the two. Stale entities are judged as of their last reading, and periods whose state
    is no longer known keep their flag (01-domain 1.6). Raises OutOfOrderRead for a moment before the newest read;
    a read dated ahead of the database's clock does not count there.
    """
    newest = max((row.read_at for row in context.connections.values() if row.read_at), default=None)
    if newest is not None and newest > context.as_of:
        raise OutOfOrderRead(
            f"states were read for {newest:%Y-%m-%d %H:%M:%S} UTC; evaluate that moment or a later one"
        )
    with database.cursor() as cursor:
        cursor.execute(_WRITE_FLAGS, _judged_values(context))
        flags = cursor.rowcount
    return _move_overruns(context, flags=flags)


# The lateness rule as a set: `judged` has a row per ended operating period that is not closed, or was not when last
# evaluated, and per late one whose end has moved ahead. Periods already flagged as closed are neither read nor
# written: the work does not grow with the years. Nothing is judged of a vanished period in whose place another is
# listed: its flag goes, and its overrun ends. The arrays and LIMIT 1 keep the planner, which cannot guess these
# sizes, to index look-ups.
_WRITE_FLAGS = f"""
WITH replaced AS MATERIALIZED ({REPLACED_PERIODS}),
unflagged AS (DELETE FROM alerts_overdueflag USING replaced WHERE period_id = replaced.id),
ended AS (UPDATE alerts_overrun SET closed_at = %(as_of)s FROM replaced
          WHERE period_id = replaced.id AND closed_at IS NULL),
entity AS MATERIALIZED (
    SELECT *, local_now::date AS today
    FROM unnest(%(ids)s::bigint[], %(local_nows)s::timestamp[], %(alert_after)s::int[], %(hold)s::bool[],
                %(working)s::bool[], %(calendars)s::bigint[], %(active_from)s::date[], %(active_to)s::date[],
                %(never_read)s::bool[])
         AS e(id, local_now, alert_after, hold_counts, working, calendar_id, active_from, active_to, never_read)),
workday AS MATERIALIZED (
    SELECT * FROM unnest(%(calendar_ids)s::bigint[], %(days)s::date[], %(ordinals)s::int[])
         AS w(calendar_id, day, ordinal)),
undone AS (
    SELECT id, entity_id, last_day, state, erp_key FROM periods_fiscalperiod
    WHERE type = 'operating' AND state <> 'closed'
    UNION ALL
    SELECT id, entity_id, last_day, state, erp_key FROM periods_fiscalperiod
    WHERE type = 'operating' AND state = 'closed'
      AND id = ANY(ARRAY(SELECT period_id FROM alerts_overdueflag WHERE level <> 'closed'))),
placed AS (
    SELECT p.id, e.local_now, e.today, e.alert_after, d.due_on, d.cut_off, p.state, e.never_read,
           starts_with(p.erp_key, %(expected)s) AS expected,
           p.last_day < coalesce(e.today, %(today)s::date) AS ended,
           p.state = 'closed' OR (p.state = 'on_hold' AND e.hold_counts) AS closed,
           greatest(0, coalesce(upto.ordinal - due.ordinal, e.today - d.due_on)) AS days
    FROM undone p
    JOIN entity e ON e.id = p.entity_id
    LEFT JOIN LATERAL (SELECT due_on, cut_off FROM periods_perioddeadline
                       WHERE period_id = p.id AND current LIMIT 1) d ON true
    LEFT JOIN workday due ON e.working AND due.calendar_id = e.calendar_id AND due.day = d.due_on
    LEFT JOIN workday upto ON e.working AND upto.calendar_id = e.calendar_id AND upto.day = e.today
    LEFT JOIN replaced ON replaced.id = p.id
    WHERE replaced.id IS NULL
      AND (p.last_day < coalesce(e.today, %(today)s::date)
           OR p.id = ANY(ARRAY(SELECT period_id FROM alerts_overdueflag WHERE level IN ('late', 'alerting'))))
      AND p.last_day BETWEEN coalesce(e.active_from, '-infinity') AND coalesce(e.active_to, 'infinity')),
judged AS (
    SELECT id,
           CASE WHEN expected AND NOT never_read AND id = ANY(ARRAY(
                         SELECT period_id FROM alerts_overdueflag WHERE level IN ('late', 'alerting')))
                    THEN 'not_due'  -- the ERP was read since, and has no such period
                WHEN NOT confirmed OR (expected AND due_on IS NULL) THEN 'unknown'
                WHEN closed THEN 'closed'
                WHEN NOT ended THEN 'not_due'
                WHEN due_on IS NULL THEN 'no_deadline'
                WHEN days > alert_after THEN 'alerting'
                WHEN today > due_on OR (cut_off IS NOT NULL AND local_now >= due_on + cut_off) THEN 'late'
                WHEN expected THEN 'unknown'
                WHEN today = due_on THEN 'due_today'
                ELSE 'not_due' END AS level,
           CASE WHEN NOT confirmed OR closed OR NOT ended OR due_on IS NULL THEN 0 ELSE days END AS days_late
    -- What is only expected of an entity never read is judged by the clock alone (judge_never_read).
    FROM (SELECT *, CASE WHEN expected THEN never_read ELSE NOT never_read AND state <> 'unknown' END AS confirmed
          FROM placed) placed)
INSERT INTO alerts_overdueflag AS flag (period_id, level, days_late, since)
SELECT judged.id, judged.level, judged.days_late, %(as_of)s
FROM judged LEFT JOIN LATERAL (SELECT * FROM alerts_overdueflag WHERE period_id = judged.id LIMIT 1) before ON true
WHERE before.period_id IS NULL
   OR (judged.level <> 'unknown'
       AND (before.level, before.days_late) IS DISTINCT FROM (judged.level, judged.days_late))
ON CONFLICT (period_id) DO UPDATE SET level = excluded.level, days_late = excluded.days_late,
    since = CASE WHEN flag.level = excluded.level THEN flag.since ELSE excluded.since END
"""  # noqa: S608 - words of our own


def _judged_values(context: EvaluationContext) -> dict[str, Any]:
    """The values of _WRITE_FLAGS: each entity's local time, policy and working days."""
    as_of, ids, entities = context.as_of, list(context.entities), context.entities.values()

    @cache
    def local_time(moment: datetime, zone: str) -> datetime:
        return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    rules = [context.policies[entity_id].judging for entity_id in ids]
    in_working_days = [rule.unit is LatenessUnit.WORKING_DAYS for rule in rules]
    used = {entity.calendar for entity, working in zip(entities, in_working_days, strict=True) if working}
    ordinals = _ordinals(used, context) if used else []
    return {
        "ids": ids,
        "local_nows": [
            local_time(context.readings[pk].judged_at(as_of) or as_of, entity.zone)
            for pk, entity in context.entities.items()
        ],
        "alert_after": [rule.alert_after_days for rule in rules],
        "hold": [rule.on_hold_counts_as_closed for rule in rules],
        "working": in_working_days,
        "calendars": [entity.calendar for entity in entities],
        "active_from": [entity.active_from for entity in entities],
        "active_to": [entity.active_to for entity in entities],
        "never_read": [context.readings[entity_id].read_at is None for entity_id in ids],
        "expected": EXPECTED_KEY,
        "calendar_ids": [calendar_id for calendar_id, _, _ in ordinals],
        "days": [day for _, day, _ in ordinals],
        "ordinals": [passed for _, _, passed in ordinals],
        "today": as_of.date(),
        "as_of": as_of,
    }


def _ordinals(calendar_ids: set[int], context: EvaluationContext) -> list[tuple[int, date, int]]:
    """For each calendar and day from the oldest open deadline on, how many working days had passed by then."""
    [(oldest,)] = fetch_rows(
        """
        SELECT min(d.due_on) FROM periods_perioddeadline d
        JOIN periods_fiscalperiod p ON p.id = d.period_id JOIN entities_legalentity e ON e.id = p.entity_id
        WHERE d.current AND p.state <> 'closed' AND e.calendar_id = ANY(%s)
        """,
        [list(calendar_ids)],
    )
    today = context.as_of.date()
    last = today + timedelta(days=400)
    first = min(oldest or today, today)
    rows = []
    calendars = context.calendars.covering(calendar_ids, range(first.year, last.year + 1))
    for calendar_id, calendar in calendars.items():
        passed, day = 0, first
        while day <= last:
            try:
                passed += calendar.is_workday(day)
            except CalendarUncovered:
                break  # beyond its holidays lateness counts calendar days, as judge() does
            rows.append((calendar_id, day, passed))
            day += timedelta(days=1)
    return rows


def _move_overruns(context: EvaluationContext, *, flags: int) -> OverdueChanges:
    """End, resume, update and open overruns by the flags; one may be open per period (partial unique constraint).

    A close that did not last ends no episode. Days late are 0 in all flags but those that are late.
    """
    moments: dict[str, Any] = {"as_of": context.as_of, "hold_down": str(HOLD_DOWN)}
    moved = fetch_rows(
        """
        UPDATE alerts_overrun overrun
        SET closed_at = CASE WHEN flag.level IN ('late', 'alerting') THEN NULL ELSE %(as_of)s END,
            worst_days_late = greatest(overrun.worst_days_late, flag.days_late),
            crossed_line_at = CASE WHEN flag.level = 'alerting' THEN coalesce(overrun.crossed_line_at, %(as_of)s)
                              ELSE overrun.crossed_line_at END
        FROM alerts_overdueflag flag
        WHERE flag.period_id = overrun.period_id
          AND overrun.id = ANY(ARRAY(
                SELECT id FROM alerts_overrun WHERE closed_at IS NULL
                UNION ALL
                SELECT last.id FROM alerts_overdueflag JOIN alerts_overrun last USING (period_id)
                WHERE level IN ('late', 'alerting') AND last.closed_at > %(as_of)s - %(hold_down)s::interval
                  AND last.episode = (SELECT max(episode) FROM alerts_overrun WHERE period_id = last.period_id)))
          AND (overrun.closed_at IS NOT NULL
               OR flag.level NOT IN ('late', 'alerting', 'unknown')
               OR flag.days_late > overrun.worst_days_late
               OR (flag.level = 'alerting' AND overrun.crossed_line_at IS NULL))
        RETURNING overrun.closed_at = %(as_of)s, overrun.crossed_line_at = %(as_of)s
        """,
        moments,
    )
    ended = sum(bool(now) for now, _ in moved)
    crossed = sum(bool(now) for closed, now in moved if not closed)
    opened = fetch_rows(
        """
        WITH opened AS (
            INSERT INTO alerts_overrun (period_id, episode, opened_at, crossed_line_at, worst_days_late,
                                        after_reopening)
            SELECT flag.period_id,
                   1 + (SELECT count(*) FROM alerts_overrun past WHERE past.period_id = flag.period_id),
                   %(as_of)s, CASE WHEN flag.level = 'alerting' THEN %(as_of)s::timestamptz END, flag.days_late, false
            FROM alerts_overdueflag flag
            WHERE flag.level IN ('late', 'alerting')
              AND NOT EXISTS (SELECT FROM alerts_overrun open
                              WHERE open.period_id = flag.period_id AND open.closed_at IS NULL)
            ON CONFLICT DO NOTHING
            RETURNING id, period_id, crossed_line_at)
        SELECT opened.id, opened.crossed_line_at, period.entity_id, period.last_day,
               (SELECT max(seen_at) FROM periods_statechange
                WHERE period_id = period.id AND previous_state = 'closed') AS undone_at
        FROM opened JOIN periods_fiscalperiod period ON period.id = opened.period_id
        """,
        moments,
    )
    crossed += sum(now is not None for _, now, *_ in opened)
    reopened = [
        overrun
        for overrun, _, entity, last_day, undone_at in opened
        if undone_at and after_period_end(undone_at, last_day, zone_named(context.entities[entity].zone))
    ]
    if reopened:
        Overrun.objects.filter(pk__in=reopened).update(after_reopening=True)
    return OverdueChanges(flags, len(opened), len(reopened), crossed, ended)
