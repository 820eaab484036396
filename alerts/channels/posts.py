"""The post that tells one destination of one or many notices: the words of the mail, as its program wants them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

from alerts.channels.errors import Misconfigured
from alerts.channels.post_transport import Post
from alerts.channels.slack.payload import slack_body
from alerts.channels.teams.payload import teams_body
from alerts.channels.webhook.payload import headers_of, id_of, webhook_body
from alerts.mail.cases import Tellable
from alerts.mail.lookups import About, about, changes_of, known_of
from alerts.mail.rows import Link
from alerts.mail.sections import Letter, Section, letter
from alerts.mail.trouble_notes import letter_of
from alerts.models import Delivery, Destination
from alerts.sanitize import one_line
from closing.calendar.days import weekday_and_date
from closing.phrasing import reader_zone
from infra.secrets import SecretUnreadable

Kind = Destination.Kind


def compose(
    delivery: Delivery, items: Sequence[Tellable], as_of: datetime, known: About | None = None
) -> Post:
    """The post of a message; `items` is empty where it tells of our own trouble. Raises Misconfigured."""
    place = destination_of(delivery)
    if delivery.trouble is not None:
        said = letter_of(delivery.trouble, as_of, zone_of(place))
    else:
        ids = {row.entity_id for each in items for row in each.rows}
        if known is None or not known.entities.keys() >= ids:
            known = about(ids, [])
        why = f"Posted here because “{one_line(place.name)}” hears of the entities of {one_line(place.group.name)}."
        said = letter(items, known_of(items, changes_of(items), as_of, known, zone=zone_of(place), why=why))
    return made(place, id_of(delivery), said, items, as_of)


def made(
    place: Destination, message_id: str, said: Letter, items: Sequence[Tellable], as_of: datetime
) -> Post:
    """A letter as the destination's program wants it. Raises Misconfigured."""
    match place.kind:
        case Kind.TEAMS:
            return Post(teams_body(said))
        case Kind.SLACK:
            return Post(slack_body(said))
    body = webhook_body(message_id, place, said, items, as_of)
    try:
        return Post(body, headers_of(place, message_id, as_of, body))
    except SecretUnreadable:
        raise Misconfigured(
            "Its secret cannot be read any more: the key it was stored with is gone."
        ) from None


def trial(place: Destination, by: str, as_of: datetime) -> Letter:
    """What a test post says."""
    there, zone_name = reader_zone(zone_of(place))
    now = as_of.astimezone(there)
    note = (
        f"{one_line(by)} has sent this to see whether posts arrive. Alerts of {one_line(place.group.name)} are posted"
        " here."
    )
    return Letter(
        subject="Closeboard: a test post",
        sections=[Section(heading="", note=note, links=[], rows=[], more=None)],
        as_of=f"As of {weekday_and_date(now.date())}, {now:%H:%M} {zone_name} time.",
        why=f"Posted here because somebody who administers {one_line(place.group.name)} asked for it.",
        home=Link("Closeboard", f"{settings.PUBLIC_BASE_URL}/"),
    )


def zone_of(place: Destination) -> str:
    """The zone that its posts tell times in: that of whoever made it."""
    return place.made_by.zone if place.made_by is not None else "UTC"


def destination_of(delivery: Delivery) -> Destination:
    """Where a message goes to; raises ValueError for one to a person."""
    if delivery.destination is None:
        raise ValueError("it goes to a person, who is no destination")
    return delivery.destination
