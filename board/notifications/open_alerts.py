"""Entities more than the alert line late, and whether somebody was notified."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property

from django.db.models import Count, Min

from alerts.models import DeliveryLine, Notice, Overrun
from board.notifications.notice_list import DIGEST_ONLY_KINDS, visible_notices
from board.notifications.notice_phrasing import DeliveryState
from board.reports.overdue_queue import OverdueQueue, overdue_queue
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest
from closing.calendar.instants import local_date, zone_named
from closing.judging.notice_rules import INFORMATIONAL_KINDS, NoticeKind
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row
from periods.models import ReadSpan
from periods.snapshot.builder import take_snapshots

_TELLS_OF_OPEN = [NoticeKind.ALERT.value, NoticeKind.UNCONFIRMED.value, NoticeKind.REOPENED.value]


@dataclass(frozen=True)
class OpenAlert:
    """One month of an entity that is past the alert line, or of which somebody was told and which is not closed.

    `notices` are those of the episode that runs, oldest first; `states` the states of their messages that count.
    `watched` is False where the deadline had passed before the entity was first read.
    """

    month: date
    row: Row
    notices: Sequence[Notice]
    states: Mapping[int, frozenset[str]]
    read_before_deadline: bool = True

    @property
    def alerting(self) -> bool:
        return self.row.standing.alerting

    @cached_property
    def lacks_recipient(self) -> bool:
        """Whether there is a notice that no person could be found for."""
        return any(
            each.pk not in self.states for each in self.notices if each.kind not in INFORMATIONAL_KINDS
        )

    @cached_property
    def all_sent(self) -> bool:
        """Whether the mail server has taken at least one message of each notice."""
        return bool(self.notices) and all(
            DeliveryState.SENT in self.states.get(each.pk, ()) for each in self.notices
        )


@dataclass(frozen=True)
class OpenAlerts:
    """Everything open, furthest behind first, and how many of their messages stand how."""

    queue: OverdueQueue
    open: Sequence[OpenAlert]
    messages: Mapping[str, int] = field(default_factory=dict)

    @property
    def board(self) -> Scoreboard:
        return self.queue.board

    @cached_property
    def alerting(self) -> list[OpenAlert]:
        return [each for each in self.open if each.alerting]


def open_alerts(asked: BoardRequest) -> OpenAlerts:
    """What is open at the moment asked for, of all that the person may see; the snapshot says how late it is."""
    latest = replace(asked, query=BoardQuery(at=asked.query.at), month=asked.latest_month)
    queue = overdue_queue(latest)
    rows = {(row.entity_id, month): row for each in queue.unfiltered for month, row in each.months}
    rows |= _noticed(latest, queue, rows.keys())
    by_period = {row.period_id: row for row in rows.values() if row.period_id is not None}
    notices = _of_the_episode(by_period.keys(), asked.as_of)
    ids = [each.pk for own in notices.values() for each in own]
    states = _states(ids)
    first_reads = _first_reads(
        [row.entity_id for row in rows.values() if not notices.get(row.period_id or 0)]
    )
    found = []
    for (_, month), row in rows.items():
        own = notices.get(row.period_id or 0, [])
        if row.standing.alerting or (own and not row.counts_as_closed):
            states_of_own = {each.pk: states[each.pk] for each in own if each.pk in states}
            found.append(OpenAlert(month, row, own, states_of_own, _watched(row, first_reads)))
    found.sort(key=lambda each: (-each.row.standing.days_late, each.month, each.row.name.casefold()))
    counts = DeliveryLine.objects.filter(notice__in=ids, left_out="").values_list("delivery__state")
    return OpenAlerts(queue, found, dict(counts.annotate(Count("delivery", distinct=True))))


def _noticed(
    asked: BoardRequest, queue: OverdueQueue, have: Collection[tuple[int, date]]
) -> dict[tuple[int, date], Row]:
    """Rows of periods that somebody was told of and that are not closed, though not past the line."""
    told_of = visible_notices(asked).filter(kind__in=_TELLS_OF_OPEN)
    if not asked.past:
        told_of = told_of.exclude(period__state="closed")
    wanted = set(told_of.order_by().values_list("period__entity", "period__reporting_month").distinct())
    wanted -= set(have)
    boards = {board.month: board for board in (queue.board, *queue.older)}
    found = {
        (row.entity_id, month): row
        for month, board in boards.items()
        for row in board.rows
        if (row.entity_id, month) in wanted
    }
    missing = wanted - found.keys()
    if missing:
        entities = asked.entities().filter(pk__in={entity for entity, _ in missing})
        for month, board in take_snapshots(entities, sorted({m for _, m in missing}), asked.as_of).items():
            found |= {(row.entity_id, month): row for row in board.rows if (row.entity_id, month) in missing}
    return found


def _of_the_episode(period_ids: Collection[int], as_of: datetime) -> dict[int, list[Notice]]:
    """The notices of each period's episode that runs at the moment, oldest first, but for what digests bring."""
    past: dict[int, list[datetime]] = defaultdict(list)
    ended = Overrun.objects.filter(period__in=period_ids, closed_at__lte=as_of)
    for period, closed_at in ended.values_list("period", "closed_at"):
        if closed_at is not None:
            past[period].append(closed_at)
    found: dict[int, list[Notice]] = defaultdict(list)
    notices = Notice.objects.filter(period__in=period_ids, raised_at__lte=as_of).exclude(
        kind__in=DIGEST_ONLY_KINDS
    )
    for each in notices.select_related("policy_version__policy").order_by("raised_at", "pk"):
        period = each.period_id or 0
        before = past[period]
        if each.kind == NoticeKind.REOPENED.value:
            runs = not before or each.raised_at > max(before)
        else:
            runs = each.episode == len(before) + 1
        if runs:
            found[period].append(each)
    return found


def _states(notice_ids: Collection[int]) -> dict[int, frozenset[str]]:
    """The states of the messages of each notice; those that left it out do not count, but somebody was found."""
    found: dict[int, set[str]] = defaultdict(set)
    lines = DeliveryLine.objects.filter(notice__in=notice_ids).order_by()
    for notice, state, left_out in lines.values_list("notice", "delivery__state", "left_out").distinct():
        found[notice].add(DeliveryState.CANCELLED if left_out else state)
    return {notice: frozenset(states) for notice, states in found.items()}


def _first_reads(entity_ids: Collection[int]) -> dict[int, datetime]:
    if not entity_ids:
        return {}
    spans = ReadSpan.objects.filter(entity__in=entity_ids).order_by()
    return dict(spans.values_list("entity").annotate(Min("first_read_at")))


def _watched(row: Row, first_reads: Mapping[int, datetime]) -> bool:
    first = first_reads.get(row.entity_id)
    if first is None or row.deadline is None:
        return True
    return local_date(first, zone_named(row.deadline.zone)) <= row.deadline.due_on
