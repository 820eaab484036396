"""Sending: takes what is due from the outbox, looks whether it is still true, and hands it to the mail server."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime

import structlog
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction

from alerts import outbox
from alerts.mails import Item, compose
from alerts.models import Delivery, DeliveryLine, Notice
from alerts.outbox import Claim
from alerts.raising import address
from alerts.transports import Misconfigured, Permanent, Temporary, mail_server, send
from closing.notices import Kind
from closing.scoreboard import Row
from entities.models import LegalEntity, Person
from periods.snapshot import take_snapshots

NOT_VISIBLE = "its recipient may not see the entity any more"
CLOSED_SINCE = "closed before it was sent"
CLOSED_NO_MORE = "not closed any more when it was to be sent"
_OF_WHAT_IS_OPEN = {Kind.ALERT, Kind.ESCALATION, Kind.UNCONFIRMED, Kind.REOPENED}

log = structlog.get_logger(__name__)


def send_due(as_of: datetime, *, most: int = 500) -> int:
    """Send what is due, one message after the other over one connection; returns how many the server took."""
    sent = 0
    with mail_server() as server:
        for _ in range(most):
            held = outbox.claim()
            if held is None:
                break
            sent += send_one(held, server, as_of)
    return sent


def send_one(held: Claim, server: BaseEmailBackend, as_of: datetime) -> bool:
    """Send the claimed message and mark what became of it; True when the server took it. Never raises for a mail."""
    delivery = Delivery.objects.select_related("recipient").get(pk=held.delivery_id)
    try:
        items, left_out = still_to_tell(delivery, as_of)
        if not items:
            _cancel(held, left_out)
            return False
        mail = compose(delivery, items, as_of)
        send(mail, server)
    except Temporary as wrong:
        outbox.retry_later(held, str(wrong))
    except Misconfigured as wrong:
        log.error("mail server refuses us", why=str(wrong))
        outbox.give_back(held, str(wrong))
    except Permanent as wrong:
        _park(held, delivery, str(wrong), as_of)
    else:
        with transaction.atomic():
            _leave_out(left_out)
            outbox.mark_sent(held)
        outbox.works_again()
        return True
    return False


def still_to_tell(delivery: Delivery, as_of: datetime) -> tuple[list[Item], dict[int, str]]:
    """What is still true and still theirs to know, with its row of the board; and why lines are left out, by line."""
    lines = list(
        delivery.lines.select_related("notice__period__entity").order_by("notice__raised_at", "notice_id")
    )
    rows = _rows([line.notice for line in lines], delivery.recipient, as_of)
    items, left_out = [], {}
    for line in lines:
        notice, period = line.notice, line.notice.period
        row = rows.get((period.entity_id, period.reporting_month))
        kind = Kind(notice.kind)
        if row is None:
            left_out[line.pk] = NOT_VISIBLE
        elif kind in _OF_WHAT_IS_OPEN and row.counts_as_closed:
            left_out[line.pk] = CLOSED_SINCE
        elif kind is Kind.CLEARED and not row.counts_as_closed:
            left_out[line.pk] = CLOSED_NO_MORE
        else:
            items.append(Item(notice, row, period.reporting_month))
    return items, left_out


def _rows(notices: Collection[Notice], person: Person, as_of: datetime) -> dict[tuple[int, date], Row]:
    entities = LegalEntity.objects.visible_to(person).filter(
        pk__in={each.period.entity_id for each in notices}
    )
    months = sorted({each.period.reporting_month for each in notices})
    boards = take_snapshots(entities, months, as_of)
    return {(row.entity_id, month): row for month, board in boards.items() for row in board.rows}


def _cancel(held: Claim, left_out: dict[int, str]) -> None:
    with transaction.atomic():
        _leave_out(left_out)
        outbox.mark_cancelled(held, "; ".join(sorted(set(left_out.values()))))


def _leave_out(left_out: dict[int, str]) -> None:
    by_reason: dict[str, list[int]] = defaultdict(list)
    for line, reason in left_out.items():
        by_reason[reason].append(line)
    for reason, lines in by_reason.items():
        DeliveryLine.objects.filter(pk__in=lines).update(left_out=reason)


def _park(held: Claim, delivery: Delivery, words: str, as_of: datetime) -> None:
    """Nobody may be left without a word: notices that reach nobody else go to the next in line (A11)."""
    with transaction.atomic():
        if not outbox.mark_parked(held, words):
            return
        log.error("message parked", message_id=delivery.message_id, why=words)
        lost = delivery.notices.exclude(
            pk__in=DeliveryLine.objects.filter(
                left_out="", delivery__state__in=["waiting", "sending", "sent"]
            ).values("notice")
        )
        address(list(lost), as_of, fall_back=True)
