"""Arranging destinations: adding, changing, switching off, removing them, and the keys that webhooks sign with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from alerts.channels import state as channel_state
from alerts.channels.destination_addresses import InvalidAddress, check_address
from alerts.channels.webhook.payload import new_secret
from alerts.models import Delivery, DeliveryLine, Destination
from alerts.models.delivery import DESTINATION_DISABLED, DESTINATION_REMOVED
from alerts.sanitize import one_line
from closing.judging.notice_rules import NoticeKind
from entities.models import Group, Person
from infra.hosts import UrlParts

LONGEST_NAME = 80
_LONGEST_LABEL = (
    16  # letters of the first part of a host that are shown: some hold the id of a whole environment
)


@dataclass(frozen=True, slots=True)
class DestinationSpec:
    """What a destination is to be; an empty `url` leaves the address as it is."""

    name: str
    kind: str
    group: Group | None
    kinds: Sequence[str]
    url: str


class InvalidDestination(ValueError):
    """A destination that cannot be as wanted: what is wrong with each field, in words."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = dict(problems)


def add_destination(wanted: DestinationSpec, by: Person, as_of: datetime) -> tuple[Destination, str]:
    """Make a destination; returns it with the key that its webhooks are signed with, which nobody can read again.

    Raises InvalidDestination.
    """
    problems, target = _problems(wanted, None)
    if not wanted.url and "url" not in problems:
        problems["url"] = "Paste the address that posts go to."
    if problems or wanted.group is None or target is None:
        raise InvalidDestination(problems)
    secret = new_secret() if wanted.kind == Destination.Kind.WEBHOOK else ""
    place = Destination(
        name=_name(wanted),
        kind=wanted.kind,
        group=wanted.group,
        kinds=_kinds(wanted),
        host=_shown(target),
        made_by=by,
        made_at=as_of,
    )
    place.url = wanted.url
    if secret:
        place.secret = secret
    _save(place)
    return place, secret


def update_destination(place: Destination, wanted: DestinationSpec) -> None:
    """Give a destination another name, group, address or other kinds. Raises InvalidDestination."""
    problems, target = _problems(wanted, place)
    if problems or wanted.group is None:
        raise InvalidDestination(problems)
    place.name, place.group, place.kinds = _name(wanted), wanted.group, _kinds(wanted)
    if target is not None:
        place.url, place.host = wanted.url, _shown(target)
    _save(place)
    if target is not None:
        channel_state.reset_channel(place.channel)


def set_destination_enabled(place: Destination, *, on: bool) -> None:
    """Let posts go to a destination again, or none any more; what waits for it then is not needed any more."""
    with transaction.atomic():
        place.enabled = on
        place.save(update_fields=["enabled"])
        channel_state.reset_channel(place.channel)
        if not on:
            _leave_out(place, DESTINATION_DISABLED)


def remove_destination(place: Destination, as_of: datetime) -> None:
    """Take a destination away for good, with address and secret; what it was told stays in the history."""
    with transaction.atomic():
        place.enabled, place.removed_at, place.sealed_url, place.sealed_secret = False, as_of, b"", b""
        place.save(update_fields=["enabled", "removed_at", "sealed_url", "sealed_secret"])
        channel_state.reset_channel(place.channel)
        _leave_out(place, DESTINATION_REMOVED)


def _leave_out(place: Destination, why: str) -> None:
    """Let go of what waits; what is being sent at this moment is let go of by its sender."""
    waiting = Delivery.objects.select_for_update().filter(destination=place, state=Delivery.State.WAITING)
    ids = [each.pk for each in waiting.order_by("pk")]
    DeliveryLine.objects.filter(delivery__in=ids, left_out="").update(left_out=why)
    Delivery.objects.filter(pk__in=ids).update(
        state=Delivery.State.CANCELLED, ended_at=Now(), words=why, lease_until=None
    )


def rotate_secret(place: Destination) -> str:
    """A new key, which nobody can read again; the one before signs as well until the next change."""
    made = new_secret()
    before = place.secret.split()[:1]
    place.secret = " ".join([made, *before])
    place.save(update_fields=["sealed_secret"])
    return made


def _problems(wanted: DestinationSpec, place: Destination | None) -> tuple[dict[str, str], UrlParts | None]:
    problems: dict[str, str] = {}
    name = _name(wanted)
    if not name:
        problems["name"] = "Give it a name, as the channel has, so that others know where posts go."
    elif len(wanted.name) > LONGEST_NAME:
        problems["name"] = f"A name has {LONGEST_NAME} letters at most."
    if wanted.kind not in Destination.Kind.values:
        problems["kind"] = "Choose where the posts go."
    if wanted.group is None:
        problems["group"] = "Choose a group that you administer."
    if not _kinds(wanted):
        problems["kinds"] = "Choose at least one thing that is posted there."
    target = None
    if wanted.url and "kind" not in problems:
        try:
            target = check_address(wanted.kind, wanted.url)
        except InvalidAddress as wrong:
            problems["url"] = str(wrong)
    if name and wanted.group is not None:
        twins = Destination.objects.filter(group=wanted.group, name=name, removed_at=None)
        if twins.exclude(pk=place.pk if place is not None else 0).exists():
            problems["name"] = _TAKEN
    return problems, target


_TAKEN = "The group has another destination of this name."


def _save(place: Destination) -> None:
    try:
        with transaction.atomic():
            place.save()
    except IntegrityError as wrong:  # somebody else has taken the name in this moment
        if "destination_name_once_in_a_group" not in str(wrong):
            raise
        raise InvalidDestination({"name": _TAKEN}) from None


def _name(wanted: DestinationSpec) -> str:
    return one_line(wanted.name, LONGEST_NAME)


def _kinds(wanted: DestinationSpec) -> list[str]:
    return [kind.value for kind in NoticeKind if kind.value in wanted.kinds]


def _shown(target: UrlParts) -> str:
    """The part of an address that may be shown."""
    first, dot, rest = target.netloc.partition(".")
    return f"{first[:_LONGEST_LABEL]}…{dot}{rest}" if len(first) > _LONGEST_LABEL else target.netloc
