"""Finds entities past the alert line or with an open notice, and their notices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Max, Q

from alerts.models import DeliveryLine, LineReason, Notice, Overrun
from alerts.notices.notice_specs import kinds_where, spec_of
from board.notifications.notice_list import visible_notices
from board.notifications.notice_phrasing import DeliveryState
from board.reports.overdue_queue import OverdueQueue, overdue_queue
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest
from closing.calendar.instants import local_date, zone_named
from closing.scoreboard.row import Row
from periods.lookups import watched_since
from periods.snapshot.builder import take_snapshots

# Reasons of lines that are owed to nobody: the person may not see the entity, or does not want to hear of it.
_NOT_OWED = (LineReason.NOT_VISIBLE, LineReason.RECIPIENT_UNSUBSCRIBED)


@dataclass(slots=True)
class NoticeMessages:
    """The states of a notice's messages, the people who must receive it, and those of them to whom it was sent."""

    states: set[str] = field(default_factory=set)
    required: set[int] = field(default_factory=set)
    reached: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class OpenAlert:
    """One month of an entity that is past the alert line, or that has a notice and is not closed.

    `notices` are those of the running episode, oldest first; `messages` those of notices that have any, by notice id.
    `read_before_deadline` is False if the deadline had passed before the entity was first read.
    """

    month: date
    row: Row
    notices: Sequence[Notice]
    messages: Mapping[int, NoticeMessages]
    read_before_deadline: bool

    @cached_property
    def lacks_recipient(self) -> bool:
        """Whether a notice has no recipient."""
        return any(
            notice.pk not in self.messages
            for notice in self.notices
            if not spec_of(notice.kind).informational
        )

    @cached_property
    def all_sent(self) -> bool:
        """Whether at least one message of each notice was sent."""
        sent = {pk for pk, messages in self.messages.items() if DeliveryState.SENT in messages.states}
        return bool(self.notices) and all(notice.pk in sent for notice in self.notices)


@dataclass(frozen=True)
class OpenAlerts:
    """All open alerts, furthest behind first, and the number of their messages by state."""

    queue: OverdueQueue
    open: Sequence[OpenAlert]
    messages: Mapping[str, int]

    @cached_property
    def alerting(self) -> list[OpenAlert]:
        return [alert for alert in self.open if alert.row.standing.alerting]

    @cached_property
    def required_people(self) -> frozenset[int]:
        """The people who must receive a notice of an entity past the alert line."""
        return frozenset().union(
            *(each.required for alert in self.alerting for each in alert.messages.values())
        )

    @cached_property
    def reached_people(self) -> frozenset[int]:
        """Those of `required_people` to whom every notice that they must receive was sent."""
        messages = [each for alert in self.alerting for each in alert.messages.values()]
        return self.required_people.difference(*(each.required - each.reached for each in messages))


def open_alerts(board_request: BoardRequest) -> OpenAlerts:
    """The open alerts at the moment of the request that the person may see; the snapshot gives their lateness."""
    latest = replace(
        board_request, query=BoardQuery(at=board_request.query.at), month=board_request.latest_month
    )
    queue = overdue_queue(latest)
    rows = {(row.entity_id, month): row for item in queue.unfiltered for month, row in item.months}
    rows |= _rows_with_notices(latest, queue, rows.keys())
    by_period = {row.period_id: row for row in rows.values() if row.period_id is not None}
    notices = _episode_notices(by_period.keys(), board_request.as_of)
    ids = [item.pk for own in notices.values() for item in own]
    messages = _notice_messages(ids)
    watched = watched_since([period for period in by_period if not notices.get(period)])
    open_list = []
    for (_, month), row in rows.items():
        own = notices.get(row.period_id or 0, [])
        if row.standing.alerting or (own and not row.counts_as_closed and not row.not_due):
            own_messages = {item.pk: messages[item.pk] for item in own if item.pk in messages}
            open_list.append(OpenAlert(month, row, own, own_messages, _read_before_deadline(row, watched)))
    open_list.sort(key=lambda item: (-item.row.standing.days_late, item.month, item.row.name.casefold()))
    counts = DeliveryLine.objects.filter(notice__in=ids, left_out="").values_list("delivery__state")
    return OpenAlerts(queue, open_list, dict(counts.annotate(Count("delivery", distinct=True))))


def _rows_with_notices(
    board_request: BoardRequest, queue: OverdueQueue, known_keys: Collection[tuple[int, date]]
) -> dict[tuple[int, date], Row]:
    """Rows of open periods with a notice that are not in `known_keys`, the rows past the line."""
    notices = visible_notices(board_request).filter(kind__in=kinds_where(lambda spec: spec.opens_alert))
    if not board_request.past:
        notices = notices.exclude(period__state="closed")
    keys = set(notices.order_by().values_list("period__entity", "period__reporting_month").distinct())
    keys -= set(known_keys)
    boards = {board.month: board for board in (queue.board, *queue.older)}
    rows = {
        (row.entity_id, month): row
        for month, board in boards.items()
        for row in board.rows
        if (row.entity_id, month) in keys
    }
    missing = keys - rows.keys()
    if missing:
        entities = board_request.entities().filter(pk__in={entity for entity, _ in missing})
        months = sorted({month for _, month in missing})
        boards = take_snapshots(entities, months, board_request.as_of, visible=board_request.visible_ids)
        for month, board in boards.items():
            rows |= {(row.entity_id, month): row for row in board.rows if (row.entity_id, month) in missing}
    return rows


def _episode_notices(period_ids: Collection[int], as_of: datetime) -> dict[int, list[Notice]]:
    """The notices of each period's episode running at `as_of`, oldest first, without digest-only kinds."""
    ended = Overrun.objects.filter(period__in=period_ids, closed_at__lte=as_of).order_by()
    grouped = ended.values_list("period").annotate(Count("pk"), Max("closed_at"))
    closes = {period: (number, last) for period, number, last in grouped}
    notices_by_period: dict[int, list[Notice]] = defaultdict(list)
    notices = Notice.objects.filter(period__in=period_ids, raised_at__lte=as_of).exclude(
        kind__in=kinds_where(lambda spec: spec.is_reminder)
    )
    for notice in notices.select_related("policy_version__policy").order_by("raised_at", "pk"):
        period = notice.period_id or 0
        number, last = closes.get(period, (0, None))
        if spec_of(notice.kind).of_overrun:
            in_running_episode = notice.episode == number + 1
        else:
            in_running_episode = last is None or notice.raised_at > last
        if in_running_episode:
            notices_by_period[period].append(notice)
    return notices_by_period


def _notice_messages(notice_ids: Collection[int]) -> dict[int, NoticeMessages]:
    """The messages of each notice that has any; one that left the notice out counts as cancelled."""
    messages: dict[int, NoticeMessages] = defaultdict(NoticeMessages)
    lines = DeliveryLine.objects.filter(notice__in=notice_ids).order_by()
    grouped = lines.values_list("notice", "delivery__state", "left_out").annotate(
        people=ArrayAgg("recipient", default=[], filter=Q(recipient__isnull=False, recipient__is_active=True))
    )
    for notice, state, left_out, people in grouped:
        messages[notice].states.add(DeliveryState.CANCELLED if left_out else state)
        if left_out not in _NOT_OWED:
            messages[notice].required.update(people)
        if not left_out and state == DeliveryState.SENT:
            messages[notice].reached.update(people)
    return messages


def _read_before_deadline(row: Row, watched: Mapping[int, datetime]) -> bool:
    first = watched.get(row.period_id or 0)
    if first is None or row.deadline is None:
        return True
    return local_date(first, zone_named(row.deadline.zone)) <= row.deadline.due_on
