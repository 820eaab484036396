"""What an entity's people say about its period, and the forms with which they say it."""

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
    """What a form held when it was refused, and why; `field` is the input that it is about."""

    kind: str
    values: Mapping[str, str]
    error: str
    field: str

    @property
    def edit(self) -> tuple[int, RemarkForm] | None:
        """The note that was to be edited, and the form that comes back."""
        replaces = self.values.get("replaces", "")
        if not (replaces.isascii() and replaces.isdigit()):
            return None
        form = RemarkForm("note", self.values.get("text", ""), error=self.error, field=self.field, open=True)
        return int(replaces), form


@dataclass(frozen=True, slots=True)
class RemarkForm:
    """One form: its kind, what it holds, and what is wrong with it."""

    kind: str
    text: str = ""
    reason: str = ""
    expected_on: str = ""
    error: str = ""
    field: str = ""
    open: bool = False


@dataclass(frozen=True, slots=True)
class CurrentRemark:
    """One thing that stands: what, more words, and who said it when."""

    what: str
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class RemarksCard:
    """The card; a form is None where it makes no sense or the reader may not write."""

    expected: CurrentRemark | None
    expected_past: bool
    reason: CurrentRemark | None
    shows_expected_close: bool  # whether an expected close is worth a line; likewise a reason
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
    error: str = ""  # of no input in particular

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


def remarks_card(row: Row, asked: BoardRequest, *, writes: bool, typed: RejectedRemark | None) -> RemarksCard:
    """What stands, and the forms that make sense for this row and reader; the past is only read."""
    said, zone = row.remarks, asked.reader.zone
    today = local_date(asked.as_of, zone_named(row.zone))
    sensible = allowed_remark_kinds(row, asked.as_of)
    kinds = sensible if writes and not asked.past else frozenset()

    def by(name: str, at: object) -> str:
        return f"{name}, {labels.clock(at, zone, asked.as_of)}" if at is not None else name  # type: ignore[arg-type]

    def form(
        kind: RemarkKind, *, reason: str = "", expected_on: str = "", open_: bool = False
    ) -> RemarkForm | None:
        if kind not in kinds:
            return None
        if typed is not None and typed.kind == kind.value:
            held = typed.values
            return RemarkForm(
                kind.value,
                held.get("text", ""),
                held.get("reason", ""),
                held.get("expected_on", ""),
                typed.error,
                typed.field,
                open=True,
            )
        return RemarkForm(kind.value, reason=reason, expected_on=expected_on)

    expected_on = said.expected_on.isoformat() if said.expected_on and said.expected_on >= today else ""
    expect = form(RemarkKind.EXPECTED_CLOSE, expected_on=expected_on)
    give_reason = form(RemarkKind.OVERDUE_REASON, reason=said.reason_code)
    acknowledge = form(RemarkKind.ACKNOWLEDGEMENT)
    note = form(RemarkKind.NOTE)
    shown = {each.kind for each in (expect, give_reason, acknowledge, note) if each is not None}
    return RemarksCard(
        expected=CurrentRemark(
            weekday_and_day(said.expected_on), said.expected_text, by(said.expected_by, said.expected_at)
        )
        if said.expected_on is not None
        else None,
        expected_past=said.expected_on is not None and said.expected_on < today and not row.counts_as_closed,
        reason=CurrentRemark(said.reason, said.reason_text, by(said.reason_by, said.reason_at))
        if said.reason
        else None,
        shows_expected_close=said.expected_on is not None or RemarkKind.EXPECTED_CLOSE in sensible,
        shows_reason=bool(said.reason) or RemarkKind.OVERDUE_REASON in sensible,
        reason_missing=row.reason_missing,
        acknowledged=CurrentRemark("", said.acknowledged_text, by(said.acknowledged_by, said.acknowledged_at))
        if said.acknowledged_at is not None
        else None,
        notes=said.notes,
        expect=expect,
        give_reason=give_reason,
        acknowledge=acknowledge,
        note=note,
        reasons=[(code.value, label) for code, label in OVERDUE_REASON_LABELS.items()],
        first_day=today.isoformat(),
        last_day=(today + timedelta(days=MAX_EXPECTED_CLOSE_DAYS)).isoformat(),
        error=typed.error if typed is not None and typed.kind not in shown else "",
    )
