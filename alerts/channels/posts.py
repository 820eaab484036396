"""The post that tells one destination of one or many notices: the words of the mail, as its program wants them."""

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
    known: MessageLookups | None = None,
) -> Post:
    """The post of a message; `items` is empty where it tells of our own trouble. Raises ChannelMisconfigured."""
    place = destination_of(delivery)
    if delivery.trouble is not None:
        said = trouble_content(delivery.trouble, as_of, destination_zone(place))
    else:
        ids = {row.entity_id for each in items for row in each.rows}
        if known is None or not known.entities.keys() >= ids:
            known = load_lookups(ids, [])
        why = f"Posted here because “{one_line(place.name)}” hears of the entities of {one_line(place.group.name)}."
        said = build_content(
            items,
            message_context(
                items, reopening_changes(items), as_of, known, zone=destination_zone(place), why=why
            ),
        )
    return render_post(place, webhook_id(delivery), said, items, as_of)


def render_post(
    place: Destination,
    message_id: str,
    said: MessageContent,
    items: Sequence[DeliverableNotice],
    as_of: datetime,
) -> Post:
    """A letter as the destination's program wants it. Raises ChannelMisconfigured."""
    match place.kind:
        case DestinationKind.TEAMS:
            return Post(teams_body(said))
        case DestinationKind.SLACK:
            return Post(slack_body(said))
    body = webhook_body(message_id, place, said, items, as_of)
    try:
        return Post(body, request_headers(place, message_id, as_of, body))
    except SecretUnreadable:
        raise ChannelMisconfigured(
            "Its secret cannot be read any more: the key it was stored with is gone."
        ) from None


def build_test_post(place: Destination, by: str, as_of: datetime) -> MessageContent:
    """What a test post says."""
    there, zone_name = reader_zone(destination_zone(place))
    now = as_of.astimezone(there)
    note = (
        f"{one_line(by)} has sent this to see whether posts arrive. Alerts of {one_line(place.group.name)} are posted"
        " here."
    )
    return MessageContent(
        subject="Closeboard: a test post",
        sections=[MessageSection(heading="", note=note, links=[], rows=[], more=None)],
        as_of=f"As of {weekday_and_date(now.date())}, {now:%H:%M} {zone_name} time.",
        why=f"Posted here because somebody who administers {one_line(place.group.name)} asked for it.",
        home=TextLink("Closeboard", f"{settings.PUBLIC_BASE_URL}/"),
    )


def destination_zone(place: Destination) -> str:
    """The zone that its posts tell times in: that of whoever made it."""
    return place.made_by.zone if place.made_by is not None else "UTC"


def destination_of(delivery: Delivery) -> Destination:
    """Where a message goes to; raises ValueError for one to a person."""
    if delivery.destination is None:
        raise ValueError("it goes to a person, who is no destination")
    return delivery.destination
