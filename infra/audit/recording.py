"""Adds events to the audit log, within the transaction of the act and without a lock."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import transaction
from django.utils.timezone import now

from infra.audit.canonical import plain, sha256
from infra.audit.origin import Actor, current_origin
from infra.models import AuditEvent

DROPPED = "audit.dropped"  # the verb of a retention; `after` names the first and the last seal
LABEL_LENGTH = 255
ID_LENGTH = 100
ADDRESS_LENGTH = 45
log = structlog.get_logger("infra.audit")


@dataclass(frozen=True, slots=True)
class AuditedObject:
    """What an act is done to: its kind, its id there, its name at that time, and the path of its group."""

    kind: str
    id: str
    label: str
    scope: str = ""


INSTALLATION = AuditedObject("installation", "", "Closeboard")


@dataclass(frozen=True, slots=True)
class Act:
    """One act; `before` and `after` hold the values that changed, and of a secret only the word "changed".

    Without `at` and `by` it has the moment and the actor of its origin.
    """

    verb: str
    target: AuditedObject
    at: datetime | None = None
    by: Actor | None = None
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None
    reason: str = ""


def record(acts: Iterable[Act]) -> None:
    """Add the event of each act; if that fails, the act fails with it."""
    events = [_event(act) for act in acts]
    AuditEvent.objects.bulk_create(events, batch_size=1000)
    transaction.on_commit(lambda: _log(events), robust=True)


def _event(act: Act) -> AuditEvent:
    origin = current_origin()
    actor = act.by or origin.actor()
    event = AuditEvent(
        at=act.at or origin.at or now(),
        verb=act.verb,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor=actor.label[:LABEL_LENGTH],
        through=origin.through,
        object_kind=act.target.kind,
        object_id=act.target.id[:ID_LENGTH],
        object=act.target.label[:LABEL_LENGTH],
        scope=act.target.scope,
        before=plain(act.before),
        after=plain(act.after),
        reason=str(plain(act.reason)),
        request_id=origin.request_id,
        address=origin.address[:ADDRESS_LENGTH],
    )
    event.digest = event_digest(event)
    return event


def event_digest(event: AuditEvent) -> str:
    """The SHA-256 of the canonical JSON of an event's columns, but its id, its digest and its seal."""
    return sha256(
        [
            *(event.at, event.verb, event.actor_kind, event.actor_id, event.actor, event.through),
            *(event.object_kind, event.object_id, event.object, event.scope, event.before, event.after),
            *(event.reason, event.request_id, event.address),
        ]
    )


def _log(events: Iterable[AuditEvent]) -> None:
    """One line each, for a system that collects logs."""
    for event in events:
        log.info(
            event.verb,
            actor=event.actor,
            actor_id=event.actor_id,
            through=event.through,
            object=f"{event.object_kind} {event.object_id}",
            request_id=event.request_id,
            address=event.address,
            values=json.dumps([event.before, event.after], ensure_ascii=False),
        )
