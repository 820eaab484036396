"""The lines of silenced entities: they are set aside, and are sent after the silence if they are still true.

A line that is set aside stays in its message, which is sent without it, and names the silence. The first evaluation
after the silence, however it ended, moves the line into the next message to its recipient; whether it is still true
is checked when that message is sent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from alerts.models import Delivery, DeliveryLine, LineReason, Notice
from alerts.routing.batching import PersonCadence, open_destination_messages, open_person_messages
from alerts.routing.notice_scope import row_keys_by_notice
from alerts.routing.recipients import can_see, load_audiences
from alerts.routing.rerouting import current_cadences
from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import Cadence

_NEVER_SILENCED = {NoticeKind.REOPENED, NoticeKind.PERMANENT_REOPENED, NoticeKind.GROUP_CLOSED}


def is_silenced(notice: Notice, entities: Collection[int], silenced: Collection[int]) -> bool:
    """Whether a notice about these entities is held back wholly while the entities `silenced` are."""
    if NoticeKind(notice.kind) in _NEVER_SILENCED or not entities:
        return False
    return all(entity in silenced for entity in entities)


def requeue_after_silence(silenced: Collection[int], as_of: datetime) -> int:
    """Move each line whose silence is over into a message; returns the number of messages it wrote to.

    `silenced` are the entities still silenced. Runs in the transaction of an evaluation.
    """
    aside = DeliveryLine.objects.filter(left_out=LineReason.SILENCED).select_related(
        "recipient", "destination__group", "notice__period", "notice__connection", "notice__group"
    )
    lines = list(aside.order_by("pk"))
    if not lines:
        return 0
    row_keys = row_keys_by_notice(line.notice for line in lines)
    audiences = load_audiences({entity for keys in row_keys.values() for entity, _ in keys})
    due = []
    for line in lines:
        reader = line.destination or line.recipient
        # By the same rule as when it was set aside: a notice of a connection reports the entities its reader sees.
        visible = {pk for pk, _ in row_keys[line.notice_id] if reader and can_see(reader, audiences[pk])}
        if not is_silenced(line.notice, visible, silenced):
            due.append(line)
    return requeue_lines(due, as_of)


def requeue_lines(lines: Sequence[DeliveryLine], as_of: datetime) -> int:
    """Move lines that were left out into the next message to each reader; returns the number of these messages.

    The recipient, destination and notice of each line must be loaded.
    """
    to_people = [line for line in lines if line.recipient_id is not None]
    count = _requeue_to_people(to_people, as_of) if to_people else 0
    destinations = {line.destination.pk: line.destination for line in lines if line.destination is not None}
    for pk, message in (
        open_destination_messages(list(destinations.values()), as_of).items() if destinations else ()
    ):
        _move([line for line in lines if line.destination_id == pk], message)
        count += 1
    return count


def _requeue_to_people(lines: Sequence[DeliveryLine], as_of: datetime) -> int:
    cadences, by_recipient = current_cadences(lines), defaultdict[PersonCadence, list[DeliveryLine]](list)
    switched_off = []
    for line in lines:
        if cadences[line.pk] is Cadence.NEVER:
            switched_off.append(line.pk)
        else:
            by_recipient[line.recipient_id or 0, cadences[line.pk]].append(line)
    DeliveryLine.objects.filter(pk__in=switched_off).update(left_out=LineReason.RECIPIENT_UNSUBSCRIBED)
    for key, message in open_person_messages(by_recipient.keys(), as_of).items():
        _move(by_recipient[key], message)
    return len(by_recipient)


def _move(lines: Collection[DeliveryLine], message: Delivery) -> None:
    DeliveryLine.objects.filter(pk__in=[line.pk for line in lines]).update(delivery=message, left_out="")
