"""Reroutes what waits to be sent when people or groups change who receives what, and how soon."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from uuid import uuid4

from django.db.models import Exists, OuterRef, QuerySet

from alerts.models import REACHES_RECIPIENT, Delivery, DeliveryLine, Notice
from alerts.routing.alert_policy import effective_alert_rules
from alerts.routing.batching import PersonCadence, message_id, open_person_messages
from alerts.routing.notice_scope import entities_by_notice
from alerts.routing.preferences import chosen_cadences
from alerts.routing.router import route_notices
from closing.judging.notice_rules import INFORMATIONAL_KINDS, NoticeKind
from closing.judging.notification_schedule import Cadence, effective_cadence
from entities.models import LegalEntity

RECIPIENT_UNSUBSCRIBED = "its recipient has switched this off"
MOVED = "what it held is told in another message"


def reroute_waiting(wanted: QuerySet[DeliveryLine], as_of: datetime) -> None:
    """Put each of these lines into the message of the rhythm that counts now, and leave out what is switched off.

    Only lines to people count, in messages that nobody has begun to send. Runs in the transaction of the change.
    """
    waiting = Delivery.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        state=Delivery.State.WAITING, attempts=0, pk__in=wanted.exclude(recipient=None).values("delivery")
    )
    before = {each.pk: Cadence(each.rhythm) for each in waiting}
    lines = list(wanted.filter(delivery__in=before).select_related("notice").order_by("pk"))
    if not lines:
        return
    rhythms = current_cadences(lines)
    moved: dict[PersonCadence, list[int]] = defaultdict(list)
    unwanted: dict[int, list[DeliveryLine]] = defaultdict(list)
    for line in lines:
        person, rhythm = line.recipient_id or 0, rhythms[line.pk]
        if rhythm is Cadence.NEVER:
            unwanted[person].append(line)
        elif rhythm is not before[line.delivery_id]:
            moved[person, rhythm].append(line.pk)
    if moved:
        for way, message in open_person_messages(moved.keys(), as_of).items():
            DeliveryLine.objects.filter(pk__in=moved[way]).update(delivery=message)
    for person, own in unwanted.items():
        _leave_out(person, own, as_of)
    empty = Delivery.objects.filter(pk__in=before).exclude(
        Exists(DeliveryLine.objects.filter(delivery=OuterRef("pk")))
    )
    empty.update(state=Delivery.State.CANCELLED, ended_at=as_of, words=MOVED)
    _tell_somebody({line.notice_id for own in unwanted.values() for line in own}, as_of)


def current_cadences(lines: Collection[DeliveryLine]) -> dict[int, Cadence]:
    """How soon each line is to be told, by its id, by what is chosen and agreed now."""
    notices = {line.notice_id: line.notice for line in lines}
    about = entities_by_notice(list(notices.values()))
    ids = {pk for own in about.values() for pk in own}
    rules = effective_alert_rules(LegalEntity.objects.filter(pk__in=ids).values_list("pk", "group__path"))
    chosen = chosen_cadences({line.recipient_id for line in lines if line.recipient_id is not None})
    found = {}
    for line in lines:
        kind, own = NoticeKind(line.notice.kind), about[line.notice_id]
        in_digest = bool(own) and all(rules[pk].alerts_in_digest for pk in own)
        found[line.pk] = effective_cadence(
            kind, chosen.get((line.recipient_id or 0, kind)), in_digest=in_digest
        )
    return found


def _leave_out(person: int, lines: Collection[DeliveryLine], as_of: datetime) -> None:
    """A message of its own says what became of them: it is cancelled, as nothing in it is to be told."""
    uid = uuid4()
    ended = Delivery.objects.create(
        uid=uid,
        recipient_id=person,
        state=Delivery.State.CANCELLED,
        made_at=as_of,
        due_at=as_of,
        ended_at=as_of,
        message_id=message_id(uid),
        words=RECIPIENT_UNSUBSCRIBED,
    )
    DeliveryLine.objects.filter(pk__in=[line.pk for line in lines]).update(
        delivery=ended, left_out=RECIPIENT_UNSUBSCRIBED
    )


def _tell_somebody(notice_ids: Collection[int], as_of: datetime) -> None:
    """What nobody is left to hear of goes to administrators, unless it is good news."""
    if not notice_ids:
        return
    told = DeliveryLine.objects.filter(REACHES_RECIPIENT, notice__in=notice_ids)
    left = Notice.objects.filter(pk__in=notice_ids).exclude(pk__in=told.values("notice"))
    route_notices(
        list(left.exclude(kind__in=[each.value for each in INFORMATIONAL_KINDS])), as_of, fall_back=True
    )
