"""Which message takes a new line, of a person or a destination: one that waits, or a new one."""

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
PersonCadence = tuple[int, Cadence]  # a person and how soon they are told


def open_person_messages(ways: Collection[PersonCadence], as_of: datetime) -> dict[PersonCadence, Delivery]:
    """The message of each person and rhythm that takes more lines: one that nobody has begun to send, or a new one.

    A new one is due when its rhythm and the hours of its person say, and MIN_MESSAGE_SPACING from every other
    message to them.
    """
    people = {person for person, _ in ways}
    waiting = (
        Delivery.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(recipient__in=people, state=Delivery.State.WAITING, attempts=0, trouble=None)
        .order_by("due_at", "pk")
    )
    found: dict[PersonCadence, Delivery] = {}
    for each in waiting.select_related("recipient"):
        found.setdefault((each.person.pk, Cadence(each.rhythm)), each)
    new = sorted(way for way in ways if way not in found)
    made = _made(new, as_of) if new else []
    return found | dict(zip(new, Delivery.objects.bulk_create(made), strict=True))


def message_id(uid: UUID) -> str:
    """The Message-ID of the message of this id, which no copy of it loses."""
    return f"<{uid}@{urlsplit(settings.PUBLIC_BASE_URL).hostname}>"


def reschedule_waiting(people: Collection[int], as_of: datetime) -> None:
    """Let what waits for these people be due when their hours of now say, which may have changed."""
    waiting = Delivery.objects.select_for_update(skip_locked=True).filter(
        recipient__in=people, state=Delivery.State.WAITING, attempts=0, due_at__gt=as_of
    )
    hours = notification_hours_of(people, as_of)
    taken = _taken(people, as_of)
    for each in waiting.order_by("rhythm", "due_at"):
        own = taken[each.recipient_id or 0]
        own.remove(each.due_at)
        each.due_at = _free(Cadence(each.rhythm), hours[each.recipient_id or 0], as_of, own)
        own.append(each.due_at)
        each.save(update_fields=["due_at"])


def _taken(people: Collection[int], as_of: datetime) -> dict[int, list[datetime]]:
    """When these people get, or have just got, other messages."""
    found: dict[int, list[datetime]] = defaultdict(list)
    others = Delivery.objects.filter(recipient__in=people, due_at__gt=as_of - MIN_MESSAGE_SPACING)
    for person, moment in others.exclude(state=Delivery.State.CANCELLED).values_list("recipient", "due_at"):
        if person is not None:
            found[person].append(moment)
    return found


def _made(ways: Collection[PersonCadence], as_of: datetime) -> list[Delivery]:
    people = {person for person, _ in ways}
    hours, taken = notification_hours_of(people, as_of), _taken(people, as_of)
    made = []
    for person, rhythm in ways:
        due, uid = _free(rhythm, hours[person], as_of, taken[person]), uuid4()
        taken[person].append(due)
        made.append(
            Delivery(
                uid=uid,
                recipient_id=person,
                rhythm=rhythm.value,
                made_at=as_of,
                due_at=due,
                message_id=message_id(uid),
            )
        )
    return made


def _free(
    rhythm: Cadence, hours: NotificationHours, as_of: datetime, taken: Collection[datetime]
) -> datetime:
    """The first moment that suits the person and is MIN_MESSAGE_SPACING from all that they get."""
    wanted = next_send_at(rhythm, hours, as_of)
    while (free := _after(taken, wanted)) != wanted:
        wanted = next_send_at(Cadence.IMMEDIATE, hours, free)  # making room may have led into quiet hours
    return wanted


def _after(taken: Collection[datetime], moment: datetime) -> datetime:
    for other in sorted(taken):
        if abs(other - moment) < MIN_MESSAGE_SPACING:
            moment = other + MIN_MESSAGE_SPACING
    return moment


def open_destination_messages(places: Sequence[Destination], as_of: datetime) -> dict[int, Delivery]:
    """The message of each destination that takes more lines: one that waits, or a new one (MIN_MESSAGE_SPACING)."""
    waiting = (
        Delivery.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(destination__in=places, state=Delivery.State.WAITING, attempts=0, trouble=None)
        .order_by("due_at", "pk")
    )
    found: dict[int, Delivery] = {}
    for each in waiting:
        found.setdefault(each.destination_id or 0, each)
    new = [place for place in places if place.pk not in found]
    return found | dict(zip((place.pk for place in new), _new(new, as_of), strict=True))


def _new(places: Sequence[Destination], as_of: datetime) -> list[Delivery]:
    last: dict[int, datetime] = {}
    others = Delivery.objects.filter(
        destination__in=places, trouble=None, due_at__gt=as_of - MIN_MESSAGE_SPACING
    )
    for place, due in others.exclude(state=Delivery.State.CANCELLED).values_list("destination", "due_at"):
        last[place or 0] = max(due, last.get(place or 0, due))
    due_at = {
        place.pk: max(as_of, last[place.pk] + MIN_MESSAGE_SPACING) if place.pk in last else as_of
        for place in places
    }
    return Delivery.objects.bulk_create(
        new_delivery(as_of, due_at[place.pk], place=place) for place in places
    )


def new_delivery(
    as_of: datetime,
    due_at: datetime,
    *,
    place: Destination | None = None,
    person: Person | None = None,
    **more: object,
) -> Delivery:
    """A message that is not saved yet, to a destination or to a person."""
    uid = uuid4()
    way = {"channel": place.channel, "destination": place} if place is not None else {"recipient": person}
    return Delivery(uid=uid, made_at=as_of, due_at=due_at, message_id=message_id(uid), **way, **more)
