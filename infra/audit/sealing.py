"""Seals the audit log: one chain of seals over batches of events, and the check that it holds.

A writer takes no lock: the sealer takes whatever has been committed and has no seal, in the order of ids. Ids of
transactions that were rolled back are missing, which is normal; an event that commits late is in a later seal.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from infra.audit.canonical import sha256
from infra.fast_cursor import fetch_rows
from infra.models import AuditEvent, AuditSeal

FIRST_PREVIOUS = "0" * 64
DIGEST_PATTERN = re.compile("[0-9a-fA-F]{64}")
BATCH = 20_000  # events of one seal
_LOCK = 0x61756474  # any number of our own: one sealer at a time


def seal_events(at: datetime) -> int:
    """Seal all committed events that have no seal yet; returns how many. Does nothing while another sealer works."""
    sealed = 0
    while count := _seal_batch(at):
        sealed += count
        if count < BATCH:
            break
    return sealed


@transaction.atomic
def _seal_batch(at: datetime) -> int:
    [(locked,)] = fetch_rows("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
    if not locked:
        return 0
    unsealed = AuditEvent.objects.filter(seal=None).order_by("id")
    events = list(unsealed.values_list("id", "digest")[:BATCH])
    if not events:
        return 0
    newest = AuditSeal.objects.order_by("-number").first()
    seal = AuditSeal(
        number=newest.number + 1 if newest else 1,
        sealed_at=at,
        first_id=events[0][0],
        last_id=events[-1][0],
        events=len(events),
        root=root_of(events),
        previous=newest.digest if newest else FIRST_PREVIOUS,
    )
    seal.digest = seal_digest(seal)
    seal.save(force_insert=True)
    AuditEvent.objects.filter(id__in=[pk for pk, _ in events]).update(seal=seal.number)
    return len(events)


def root_of(events: Iterable[tuple[int, str]]) -> str:
    """The SHA-256 over the ids and digests of a batch, in the order of ids."""
    digest = hashlib.sha256()
    for pk, event_digest in events:
        digest.update(f"{pk}:{event_digest}\n".encode())
    return digest.hexdigest()


def seal_digest(seal: AuditSeal) -> str:
    """The SHA-256 of the canonical JSON of a seal's columns, but its digest."""
    columns = (
        seal.number,
        seal.sealed_at,
        seal.first_id,
        seal.last_id,
        seal.events,
        seal.root,
        seal.previous,
    )
    return sha256(list(columns))
