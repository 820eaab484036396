"""Builds the remarks card: the current remarks, and the forms to add them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from board.web import labels
from board.web.board_request import BoardRequest
from closing.calendar.date_phrases import weekday_and_day
from closing.calendar.instants import local_date, zone_named
from closing.facts.period_remarks import MAX_REMARK_LENGTH, OVERDUE_REASON_LABELS, RemarkKind
from closing.scoreboard.row import Row
from periods.remarks import MAX_EXPECTED_CLOSE_DAYS, allowed_remark_kinds


@dataclass(frozen=True, slots=True)
class RejectedRemark:
    """A rejected form: its values, the error, and the input that the error is about."""

    kind: str
    values: Mapping[str, str]
    error: str
    field: str

    @property
    def edit(self) -> tuple[int, RemarkForm] | None:
        """The id of the edited note and its form with the error; None if no note was edited."""
        replaces = self.values.get("replaces", "")
        if not (replaces.isascii() and replaces.isdigit()):
            return None
        form = RemarkForm("note", self.values.get("text", ""), error=self.error, field=self.field, open=True)
        return int(replaces), form


@dataclass(frozen=True, slots=True)
class RemarkForm:
    """One form: its kind, its values, and its error."""

    kind: str
    text: str = ""
    reason: str = ""
    expected_on: str = ""
    error: str = ""
    field: str = ""
    open: bool = False


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
    notes: int
    expect: RemarkForm | None
    give_reason: RemarkForm | None
    acknowledge: RemarkForm | None
    note: RemarkForm | None
    reasons: Sequence[tuple[str, str]] = ()
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


def remarks_card(
    row: Row, board_request: BoardRequest, *, writes: bool, typed: RejectedRemark | None
) -> RemarksCard:
    """The current remarks, and the forms that apply to this row and reader; none at a past moment."""
    current, zone = row.remarks, board_request.reader.zone
    today = local_date(board_request.as_of, zone_named(row.zone))
    allowed = allowed_remark_kinds(row, board_request.as_of)
    kinds = allowed if writes and not board_request.past else frozenset()

    def by(name: str, at: object) -> str:
        return f"{name}, {labels.clock(at, zone, board_request.as_of)}" if at is not None else name  # type: ignore[arg-type]

    def form(
        kind: RemarkKind, *, reason: str = "", expected_on: str = "", open_: bool = False
    ) -> RemarkForm | None:
        if kind not in kinds:
            return None
        if typed is not None and typed.kind == kind.value:
            values = typed.values
            return RemarkForm(
                kind.value,
                values.get("text", ""),
                values.get("reason", ""),
                values.get("expected_on", ""),
                typed.error,
                typed.field,
                open=True,
            )
        return RemarkForm(kind.value, reason=reason, expected_on=expected_on)

    expected_on = (
        current.expected_on.isoformat() if current.expected_on and current.expected_on >= today else ""
    )
    expect = form(RemarkKind.EXPECTED_CLOSE, expected_on=expected_on)
    give_reason = form(RemarkKind.OVERDUE_REASON, reason=current.reason_code)
    acknowledge = form(RemarkKind.ACKNOWLEDGEMENT)
    note = form(RemarkKind.NOTE)
    shown = {item.kind for item in (expect, give_reason, acknowledge, note) if item is not None}
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
        notes=current.notes,
        expect=expect,
        give_reason=give_reason,
        acknowledge=acknowledge,
        note=note,
        reasons=[(code.value, label) for code, label in OVERDUE_REASON_LABELS.items()],
        first_day=today.isoformat(),
        last_day=(today + timedelta(days=MAX_EXPECTED_CLOSE_DAYS)).isoformat(),
        error=typed.error if typed is not None and typed.kind not in shown else "",
        past_deadline=row.deadline is not None and row.deadline.passed(board_request.as_of),
    )
