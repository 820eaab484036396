"""Composes the post to one destination about one or many notices: the text of the mail, in its program's format."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

from alerts.channels.delivery_errors import ChannelMisconfigured
from alerts.channels.post_transport import Post
from alerts.channels.slack.payload import slack_body
from alerts.channels.teams.payload import teams_body
from alerts.channels.webhook.payload import request_headers, webhook_body, webhook_id
from alerts.mail.cases import DeliverableNotice
from alerts.mail.message_lookups import MessageLookups, load_lookups, message_context, reopening_changes
from alerts.mail.rows import TextLink
from alerts.mail.sections import MessageContent, MessageSection, build_content
from alerts.mail.trouble_notes import trouble_content
from alerts.models import Delivery, Destination
from alerts.sanitize import one_line
from closing.calendar.date_phrases import weekday_and_date
from closing.phrasing import reader_zone
from infra.secrets import SecretUnreadable

DestinationKind = Destination.Kind


def compose_post(
    delivery: Delivery,
    items: Sequence[DeliverableNotice],
    as_of: datetime,
    lookups: MessageLookups | None = None,
) -> Post:
    """The post of a message; `items` is empty where it reports a channel's trouble. Raises ChannelMisconfigured."""
    destination = destination_of(delivery)
    if delivery.trouble is not None:
        content = trouble_content(delivery.trouble, as_of, destination_zone(destination))
    else:
        ids = {row.entity_id for item in items for row in item.rows}
        if lookups is None or not lookups.entities.keys() >= ids:
            lookups = load_lookups(ids, [])
        name, group = one_line(destination.name), one_line(destination.group.name)
        why = f"Posted here because “{name}” receives the notifications of {group}."
        content = build_content(
            items,
            message_context(
                items, reopening_changes(items), as_of, lookups, zone=destination_zone(destination), why=why
            ),
        )
    return render_post(destination, webhook_id(delivery), content, items, as_of)


def render_post(
    destination: Destination,
    message_id: str,
    content: MessageContent,
    items: Sequence[DeliverableNotice],
    as_of: datetime,
) -> Post:
    """The content in the format of the destination's program. Raises ChannelMisconfigured."""
    match destination.kind:
        case DestinationKind.TEAMS:
            return Post(teams_body(content))
        case DestinationKind.SLACK:
            return Post(slack_body(content))
    body = webhook_body(message_id, destination, content, items, as_of)
    try:
        return Post(body, request_headers(destination, message_id, as_of, body))
    except SecretUnreadable:
        raise ChannelMisconfigured(
            "Its secret cannot be read any more: the key it was stored with is gone."
        ) from None


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
