"""Our own trouble in words: that mails cannot leave, told to destinations; that posts cannot, told by mail."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from alerts.mail.rows import TextLink
from alerts.mail.sections import MessageContent, MessageSection
from alerts.models import Destination, Trouble
from alerts.sanitize import one_line
from closing import phrasing
from closing.calendar.date_phrases import weekday_and_date
from closing.phrasing import reader_zone

_LONGEST_WORDS = 300


def trouble_content(trouble: Trouble, as_of: datetime, zone: str) -> MessageContent:
    """Everything that a message about a trouble says; what a mail server said is told to administrators only."""
    there, zone_name = reader_zone(zone)
    since = phrasing.day_and_clock(trouble.began_at, there, as_of)
    if trouble.destination is None:
        subject, note, helps = _of_mail(since, refused=trouble.refused)
        why = "Posted here because mails, which would tell of this otherwise, are what is in trouble."
    else:
        subject, note, helps = _of_posts(trouble.destination, since, trouble)
        why = f"You get this as administrator of {one_line(trouble.destination.group.name)}."
    now = as_of.astimezone(there)
    return MessageContent(
        subject=subject,
        sections=[MessageSection(heading="", note=note, links=[helps], rows=[], more=None)],
        as_of=f"As of {weekday_and_date(now.date())}, {now:%H:%M} {zone_name} time.",
        why=why,
        home=TextLink("Closeboard", f"{settings.PUBLIC_BASE_URL}/"),
    )


def _of_mail(since: str, *, refused: bool) -> tuple[str, str, TextLink]:
    what = "the mail server refuses us" if refused else "no mail server answers"
    helps = "The settings of the server have to be looked at." if refused else "They leave once it answers."
    return (
        f"Mails cannot leave: {what}",
        f"Since {since} {what}. Alerts wait, and none of them is lost. {helps}",
        TextLink("See what waits", f"{settings.PUBLIC_BASE_URL}/alerts/"),
    )


def _of_posts(place: Destination, since: str, trouble: Trouble) -> tuple[str, str, TextLink]:
    name = one_line(place.name)
    said = one_line(trouble.words, _LONGEST_WORDS)
    what = "does not take our posts" if trouble.refused else "cannot be reached"
    helps = (
        "Give it another address, or remove it." if trouble.refused else "They are posted once it answers."
    )
    note = (
        f"The {place.get_kind_display()} destination “{name}” {what} since {since}. {said} "
        f"What was to be posted there waits, and none of it is lost. {helps}"
    )
    link = TextLink("See the destinations", f"{settings.PUBLIC_BASE_URL}/alerts/destinations/")
    return f"“{name}” {what}", note, link
