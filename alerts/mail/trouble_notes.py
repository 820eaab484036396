"""Writes the message about a channel's trouble: of mail, to destinations; of a destination, by mail."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from alerts.mail.message_lookups import message_context
from alerts.mail.rows import TextLink
from alerts.mail.sections import MessageContent, content_of_sentence
from alerts.models import Trouble
from alerts.models.delivery import NO_ANSWER, NO_SIGN_IN, REPLY_WORDS
from alerts.sanitize import one_line
from closing import phrasing
from closing.phrasing import reader_zone

_LONGEST_WORDS = 300


def trouble_content(trouble: Trouble, as_of: datetime, zone: str) -> MessageContent:
    """The content of a message about a trouble; a destination is not shown the text of the mail server's error."""
    since = phrasing.day_and_clock(trouble.began_at, reader_zone(zone)[0], as_of)
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
