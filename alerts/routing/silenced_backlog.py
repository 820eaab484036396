"""What was to be sent of silenced entities: it is set aside, not lost, and is told once the silence is over.

A line that is set aside stays in its message, which goes without it, and names the silence. The first evaluation
after the silence, however it ended, puts the line into the next message to its recipient; whether it is still true is
looked at when that one leaves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from alerts.models import LEFT_OUT_BY_SILENCE, Delivery, DeliveryLine, Notice
from alerts.routing.batching import PersonCadence, open_destination_messages, open_person_messages
from alerts.routing.notice_scope import row_keys_by_notice
from alerts.routing.recipients import can_see, load_audiences
from alerts.routing.rerouting import RECIPIENT_UNSUBSCRIBED, current_cadences
from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import Cadence

_TOLD_ALL_THE_SAME = {NoticeKind.REOPENED, NoticeKind.GROUP_CLOSED}


def is_silenced(notice: Notice, entities: Collection[int], silenced: Collection[int]) -> bool:
    """Whether nothing of a notice that tells of these entities is to be told while those are silenced."""
    if NoticeKind(notice.kind) in _TOLD_ALL_THE_SAME or not entities:
        return False
    return all(entity in silenced for entity in entities)


def requeue_after_silence(silenced: Collection[int], as_of: datetime) -> int:
    """Put each line whose silence is over into a message; returns how many messages that touched.

    `silenced` are the entities that still are. Runs in the transaction of an evaluation.
    """
    aside = DeliveryLine.objects.filter(left_out=LEFT_OUT_BY_SILENCE).select_related(
        "recipient", "destination__group", "notice__period", "notice__connection", "notice__group"
    )
    lines = list(aside.order_by("pk"))
    if not lines:
        return 0
    places = row_keys_by_notice(line.notice for line in lines)
    around = load_audiences({entity for own in places.values() for entity, _ in own})
    over = []
    for line in lines:
        reader = line.destination or line.recipient
        # As it was when it was set aside: of a connection everybody hears of what they see.
        seen = {entity for entity, _ in places[line.notice_id] if reader and can_see(reader, around[entity])}
        if not is_silenced(line.notice, seen, silenced):
            over.append(line)
    to_people = [line for line in over if line.recipient_id is not None]
    touched = _to_people(to_people, as_of) if to_people else 0
    to_places = {line.destination.pk: line.destination for line in over if line.destination is not None}
    for pk, message in (
        open_destination_messages(list(to_places.values()), as_of).items() if to_places else ()
    ):
        _move([line for line in over if line.destination_id == pk], message)
        touched += 1
    return touched


def _to_people(lines: Sequence[DeliveryLine], as_of: datetime) -> int:
    rhythms, ways = current_cadences(lines), defaultdict[PersonCadence, list[DeliveryLine]](list)
    unwanted = []
    for line in lines:
        if rhythms[line.pk] is Cadence.NEVER:
            unwanted.append(line.pk)
        else:
            ways[line.recipient_id or 0, rhythms[line.pk]].append(line)
    DeliveryLine.objects.filter(pk__in=unwanted).update(left_out=RECIPIENT_UNSUBSCRIBED)
    for way, message in open_person_messages(ways.keys(), as_of).items():
        _move(ways[way], message)
    return len(ways)


def _move(lines: Collection[DeliveryLine], message: Delivery) -> None:
    DeliveryLine.objects.filter(pk__in=[line.pk for line in lines]).update(delivery=message, left_out="")
