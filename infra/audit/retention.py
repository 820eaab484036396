"""Drops the oldest events of the audit log where a retention is set; without one they are kept for ever."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Max

from infra.audit import checked_retention
from infra.audit.recording import DROPPED, Act, AuditedObject, record
from infra.models import AuditEvent

MOST_SEALS = 2_000  # in one transaction; a seal a minute makes 1,440 a day
AUDIT_LOG = AuditedObject("audit", "", "Audit log")


def drop_old_events(at: datetime, days: int) -> int:
    """Drop the events of whole seals in which all are older than so many days; returns how many seals.

    The seals stay, so that the chain holds, and the act is an event. Raises ValueError for too few days.
    """
    age = timedelta(days=checked_retention(max(days, 1)))
    dropped = 0
    while count := _drop(at, age):
        dropped += count
        if count < MOST_SEALS:
            break
    return dropped


@transaction.atomic
def _drop(at: datetime, age: timedelta) -> int:
    newest = AuditEvent.objects.exclude(seal=None).values("seal").annotate(newest=Max("at")).order_by("seal")
    numbers: list[int] = []
    for row in newest[:MOST_SEALS].iterator():
        if row["newest"] >= at - age or row["seal"] is None:
            break
        numbers.append(row["seal"])
    if not numbers:
        return 0
    first, last = numbers[0], numbers[-1]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL closeboard.audit_retention = 'on'")
        cursor.execute("DELETE FROM infra_auditevent WHERE seal BETWEEN %s AND %s", [first, last])
        events = cursor.rowcount
        cursor.execute("SET LOCAL closeboard.audit_retention = 'off'")
    values = {"first": first, "last": last, "events": events, "older_than_days": age.days}
    record([Act(DROPPED, AUDIT_LOG, at, after=values)])
    return len(numbers)
