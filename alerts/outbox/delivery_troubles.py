"""Reports each trouble of a channel once: of mail to every destination, of a destination by mail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from alerts.models import Delivery, Destination, Trouble
from alerts.routing.batching import new_delivery
from alerts.routing.recipients import destination_administrators

# For a server that does not answer, since most recover; a refusal is reported at once.
NOTIFY_AFTER = timedelta(minutes=30)


def notify_troubles(as_of: datetime) -> int:
    """Create the messages about each trouble that is due to be reported; returns the number of messages."""
    due = Q(refused=True) | Q(began_at__lte=as_of - NOTIFY_AFTER)
    with transaction.atomic():
        troubles = Trouble.objects.select_for_update(of=("self",), skip_locked=True).select_related(
            "destination__group"
        )
        messages: list[Delivery] = []
        for trouble in troubles.filter(due, ended_at=None, told_at=None).order_by("pk"):
            messages += _messages(trouble, as_of)
            trouble.told_at = as_of
            trouble.save(update_fields=["told_at"])
        return len(Delivery.objects.bulk_create(messages))


def _messages(trouble: Trouble, as_of: datetime) -> Sequence[Delivery]:
    if trouble.destination is None:
        destinations = Destination.objects.filter(enabled=True).order_by("pk").values_list("pk", flat=True)
        return [new_delivery(as_of, as_of, destination=pk, trouble=trouble) for pk in destinations]
    if not trouble.destination.enabled:
        return []
    people = destination_administrators(trouble.destination)
    return [new_delivery(as_of, as_of, recipient=person, trouble=trouble) for person in people]
