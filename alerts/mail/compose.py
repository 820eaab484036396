"""Composes a message about one or many notices, or about a channel's trouble.

A mail to a person has headers and one content, as text and as HTML; a post to a destination has the same text.
"""

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

from alerts.mail.message_lookups import (
    MessageLookups,
    load_lookups,
    message_context,
    reopening_moments,
    why_received,
)
from alerts.mail.rows import TextLink
from alerts.mail.sections import MessageContent, build_content, content_of_sentence, render_text
from alerts.mail.task_section import content_of_tasks, why_reminded, with_tasks
from alerts.mail.unsubscribe_links import unsubscribe_headers
from alerts.models import Delivery, Destination, Notice, Overrun, Trouble
from alerts.models.delivery import NO_ANSWER, NO_SIGN_IN, REPLY_WORDS
from alerts.notices.entries import SHORT_NAME, DeliverableNotice, EntityNotice
from alerts.notices.notice_specs import spec_of
from alerts.sanitize import header_line, one_line
from closing import phrasing
from closing.judging.notification_schedule import Cadence
from entities.models import Person
from worklist.task_store.task_reminders import TaskReminder

_DIGEST_PREFIXES = {Cadence.DAILY: "Daily digest: ", Cadence.WEEKLY: "Weekly digest: "}
_LONGEST_WORDS = 300  # of an error
_TASKS_NOTE = "Tasks that are due are in the daily digest of the people for whom they wait."
_MANDATORY_NOTE = "Alerts and reopenings cannot be switched off."


def compose_mail(
    delivery: Delivery,
    items: Sequence[DeliverableNotice],
    as_of: datetime,
    lookups: MessageLookups | None = None,
    tasks: TaskReminder | None = None,
) -> EmailMultiAlternatives:
    """The mail to one person about these items, and these close tasks. The same few queries whatever their number.

    One of both there is, except in a mail about a trouble.
    `lookups` may hold the data of many mails; where it does not cover this one, the data are loaded here.
    """
    person = delivery.person
    reopened_at = reopening_moments(items)
    if delivery.trouble is not None:
        content = trouble_content(delivery.trouble, as_of, person.zone)
    elif tasks is not None and not items:
        context = message_context(as_of, person.zone, why_reminded(tasks))
        content = replace(content_of_tasks(tasks, context), mandatory_note=_TASKS_NOTE)
        content = _personal_content(content, delivery, items)
    else:
        ids = {row.entity_id for item in items for row in item.rows}
        if lookups is None or not lookups.covers(ids, person.pk):
            lookups = load_lookups(ids, [person.pk])
        why = why_received(items, person.pk, lookups)
        context = message_context(as_of, person.zone, why, lookups.entities, reopened_at)
        content = build_content(items, context)
        if tasks is not None:
            content = with_tasks(content, tasks, context)
        content = _personal_content(content, delivery, items)
    mail = EmailMultiAlternatives(
        subject=header_line(content.subject),
        body=render_text(content),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[recipient_header(person)],
        headers=_headers(delivery, items, reopened_at, as_of),
    )
    mail.attach_alternative(render_html(content), "text/html")
    return mail


def _personal_content(
    content: MessageContent, delivery: Delivery, items: Sequence[DeliverableNotice]
) -> MessageContent:
    """Add the text for people only: the digest's name, the link to preferences, and the note on mandatory kinds."""
    mandatory = any(spec_of(item.notice.kind).cadence.mandatory for item in items)
    return replace(
        content,
        subject=_DIGEST_PREFIXES.get(Cadence(delivery.rhythm), "") + content.subject,
        preferences_link=TextLink(
            "Choose your notifications", f"{settings.PUBLIC_BASE_URL}/alerts/subscriptions/"
        ),
        mandatory_note=_MANDATORY_NOTE if mandatory else content.mandatory_note,
    )


def post_content(
    delivery: Delivery, items: Sequence[DeliverableNotice], as_of: datetime, lookups: MessageLookups | None
) -> MessageContent:
    """The content of a message to a destination; `items` is empty where it reports a channel's trouble."""
    destination = delivery.place
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


def trouble_content(trouble: Trouble, as_of: datetime, zone: str) -> MessageContent:
    """The content of a message about a trouble; a destination is not shown the text of the mail server's error."""
    since = phrasing.day_and_clock(trouble.began_at, phrasing.reader_zone(zone)[0], as_of)
    destination = trouble.destination
    if destination is None:
        problem = mail_problem(trouble.words)
        helps = (
            "Check the settings of the mail server."
            if trouble.refused
            else "They are sent when it accepts them."
        )
        subject = f"Mails cannot be sent: {problem}"
        note = f"Since {since} {problem}. Alerts wait; none is lost. {helps}"
        link = TextLink("See what is waiting", f"{settings.PUBLIC_BASE_URL}/alerts/")
        why = "Posted here because mails cannot be sent."
    else:
        name, error = one_line(destination.name), one_line(trouble.words, _LONGEST_WORDS)
        problem = "refuses our posts" if trouble.refused else "cannot be reached"
        helps = (
            "Give it another address, or remove it."
            if trouble.refused
            else "They are posted when it answers."
        )
        subject = f"“{name}” {problem}"
        note = (
            f"The {destination.get_kind_display()} destination “{name}” {problem} since {since}. {error} "
            f"Its posts wait; none is lost. {helps}"
        )
        link = TextLink("See the destinations", f"{settings.PUBLIC_BASE_URL}/alerts/destinations/")
        why = f"You get this as administrator of {one_line(destination.group.name)}."
    return content_of_sentence(subject, note, message_context(as_of, zone, why), [link])


def mail_problem(error: str) -> str:
    """What keeps all mails from leaving, by the stored text of the error: "the mail server refuses our mails"."""
    if error.startswith(NO_SIGN_IN):
        return "no token for the mail server can be fetched"
    if error.startswith(f"{REPLY_WORDS} 4"):
        return "the mail server delays all mails"
    if error.startswith(NO_ANSWER):
        return "the mail server does not answer"
    return "the mail server refuses our mails"


def render_html(content: MessageContent) -> str:
    """The content as HTML, without the template's indents: mailboxes cut off mails above 100 KB."""
    lines = render_to_string("mail/letter.html", {"letter": content}).splitlines()
    return "\n".join(line.strip() for line in lines if line.strip()) + "\n"


# --- headers ------------------------------------------------------------------------------------------------------


def _headers(
    delivery: Delivery,
    items: Sequence[DeliverableNotice],
    reopened_at: Mapping[int, datetime],
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
        headers |= unsubscribe_headers(delivery.person, {item.notice.kind for item in items})
    if root := _thread(items, reopened_at, host):
        headers |= {"In-Reply-To": root, "References": root}
    return headers


def _thread(items: Sequence[DeliverableNotice], reopened_at: Mapping[int, datetime], domain: str) -> str:
    """The id that all mails of one episode reply to, for a mail about one episode; no message has this id."""
    # A group's close belongs to no entity's thread.
    entity_notices = [item for item in items if isinstance(item, EntityNotice)]
    episodes = {_episode(item.notice, reopened_at) for item in entity_notices or items}
    return f"<{episodes.pop()}@{domain}>" if len(episodes) == 1 else ""


def _episode(notice: Notice, reopened_at: Mapping[int, datetime]) -> str:
    """The name of the episode of a notice; a reopening belongs to the episode that it begins."""
    if notice.connection_id is not None:
        return f"connection-{notice.connection_id}-{notice.kind}-{notice.episode}"
    if notice.month is not None:
        return f"group-{notice.group_id}-{notice.month:%Y-%m}"
    if thread := spec_of(notice.kind).thread:
        return f"period-{notice.period_id}-{thread}"
    episode = notice.episode or 1
    if notice.pk in reopened_at:
        before = Overrun.objects.filter(period=notice.period_id, opened_at__lt=reopened_at[notice.pk])
        episode = 1 + before.count()
    return f"period-{notice.period_id}-{episode}"


def recipient_header(person: Person) -> str:
    """Name and address for a header; the address alone where the header cannot hold the name."""
    name = header_line(person.name, SHORT_NAME)
    if not name or not person.email.isascii():
        return person.email
    if name.isascii():
        return formataddr((name, person.email))
    # In words of 75 letters as RFC 2047 has them, on one line: Django refuses a header that is folded already.
    return f"{Header(name, 'utf-8').encode(linesep='')} <{person.email}>"
