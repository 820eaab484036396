"""Builds the summary above the alerts, with the next step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from alerts.channels.state import PAUSE
from alerts.mail.compose import mail_problem
from alerts.models import Channel
from alerts.models.delivery import REPLY_WORDS
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
    """The head of the page: a sentence, details, and a tone."""

    text: str
    details: Sequence[str]
    tone: str


def alerts_summary(board_request: BoardRequest, current: OpenAlerts) -> AlertsSummary:
    """The summary: first a mail server that takes nothing, then entities without a notice, then the good news."""
    past_line, details = _past_line_text(current)
    if board_request.past:
        return AlertsSummary(past_line, details, "alert" if current.alerting else "open")
    stopped = _stopped(board_request)
    if stopped is not None:
        waits = _waiting_text(current)
        return AlertsSummary(
            stopped[0], [stopped[1], waits, f"{past_line}.", *details], "alert" if waits else "unsure"
        )
    qualified, tone = _qualification(current)
    if current.messages.get(DeliveryState.PARKED) and may_send_test(board_request.person):
        details = [*details, _RETRY]
    return AlertsSummary(f"{past_line}{qualified}", details, tone)


def _past_line_text(current: OpenAlerts) -> tuple[str, list[str]]:
    count = len({alert.row.code for alert in current.alerting})
    if count:
        worst = current.alerting[0]
        lateness = labels.days_in_words(worst.row.standing.days_late, worst.row.standing.unit)
        text = f"{count} {'entity is' if count == 1 else 'entities are'} alerting"
        return text, [
            f"{worst.row.name} is furthest behind: {lateness} late for {month_and_year(worst.month)}."
        ]
    unsure = current.queue.unconfirmed
    more = len(current.open)
    details = [
        f"{unsure} not read, so there may be more." if unsure else "",
        f"{more} with an alert {'is' if more == 1 else 'are'} still open." if more else "",
    ]
    return f"No entity is{' known to be' if unsure else ''} alerting", details


def _waiting_text(current: OpenAlerts) -> str:
    count = current.messages.get(DeliveryState.WAITING, 0) + current.messages.get(DeliveryState.SENDING, 0)
    return labels.counted(count, "message waits.", "messages wait.")


def _qualification(current: OpenAlerts) -> tuple[str, str]:
    """The text after "2 entities are alerting", and the tone."""
    without_recipient = sum(alert.lacks_recipient for alert in current.open)
    parked = current.messages.get(DeliveryState.PARKED, 0)
    waits = _waiting_text(current)
    owed = [alert for alert in current.alerting if alert.notices or alert.read_before_deadline]
    without_notice = sum(not alert.notices for alert in owed)
    if without_recipient:
        return f"; for {without_recipient} there is nobody to notify", "alert"
    if parked:
        return f"; {parked} {'message' if parked == 1 else 'messages'} cannot be sent", "alert"
    if waits:
        return f"; {waits.rstrip('.')}", "unsure"
    if current.alerting and not owed:
        it = "it was" if len(current.alerting) == 1 else "they were"
        return f", overdue before {it} first read: no alert is sent", "alert"
    if without_notice and without_notice == len(current.alerting):
        return f", nobody has been told about {'it' if without_notice == 1 else 'them'} yet", "unsure"
    if without_notice:
        return f"; nobody has been told about {without_notice} of them yet", "unsure"
    if owed and all(alert.all_sent for alert in owed):
        required, reached = len(current.required_people), len(current.reached_people)
        if reached == required:
            return ", everybody has been told", "alert"
        people = "person" if required == 1 else "people"
        return f"; {reached} of {required} {people} {'has' if reached == 1 else 'have'} been told", "alert"
    return "", "unsure" if current.queue.unconfirmed else "alert" if current.alerting else "open"


def _stopped(board_request: BoardRequest) -> tuple[str, str] | None:
    """The reason why no message leaves, and the remedy; None while messages leave."""
    administers = may_send_test(board_request.person)
    if not settings.MAILS_LEAVE:
        remedy = (
            "Set MAIL_URL in the environment and start again."
            if administers
            else "Ask an administrator to set one."
        )
        return "No mail server is set: messages wait", remedy
    channel = Channel.objects.filter(name="email").first()
    if channel is None or not (channel.held or channel.words):
        return None
    reply = f"{channel.words.rstrip('.')}." if administers and channel.words else ""
    if channel.held:
        return "Sending is on hold", f"{reply} {_RELEASE}" if administers else "An administrator releases it."
    problem = mail_problem(channel.words)
    return f"{problem[0].upper()}{problem[1:]}: messages wait", " ".join(
        filter(None, [_retry_text(channel, board_request), reply])
    )


def _retry_text(channel: Channel, board_request: BoardRequest) -> str:
    """When the server refused, and when it is tried again; "" while every sweep tries."""
    if channel.paused_until is None:
        return ""
    until = channel.paused_until
    again = f"is tried again at {board_request.clock(until)}" if until > board_request.now else ""
    if channel.words.startswith(f"{REPLY_WORDS} 4"):  # a busy server is paused for shorter
        return f"It {again}." if again else ""
    refused = f"refused at {board_request.clock(until - PAUSE)}"
    return f"It {' and '.join(filter(None, [refused, again]))}."


def nothing_yet_message(current: OpenAlerts) -> str:
    alert_lines = sorted({row.alert_after_days for row in current.queue.board.rows}) or [5]
    limits = " or ".join(map(str, alert_lines))
    text = f"A message goes out when an entity is more than {limits} days late."
    if all(alert.read_before_deadline for alert in current.open):
        return text
    return f"{text} An entity that was overdue before it was first read does not alert."
