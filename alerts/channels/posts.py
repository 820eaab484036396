"""Composes the content of posts: the text of the mails, for the reader of a destination."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from alerts.mail.message_lookups import MessageLookups, load_lookups, message_context, reopening_moments
from alerts.mail.sections import MessageContent, build_content, content_of_sentence
from alerts.mail.trouble_notes import trouble_content
from alerts.models import Delivery, Destination
from alerts.notices.entries import DeliverableNotice
from alerts.sanitize import one_line


def post_content(
    delivery: Delivery, items: Sequence[DeliverableNotice], as_of: datetime, lookups: MessageLookups | None
) -> MessageContent:
    """The content of a message to a destination; `items` is empty where it reports a channel's trouble."""
    destination = destination_of(delivery)
    zone = destination_zone(destination)
    if delivery.trouble is not None:
        return trouble_content(delivery.trouble, as_of, zone)
    ids = {row.entity_id for item in items for row in item.rows}
    if lookups is None or not lookups.entities.keys() >= ids:
        lookups = load_lookups(ids, [])
    name, group = one_line(destination.name), one_line(destination.group.name)
    why = f"Posted here because “{name}” receives the notifications of {group}."
    context = message_context(as_of, zone, why, lookups.entities, reopening_moments(items))
    return build_content(items, context)


def build_test_post(destination: Destination, by: str, as_of: datetime) -> MessageContent:
    """The content of a test post."""
    group = one_line(destination.group.name)
    note = f"{one_line(by)} sent this test post. Alerts of {group} are posted here."
    why = f"Posted here because an administrator of {group} asked for it."
    context = message_context(as_of, destination_zone(destination), why)
    return content_of_sentence("Closeboard: a test post", note, context)


def destination_zone(destination: Destination) -> str:
    """The time zone of a destination's posts: that of the person who added it."""
    return destination.made_by.zone if destination.made_by is not None else "UTC"


def destination_of(delivery: Delivery) -> Destination:
    """The destination of a message; raises ValueError for a message to a person."""
    if delivery.destination is None:
        raise ValueError("it goes to a person, who is no destination")
    return delivery.destination
