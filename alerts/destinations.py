"""Which destinations hear of a notice, and which of their messages takes it.

Runs in the transaction that writes the notices, as the addressing of people does. A destination hears at once; what
it may not be told any more is left out when its message is sent (alerts.still_true).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import uuid4

from alerts.messages import APART, message_id
from alerts.models import Delivery, DeliveryLine, Destination, Notice
from alerts.places import places_of
from closing.judging.notices import BAD_NEWS, Kind
from entities.models import LegalEntity, Membership, Person, from_root


def tell_destinations(notices: Sequence[Notice], as_of: datetime) -> int:
    """Put each notice into a message to every destination that hears of it; returns how many messages that touched.

    One that nobody has begun to send takes more lines, so that 300 late entities are one post.
    """
    places = list(
        Destination.objects.filter(enabled=True, kinds__overlap=sorted({each.kind for each in notices}))
        .select_related("group")
        .order_by("pk")
    )
    if not places:
        return 0
    inside, heard = _paths_of(notices), _heard_before(notices)
    lines: dict[int, list[int]] = defaultdict(list)
    for each in notices:
        for place in places:
            if each.kind in place.kinds and _hears(place, each, inside[each.pk], heard):
                lines[place.pk].append(each.pk)
    told = [place for place in places if place.pk in lines]
    deliveries = messages_to(told, as_of)
    DeliveryLine.objects.bulk_create(
        DeliveryLine(delivery=deliveries[place.pk], notice_id=notice, destination=place)
        for place in told
        for notice in lines[place.pk]
    )
    return len(deliveries)


def _hears(place: Destination, notice: Notice, paths: Collection[str], heard: set[tuple[int, int]]) -> bool:
    """Whether a notice is one of the destination's group: of an entity there, or of a group that is all there."""
    if notice.group is not None:
        return notice.group.path.startswith(place.group.path)
    if notice.kind == Kind.CLEARED.value and (place.pk, notice.period_id or 0) not in heard:
        return False
    return any(path.startswith(place.group.path) for path in paths)


def _paths_of(notices: Sequence[Notice]) -> Mapping[int, set[str]]:
    """The paths of the groups that each notice's entities belong to."""
    about = places_of(notices)
    ids = {entity for own in about.values() for entity, _ in own}
    path_of = dict(LegalEntity.objects.filter(pk__in=ids).values_list("pk", "group__path"))
    return {pk: {path_of[entity] for entity, _ in own if entity in path_of} for pk, own in about.items()}


def _heard_before(notices: Sequence[Notice]) -> set[tuple[int, int]]:
    """Which destinations were told, or will be, that a period was late, of those whose end is to be told."""
    periods = {each.period_id for each in notices if each.kind == Kind.CLEARED.value}
    if not periods:
        return set()
    lines = DeliveryLine.objects.filter(
        destination__isnull=False,
        notice__period__in=periods,
        notice__kind__in=BAD_NEWS,
        left_out="",
        delivery__state__in=Delivery.REACHES,
    )
    return {(place or 0, period or 0) for place, period in lines.values_list("destination", "notice__period")}


def messages_to(places: Sequence[Destination], as_of: datetime) -> dict[int, Delivery]:
    """The message of each destination that takes more lines: one that waits, or a new one APART from the last."""
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
    others = Delivery.objects.filter(destination__in=places, trouble=None, due_at__gt=as_of - APART)
    for place, due in others.exclude(state=Delivery.State.CANCELLED).values_list("destination", "due_at"):
        last[place or 0] = max(due, last.get(place or 0, due))
    due_at = {place.pk: max(as_of, last[place.pk] + APART) if place.pk in last else as_of for place in places}
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


def administrators_of(place: Destination) -> list[Person]:
    """Who administers a destination's group, directly or through a group above; superusers where nobody does."""
    held = Membership.objects.filter(
        role=Membership.Role.ADMINISTRATOR,
        group__path__in=from_root(place.group.path),
        person__is_active=True,
    )
    found = list(Person.objects.filter(pk__in=held.values("person")).order_by("pk"))
    return found or list(Person.objects.filter(is_superuser=True, is_active=True).order_by("pk"))
