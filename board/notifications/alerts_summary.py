"""The sentence above the alerts that says what there is to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from alerts.channels.state import PAUSE
from alerts.models import Channel
from board.notifications.notice_phrasing import DeliveryState
from board.notifications.open_alerts import OpenAlerts
from board.web import labels
from board.web.board_request import BoardRequest
from board.web.readers import may_send_test
from closing.calendar.date_phrases import month_and_year

_RELEASE = "Once you are sure that nothing goes out twice, release it: manage.py mails release"


_RETRY = "What could not be sent is tried again by: manage.py mails retry"


@dataclass(frozen=True, slots=True)
class AlertsSummary:
    """What the head of the page says: a sentence, what belongs to it, and a tone."""

    text: str
    details: Sequence[str]
    tone: str


def alerts_summary(asked: BoardRequest, found: OpenAlerts) -> AlertsSummary:
    """What there is to do: a mail server that takes nothing first, then who has not been told, then the good news."""
    past_line, details = _past_the_line(found)
    if asked.past:
        return AlertsSummary(past_line, details, "alert" if found.alerting else "open")
    stopped = _stopped(asked)
    if stopped is not None:
        waits = _waiting(found)
        return AlertsSummary(
            stopped[0], [stopped[1], waits, f"{past_line}.", *details], "alert" if waits else "unsure"
        )
    qualified, tone = _qualified(found)
    if found.messages.get(DeliveryState.PARKED) and may_send_test(asked.person):
        details = [*details, _RETRY]
    return AlertsSummary(f"{past_line}{qualified}", details, tone)


def _past_the_line(found: OpenAlerts) -> tuple[str, list[str]]:
    count = len({each.row.code for each in found.alerting})
    if count:
        one = found.alerting[0]
        by = labels.days_in_words(one.row.standing.days_late, one.row.standing.unit)
        text = f"{count} {'entity is' if count == 1 else 'entities are'} past the alert line"
        return text, [f"{one.row.name} is furthest behind: {by} late for {month_and_year(one.month)}."]
    unsure = found.queue.unconfirmed
    more = len(found.open)
    details = [
        f"{unsure} cannot be confirmed, so there may be more." if unsure else "",
        f"{more} that {'was' if more == 1 else 'were'} told of {'is' if more == 1 else 'are'} still open."
        if more
        else "",
    ]
    return f"Nobody is{' known to be' if unsure else ''} past the alert line", details


def _waiting(found: OpenAlerts) -> str:
    count = found.messages.get(DeliveryState.WAITING, 0) + found.messages.get(DeliveryState.SENDING, 0)
    return f"{count} {'message waits' if count == 1 else 'messages wait'}." if count else ""


def _qualified(found: OpenAlerts) -> tuple[str, str]:
    """What follows "2 entities are past the alert line", and the tone."""
    lonely = sum(each.lacks_recipient for each in found.open)
    parked = found.messages.get(DeliveryState.PARKED, 0)
    waits = _waiting(found)
    untold = sum(not each.notices for each in found.alerting)
    if lonely:
        return f"; for {lonely} there is nobody to notify", "alert"
    if parked:
        return f"; {parked} {'message' if parked == 1 else 'messages'} cannot be sent", "alert"
    if waits:
        return f"; {waits.rstrip('.')}", "unsure"
    if untold and untold == len(found.alerting):
        return f", nobody has been told of {'it' if untold == 1 else 'them'}", "unsure"
    if untold:
        return f"; {untold} {'has' if untold == 1 else 'have'} not been told of", "unsure"
    if found.alerting and all(each.all_sent for each in found.alerting):
        return ", everybody has been told", "alert"
    return "", "unsure" if found.queue.unconfirmed else "alert" if found.alerting else "open"


def _stopped(asked: BoardRequest) -> tuple[str, str] | None:
    """Why no message leaves at all and what helps; None while they do."""
    administers = may_send_test(asked.person)
    if not settings.MAILS_LEAVE:
        helps = (
            "Set MAIL_URL in the environment and start again."
            if administers
            else "Ask an administrator to name one."
        )
        return "No mail server is named: messages wait", helps
    channel = Channel.objects.filter(name="email").first()
    if channel is None or not (channel.held or channel.words):
        return None
    said = f"{channel.words.rstrip('.')}." if administers and channel.words else ""
    if channel.held:
        return "Sending is on hold", f"{said} {_RELEASE}" if administers else "An administrator releases it."
    again = ""
    if channel.paused_until is not None:
        zone, now = asked.reader.zone, asked.now
        tried = labels.clock(channel.paused_until - PAUSE, zone, now)
        again = f"It refused at {tried}"
        if channel.paused_until > now:
            again += f" and is tried again at {labels.clock(channel.paused_until, zone, now)}"
    return "The mail server refuses us: messages wait", " ".join(
        filter(None, [f"{again}." if again else "", said])
    )


def nothing_yet_message(found: OpenAlerts) -> str:
    lines = sorted({row.alert_after_days for row in found.board.rows}) or [5]
    over = " or ".join(map(str, lines))
    text = f"A message goes out when an entity is more than {over} days past its deadline."
    if all(each.read_before_deadline for each in found.open):
        return text
    return f"{text} What was past its deadline before it was first read is not told of."
