"""Reads the data of an entity's page once for all its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from board.reports.matrix import months_until
from board.web.board_request import BoardRequest
from closing.calendar.deadlines import WorkdayRule
from closing.calendar.workdays import WorkdayCalendar
from closing.facts.period_remarks import PeriodRemark
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row
from entities.calendars import work_calendars
from entities.models import LegalEntity
from periods.lookups import notes_before_period
from periods.policies import EffectivePolicy, effective_policies
from periods.remarks import may_write
from periods.snapshot.builder import take_snapshots
from periods.snapshot.period_history import AttemptSummary, PeriodDetail, newest_attempts, period_details

MONTHS = 12  # that are read before the shown one, and closes in their card
ATTEMPTS = 40  # that are looked at; equal ones become one line


@dataclass(frozen=True, slots=True)
class PageData:
    """The data of the page."""

    entity: LegalEntity
    board_request: BoardRequest
    board: Scoreboard
    row: Row | None
    rows: Sequence[tuple[date, Row]]
    periods: Sequence[PeriodDetail]
    policy: EffectivePolicy
    calendar: WorkdayCalendar
    attempts: Sequence[AttemptSummary]
    notes: Sequence[PeriodRemark]  # on a month without a period
    sees_all: bool  # row counts of a read reveal the connection's other entities
    writes: bool

    @property
    def period(self) -> PeriodDetail | None:
        """The period of the row: of two in one month the one that holds the entity up."""
        if self.row is None:
            return None
        return next((period for period in self.periods if period.id == self.row.period_id), None)

    @property
    def first_is(self) -> int:
        """The number of the first working day, by the policy in force."""
        return self.policy.rule.first_is if isinstance(self.policy.rule, WorkdayRule) else 1


def read_page_data(entity: LegalEntity, board_request: BoardRequest) -> PageData:
    month, as_of = board_request.month, board_request.as_of
    months = months_until(month, MONTHS + 1)
    only_entity = LegalEntity.objects.filter(pk=entity.pk)
    boards = take_snapshots(only_entity, months, as_of, visible=board_request.visible_ids)
    rows = [(shown_month, boards[shown_month].rows[0]) for shown_month in months if boards[shown_month].rows]
    row = boards[month].rows[0] if boards[month].rows else None
    years = range(months[0].year, max(month.year, as_of.year) + 2)
    return PageData(
        entity=entity,
        board_request=board_request,
        board=boards[month],
        row=row,
        rows=rows,
        periods=period_details(
            entity.pk,
            month,
            as_of,
            expected=row.period_id if row is not None and row.read_at is None else None,
        ),
        policy=effective_policies([(entity.pk, entity.group.path)], as_of=as_of)[entity.pk],
        calendar=work_calendars([entity.calendar_id], years)[entity.calendar_id],
        attempts=newest_attempts(entity.pk, entity.connection_id, as_of, newest=ATTEMPTS),
        notes=notes_before_period(entity.pk, month, as_of)
        if row is not None and row.period_id is None
        else (),
        sees_all=board_request.person.is_superuser,
        writes=may_write(board_request.person, entity.pk),
    )
