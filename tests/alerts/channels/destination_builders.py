"""Builds destinations for tests, one of each kind, whose addresses lead to a sink on loopback."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.utils import timezone

from alerts.channels.webhook.payload import new_secret
from alerts.models import Destination
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
