"""The escalation queue as data: who is over the alert line, of the latest month and of older ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from django.db.models import Exists, OuterRef, Q, QuerySet

from alerts.models import DeliveryLine, Notice, Overrun
from board.web import labels
from board.web.board_request import BoardRequest
from board.web.filters import filter_board
from board.web.readers import Reader
from closing.calendar.instants import local_date, zone_named
from closing.calendar.workdays import WorkdayCalendar
from closing.facts.readings import PeriodType
from closing.judging.alerting_queue import AlertingEntity, alerting_entities, first_alerting_day
from closing.judging.notice_rules import NoticeKind
from closing.judging.standing import LatenessUnit
from closing.judging.states import PeriodState
from closing.phrasing import (
    overdue_reason_text,
    state_because,
    unconfirmed_because,
)
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row
from entities.access import writable_entities
from entities.calendars import work_calendars
from periods.models import FiscalPeriod, PeriodDeadline, StateChange
from periods.snapshot.builder import take_snapshots

OLDER_MONTHS = (
    24  # looked at beside the latest: whoever left more behind has another talk to hold than a queue
)


@dataclass(frozen=True, slots=True)
class EntityOwner:
    """Who answers for an entity, and how to reach them."""

    name: str
    email: str


@dataclass(frozen=True)
class OverdueQueue:
    """Who is over the alert line at one moment, as a question asks for it.

    `board` is the latest month with all that the person may see. `older` are the boards of older months, of those
    entities that may be over the line there; `left_out` says how many months before them were not looked at.
    """

    board_request: BoardRequest
    board: Scoreboard
    older: Sequence[Scoreboard]
    left_out: int

    @cached_property
    def unfiltered(self) -> list[AlertingEntity]:
        """Everybody over the line whom the person may see, whatever is filtered."""
        return alerting_entities([self.board, *self.older])

    @cached_property
    def entities(self) -> list[AlertingEntity]:
        """Who passes the filters, furthest behind first."""
        return alerting_entities(self._narrowed)

    @cached_property
    def on_watch(self) -> int:
        """How many rows that pass the filters are late without being over the line."""
        return sum(board.counts.late for board in self._narrowed)

    @cached_property
    def unconfirmed(self) -> int:
        """How many rows of the latest month that pass the filters nobody can confirm."""
        return sum(not row.fresh or row.state is PeriodState.UNKNOWN for row in self._narrowed[0].rows)

    @cached_property
    def _narrowed(self) -> list[Scoreboard]:
        question = self.board_request.query.replace(sort="behind")
        return [filter_board(board, question) for board in (self.board, *self.older)]


def overdue_queue(asked: BoardRequest) -> OverdueQueue:
    """The queue that a question asks for, up to its month; the number of queries does not depend on what is late."""
    board = asked.board()
    candidates = list(_left_open(asked))
    months = sorted({month for month, _ in candidates}, reverse=True)
    looked_at = months[:OLDER_MONTHS]
    older: Mapping[date, Scoreboard] = {}
    if looked_at:
        ids = {entity_id for month, entity_id in candidates if month in looked_at}
        older = take_snapshots(asked.entities().filter(pk__in=ids), looked_at, asked.as_of)
    return OverdueQueue(asked, board, [older[month] for month in looked_at], len(months) - len(looked_at))


def _left_open(asked: BoardRequest) -> QuerySet[FiscalPeriod, tuple[date, int]]:
    """Older months, each with an entity that may be over its line there: not closed, with a deadline past.

    This only finds where to look; who is over the line is judged by the snapshot.
    """
    not_closed = ~Q(state="closed")
    if asked.past:  # what is closed now may not have been then
        not_closed = not_closed | Q(
            Exists(StateChange.objects.filter(period=OuterRef("pk"), seen_at__gt=asked.as_of))
        )
    overdue = PeriodDeadline.objects.filter(
        period=OuterRef("pk"), set_at__lte=asked.as_of, due_on__lte=asked.as_of.date()
    )
    return (
        FiscalPeriod.objects.filter(
            not_closed,
            Exists(overdue),
            entity__in=asked.entities(),
            type=PeriodType.OPERATING.value,
            reporting_month__lt=asked.month,
        )
        .values_list("reporting_month", "entity_id")
        .distinct()
    )


# --- what is known about each of them -----------------------------------------------------------------------------


@dataclass(frozen=True)
class QueueDetails:
    """What the queue knows beside the rows, of the entities shown: owners, calendars, who may write, reopenings."""

    owners: Mapping[str, EntityOwner]
    writable: frozenset[str]
    calendars: Mapping[int, WorkdayCalendar]
    crossed: Mapping[int, datetime]  # of reopened periods: when the episode that runs went over the line
    unaddressed: frozenset[int]  # periods whose alert found nobody to tell

    def since(self, row: Row) -> date | None:
        """The day in the entity's zone since which the row is over its line; None where nobody can tell.

        A reopened period has been over it twice, so only the episode that is kept of it tells.
        """
        if row.standing.reopened:
            crossed_at = self.crossed.get(row.period_id or 0)
            return local_date(crossed_at, zone_named(row.zone)) if crossed_at else None
        return first_alerting_day(row, self.calendars.get(row.calendar_id or 0))


def queue_details(asked: BoardRequest, entities: Sequence[AlertingEntity]) -> QueueDetails:
    """What is to be known of these entities, in the same few queries however many they are."""
    rows = [row for each in entities for _, row in each.months]
    codes = {row.code for row in rows}
    own = asked.entities().filter(code__in=codes)
    counted = {
        row.calendar_id
        for row in rows
        if row.calendar_id is not None and row.standing.unit is LatenessUnit.WORKING_DAYS
    }
    years = {row.deadline.due_on.year for row in rows if row.deadline is not None}
    reopened = [row.period_id for row in rows if row.standing.reopened]
    return QueueDetails(
        owners={
            code: EntityOwner(name or "", email or "")
            for code, name, email in own.values_list("code", "owner__name", "owner__email")
        },
        writable=frozenset(
            ()
            if asked.past
            else writable_entities(asked.person).filter(code__in=codes).values_list("code", flat=True)
        ),
        calendars=work_calendars(counted, range(min(years), asked.as_of.year + 2))
        if counted and years
        else {},
        crossed=_crossed(reopened, asked.as_of) if reopened else {},
        unaddressed=_lonely([row.period_id for row in rows], asked.as_of),
    )


def _lonely(period_ids: Sequence[int | None], as_of: datetime) -> frozenset[int]:
    """The periods of which the newest alert has no message to anybody."""
    alerts = Notice.objects.filter(
        period__in=period_ids,
        kind__in=[NoticeKind.ALERT.value, NoticeKind.UNCONFIRMED.value],
        raised_at__lte=as_of,
    )
    newest = alerts.order_by("period", "-raised_at", "-pk").distinct("period")
    found = newest.annotate(heard=Exists(DeliveryLine.objects.filter(notice=OuterRef("pk"))))
    return frozenset(period for period, heard in found.values_list("period", "heard") if not heard)


def _crossed(period_ids: Sequence[int | None], as_of: datetime) -> dict[int, datetime]:
    runs = Q(closed_at=None) | Q(closed_at__gt=as_of)
    episodes = Overrun.objects.filter(
        runs, period__in=period_ids, opened_at__lte=as_of, crossed_line_at__lte=as_of, after_reopening=True
    )
    return {period: at for period, at in episodes.values_list("period", "crossed_line_at") if at is not None}


def obstacles(row: Row, reader: Reader, as_of: datetime) -> list[tuple[str, str]]:
    """What is known to keep the period from closing, each with the name of an icon: nothing is guessed."""

    def when(moment: datetime) -> str:
        return labels.clock(moment, reader.zone, as_of)

    reason = "info" if row.remarks.reason or not row.reason_missing else "warning"
    found = [
        ("stale", unconfirmed_because(row, when)),
        (row.state.value, state_because(row)),
        (reason, overdue_reason_text(row, when)),
    ]
    return [(icon, told) for icon, told in found if told]
