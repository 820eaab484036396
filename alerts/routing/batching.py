"""Chooses the message that takes a new line to a person or destination: one that waits, or a new one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.conf import settings

from alerts.models import Delivery, Destination
from alerts.routing.preferences import notification_hours_of
from closing.judging.notification_schedule import Cadence, NotificationHours, next_send_at
from entities.models import Person

# Between two messages to one person or destination (05-reliability A8).
MIN_MESSAGE_SPACING = timedelta(minutes=5)
PersonCadence = tuple[int, Cadence]  # a person's id and the cadence of a message to them


def open_person_messages(keys: Collection[PersonCadence], as_of: datetime) -> dict[PersonCadence, Delivery]:
    """The message of each person and cadence that takes more lines: one that was not tried yet, or a new one.

    A new one is due at the time that its cadence and the person's notification hours give, and MIN_MESSAGE_SPACING
    from every other message to them.
    """
    people = {person for person, _ in keys}
    waiting = (
        Delivery.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(recipient__in=people, state=Delivery.State.WAITING, attempts=0, trouble=None)
        .order_by("due_at", "pk")
    )
    messages: dict[PersonCadence, Delivery] = {}
    for message in waiting.select_related("recipient"):
        messages.setdefault((message.person.pk, Cadence(message.rhythm)), message)
    new = sorted(key for key in keys if key not in messages)
    created = _new_person_messages(new, as_of) if new else []
    return messages | dict(zip(new, Delivery.objects.bulk_create(created), strict=True))


def message_id(uid: UUID) -> str:
    """The Message-ID of a message; every copy of it has the same one."""
    return f"<{uid}@{urlsplit(settings.PUBLIC_BASE_URL).hostname}>"


def reschedule_waiting(people: Collection[int], as_of: datetime) -> None:
    """Set the due times of the waiting messages to these people by their notification hours of now."""
    waiting = Delivery.objects.select_for_update(skip_locked=True).filter(
        recipient__in=people, state=Delivery.State.WAITING, attempts=0, due_at__gt=as_of
    )
    hours = notification_hours_of(people, as_of)
    taken_by_person = _taken_moments(people, as_of)
    for message in waiting.order_by("rhythm", "due_at"):
        taken = taken_by_person[message.recipient_id or 0]
        taken.remove(message.due_at)
        message.due_at = _free_moment(Cadence(message.rhythm), hours[message.recipient_id or 0], as_of, taken)
        taken.append(message.due_at)
        message.save(update_fields=["due_at"])


def _taken_moments(people: Collection[int], as_of: datetime) -> dict[int, list[datetime]]:
    """The due times of messages to these people, by person: future ones, and those within MIN_MESSAGE_SPACING."""
    taken: dict[int, list[datetime]] = defaultdict(list)
    others = Delivery.objects.filter(recipient__in=people, due_at__gt=as_of - MIN_MESSAGE_SPACING)
    for person, moment in others.exclude(state=Delivery.State.CANCELLED).values_list("recipient", "due_at"):
        if person is not None:
            taken[person].append(moment)
    return taken


def _new_person_messages(keys: Collection[PersonCadence], as_of: datetime) -> list[Delivery]:
    people = {person for person, _ in keys}
    hours, taken = notification_hours_of(people, as_of), _taken_moments(people, as_of)
    messages = []
    for person, cadence in keys:
        due, uid = _free_moment(cadence, hours[person], as_of, taken[person]), uuid4()
        taken[person].append(due)
        messages.append(
            Delivery(
                uid=uid,
                recipient_id=person,
                rhythm=cadence.value,
                made_at=as_of,
                due_at=due,
                message_id=message_id(uid),
            )
        )
    return messages


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


def open_destination_messages(destinations: Sequence[Destination], as_of: datetime) -> dict[int, Delivery]:
    """The message of each destination that takes more lines: one that waits, or a new one (MIN_MESSAGE_SPACING)."""
    waiting = (
        Delivery.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(destination__in=destinations, state=Delivery.State.WAITING, attempts=0, trouble=None)
        .order_by("due_at", "pk")
    )
    messages: dict[int, Delivery] = {}
    for message in waiting:
        messages.setdefault(message.destination_id or 0, message)
    new = [row for row in destinations if row.pk not in messages]
    return messages | dict(zip((row.pk for row in new), _new_destination_messages(new, as_of), strict=True))


def _new_destination_messages(destinations: Sequence[Destination], as_of: datetime) -> list[Delivery]:
    last: dict[int, datetime] = {}
    others = Delivery.objects.filter(
        destination__in=destinations, trouble=None, due_at__gt=as_of - MIN_MESSAGE_SPACING
    )
    for pk, due in others.exclude(state=Delivery.State.CANCELLED).values_list("destination", "due_at"):
        last[pk or 0] = max(due, last.get(pk or 0, due))
    due_at = {
        row.pk: max(as_of, last[row.pk] + MIN_MESSAGE_SPACING) if row.pk in last else as_of
        for row in destinations
    }
    return Delivery.objects.bulk_create(
        new_delivery(as_of, due_at[row.pk], destination=row) for row in destinations
    )


def new_delivery(
    as_of: datetime,
    due_at: datetime,
    *,
    destination: Destination | None = None,
    person: Person | None = None,
    **fields: object,
) -> Delivery:
    """An unsaved message to a destination or to a person."""
    uid = uuid4()
    fields |= (
        {"channel": destination.channel, "destination": destination} if destination else {"recipient": person}
    )
    return Delivery(uid=uid, made_at=as_of, due_at=due_at, message_id=message_id(uid), **fields)
