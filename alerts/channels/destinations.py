"""Adds, changes, switches off and removes destinations, and rotates the keys that sign webhooks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from alerts.channels import state as channel_state
from alerts.channels.delivery_errors import InvalidAddress
from alerts.channels.kinds import destination_kind, destination_kinds
from alerts.models import Delivery, DeliveryLine, Destination, LineReason
from alerts.notices.notice_specs import SPECS
from entities.audit_trail import Verb, record_act
from entities.models import Group, Person
from infra.audit.recording import AuditedObject
from infra.hosts import UrlParts

LONGEST_NAME = 80
_LONGEST_LABEL = 16  # letters shown of a host's first part, which may hold the id of a whole environment


@dataclass(frozen=True, slots=True)
class DestinationSpec:
    """The settings to give a destination; an empty `url` leaves the address as it is."""

    name: str
    kind: str
    group: Group
    kinds: Collection[str]
    url: str


def add_destination(spec: DestinationSpec, by: Person, as_of: datetime) -> tuple[Destination, str]:
    """Add a destination; returns it with the key that signs its webhooks ("" for others), shown only this once.

    Raises ValidationError for its address, and for a name that another destination of the group has.
    """
    target = destination_address(spec.kind, spec.url)
    secret = destination_kinds()[spec.kind].make_secret()
    destination = Destination(
        name=spec.name,
        kind=spec.kind,
        group=spec.group,
        kinds=_kinds(spec),
        host=_shown_host(target),
        made_by=by,
        made_at=as_of,
    )
    destination.url = spec.url
    if secret:
        destination.secret = secret
    with transaction.atomic():
        _save(destination)
        record_act(
            Verb.DESTINATION_ADDED, _object(destination), by=by, at=as_of, after=_recorded(destination)
        )
    return destination, secret


def update_destination(destination: Destination, spec: DestinationSpec) -> None:
    """Change the name, group, address or kinds of a destination. Raises ValidationError as `add_destination`."""
    target = destination_address(destination.kind, spec.url) if spec.url else None
    before = _recorded(destination)
    destination.name, destination.group, destination.kinds = spec.name, spec.group, _kinds(spec)
    if target is not None:
        destination.url, destination.host = spec.url, _shown_host(target)
    after = {**_recorded(destination), **({"address": "changed"} if target is not None else {})}
    with transaction.atomic():
        _save(destination)
        record_act(Verb.DESTINATION_CHANGED, _object(destination), before=before, after=after)
        if target is not None:
            channel_state.reset_channel(destination.channel)


def set_destination_enabled(destination: Destination, *, on: bool) -> None:
    """Switch a destination on or off; switching it off cancels the messages that wait for it."""
    with transaction.atomic():
        destination.enabled = on
        destination.save(update_fields=["enabled"])
        verb = Verb.DESTINATION_SWITCHED_ON if on else Verb.DESTINATION_SWITCHED_OFF
        record_act(verb, _object(destination))
        channel_state.reset_channel(destination.channel)
        if not on:
            _leave_out(destination, LineReason.DESTINATION_DISABLED)


def remove_destination(destination: Destination, as_of: datetime) -> None:
    """Remove a destination for good, with its address and secret; its messages stay in the history."""
    with transaction.atomic():
        destination.enabled, destination.removed_at = False, as_of
        destination.sealed_url = destination.sealed_secret = b""
        destination.save(update_fields=["enabled", "removed_at", "sealed_url", "sealed_secret"])
        record_act(Verb.DESTINATION_REMOVED, _object(destination), at=as_of, before=_recorded(destination))
        channel_state.reset_channel(destination.channel)
        _leave_out(destination, LineReason.DESTINATION_REMOVED)


def _leave_out(destination: Destination, reason: str) -> None:
    """Cancel the waiting messages; the sender cancels a message that it holds at this moment."""
    rows = Delivery.objects.select_for_update().filter(destination=destination, state=Delivery.State.WAITING)
    ids = [row.pk for row in rows.order_by("pk")]
    DeliveryLine.objects.filter(delivery__in=ids, left_out="").update(left_out=reason)
    Delivery.objects.filter(pk__in=ids).update(
        state=Delivery.State.CANCELLED, ended_at=Now(), words=reason, lease_until=None
    )


def rotate_secret(destination: Destination) -> str:
    """Give a webhook a new key and return it, shown only this once; the key before signs too until the next one."""
    secret = destination_kind(destination).make_secret()
    before = destination.secret.split()[:1]
    destination.secret = " ".join([secret, *before])
    with transaction.atomic():
        destination.save(update_fields=["sealed_secret"])
        record_act(Verb.DESTINATION_KEY_RENEWED, _object(destination), after={"key": "changed"})
    return secret


def _object(destination: Destination) -> AuditedObject:
    return AuditedObject("destination", str(destination.pk), destination.name, destination.group.path)


def _recorded(destination: Destination) -> dict[str, object]:
    """The settings without the address and the key, which are secret."""
    return {
        "name": destination.name,
        "kind": destination.kind,
        "group": destination.group.code,
        "host": destination.host,
        "kinds": list(destination.kinds),
    }


def destination_address(kind: str, url: str) -> UrlParts:
    """The parts of an address that a kind of channel allows. Raises ValidationError for "url" with what to do."""
    try:
        return destination_kinds()[kind].check_address(url)
    except InvalidAddress as error:
        raise ValidationError({"url": str(error)}) from None


def _save(destination: Destination) -> None:
    try:
        with transaction.atomic():
            destination.save()
    except IntegrityError as error:  # another destination took the name meanwhile
        if "destination_name_once_in_a_group" not in str(error):
            raise
        message = "The group has another destination of this name."
        raise ValidationError({"name": message}) from None


def _kinds(spec: DestinationSpec) -> list[str]:
    return [kind for kind in SPECS if kind in spec.kinds]


def _shown_host(target: UrlParts) -> str:
    """The part of an address that is not secret."""
    first, dot, rest = target.netloc.partition(".")
    return f"{first[:_LONGEST_LABEL]}…{dot}{rest}" if len(first) > _LONGEST_LABEL else target.netloc
