"""Composes the content of posts: the text of the mails, for the reader of a destination."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

from alerts.mail.message_lookups import MessageLookups, load_lookups, message_context, reopening_moments
from alerts.mail.rows import TextLink
from alerts.mail.sections import MessageContent, MessageSection, build_content
from alerts.mail.trouble_notes import trouble_content
from alerts.models import Delivery, Destination
from alerts.notices.entries import DeliverableNotice
from alerts.sanitize import one_line
from closing.calendar.date_phrases import weekday_and_date
from closing.phrasing import reader_zone


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
    return build_content(items, message_context(lookups, reopening_moments(items), as_of, zone=zone, why=why))


def build_test_post(destination: Destination, by: str, as_of: datetime) -> MessageContent:
    """The content of a test post."""
    zone, zone_name = reader_zone(destination_zone(destination))
    now = as_of.astimezone(zone)
    group = one_line(destination.group.name)
    note = f"{one_line(by)} sent this test post. Alerts of {group} are posted here."
    return MessageContent(
        subject="Closeboard: a test post",
        sections=[MessageSection(heading="", note=note, links=[], rows=[], more=None)],
        as_of=f"As of {weekday_and_date(now.date())}, {now:%H:%M} {zone_name} time.",
        why=f"Posted here because an administrator of {group} asked for it.",
        home=TextLink("Closeboard", f"{settings.PUBLIC_BASE_URL}/"),
    )


def destination_zone(destination: Destination) -> str:
    """The time zone of a destination's posts: that of the person who added it."""
    return destination.made_by.zone if destination.made_by is not None else "UTC"


def destination_of(delivery: Delivery) -> Destination:
    """The destination of a message; raises ValueError for a message to a person."""
    if delivery.destination is None:
        raise ValueError("it goes to a person, who is no destination")
    return delivery.destination
