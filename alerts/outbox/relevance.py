"""Decides whether a notice is still true, and still visible to its recipient, when its message is sent."""

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
    NOT_READ_ANY_MORE,
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

_LATE_KINDS = {NoticeKind.ALERT, NoticeKind.ESCALATION, NoticeKind.LATE}
_NOT_CLOSED_KINDS = _LATE_KINDS | {
    NoticeKind.UNCONFIRMED,
    NoticeKind.REOPENED,
    NoticeKind.DUE_SOON,
    NoticeKind.NO_DEADLINE,
}
_LEVELS_NOT_LATE = {Level.NOT_DUE, Level.DUE_TODAY, Level.NO_DEADLINE}


def relevant_items(
    delivery: Delivery, context: SendContext
) -> tuple[list[DeliverableNotice], dict[int, str], datetime]:
    """The notices to deliver, the reason of each line that is left out, by line id, and the moment they hold at."""
    lines, row_keys = list(delivery.lines.all()), context.row_keys(delivery)
    rows, as_of = context.rows(frozenset().union(*row_keys.values()), delivery.destination or delivery.person)
    ended_outages = notices_of_ended_outages([line.notice for line in lines])
    items: list[DeliverableNotice] = []
    left_out = {}
    for line in lines:
        notice, visible = line.notice, [rows[key] for key in sorted(row_keys[line.notice_id]) if key in rows]
        reason, reported = reason_to_leave_out(
            notice, visible, delivery.destination, is_over=notice.pk in ended_outages
        )
        if reason:
            left_out[line.pk] = reason
        elif notice.period is not None:
            items.append(EntityNotice(notice, reported[0], notice.period.reporting_month))
        else:
            month = min(month for _, month in row_keys[line.notice_id])
            items.append(MultiEntityNotice(notice, reported, month))
    return items, left_out, as_of


def reason_to_leave_out(
    notice: Notice, visible: Sequence[Row], destination: Destination | None, *, is_over: bool
) -> tuple[str, Sequence[Row]]:
    """Why a notice is not sent to a reader who sees these of its rows, empty if it is; and the rows that it reports.

    `is_over`: the outage of a connection has ended.
    """
    if not visible or not _sees_whole_notice(notice, destination):
        return _not_visible_reason(destination), ()
    silenced = {row.entity_id for row in visible if row.silence is not None}
    if is_silenced(notice, {row.entity_id for row in visible}, silenced):
        return LEFT_OUT_BY_SILENCE, ()
    if notice.period is not None:
        return _period_reason(notice, notice.period, visible[0]), visible[:1]
    audible = [row for row in visible if row.entity_id not in silenced] if notice.connection else visible
    return _shared_reason(notice, audible, is_over=is_over)


def trouble_cancel_reason(delivery: Delivery) -> str:
    """Why a message about a channel's trouble is no longer needed; empty while it is."""
    trouble, destination = delivery.trouble, delivery.destination
    if trouble is None:
        raise ValueError("it tells of notices")
    if trouble.ended_at is not None:
        return TROUBLE_OVER
    if destination is not None:
        return "" if destination.enabled else _not_visible_reason(destination)
    if trouble.destination is None or not trouble.destination.enabled:
        return DESTINATION_DISABLED
    return "" if delivery.person in destination_administrators(trouble.destination) else NOT_VISIBLE


def _not_visible_reason(destination: Destination | None) -> str:
    if destination is None:
        return NOT_VISIBLE
    if destination.removed_at is not None:
        return DESTINATION_REMOVED
    return OUTSIDE_GROUP if destination.enabled else DESTINATION_DISABLED


def _sees_whole_notice(notice: Notice, destination: Destination | None) -> bool:
    """Whether the destination may see the whole group of a notice: half a group's close is not reported."""
    return notice.group is None or destination is None or notice.group.path.startswith(destination.group.path)


def _period_reason(notice: Notice, period: FiscalPeriod, row: Row) -> str:
    """Why a notice of a period no longer holds; empty while it does."""
    kind = NoticeKind(notice.kind)
    if kind is NoticeKind.PERMANENT_REOPENED:
        return ""  # it has happened, whatever the period is now
    if row.period_id in (None, period.pk):
        closed = row.counts_as_closed
    else:  # another period of the same month delays the entity
        closed = period.state == PeriodState.CLOSED.value or (
            period.state == PeriodState.ON_HOLD.value and row.on_hold_counts
        )
    if kind in _NOT_CLOSED_KINDS and closed:
        return CLOSED_SINCE
    if kind is NoticeKind.CLEARED and not closed:
        return CLOSED_NO_MORE
    if kind in _LATE_KINDS and row.standing.level in _LEVELS_NOT_LATE:
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


def _shared_reason(notice: Notice, rows: Sequence[Row], *, is_over: bool) -> tuple[str, Sequence[Row]]:
    """Why a notice of a connection or a group no longer holds, and the rows that it reports."""
    if NoticeKind(notice.kind) is NoticeKind.GROUP_CLOSED:
        return ("" if all(row.counts_as_closed or row.not_due for row in rows) else CLOSED_NO_MORE), rows
    if NoticeKind(notice.kind) is NoticeKind.READ_AGAIN:
        return ("" if all(row.fresh for row in rows) else NOT_READ_ANY_MORE), rows
    stale = [row for row in rows if not row.fresh]
    return (READ_AGAIN if is_over or not stale else ""), stale


def notices_of_ended_outages(notices: Sequence[Notice]) -> set[int]:
    """The ids of the connection notices whose outage has ended."""
    ids = [notice.pk for notice in notices if notice.connection_id is not None]
    if not ids:
        return set()
    outage_notices = Notice.objects.filter(CONNECTION_NOTICES, pk__in=ids)
    ongoing = set(Outage.objects.filter(closed_at=None).values_list("connection", "kind", "episode"))
    return {row.pk for row in outage_notices if (row.connection_id, row.kind, row.episode) not in ongoing}
