"""Builds the remarks card: the current remarks, and the forms to add them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from board.entity.forms import RemarkForm
from board.entity.page_data import PageData
from board.web import labels
from closing.calendar.date_phrases import weekday_and_day
from closing.calendar.instants import local_date, zone_named
from closing.facts.period_remarks import MAX_REMARK_LENGTH, RemarkKind
from periods.remarks import MAX_EXPECTED_CLOSE_DAYS, allowed_remark_kinds


@dataclass(frozen=True, slots=True)
class CurrentRemark:
    """One current remark: its value, its text, and its author with the time."""

    what: str
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class RemarksCard:
    """The card; a form is None if it does not apply or the reader may not write."""

    expected: CurrentRemark | None
    expected_past: bool
    reason: CurrentRemark | None
    shows_expected_close: bool  # an expected close gets a line; likewise `shows_reason`
    shows_reason: bool
    reason_missing: bool
    acknowledged: CurrentRemark | None
    expect: RemarkForm | None
    give_reason: RemarkForm | None
    acknowledge: RemarkForm | None
    note: RemarkForm | None
    first_day: str = ""
    last_day: str = ""
    longest: int = MAX_REMARK_LENGTH
    error: str = ""  # an error of no single input
    past_deadline: bool = False  # it has passed, and no date moves it any more

    @property
    def has_content(self) -> bool:
        """Whether there is anything to show at all."""
        return bool(
            self.shows_expected_close
            or self.shows_reason
            or self.acknowledged
            or self.acknowledge
            or self.error
        )


def remarks_card(data: PageData, typed: RemarkForm | None) -> RemarksCard | None:
    """The current remarks, and the forms that apply to this row and reader; no form at a past moment.

    None for a month in which the entity does not count, or without a period, a note and somebody who may write one.
    """
    row, board_request = data.row, data.board_request
    if row is None:
        return None
    current, zone = row.remarks, board_request.reader.zone
    today = local_date(board_request.as_of, zone_named(row.zone))
    allowed = allowed_remark_kinds(row, board_request.as_of)
    kinds = allowed if data.writes and not board_request.past else frozenset()
    if data.period is None and not data.notes and RemarkKind.NOTE not in kinds:
        return None

    def by(name: str, at: object) -> str:
        return f"{name}, {labels.clock(at, zone, board_request.as_of)}" if at is not None else name  # type: ignore[arg-type]

    rejected = typed["kind"].value() if typed is not None else ""

    def form(kind: RemarkKind, **initial: str) -> RemarkForm | None:
        if kind not in kinds:
            return None
        return typed if rejected == kind.value else RemarkForm(initial={"kind": kind.value, **initial})

    expected_on = (
        current.expected_on.isoformat() if current.expected_on and current.expected_on >= today else ""
    )
    return RemarksCard(
        expected=CurrentRemark(
            weekday_and_day(current.expected_on),
            current.expected_text,
            by(current.expected_by, current.expected_at),
        )
        if current.expected_on is not None
        else None,
        expected_past=current.expected_on is not None
        and current.expected_on < today
        and not row.counts_as_closed,
        reason=CurrentRemark(current.reason, current.reason_text, by(current.reason_by, current.reason_at))
        if current.reason
        else None,
        shows_expected_close=current.expected_on is not None or RemarkKind.EXPECTED_CLOSE in allowed,
        shows_reason=bool(current.reason) or RemarkKind.OVERDUE_REASON in allowed,
        reason_missing=row.reason_missing,
        acknowledged=CurrentRemark(
            "", current.acknowledged_text, by(current.acknowledged_by, current.acknowledged_at)
        )
        if current.acknowledged_at is not None
        else None,
        expect=form(RemarkKind.EXPECTED_CLOSE, expected_on=expected_on),
        give_reason=form(RemarkKind.OVERDUE_REASON, reason=current.reason_code),
        acknowledge=form(RemarkKind.ACKNOWLEDGEMENT),
        note=form(RemarkKind.NOTE),
        first_day=today.isoformat(),
        last_day=(today + timedelta(days=MAX_EXPECTED_CLOSE_DAYS)).isoformat(),
        error=typed.error if typed is not None and rejected not in kinds else "",
        past_deadline=row.deadline is not None and row.deadline.passed(board_request.as_of),
    )
