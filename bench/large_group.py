"""A big group for benchmarks: entities, periods, history and deadlines, written by a few SQL statements."""

from __future__ import annotations

from datetime import UTC, date, datetime

from bench.scratch_databases import execute, settle
from entities.group_tree import save_group
from periods.models import NativeFacts

AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
NEWEST = date(2026, 10, 1)  # the month that is being closed
MODULES = (
    "Ledger",
    "Bank",
    "Cust",
    "Vend",
    "Sales",
    "Purch",
    "Invent",
    "Prod",
    "Project",
    "FixedAssets",
    "Tax",
)
TABLES = (
    "periods_fiscalperiod",
    "periods_statechange",
    "periods_perioddeadline",
    "periods_syncattempt",
    "periods_readspan",
    "periods_nativefacts",
    "entities_legalentity",
)


def seed(entities: int, months: int) -> None:
    """Fill the database in use: a group of `entities` with `months` monthly periods each, the newest half closed.

    Each period was seen open at the month's first look and, where it closed, closed about a week after its end: two
    rows of history a period. One in 200 was opened again later and closed once more. All were read until five minutes
    before AS_OF.
    """
    _places(entities)
    _reads(months)
    _periods(months)
    _history()
    settle(*TABLES)


def _places(entities: int) -> None:
    root = save_group("MERIDIAN", "Meridian Group", None)
    for number in range(20):
        save_group(f"C{number:02}", f"Country {number}", root)
    execute(
        """
        INSERT INTO entities_workcalendar (code, name, country, subdivision, weekend) VALUES
            ('ENGLAND', 'England', 'GB', 'ENG', '{5,6}'), ('NL', 'Netherlands', 'NL', '', '{5,6}'),
            ('US', 'US federal', 'US', '', '{5,6}'), ('DE', 'Germany', 'DE', '', '{5,6}')
        """
    )
    execute(
        """
        INSERT INTO entities_connection (uid, name, kind, base_url, authority, tenant, environment, client_id,
            sealed_secret, interval_seconds, stale_after_seconds, paused)
        VALUES (gen_random_uuid(), 'meridian-finops', 'finops', 'http://127.0.0.1:9250', 'http://127.0.0.1:9250',
            'meridian', '', 'simulator', '', 300, 900, false)
        """
    )
    execute(
        """
        INSERT INTO entities_legalentity (code, name, country, zone, group_id, calendar_id, year_end_month,
            connection_id, erp_id, erp_identity)
        SELECT 'E' || to_char(n, 'FM00000'), 'Entity ' || n, place.country, place.zone, g.id, cal.id, 12, c.id,
            'E' || to_char(n, 'FM00000'), ''
        FROM generate_series(1, %(entities)s) n
        JOIN (VALUES (0, 'GB', 'Europe/London', 'ENGLAND'), (1, 'NL', 'Europe/Amsterdam', 'NL'),
                     (2, 'US', 'America/New_York', 'US'), (3, 'DE', 'Europe/Berlin', 'DE'))
             AS place(part, country, zone, calendar) ON place.part = n %% 4
        JOIN entities_group g ON g.code = 'C' || to_char(n %% 20, 'FM00')
        JOIN entities_workcalendar cal ON cal.code = place.calendar
        CROSS JOIN entities_connection c
        ORDER BY n
        """,
        entities=entities,
    )
    execute(
        """
        WITH policy AS (INSERT INTO periods_deadlinepolicy (code, name, group_id)
                        SELECT 'GROUP', 'Group close', id FROM entities_group WHERE code = 'MERIDIAN' RETURNING id)
        INSERT INTO periods_policyversion (policy_id, number, rule, n, first_is, set_at)
        SELECT id, 1, 'workday', 6, 1, '2010-01-01Z' FROM policy
        """
    )


def _reads(months: int) -> None:
    """Attempts: a look on each month's 1st, 9th, 21st and 25th, and on the last day every five minutes."""
    execute(
        """
        INSERT INTO periods_syncattempt (connection_id, started_at, finished_at, lease_until, outcome, pages, rows,
            changes, words)
        SELECT c.id, moment, moment + interval '4 s', moment + interval '3 min', 'ok', 15, 120000, 0, ''
        FROM entities_connection c, (
            SELECT month + interval '6 h' AS moment
            FROM generate_series(%(first)s::timestamptz, %(last)s, '1 month') month
            UNION SELECT month + later
            FROM generate_series(%(first)s::timestamptz, %(last)s, '1 month') month,
                 unnest(ARRAY['1 month 8 days 16 h', '1 month 20 days 9 h', '1 month 24 days 9 h']::interval[]) later
            WHERE month + later < %(as_of)s
            UNION SELECT generate_series(%(as_of)s - interval '1 day', %(as_of)s - interval '5 min', '5 min')) moments
        ORDER BY moment
        """,
        first=_first(months),
        last=NEWEST,
        as_of=AS_OF,
    )
    execute(
        """
        INSERT INTO periods_readspan (entity_id, connection_id, first_attempt_id, first_read_at)
        SELECT e.id, e.connection_id, a.id, a.started_at
        FROM entities_legalentity e,
             (SELECT id, started_at FROM periods_syncattempt ORDER BY started_at LIMIT 1) a
        """
    )


def _periods(months: int) -> None:
    execute(
        """
        INSERT INTO periods_nativefacts (digest, body)
        SELECT 'seeded ' || status, jsonb_build_object('kind', 'finops', 'status', status, 'access',
            jsonb_build_object('Ledger', 'All', 'Vend', 'All', 'Cust', 'All', 'Invent', 'All'),
            'user_groups', '{}'::jsonb)
        FROM unnest(ARRAY['Open', 'OnHold', 'Closed']) status
        """
    )
    # A fiscal year is created at once, so its periods lie together, entity by entity.
    execute(
        """
        INSERT INTO periods_fiscalperiod (entity_id, erp_key, calendar, year, name, first_day, last_day, type,
            reporting_month, month_set_by_hand, state, because, facts_id)
        SELECT e.id, 'Fiscal|' || to_char(month, 'YYYY') || '|Period ' || to_char(month, 'FMMM'), 'Fiscal',
            to_char(month, 'YYYY'), 'Period ' || to_char(month, 'FMMM'), month,
            (month + interval '1 month -1 day')::date, 'operating', month, false, how.state, how.because, f.id
        FROM entities_legalentity e
        CROSS JOIN LATERAL (SELECT month::date AS month
                            FROM generate_series(%(first)s::timestamp, %(last)s, '1 month') month) months
        CROSS JOIN LATERAL (SELECT (hashint8(e.id * 1000 + extract(epoch FROM month)::bigint / 86400)
                                    & 2147483647) %% 1000 AS luck) drawn
        JOIN (VALUES ('open', 'Open', 'posting allowed'),
                     ('on_hold', 'OnHold', 'on hold: nobody can post, and it can be undone'),
                     ('closed', 'Closed', 'permanently closed')) AS how(state, status, because)
          ON how.state = CASE WHEN month < %(last)s AND luck >= 2 THEN 'closed'
                              WHEN luck < 400 THEN 'open' WHEN luck < 500 THEN 'on_hold' ELSE 'closed' END
        JOIN periods_nativefacts f ON f.digest = 'seeded ' || how.status
        ORDER BY extract(year FROM month), e.id, month
        """,
        first=_first(months),
        last=NEWEST,
    )


def _history() -> None:
    execute(
        """
        INSERT INTO periods_statechange (period_id, attempt_id, state, previous_state, because, facts_id, seen_at,
            previous_read_at)
        SELECT p.id, a.id, how.state, how.before, how.because, f.id, a.started_at,
               CASE WHEN how.before IS NULL THEN NULL ELSE a.started_at - interval '5 min' END
        FROM periods_fiscalperiod p
        CROSS JOIN LATERAL (
            SELECT p.first_day + interval '6 h' AS at, 'open' AS state, NULL AS before, 'posting allowed' AS because,
                   'Open' AS status
            UNION ALL SELECT p.first_day + interval '1 month 8 days 16 h', p.state, 'open', p.because,
                   CASE p.state WHEN 'closed' THEN 'Closed' ELSE 'OnHold' END WHERE p.state <> 'open'
            UNION ALL SELECT p.first_day + interval '1 month 20 days 9 h', 'open', 'closed', 'posting allowed', 'Open'
            WHERE p.state = 'closed' AND p.id %% 200 = 0 AND p.reporting_month < %(newest)s
            UNION ALL SELECT p.first_day + interval '1 month 24 days 9 h', 'closed', 'open', 'permanently closed',
                   'Closed'
            WHERE p.state = 'closed' AND p.id %% 200 = 0 AND p.reporting_month < %(newest)s) how
        JOIN periods_syncattempt a ON a.started_at = how.at AT TIME ZONE 'UTC'
        JOIN periods_nativefacts f ON f.digest = 'seeded ' || how.status
        ORDER BY a.started_at, p.id
        """,
        newest=NEWEST,
    )
    execute(
        """
        INSERT INTO periods_perioddeadline (period_id, due_on, zone, label, explanation, policy_version_id, set_at,
            current)
        SELECT p.id, p.last_day + 8, e.zone, 'WD6',
               '6th working day after ' || to_char(p.last_day, 'FMDy DD Mon YYYY') || ', ' || cal.name
               || ' calendar, counting the first working day as 1: ' || to_char(p.last_day + 8, 'FMDy DD Mon YYYY'),
               v.id, p.first_day + interval '6 h', true
        FROM periods_fiscalperiod p JOIN entities_legalentity e ON e.id = p.entity_id
        JOIN entities_workcalendar cal ON cal.id = e.calendar_id CROSS JOIN periods_policyversion v
        ORDER BY p.id
        """
    )


def _first(months: int) -> date:
    count = NEWEST.year * 12 + NEWEST.month - months
    return date(count // 12, count % 12 + 1, 1)


def some_facts() -> list[int]:
    """The ids of the seeded native facts."""
    return list(NativeFacts.objects.order_by("pk").values_list("pk", flat=True)[:3])
