"""The Celery task of the audit log, by the database's clock."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from infra.audit.refused_acts import record_refusals
from infra.audit.retention import drop_old_events
from infra.audit.sealing import seal_events
from infra.ticks import claim_tick, database_clock


@shared_task(name="infra.seal_audit", time_limit=240, soft_time_limit=200)
def seal_audit() -> None:
    """Record the refused acts that were counted, seal what has no seal, and once an hour drop what is too old.

    A second one at the same time does no harm: one sealer works, and each counter is taken by one of them.
    """
    as_of = database_clock()
    record_refusals(as_of)
    seal_events(as_of)
    if settings.AUDIT_RETENTION_DAYS and claim_tick("audit retention", 3600, as_of):
        drop_old_events(as_of, settings.AUDIT_RETENTION_DAYS)
