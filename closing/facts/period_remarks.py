"""What people say about a period beside what the ERP says: notes, reasons, expected dates, acknowledgements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

MAX_REMARK_LENGTH = 2000  # letters


class RemarkKind(StrEnum):
    """The four things that a person can say about a period."""

    NOTE = "note"
    OVERDUE_REASON = "overdue_reason"
    EXPECTED_CLOSE = "expected_close"
    ACKNOWLEDGEMENT = "acknowledgement"


class OverdueReason(StrEnum):
    """Why a period is late, as its own people pick it from a list."""

    WAITING_FOR_ANOTHER_ENTITY = "waiting_for_another_entity"
    ERP_PROBLEM = "erp_problem"
    LATE_INVOICES = "late_invoices"
    BANK_OR_STATEMENT_MISSING = "bank_or_statement_missing"
    PEOPLE_AWAY = "people_away"
    AUDIT_ADJUSTMENT = "audit_adjustment"
    INVENTORY_CLOSE = "inventory_close"
    OTHER = "other"


OVERDUE_REASON_LABELS = {
    OverdueReason.WAITING_FOR_ANOTHER_ENTITY: "Waiting for another entity",
    OverdueReason.ERP_PROBLEM: "Problem in the ERP",
    OverdueReason.LATE_INVOICES: "Late invoices",
    OverdueReason.BANK_OR_STATEMENT_MISSING: "Bank file or statement missing",
    OverdueReason.PEOPLE_AWAY: "People away",
    OverdueReason.AUDIT_ADJUSTMENT: "Audit adjustment",
    OverdueReason.INVENTORY_CLOSE: "Inventory close not finished",
    OverdueReason.OTHER: "Another reason",
}


@dataclass(frozen=True, slots=True)
class PeriodRemark:
    """One thing that one person said about a period; `by` is their name, `by_id` tells who they are.

    `replaces` is the remark that this one edits, or takes back when `withdrawn`. `reason` stands for an overdue
    reason only, `expected_on` for an expected close only.
    """

    id: int
    kind: RemarkKind
    by: str
    at: datetime
    text: str = ""
    reason: OverdueReason | None = None
    expected_on: date | None = None
    replaces: int | None = None
    withdrawn: bool = False
    by_id: int | None = None


@dataclass(frozen=True, slots=True)
class CurrentRemarks:
    """What stands at a moment, each with who said it and when; an empty name means that nobody has.

    `reason` is the label of the overdue reason, `reason_code` its word in the API. `notes` counts the notes that
    stand, edited ones once and withdrawn ones not at all.
    """

    expected_on: date | None = None
    expected_text: str = ""
    expected_by: str = ""
    expected_at: datetime | None = None
    reason: str = ""
    reason_code: str = ""
    reason_text: str = ""
    reason_by: str = ""
    reason_at: datetime | None = None
    acknowledged_text: str = ""
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    notes: int = 0


NO_REMARKS = CurrentRemarks()


def current_remarks(remarks: Iterable[PeriodRemark]) -> CurrentRemarks:
    """What stands of the remarks (oldest first): the newest of each kind, and the notes nobody replaced."""
    newest: dict[RemarkKind, PeriodRemark] = {}
    notes: set[int] = set()
    for remark in remarks:
        if remark.kind is not RemarkKind.NOTE:
            newest[remark.kind] = remark
            continue
        if remark.replaces is not None:
            notes.discard(remark.replaces)
        if not remark.withdrawn:
            notes.add(remark.id)
    expected = newest.get(RemarkKind.EXPECTED_CLOSE)
    why = newest.get(RemarkKind.OVERDUE_REASON)
    seen = newest.get(RemarkKind.ACKNOWLEDGEMENT)
    return CurrentRemarks(
        expected_on=expected.expected_on if expected else None,
        expected_text=expected.text if expected else "",
        expected_by=expected.by if expected else "",
        expected_at=expected.at if expected else None,
        reason=OVERDUE_REASON_LABELS[why.reason] if why and why.reason else "",
        reason_code=why.reason.value if why and why.reason else "",
        reason_text=why.text if why else "",
        reason_by=why.by if why else "",
        reason_at=why.at if why else None,
        acknowledged_text=seen.text if seen else "",
        acknowledged_by=seen.by if seen else "",
        acknowledged_at=seen.at if seen else None,
        notes=len(notes),
    )
