"""Whether a notice is still true, and still its recipient's to know, at the moment its message is to leave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from alerts.mail.cases import DeliverableNotice, EntityNotice, MultiEntityNotice
from alerts.models import CONNECTION_NOTICES, LEFT_OUT_BY_SILENCE, Delivery, Destination, Notice, Outage
from alerts.models.delivery import (
    CLOSED_NO_MORE,
    CLOSED_SINCE,
    DESTINATION_DISABLED,
    DESTINATION_REMOVED,
    HAS_A_DEADLINE,
    NOT_LATE,
    NOT_SOON,
    NOT_VISIBLE,
    OUTSIDE_GROUP,
    READ_AGAIN,
    TROUBLE_OVER,
)
from alerts.outbox.send_context import SendContext
from alerts.routing.recipients import destination_administrators
from alerts.routing.silenced_backlog import is_silenced
from closing.judging.notice_rules import NoticeKind
from closing.judging.standing import Level
from closing.judging.states import PeriodState
from closing.scoreboard.row import Row
from periods.models import FiscalPeriod

_OF_WHAT_IS_LATE = {NoticeKind.ALERT, NoticeKind.ESCALATION, NoticeKind.LATE}
_OF_WHAT_IS_OPEN = _OF_WHAT_IS_LATE | {
    NoticeKind.UNCONFIRMED,
    NoticeKind.REOPENED,
    NoticeKind.DUE_SOON,
    NoticeKind.NO_DEADLINE,
}
_NOT_LATE = {Level.NOT_DUE, Level.DUE_TODAY, Level.NO_DEADLINE}


def relevant_items(
    delivery: Delivery, truth: SendContext
) -> tuple[list[DeliverableNotice], dict[int, str], datetime]:
    """What there is to tell, why lines are left out, by line, and the moment that all of it is of."""
    lines, places = list(delivery.lines.all()), truth.row_keys(delivery)
    rows, as_of = truth.rows(frozenset().union(*places.values()), delivery.destination or delivery.person)
    quiet = {row.entity_id for row in rows.values() if row.silence is not None}
    over = _outages_over([line.notice for line in lines])
    items: list[DeliverableNotice] = []
    left_out = {}
    for line in lines:
        notice, own = line.notice, [rows[place] for place in sorted(places[line.notice_id]) if place in rows]
        if not own or not _is_whole(notice, delivery.destination):
            why = _unseen(delivery.destination)
        elif is_silenced(notice, {row.entity_id for row in own}, quiet):
            why = LEFT_OUT_BY_SILENCE
        elif notice.period is not None:
            why = _untrue(notice, notice.period, own[0])
            items += [] if why else [EntityNotice(notice, own[0], notice.period.reporting_month)]
        else:
            heard = [row for row in own if row.entity_id not in quiet] if notice.connection else own
            why, told = _of_many(notice, heard, is_over=notice.pk in over)
            month = min(month for _, month in places[line.notice_id])
            items += [] if why else [MultiEntityNotice(notice, told, month)]
        if why:
            left_out[line.pk] = why
    return items, left_out, as_of


def trouble_cancel_reason(delivery: Delivery) -> str:
    """Why a message about our own trouble is not to be told any more; empty while it is."""
    trouble, place = delivery.trouble, delivery.destination
    if trouble is None:
        raise ValueError("it tells of notices")
    if trouble.ended_at is not None:
        return TROUBLE_OVER
    if place is not None:
        return "" if place.enabled else _unseen(place)
    if trouble.destination is None or not trouble.destination.enabled:
        return DESTINATION_DISABLED
    return "" if delivery.person in destination_administrators(trouble.destination) else NOT_VISIBLE


def _unseen(place: Destination | None) -> str:
    if place is None:
        return NOT_VISIBLE
    if place.removed_at is not None:
        return DESTINATION_REMOVED
    return OUTSIDE_GROUP if place.enabled else DESTINATION_DISABLED


def _is_whole(notice: Notice, place: Destination | None) -> bool:
    """Whether all that a notice of a group is about may be told: half a group's close is none."""
    return notice.group is None or place is None or notice.group.path.startswith(place.group.path)


def _untrue(notice: Notice, period: FiscalPeriod, row: Row) -> str:
    """Why a notice of a period is not to be told any more; empty while it is."""
    kind = NoticeKind(notice.kind)
    if row.period_id in (None, period.pk):
        closed = row.counts_as_closed
    else:  # another period of the same month holds the entity up
        closed = period.state == PeriodState.CLOSED.value or (
            period.state == PeriodState.ON_HOLD.value and row.on_hold_counts
        )
    if kind in _OF_WHAT_IS_OPEN and closed:
        return CLOSED_SINCE
    if kind is NoticeKind.CLEARED and not closed:
        return CLOSED_NO_MORE
    if kind in _OF_WHAT_IS_LATE and row.standing.level in _NOT_LATE:
        return NOT_LATE
    if kind is NoticeKind.NO_DEADLINE and row.deadline is not None:
        return HAS_A_DEADLINE
    if (
        kind is NoticeKind.DUE_SOON
        and row.deadline is not None
        and row.deadline.due_on > (notice.due_on or row.deadline.due_on)
    ):
        return NOT_SOON
    return ""


def _of_many(notice: Notice, rows: Sequence[Row], *, is_over: bool) -> tuple[str, Sequence[Row]]:
    """Why a notice of a connection or a group is not to be told any more, and the rows that it tells of."""
    if NoticeKind(notice.kind) is NoticeKind.GROUP_CLOSED:
        return ("" if all(row.counts_as_closed for row in rows) else CLOSED_NO_MORE), rows
    unread = [row for row in rows if not row.fresh]
    return (READ_AGAIN if is_over or not unread else ""), unread


def _outages_over(notices: Sequence[Notice]) -> set[int]:
    """Those of the notices of connections whose trouble has ended."""
    asked = [each.pk for each in notices if each.connection_id is not None]
    if not asked:
        return set()
    notices_of_trouble = Notice.objects.filter(CONNECTION_NOTICES, pk__in=asked)
    still = set(Outage.objects.filter(closed_at=None).values_list("connection", "kind", "episode"))
    return {
        each.pk for each in notices_of_trouble if (each.connection_id, each.kind, each.episode) not in still
    }
