"""Chooses the message that takes a new line to a person or destination: one that waits, or a new one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models import Q

from alerts.models import Delivery
from alerts.models.destination import channel_of
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.preferences import notification_hours_of
from closing.judging.notification_schedule import Cadence, NotificationHours, next_send_at

# Between two messages to one person or destination (05-reliability A8).
MIN_MESSAGE_SPACING = timedelta(minutes=5)
# The recipient or the destination of a message, by id, and its cadence.
MessageKey = tuple[int | None, int | None, Cadence]


def open_messages(keys: Collection[MessageKey], context: EvaluationContext) -> dict[MessageKey, Delivery]:
    """The message of each key that takes more lines, those of destinations first.

    It is one that was not tried yet, or a new one. A new one is due at the time that its cadence and the person's
    notification hours give, or at once to a destination, and MIN_MESSAGE_SPACING from every other message to them.
    """
    keys = sorted(keys, key=lambda key: (key[0] or 0, key[1] or 0, key[2]))
    waiting = (
        Delivery.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(_to_these(keys), state=Delivery.State.WAITING, attempts=0, trouble=None)
        .order_by("due_at", "pk")
    )
    messages: dict[MessageKey, Delivery] = {}
    for message in waiting:
        cadence = Cadence.IMMEDIATE if message.destination_id else Cadence(message.rhythm)
        messages.setdefault((message.recipient_id, message.destination_id, cadence), message)
    new = [key for key in keys if key not in messages]
    if new:
        due_at = _due_times(new, context)
        created = [
            new_delivery(
                context.as_of, due_at[key], destination=key[1], recipient_id=key[0], rhythm=key[2].value
            )
            for key in new
        ]
        messages |= dict(zip(new, Delivery.objects.bulk_create(created), strict=True))
    return {key: messages[key] for key in keys}


def _to_these(keys: Collection[MessageKey]) -> Q:
    people = {person for person, *_ in keys if person is not None}
    destinations = {destination for _, destination, _ in keys if destination is not None}
    return Q(recipient__in=people) | Q(destination__in=destinations)


def _due_times(keys: Collection[MessageKey], context: EvaluationContext) -> dict[MessageKey, datetime]:
    """When a new message of each key is due; keys are in the order in which they take the free moments."""
    people = {person for person, *_ in keys if person is not None}
    hours = notification_hours_of(people, context) if people else {}
    taken, due_at = _taken_moments(keys, context.as_of), {}
    for key in keys:
        person, destination, cadence = key
        others = taken[person, destination]
        if person is not None:
            due = _free_moment(cadence, hours[person], context.as_of, others)
        else:
            due = max([context.as_of, *(moment + MIN_MESSAGE_SPACING for moment in others)])
        others.append(due)
        due_at[key] = due
    return due_at


def message_id(uid: UUID) -> str:
    """The Message-ID of a message; every copy of it has the same one."""
    return f"<{uid}@{urlsplit(settings.PUBLIC_BASE_URL).hostname}>"


def reschedule_waiting(person: int, as_of: datetime) -> None:
    """Set the due times of the waiting messages to this person by their notification hours of now."""
    waiting = Delivery.objects.select_for_update(skip_locked=True).filter(
        recipient=person, state=Delivery.State.WAITING, attempts=0, due_at__gt=as_of
    )
    hours = notification_hours_of([person], EvaluationContext(as_of))[person]
    taken = _taken_moments([(person, None, Cadence.IMMEDIATE)], as_of)[person, None]
    for message in waiting.order_by("rhythm", "due_at"):
        taken.remove(message.due_at)
        message.due_at = _free_moment(Cadence(message.rhythm), hours, as_of, taken)
        taken.append(message.due_at)
        message.save(update_fields=["due_at"])


def _taken_moments(
    keys: Collection[MessageKey], as_of: datetime
) -> dict[tuple[int | None, int | None], list[datetime]]:
    """The due times of messages, by recipient and destination: future ones, and those within MIN_MESSAGE_SPACING.

    A message about a trouble of a channel is not followed at a distance by others to a destination.
    """
    taken: dict[tuple[int | None, int | None], list[datetime]] = defaultdict(list)
    others = Delivery.objects.filter(
        _to_these(keys), Q(destination=None) | Q(trouble=None), due_at__gt=as_of - MIN_MESSAGE_SPACING
    ).exclude(state=Delivery.State.CANCELLED)
    for person, destination, moment in others.values_list("recipient", "destination", "due_at"):
        taken[person, destination].append(moment)
    return taken


def _free_moment(
    cadence: Cadence, hours: NotificationHours, as_of: datetime, taken: Collection[datetime]
) -> datetime:
    """The first moment within the person's hours that is MIN_MESSAGE_SPACING from all their messages."""
    moment = next_send_at(cadence, hours, as_of)
    while (free := _after(taken, moment)) != moment:
        moment = next_send_at(Cadence.IMMEDIATE, hours, free)  # the later moment may lie in quiet hours
    return moment


def _after(taken: Collection[datetime], moment: datetime) -> datetime:
    for other in sorted(taken):
        if abs(other - moment) < MIN_MESSAGE_SPACING:
            moment = other + MIN_MESSAGE_SPACING
    return moment


def new_delivery(
    as_of: datetime, due_at: datetime, *, destination: int | None = None, **fields: object
) -> Delivery:
    """An unsaved message to a destination, by its id, or to the recipient among the fields."""
    uid = uuid4()
    if destination is not None:
        fields |= {"channel": channel_of(destination), "destination_id": destination}
    return Delivery(uid=uid, made_at=as_of, due_at=due_at, message_id=message_id(uid), **fields)
