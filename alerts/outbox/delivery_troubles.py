"""Telling of our own trouble: that mails cannot leave by every destination, that posts cannot by mail, once each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from alerts.models import Delivery, Destination, Trouble
from alerts.routing.batching import new_delivery
from alerts.routing.recipients import destination_administrators

# Of a server that does not answer, which most do again; a refusal is told at once.
NOTIFY_AFTER = timedelta(minutes=30)


def notify_troubles(as_of: datetime) -> int:
    """Make a message of each trouble that is due to be told; returns how many messages that are."""
    due = Q(refused=True) | Q(began_at__lte=as_of - NOTIFY_AFTER)
    with transaction.atomic():
        troubles = Trouble.objects.select_for_update(of=("self",), skip_locked=True).select_related(
            "destination__group"
        )
        made: list[Delivery] = []
        for each in troubles.filter(due, ended_at=None, told_at=None).order_by("pk"):
            made += _messages(each, as_of)
            each.told_at = as_of
            each.save(update_fields=["told_at"])
        return len(Delivery.objects.bulk_create(made))


def _messages(trouble: Trouble, as_of: datetime) -> Sequence[Delivery]:
    if trouble.destination is None:
        places = Destination.objects.filter(enabled=True).order_by("pk")
        return [new_delivery(as_of, as_of, place=each, trouble=trouble) for each in places]
    if not trouble.destination.enabled:
        return []
    people = destination_administrators(trouble.destination)
    return [new_delivery(as_of, as_of, person=each, trouble=trouble) for each in people]
