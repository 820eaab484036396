"""A year of reads, written by a few SQL statements: failures, nights without an answer, companies without access."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import transaction

from alerts.evaluate.run import run_evaluation
from bench.scratch_databases import execute
from entities.group_tree import save_group
from entities.models import Person

AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
MONTH = date(2026, 10, 1)  # the month that is being closed
READ_TABLES = ("periods_syncattempt", "periods_packedattempts", "periods_syncgap", "periods_readspan")
TABLES = (
    *READ_TABLES,
    "periods_fiscalperiod",
    "periods_statechange",
    "periods_perioddeadline",
    "alerts_notice",
    "alerts_delivery",
    "alerts_deliveryline",
    "alerts_outage",
    "alerts_overdueflag",
    "alerts_overrun",
)


@dataclass(frozen=True, slots=True)
class Year:
    """The size of a history: connections and their entities, its length, and the minutes between two reads."""

    connections: int
    entities: int
    days: int
    every: int = 5

    @property
    def first(self) -> datetime:
        return AS_OF - timedelta(days=self.days)


def seed(year: Year) -> None:
    """Fill the database in use.

    Each connection does not answer for two hours of one night in a week, and once in 200 reads; in one week of ten
    one of its companies cannot be read. An entity's period closes 3 to 12 days after its end; some are reopened. Who
    was late for more than five days has an alert, each night without an answer a notice, each with two messages.
    """
    _places(year)
    for month in range(0, year.days, 30):
        _reads(year, year.first + timedelta(days=month), min(30, year.days - month))
    _spans(year)
    _periods(year)
    _alerts(year)
    with transaction.atomic():
        run_evaluation(AS_OF)
    settle()


def settle() -> None:
    for table in TABLES:
        execute(f"VACUUM (ANALYZE) {table}")


def _places(year: Year) -> None:
    root = save_group("MERIDIAN", "Meridian Group", None)
    for country in range(20):
        save_group(f"C{country:02}", f"Country {country}", root)
    execute(
        "INSERT INTO entities_workcalendar (code, name, country, subdivision, weekend)"
        " VALUES ('ENGLAND', 'England', 'GB', 'ENG', '{5,6}')"
    )
    execute(
        """
        INSERT INTO entities_connection (uid, name, kind, base_url, authority, tenant, environment, client_id,
            sealed_secret, interval_seconds, stale_after_seconds, paused)
        SELECT gen_random_uuid(), 'connection-' || n, 'finops', 'http://127.0.0.1:9250', 'http://127.0.0.1:9250',
            'meridian', '', 'simulator', '', 300, 900, false
        FROM generate_series(1, %(connections)s) n
        """,
        connections=year.connections,
    )
    execute(
        """
        INSERT INTO entities_legalentity (code, name, country, zone, group_id, calendar_id, year_end_month,
            connection_id, erp_id, erp_identity)
        SELECT 'E' || to_char(n, 'FM00000'), 'Entity ' || n, 'GB', 'Europe/London', g.id, cal.id, 12, c.id,
            'E' || to_char(n, 'FM00000'), ''
        FROM generate_series(1, %(entities)s) n
        JOIN entities_group g ON g.code = 'C' || to_char(mod(n, 20), 'FM00')
        CROSS JOIN entities_workcalendar cal
        JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS turn FROM entities_connection) c
          ON c.turn = mod(n, %(connections)s)
        """,
        entities=year.entities,
        connections=year.connections,
    )
    execute(
        """
        WITH policy AS (INSERT INTO periods_deadlinepolicy (code, name, group_id)
                        SELECT 'GROUP', 'Group close', id FROM entities_group WHERE code = 'MERIDIAN' RETURNING id)
        INSERT INTO periods_policyversion (policy_id, number, rule, n, first_is, set_at)
        SELECT id, 1, 'workday', 6, 1, '2010-01-01Z' FROM policy
        """
    )
    for number_of in (1, 2):
        Person.objects.create(email=f"person{number_of}@meridian.test", name=f"Person {number_of}")


# The week, the day and the luck of a connection decide how it is read; a company's week without access as well.
_LUCK = "(hashint8extended(c.id * 100000 + {number}, {seed}) & 9223372036854775807)"
_NIGHT = f"mod({_LUCK.format(number='(at::date - DATE $$2020-01-01$$)', seed=1)}, 7) = 0"
_NO_ACCESS = f"mod({_LUCK.format(number='(at::date - DATE $$2020-01-01$$) / 7', seed=2)}, 10) = 0"


def _reads(year: Year, since: datetime, days: int) -> None:
    execute(
        f"""
        WITH read AS (
            SELECT c.id AS connection_id, planned.at + random() * interval '20 s' AS at,
                   CASE WHEN {_NIGHT} AND extract(hour FROM at) BETWEEN 1 AND 2 THEN 'unavailable'
                        WHEN random() < 0.005 THEN 'unavailable'
                        WHEN {_NO_ACCESS} THEN 'partial' ELSE 'ok' END AS outcome
            FROM entities_connection c,
                 generate_series(%(since)s::timestamptz, %(until)s, make_interval(mins => %(every)s)) planned(at)
            WHERE planned.at < %(as_of)s - interval '1 min')
        INSERT INTO periods_syncattempt (connection_id, started_at, finished_at, lease_until, outcome, http_status,
            pages, rows, changes, words)
        SELECT connection_id, at, at + interval '1 s' + random() * interval '3 s', at + interval '3 min', outcome,
            CASE outcome WHEN 'unavailable' THEN NULL ELSE 200 END, 15, 120, 0,
            CASE outcome WHEN 'unavailable' THEN 'The ERP does not answer.' ELSE '' END
        FROM read ORDER BY at
        """,
        since=since,
        every=year.every,
        until=since + timedelta(days=days) - timedelta(seconds=1),
        as_of=AS_OF,
    )


def _spans(year: Year) -> None:
    """A span for each time without a gap; the first company of a connection is the one without access."""
    execute(
        """
        INSERT INTO periods_syncgap (attempt_id, entity_id, reason, words)
        SELECT a.id, e.id, 'no_access', 'The ERP refused access to this company (403).'
        FROM periods_syncattempt a
        JOIN (SELECT min(id) AS id, connection_id FROM entities_legalentity GROUP BY 2) e USING (connection_id)
        WHERE a.outcome = 'partial'
        """
    )
    execute(
        """
        WITH covered AS (
            SELECT e.id AS entity_id, e.connection_id, a.id, a.started_at, gap.id IS NULL AS covered,
                   lag(gap.id IS NULL) OVER turn AS before, lead(gap.id IS NULL) OVER turn AS after
            FROM (SELECT min(id) AS id, connection_id FROM entities_legalentity GROUP BY 2) e
            JOIN periods_syncattempt a ON a.connection_id = e.connection_id AND a.outcome IN ('ok', 'partial')
            LEFT JOIN periods_syncgap gap ON gap.attempt_id = a.id
            WINDOW turn AS (PARTITION BY e.id ORDER BY a.started_at)),
        edge AS (
            SELECT *, lead(id) OVER turn AS last_id, lead(started_at) OVER turn AS last_at,
                   lead(after) OVER turn AS ends
            FROM (SELECT * FROM covered WHERE covered AND before IS DISTINCT FROM true
                  UNION ALL SELECT * FROM covered WHERE covered AND after IS DISTINCT FROM true) edges
            WINDOW turn AS (PARTITION BY entity_id ORDER BY started_at, before DESC NULLS FIRST))
        INSERT INTO periods_readspan (entity_id, connection_id, first_attempt_id, first_read_at, last_attempt_id,
            last_read_at)
        SELECT entity_id, connection_id, id, started_at, CASE WHEN ends IS NOT NULL THEN last_id END,
               CASE WHEN ends IS NOT NULL THEN last_at END
        FROM edge WHERE before IS DISTINCT FROM true AND last_id IS NOT NULL
        """
    )
    execute(
        """
        INSERT INTO periods_readspan (entity_id, connection_id, first_attempt_id, first_read_at)
        SELECT e.id, e.connection_id, a.id, a.started_at
        FROM entities_legalentity e
        CROSS JOIN LATERAL (SELECT id, started_at FROM periods_syncattempt
                            WHERE connection_id = e.connection_id AND outcome IN ('ok', 'partial')
                            ORDER BY started_at LIMIT 1) a
        WHERE NOT EXISTS (SELECT FROM periods_readspan WHERE entity_id = e.id)
        """
    )


def _periods(year: Year) -> None:
    execute(
        """
        INSERT INTO periods_nativefacts (digest, body)
        SELECT 'seeded ' || status, jsonb_build_object('kind', 'finops', 'status', status,
            'access', jsonb_build_object('Ledger', 'All'), 'user_groups', '{}'::jsonb)
        FROM unnest(ARRAY['Open', 'Closed']) status
        """
    )
    # The newest month is closed by half of the entities; of the months before nearly all are.
    execute(
        """
        INSERT INTO periods_fiscalperiod (entity_id, erp_key, calendar, year, name, first_day, last_day, type,
            reporting_month, month_set_by_hand, state, because, facts_id)
        SELECT e.id, 'Fiscal|' || to_char(month, 'YYYY-MM'), 'Fiscal', to_char(month, 'YYYY'),
            'Period ' || to_char(month, 'FMMM'), month, (month + interval '1 month -1 day')::date, 'operating', month,
            false, how.state, how.because, f.id
        FROM entities_legalentity e,
             LATERAL (SELECT month::date FROM generate_series(
                 date_trunc('month', %(first)s::timestamptz) - interval '1 month', %(month)s, '1 month') month) months
        CROSS JOIN LATERAL (SELECT month = %(month)s AND mod(e.id, 2) = 0 OR mod(e.id, 400) = 7 AS open) drawn
        JOIN (VALUES ('open', 'Open', 'posting allowed'), ('closed', 'Closed', 'permanently closed'))
             AS how(state, status, because) ON how.state = CASE WHEN drawn.open THEN 'open' ELSE 'closed' END
        JOIN periods_nativefacts f ON f.digest = 'seeded ' || how.status
        ORDER BY month, e.id
        """,
        first=year.first,
        month=MONTH,
    )
    execute(
        """
        WITH change AS (
            SELECT p.id, e.connection_id, 'open' AS state, NULL AS before, p.last_day + time '06:00' AS at
            FROM periods_fiscalperiod p JOIN entities_legalentity e ON e.id = p.entity_id
            UNION ALL
            SELECT p.id, e.connection_id, 'closed', 'open', p.last_day + 4 + (mod(p.id, 9))::int + time '09:00'
            FROM periods_fiscalperiod p JOIN entities_legalentity e ON e.id = p.entity_id WHERE p.state = 'closed'
            UNION ALL
            SELECT p.id, e.connection_id, 'open', 'closed', p.last_day + 14 + time '09:00'
            FROM periods_fiscalperiod p JOIN entities_legalentity e ON e.id = p.entity_id
            WHERE p.state = 'closed' AND mod(p.id, 50) = 0
            UNION ALL
            SELECT p.id, e.connection_id, 'closed', 'open', p.last_day + 15 + time '09:00'
            FROM periods_fiscalperiod p JOIN entities_legalentity e ON e.id = p.entity_id
            WHERE p.state = 'closed' AND mod(p.id, 50) = 0)
        INSERT INTO periods_statechange (period_id, attempt_id, state, previous_state, because, facts_id, seen_at,
            previous_read_at)
        SELECT change.id, a.id, change.state, change.before,
               CASE change.state WHEN 'open' THEN 'posting allowed' ELSE 'permanently closed' END, f.id,
               greatest(a.started_at, change.at AT TIME ZONE 'UTC'),
               CASE WHEN change.before IS NOT NULL THEN greatest(a.started_at, change.at AT TIME ZONE 'UTC')
                    - interval '5 min' END
        FROM change
        CROSS JOIN LATERAL (SELECT id, started_at FROM periods_syncattempt
                            WHERE connection_id = change.connection_id AND outcome IN ('ok', 'partial')
                              AND started_at >= change.at AT TIME ZONE 'UTC'
                            ORDER BY started_at LIMIT 1) a
        JOIN periods_nativefacts f
          ON f.digest = 'seeded ' || CASE change.state WHEN 'open' THEN 'Open' ELSE 'Closed' END
        ORDER BY a.started_at, change.id
        ON CONFLICT DO NOTHING
        """
    )
    execute(
        """
        INSERT INTO periods_perioddeadline (period_id, due_on, zone, label, explanation, policy_version_id, set_at,
            current)
        SELECT p.id, p.last_day + 8, 'Europe/London', 'WD6', '6th working day after the period', v.id,
               p.first_day + time '06:00', true
        FROM periods_fiscalperiod p CROSS JOIN periods_policyversion v
        """
    )
    execute(
        """
        INSERT INTO alerts_overdueflag (period_id, level, days_late, since)
        SELECT id, 'closed', 0, last_day + 12 FROM periods_fiscalperiod WHERE state = 'closed'
        """
    )


def _alerts(year: Year) -> None:
    execute(
        """
        INSERT INTO alerts_overrun (period_id, episode, opened_at, closed_at, worst_days_late, after_reopening)
        SELECT id, 1, last_day + 9, last_day + 13, 6, false FROM periods_fiscalperiod
        WHERE state = 'closed' AND mod(id, 9) > 6
        """
    )
    execute(
        """
        INSERT INTO alerts_notice (kind, period_id, episode, step, reason, raised_at, state, days_late, due_on, fresh)
        SELECT kind, p.id, 1, 0, 'past_the_line', p.last_day + 14 + later, 'open', 6, p.last_day + 8, true
        FROM periods_fiscalperiod p, (VALUES ('alert', interval '0'), ('cleared', interval '1 day')) k(kind, later)
        WHERE p.state = 'closed' AND mod(p.id, 9) = 8
        """
    )
    execute(
        f"""
        WITH night AS (
            SELECT c.id, at, row_number() OVER (PARTITION BY c.id ORDER BY at) AS episode
            FROM entities_connection c, generate_series(%(first)s::date + 1, %(as_of)s::date - 1, '1 day') at
            WHERE {_NIGHT}),
        outage AS (
            INSERT INTO alerts_outage (connection_id, kind, episode, opened_at, closed_at)
            SELECT id, 'stale', episode, at + interval '1 h 30 min', at + interval '3 h' FROM night)
        INSERT INTO alerts_notice (kind, connection_id, episode, step, reason, raised_at, state, days_late, fresh)
        SELECT kind, night.id, episode, 0, reason, at + later, '', 0, false
        FROM night, (VALUES ('stale', 'no_reading', interval '1 h 30 min'),
                            ('read_again', 'trouble_ended', interval '3 h 30 min')) k(kind, reason, later)
        """,
        first=year.first,
        as_of=AS_OF,
    )
    execute(
        """
        WITH message AS (
            INSERT INTO alerts_delivery (uid, recipient_id, state, made_at, due_at, message_id, fence, attempts,
                abandoned, ended_at, words)
            SELECT gen_random_uuid(), p.id, 'sent', n.raised_at, n.raised_at,
                   '<' || n.id || '.' || p.id || '@meridian.test>', 1, 1, 0, n.raised_at, '250 OK'
            FROM alerts_notice n, entities_person p
            RETURNING id, recipient_id, message_id)
        INSERT INTO alerts_deliveryline (delivery_id, notice_id, recipient_id, left_out)
        SELECT id, substring(message_id, 2, position('.' IN message_id) - 2)::bigint, recipient_id, '' FROM message
        """
    )
