"""Builds destinations for tests, one of each kind, whose addresses lead to a sink on loopback."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from alerts.channels.webhook.channel import new_secret
from alerts.models import Delivery, DeliveryLine, Destination, Notice
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.router import route_notices
from closing.judging.notice_rules import NoticeKind
from entities.models import Group, Person
from tests.faults.http_sink import HttpSink

SECRET = "swordfish9"  # part of every address; it may appear only in the address
PATHS = {
    "teams": f"/workflows/1f/triggers/manual/paths/invoke?api-version=1&sig={SECRET}",
    "slack": f"/services/T0001/B0001/{SECRET}",
    "webhook": f"/in/{SECRET}",
}
EVERY_KIND = tuple(kind.value for kind in NoticeKind)


def save_destination(
    kind: str,
    sink: HttpSink | str,
    group: str = "MERIDIAN",
    *,
    name: str = "",
    kinds: Collection[str] = EVERY_KIND,
    by: Person | None = None,
) -> Destination:
    """Save a destination of a kind, at a sink or at an address."""
    place = Destination(
        name=name or f"{group} {kind}",
        kind=kind,
        group=Group.objects.get(code=group),
        kinds=list(kinds),
        host="127.0.0.1",
        made_by=by,
        made_at=timezone.now() - timedelta(days=1),
    )
    place.url = sink if isinstance(sink, str) else sink.url(PATHS[kind])
    if kind == "webhook":
        place.secret = new_secret()
    place.save()
    return place


def route_to_destinations(notices: Sequence[Notice], at: datetime) -> None:
    """Route notices as an evaluation does, and keep the messages to destinations only."""
    route_notices(notices, EvaluationContext(at))
    to_people = DeliveryLine.objects.filter(notice__in=notices, destination=None)
    messages = list(to_people.values_list("delivery", flat=True))
    to_people.delete()
    Delivery.objects.filter(pk__in=messages, lines=None).delete()
