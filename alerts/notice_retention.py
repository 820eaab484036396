"""Deletes old notices with their messages, oldest first, in short transactions (ADR 0027).

The cut-off moves, and the audit log has the event, before anything is deleted; the reconciliation asks for nothing
before it: whatever stops the work, the proof of the alerts agrees. Notices of what is not over stay, however old,
since each is raised once: those of a period that is not closed or of an outage that goes on.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import structlog
from django.db import transaction

from alerts.models import NoticeCutoff, ProofRun
from entities.audit_trail import Verb, record_act
from infra.audit.recording import INSTALLATION
from infra.batched_deletes import delete_in_batches
from infra.fast_cursor import fetch_rows

log = structlog.get_logger(__name__)
BATCH = 500  # notices; a message has a line for each of them and of its readers

_OLD = """
    SELECT notice.id FROM alerts_notice notice
    WHERE raised_at < %(cutoff)s
      AND NOT EXISTS (SELECT FROM alerts_overrun WHERE period_id = notice.period_id AND closed_at IS NULL)
      AND NOT EXISTS (SELECT FROM alerts_overdueflag WHERE period_id = notice.period_id AND level <> 'closed')
      AND NOT EXISTS (SELECT FROM alerts_outage WHERE connection_id = notice.connection_id AND closed_at IS NULL)
"""
# A message goes with the last of its notices.
_DELETE_NOTICES = f"""
WITH old AS MATERIALIZED ({_OLD} ORDER BY raised_at, id LIMIT %(batch)s),
line AS (DELETE FROM alerts_deliveryline USING old WHERE notice_id = old.id RETURNING delivery_id),
message AS (
    DELETE FROM alerts_delivery WHERE trouble_id IS NULL AND id IN (SELECT delivery_id FROM line)
      AND NOT EXISTS (SELECT FROM alerts_deliveryline other WHERE other.delivery_id = alerts_delivery.id
                      AND other.notice_id NOT IN (SELECT id FROM old)))
DELETE FROM alerts_notice USING old WHERE alerts_notice.id = old.id
"""  # noqa: S608 - texts of our own
_DELETE_TROUBLES = """
WITH old AS MATERIALIZED (
    SELECT id FROM alerts_trouble WHERE ended_at < %(cutoff)s ORDER BY id LIMIT %(batch)s),
message AS (DELETE FROM alerts_delivery USING old WHERE trouble_id = old.id)
DELETE FROM alerts_trouble USING old WHERE alerts_trouble.id = old.id
"""
# Messages whose lines have moved to others.
_DELETE_EMPTY_MESSAGES = """
DELETE FROM alerts_delivery WHERE id IN (
    SELECT id FROM alerts_delivery message WHERE ended_at < %(cutoff)s AND trouble_id IS NULL
      AND NOT EXISTS (SELECT FROM alerts_deliveryline WHERE delivery_id = message.id)
    ORDER BY id LIMIT %(batch)s)
"""


def delete_old_notices(as_of: datetime, *, keep: timedelta, batch: int = BATCH) -> int:
    """Delete the notices raised longer ago than `keep`, with messages, troubles and proofs; returns their number."""
    cutoff = _cutoff(as_of, keep)
    with transaction.atomic():
        NoticeCutoff.objects.get_or_create(pk=1, defaults={"at": cutoff})
        # Never back, since what was deleted stays deleted.
        NoticeCutoff.objects.filter(at__lt=cutoff).update(at=cutoff)
        if old := count_old_notices(as_of, keep=keep):
            record_act(Verb.NOTICES_DELETED, INSTALLATION, after={"notices": old, "raised_before": cutoff})
    parameters = {"cutoff": cutoff, "batch": batch}
    notices = delete_in_batches(_DELETE_NOTICES, parameters)
    messages = delete_in_batches(_DELETE_EMPTY_MESSAGES, parameters)
    troubles = delete_in_batches(_DELETE_TROUBLES, parameters)
    proofs, _ = ProofRun.objects.filter(as_of__lt=cutoff).delete()
    if notices or messages or troubles or proofs:
        log.info(
            "old notices deleted",
            notices=notices,
            empty_messages=messages,
            troubles=troubles,
            proofs=proofs,
            before=cutoff.isoformat(),
        )
    return notices


def count_old_notices(as_of: datetime, *, keep: timedelta) -> int:
    """How many notices `delete_old_notices` would delete."""
    [(count,)] = fetch_rows(f"SELECT count(*) FROM ({_OLD}) old", {"cutoff": _cutoff(as_of, keep)})  # noqa: S608
    return int(count)


def notices_kept_since() -> datetime | None:
    """The moment before which notices may have been deleted; None where none has been."""
    return NoticeCutoff.objects.values_list("at", flat=True).first()


def _cutoff(as_of: datetime, keep: timedelta) -> datetime:
    return datetime.combine((as_of - keep).astimezone(UTC).date(), time(), UTC)
