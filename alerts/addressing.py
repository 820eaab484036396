"""Addressing: puts each notice into a message to everybody who must hear of it.

Runs in the transaction that writes the notices. What is sent when is no matter of this (alerts.outbox).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings
from django.db.models import Max

from alerts.models import Delivery, DeliveryLine, Notice
from alerts.places import places_of
from alerts.recipients import administrators, by_person, members_of, people_around, recipients
from closing.notices import GOOD_NEWS, Kind
from entities.models import Membership
from periods.models import FiscalPeriod

APART = timedelta(minutes=5)  # between two messages to one person (05-reliability A8)


def address(notices: Sequence[Notice], as_of: datetime, *, fall_back: bool = False) -> int:
    """Put each notice into a message to each of its recipients; returns how many messages that touched.

    A message that nobody has begun to send takes more lines; else a new one is due APART after the last. `fall_back`
    is for notices whose recipients cannot be reached: they go to administrators who have not heard of them.
    """
    if not notices:
        return 0
    about = entities_of(notices)
    around = people_around({pk for ids in about.values() for pk in ids})
    heard = _heard_before(notices)
    already: dict[int, set[int]] = defaultdict(set)
    if fall_back:
        for notice, person in DeliveryLine.objects.filter(notice__in=notices).values_list(
            "notice", "recipient"
        ):
            already[notice].add(person)
    everywhere: set[int] | None = None
    people: dict[int, set[int]] = {}
    for each in notices:
        here = [around[pk] for pk in about[each.pk]]
        if fall_back:
            found = {person for one in here for person in one.holding[Membership.Role.ADMINISTRATOR]}
        elif each.group_id is not None:
            found = members_of(each.group_id)
        else:
            found = {
                person
                for one in here
                for person in recipients(Kind(each.kind), each.step, one, heard[each.period_id])
            }
        if fall_back or (not found and each.kind not in GOOD_NEWS):
            everywhere = administrators() if everywhere is None else everywhere
            found |= everywhere
        people[each.pk] = found - already[each.pk]
    lines = by_person(people)
    deliveries = _messages(lines.keys(), as_of)
    DeliveryLine.objects.bulk_create(
        DeliveryLine(delivery=deliveries[person], notice_id=notice, recipient_id=person)
        for person, own in lines.items()
        for notice in own
    )
    return len(deliveries)


def entities_of(notices: Collection[Notice]) -> dict[int, list[int]]:
    """The entities that each notice is about, by the notice's id."""
    periods = FiscalPeriod.objects.filter(pk__in={each.period_id for each in notices if each.period_id})
    entity_of = dict(periods.values_list("pk", "entity"))
    many = places_of(each for each in notices if each.period_id is None)
    return {
        each.pk: [entity_of[each.period_id]] if each.period_id else sorted({pk for pk, _ in many[each.pk]})
        for each in notices
    }


def _heard_before(notices: Sequence[Notice]) -> dict[int | None, set[int]]:
    """For each period whose end is to be told, who was told that it was late."""
    found: dict[int | None, set[int]] = defaultdict(set)
    periods = {each.period_id for each in notices if each.kind == Kind.CLEARED.value}
    if periods:
        lines = DeliveryLine.objects.filter(
            notice__period__in=periods, left_out="", delivery__state__in=Delivery.REACHES
        )
        for period, person in lines.exclude(recipient=None).values_list("notice__period", "recipient"):
            found[period].add(person)
    return found


def _messages(people: Collection[int], as_of: datetime) -> dict[int, Delivery]:
    """A message to each person that takes more lines: one that still waits, or a new one."""
    waiting = (
        Delivery.objects.select_for_update(skip_locked=True)
        .filter(recipient__in=people, state=Delivery.State.WAITING, attempts=0)
        .order_by("due_at", "pk")
    )
    found = {each.person.pk: each for each in reversed(waiting.select_related("recipient"))}
    last = dict(
        Delivery.objects.filter(recipient__in=set(people) - found.keys(), due_at__gt=as_of - APART)
        .exclude(state=Delivery.State.CANCELLED)
        .values_list("recipient")
        .annotate(Max("due_at"))
        .values_list("recipient", "due_at__max")
    )
    host = urlsplit(settings.PUBLIC_BASE_URL).hostname
    made, new = [], [person for person in people if person not in found]
    for person in new:
        uid = uuid4()
        due_at = max(as_of, last[person] + APART) if person in last else as_of
        made.append(
            Delivery(uid=uid, recipient_id=person, made_at=as_of, due_at=due_at, message_id=f"<{uid}@{host}>")
        )
    return found | dict(zip(new, Delivery.objects.bulk_create(made), strict=True))
