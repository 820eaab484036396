"""The mail that tells one person of one or many notices: headers, and one set of words as text and as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from alerts.mail.cases import SHORT_NAME, DeliverableNotice, EntityNotice
from alerts.mail.message_lookups import (
    MessageLookups,
    load_lookups,
    message_context,
    reopening_changes,
    why_received,
)
from alerts.mail.rows import TextLink
from alerts.mail.sections import MessageContent, build_content, render_text
from alerts.mail.trouble_notes import trouble_content
from alerts.mail.unsubscribe_links import unsubscribe_headers
from alerts.models import Delivery, Notice, Overrun
from alerts.sanitize import header_line
from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import MANDATORY_KINDS, Cadence
from entities.models import Person
from periods.models import StateChange

_DIGESTS = {Cadence.DAILY: "Daily digest: ", Cadence.WEEKLY: "Weekly digest: "}
_PROMISED = "Alerts and reopenings cannot be switched off: everybody relies on somebody reading them."


def compose_mail(
    delivery: Delivery,
    items: Sequence[DeliverableNotice],
    as_of: datetime,
    known: MessageLookups | None = None,
) -> EmailMultiAlternatives:
    """The mail that tells one person of these; `items` is not empty. The same few queries whatever it tells of.

    `known` may bring what was looked up for many mails at once; what it does not cover is looked up here.
    """
    person = delivery.person
    changes = reopening_changes(items)
    if delivery.trouble is not None:
        said = trouble_content(delivery.trouble, as_of, person.zone)
    else:
        ids = {row.entity_id for each in items for row in each.rows}
        if known is None or not known.covers(ids, person.pk):
            known = load_lookups(ids, [person.pk])
        owned = {pk for pk in ids if known.entities[pk].owner == person.pk}
        deputised = {pk for pk in ids if known.entities[pk].deputy == person.pk} - owned
        paths = {pk: known.entities[pk].path for pk in ids}
        why = why_received(items, owned, deputised, paths, known.roles_by_person[person.pk])
        said = build_content(items, message_context(items, changes, as_of, known, zone=person.zone, why=why))
        said = _to_a_person(said, delivery, items)
    mail = EmailMultiAlternatives(
        subject=header_line(said.subject),
        body=render_text(said),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[recipient_header(person)],
        headers=_headers(delivery, items, changes, as_of),
    )
    mail.attach_alternative(render_html(said), "text/html")
    return mail


def _to_a_person(
    said: MessageContent, delivery: Delivery, items: Sequence[DeliverableNotice]
) -> MessageContent:
    """What only a person is told: that it is a digest, where to choose, and what cannot be switched off."""
    promised = not MANDATORY_KINDS.isdisjoint(NoticeKind(each.notice.kind) for each in items)
    return replace(
        said,
        subject=_DIGESTS.get(Cadence(delivery.rhythm), "") + said.subject,
        preferences_link=TextLink("Choose what you get", f"{settings.PUBLIC_BASE_URL}/alerts/subscriptions/"),
        mandatory_note=_PROMISED if promised else "",
    )


def render_html(said: MessageContent) -> str:
    """The same words as HTML, without the template's indents: a mail of 100 KB is cut off by mailboxes."""
    lines = render_to_string("mail/letter.html", {"letter": said}).splitlines()
    return "\n".join(line.strip() for line in lines if line.strip()) + "\n"


# --- headers ------------------------------------------------------------------------------------------------------


def _headers(
    delivery: Delivery,
    items: Sequence[DeliverableNotice],
    changes: Mapping[int, StateChange],
    as_of: datetime,
) -> dict[str, str]:
    host = urlsplit(settings.PUBLIC_BASE_URL).hostname or "localhost"
    headers = {
        "Message-ID": delivery.message_id,
        "Date": format_datetime(as_of),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "List-Id": f"Closeboard alerts <alerts.{host}>",
    }
    if delivery.trouble is None:
        headers |= unsubscribe_headers(delivery.person, {NoticeKind(each.notice.kind) for each in items})
    if root := _thread(items, changes, host):
        headers |= {"In-Reply-To": root, "References": root}
    return headers


def _thread(items: Sequence[DeliverableNotice], changes: Mapping[int, StateChange], host: str) -> str:
    """The id that all mails of one episode answer to, for a mail that is about one; nobody ever sends that one."""
    # A group's close ends nobody's thread.
    of_entities = [each for each in items if isinstance(each, EntityNotice)]
    episodes = {_episode(each.notice, changes) for each in of_entities or items}
    return f"<{episodes.pop()}@{host}>" if len(episodes) == 1 else ""


def _episode(notice: Notice, changes: Mapping[int, StateChange]) -> str:
    """What a notice belongs to; a reopening belongs to the episode that it begins."""
    if notice.connection_id is not None:
        return f"connection-{notice.connection_id}-{notice.kind}-{notice.episode}"
    if notice.month is not None:
        return f"group-{notice.group_id}-{notice.month:%Y-%m}"
    change, episode = changes.get(notice.change_id or 0), notice.episode or 1
    if change is not None:
        before = Overrun.objects.filter(period=notice.period_id, opened_at__lt=change.seen_at)
        episode = 1 + before.count()
    return f"period-{notice.period_id}-{episode}"


def recipient_header(person: Person) -> str:
    """Name and address for a header; the address alone where that is all that a header can hold."""
    name = header_line(person.name, SHORT_NAME)
    if not name or not person.email.isascii():
        return person.email
    if name.isascii():
        return formataddr((name, person.email))
    # In words of 75 letters as RFC 2047 has them, on one line: Django refuses a header that is folded already.
    return f"{Header(name, 'utf-8').encode(linesep='')} <{person.email}>"


# --- what the words need ------------------------------------------------------------------------------------------
