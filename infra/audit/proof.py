"""Checks that the audit log is whole: events against their digests and seals, each seal against the one before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from django.db import connection, transaction

from infra.audit.recording import DROPPED, event_digest
from infra.audit.sealing import FIRST_PREVIOUS, root_of, seal_digest
from infra.models import AuditEvent, AuditSeal


@dataclass
class AuditProof:
    """The result: counts, the newest seal (`head`), and a sentence for each fault, the first ones first."""

    seals: int = 0
    events: int = 0
    unsealed: int = 0
    dropped: int = 0  # seals whose events retention has dropped
    head: str = FIRST_PREVIOUS
    faults: list[str] = field(default_factory=list)


def prove_audit(head: str = "") -> AuditProof:
    """Walk the whole chain; `head` is the digest of a seal as somebody outside has kept it, which must be in it.

    All is read as of one moment, so that a seal or a retention meanwhile is no fault.
    """
    nested = connection.in_atomic_block
    with transaction.atomic():
        if not nested:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return _walk(head)


def _walk(head: str) -> AuditProof:
    proof = AuditProof()
    last_dropped = _last_dropped_seal()
    batches = _batches()
    number, events = next(batches, (None, []))
    previous, found_head = FIRST_PREVIOUS, head in ("", FIRST_PREVIOUS)
    for seal in AuditSeal.objects.order_by("number").iterator():
        proof.seals += 1
        while number is not None and number < seal.number:
            proof.faults.append(f"Events name seal {number}, which does not exist.")
            number, events = next(batches, (None, []))
        if seal.number != proof.seals:
            proof.faults.append(f"Seal {proof.seals} is missing: the next is {seal.number}.")
            return proof
        if seal.previous != previous or seal.digest != seal_digest(seal):
            proof.faults.append(f"Seal {seal.number} was changed, or does not follow seal {seal.number - 1}.")
        previous = seal.digest
        found_head = found_head or seal.digest == head
        if number == seal.number:
            proof.events += len(events)
            proof.faults += _faults(seal, events)
            number, events = next(batches, (None, []))
        elif seal.number <= last_dropped:
            proof.dropped += 1
        else:
            proof.faults.append(f"All {seal.events} events of seal {seal.number} are missing.")
    while number is not None:
        proof.faults.append(f"Events name seal {number}, which does not exist.")
        number, events = next(batches, (None, []))
    for event in AuditEvent.objects.filter(seal=None).order_by("id").iterator():
        proof.unsealed += 1
        if event.digest != event_digest(event):
            proof.faults.append(f"Event {event.pk} was changed.")
    if not found_head:
        proof.faults.append(f"No seal has the digest {head}: the newest seals were removed or made anew.")
    proof.head = previous
    return proof


def _faults(seal: AuditSeal, events: list[AuditEvent]) -> Iterator[str]:
    changed = [event.pk for event in events if event.digest != event_digest(event)]
    yield from (f"Event {pk} was changed." for pk in changed)
    if len(events) != seal.events:
        yield f"Seal {seal.number} has {seal.events} events, and {len(events)} are there."
    elif root_of((event.pk, event.digest) for event in events) != seal.root and not changed:
        yield f"The events of seal {seal.number} are not those that were sealed."


def _batches() -> Iterator[tuple[int | None, list[AuditEvent]]]:
    events = AuditEvent.objects.exclude(seal=None).order_by("seal", "id").iterator(chunk_size=5000)
    for number, batch in groupby(events, key=lambda event: event.seal):
        yield number, list(batch)


def _last_dropped_seal() -> int:
    """The newest seal whose events retention has dropped, with those of all seals before it; 0 if it dropped none.

    The act of an earlier retention may itself have been dropped by a later one.
    """
    acts = AuditEvent.objects.filter(verb=DROPPED).values_list("after", flat=True)
    return max((int(after["last"]) for after in acts if after), default=0)
