"""Refused acts are counted by account and address, and become one event when they pause or go on for minutes.

So a storm of refused sign-ins adds a row a minute for each account and address, not one for each attempt.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

from infra.audit.origin import Actor, current_origin
from infra.audit.recording import ADDRESS_LENGTH, LABEL_LENGTH, Act, AuditedObject, record
from infra.fast_cursor import fetch_rows

PAUSE = timedelta(minutes=1)
LONGEST = timedelta(minutes=10)
MOST = 1_000  # counters that become events at once


def count_refusal(verb: str, account_id: int | None, account: str, at: datetime) -> None:
    """Count one refused act, in a transaction of its own."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO infra_refusedact AS counted (verb, account_id, account, address, first_at, last_at, times)
            VALUES (%(verb)s, %(account_id)s, %(account)s, %(address)s, %(at)s, %(at)s, 1)
            ON CONFLICT ON CONSTRAINT refused_act_counted_once
            DO UPDATE SET times = counted.times + 1, last_at = greatest(counted.last_at, excluded.last_at)
            """,
            {
                "verb": verb,
                "account_id": account_id,
                "account": account[:LABEL_LENGTH],
                "address": current_origin().address[:ADDRESS_LENGTH],
                "at": at,
            },
        )


def record_refusals(at: datetime) -> int:
    """Turn counters that pause, or that count for long, into events; returns how many."""
    return sum(iter(lambda: _record_some(at), 0))


@transaction.atomic
def _record_some(at: datetime) -> int:
    rows = fetch_rows(
        """
        DELETE FROM infra_refusedact WHERE id IN (
            SELECT id FROM infra_refusedact WHERE last_at <= %(paused)s OR first_at <= %(long)s
            ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED)
        RETURNING verb, account_id, account, address, first_at, last_at, times
        """,
        {"paused": at - PAUSE, "long": at - LONGEST, "most": MOST},
    )
    record(
        Act(
            verb,
            AuditedObject("person", str(account_id or ""), account),
            last_at,
            Actor("person" if account_id else "unknown", account, account_id),
            after={"times": times, "first": first_at, "last": last_at, "address": address},
        )
        for verb, account_id, account, address, first_at, last_at, times in rows
    )
    return len(rows)
