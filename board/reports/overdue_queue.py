"""The data of the escalation queue: overdue entities, in the latest month and in older ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from django.db.models import Exists, OuterRef, Q, QuerySet

from alerts.models import DeliveryLine, Notice, Overrun
from alerts.notices.notice_specs import kinds_where
from board.web import labels
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest
from board.web.filters import filter_board
from board.web.readers import Reader
from closing.blockers.row_blockers import blocked_by, blockers_phrase
from closing.calendar.instants import local_date, zone_named
from closing.calendar.workdays import WorkdayCalendar
from closing.facts.readings import PeriodType
from closing.judging.risk import OverdueEntity, first_alerting_day, overdue_entities
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
from entities.models import Person
from periods.models import FiscalPeriod, PeriodDeadline, StateChange
from periods.snapshot.builder import take_snapshots

OLDER_MONTHS = 24  # loaded beside the latest: more open months than that need a talk, not a queue


@dataclass(frozen=True)
class OverdueQueue:
    """The overdue entities at the moment of a request, alerting or on watch.

    `board` is the latest month with every row that the person may see. `older` are the boards of older months, with
    the entities that may be overdue there; `left_out` counts the months before them that were not loaded.
    """

    board_request: BoardRequest
    board: Scoreboard
    older: Sequence[Scoreboard]
    left_out: int

    @cached_property
    def unfiltered(self) -> list[OverdueEntity]:
        """Every overdue entity that the person may see, before any filter."""
        return overdue_entities([self.board, *self.older])

    @cached_property
    def entities(self) -> list[OverdueEntity]:
        """The entities that pass the filters, those over the alert line first, each part furthest behind first."""
        return overdue_entities(self._boards_with(self.board_request.query))

    @cached_property
    def blocked_counts(self) -> Mapping[str, int]:
        """The values of "blocked by" of overdue months, each with the entities that pass all other filters."""
        counts = Counter[str]()
        for entity in overdue_entities(self._boards_with(self.board_request.query.replace(blocked=""))):
            counts.update(frozenset[str]().union(*(blocked_by(row) for _, row in entity.months)))
        return counts

    @cached_property
    def unconfirmed(self) -> int:
        """The number of rows of the latest month that pass the filters and are stale or unknown."""
        rows = filter_board(self.board, self.board_request.query).rows
        return sum(not row.fresh or row.state is PeriodState.UNKNOWN for row in rows)

    def _boards_with(self, query: BoardQuery) -> list[Scoreboard]:
        query = query.replace(sort="behind")
        return [filter_board(board, query) for board in (self.board, *self.older)]


def overdue_queue(board_request: BoardRequest) -> OverdueQueue:
    """The queue of a request, up to its month; the number of queries does not depend on the late entities."""
    board = board_request.board()
    candidates = list(_older_candidates(board_request))
    months = sorted({month for month, _ in candidates}, reverse=True)
    loaded = months[:OLDER_MONTHS]
    older: Mapping[date, Scoreboard] = {}
    if loaded:
        ids = {entity_id for month, entity_id in candidates if month in loaded}
        entities = board_request.entities().filter(pk__in=ids)
        older = take_snapshots(entities, loaded, board_request.as_of, visible=board_request.visible_ids)
    return OverdueQueue(board_request, board, [older[month] for month in loaded], len(months) - len(loaded))


def _older_candidates(board_request: BoardRequest) -> QuerySet[FiscalPeriod, tuple[date, int]]:
    """Older months, each with an entity that may be overdue there: not closed, with a deadline past.

    This only finds candidates; the snapshot judges which entities are overdue.
    """
    not_closed = ~Q(state="closed")
    if board_request.past:  # a period that is closed now may not have been then
        not_closed = not_closed | Q(
            Exists(StateChange.objects.filter(period=OuterRef("pk"), seen_at__gt=board_request.as_of))
        )
    overdue = PeriodDeadline.objects.filter(
        period=OuterRef("pk"), set_at__lte=board_request.as_of, due_on__lte=board_request.as_of.date()
    )
    return (
        FiscalPeriod.objects.filter(
            not_closed,
            Exists(overdue),
            entity__in=board_request.entities(),
            type=PeriodType.OPERATING.value,
            reporting_month__lt=board_request.month,
        )
        .values_list("reporting_month", "entity_id")
        .distinct()
    )


# --- details of each entity ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class QueueDetails:
    """Data of the shown entities beside their rows: owners, write access, calendars, reopenings, alerts."""

    owners: Mapping[str, Person]
    writable: frozenset[str]
    calendars: Mapping[int, WorkdayCalendar]
    crossed: Mapping[int, datetime]  # by reopened period: when its running episode crossed the line
    unaddressed: frozenset[int]  # periods whose newest alert has no recipient

    def owner_email(self, row: Row) -> str:
        """The address of the entity's owner; "" without an owner."""
        return self.owners[row.code].email if row.code in self.owners else ""

    def since(self, row: Row) -> date | None:
        """The day in the entity's zone since which the row is over its line; None if it is unknown, or on watch.

        A reopened period may have crossed it twice, so the day comes from its stored episode.
        """
        if not row.standing.alerting:
            return None
        if row.standing.reopened:
            crossed_at = self.crossed.get(row.period_id or 0)
            return local_date(crossed_at, zone_named(row.zone)) if crossed_at else None
        return first_alerting_day(row, self.calendars.get(row.calendar_id or 0))

    def alerts_on(self, row: Row) -> date | None:
        """The day on which a row on watch crosses its line unless it is closed by then."""
        return first_alerting_day(row, self.calendars.get(row.calendar_id or 0))


def queue_details(
    board_request: BoardRequest, entities: Sequence[OverdueEntity], *, of_a_file: bool = False
) -> QueueDetails:
    """The details of these entities; the number of queries does not depend on their number.

    A file has neither a form for taking over nor a mark that nobody was notified.
    """
    rows = [row for entity in entities for _, row in entity.months]
    codes = {row.code for row in rows}
    visible = board_request.entities().filter(code__in=codes)
    counted = {
        row.calendar_id
        for row in rows
        if row.calendar_id is not None and row.standing.unit is LatenessUnit.WORKING_DAYS
    }
    years = {row.deadline.due_on.year for row in rows if row.deadline is not None}
    reopened = [row.period_id for row in rows if row.standing.reopened]
    return QueueDetails(
        owners={
            entity.code: entity.owner
            for entity in visible.select_related("owner").only("code", "owner__name", "owner__email")
            if entity.owner is not None
        },
        writable=frozenset(
            ()
            if board_request.past or of_a_file
            else writable_entities(board_request.person).filter(code__in=codes).values_list("code", flat=True)
        ),
        calendars=work_calendars(counted, range(min(years), board_request.as_of.year + 2))
        if counted and years
        else {},
        crossed=_crossed_at(reopened, board_request.as_of) if reopened else {},
        unaddressed=frozenset()
        if of_a_file
        else _unaddressed([row.period_id for row in rows], board_request.as_of),
    )


def _unaddressed(period_ids: Sequence[int | None], as_of: datetime) -> frozenset[int]:
    """The periods whose newest alert is in no message."""
    alerts = Notice.objects.filter(
        period__in=period_ids,
        kind__in=kinds_where(lambda spec: spec.first_of_overrun),
        raised_at__lte=as_of,
    )
    newest = alerts.order_by("period", "-raised_at", "-pk").distinct("period")
    annotated = newest.annotate(addressed=Exists(DeliveryLine.objects.filter(notice=OuterRef("pk"))))
    return frozenset(
        period for period, addressed in annotated.values_list("period", "addressed") if not addressed
    )


def _crossed_at(period_ids: Sequence[int | None], as_of: datetime) -> dict[int, datetime]:
    running = Q(closed_at=None) | Q(closed_at__gt=as_of)
    episodes = Overrun.objects.filter(
        running, period__in=period_ids, opened_at__lte=as_of, crossed_line_at__lte=as_of, after_reopening=True
    )
    return {period: at for period, at in episodes.values_list("period", "crossed_line_at") if at is not None}


def obstacles(row: Row, reader: Reader, as_of: datetime) -> list[tuple[str, str]]:
    """The known reasons why the period is not closed, each with the name of an icon."""

    def when(moment: datetime) -> str:
        return labels.clock(moment, reader.zone, as_of)

    reason = "info" if row.remarks.reason or not row.reason_missing else "warning"
    candidates = [
        ("stale", unconfirmed_because(row, when)),
        (row.state.value, state_because(row) if row.read_at is not None else ""),
        ("warning", blockers_phrase(row, when)),
        (reason, overdue_reason_text(row, when)),
    ]
    return [(icon, text) for icon, text in candidates if text]
