"""The remarks of people about a period: notes, overdue reasons, expected dates and acknowledgements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

MAX_REMARK_LENGTH = 2000  # letters


class RemarkKind(StrEnum):
    """The four kinds of remark about a period."""

    NOTE = "note"
    OVERDUE_REASON = "overdue_reason"
    EXPECTED_CLOSE = "expected_close"
    ACKNOWLEDGEMENT = "acknowledgement"


class OverdueReason(StrEnum):
    """The reasons why a period is late, from which an entity's people choose."""

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
    """One remark of one person about a period; `by` is their name, `by_id` their id.

    `replaces` is the id of the note that this one edits, or takes back if `withdrawn`. Only an overdue reason has a
    `reason`, only an expected close has `expected_on`.
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
    """The current remarks of a period at a moment, each with author and time; without a remark its author is empty.

    `reason` is the label of the overdue reason, `reason_code` its word in the API. `notes` counts the current notes,
    edited ones once and withdrawn ones not at all.
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
    """The current ones of these remarks (oldest first): the newest of each kind, and the notes not replaced."""
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
    overdue = newest.get(RemarkKind.OVERDUE_REASON)
    acknowledged = newest.get(RemarkKind.ACKNOWLEDGEMENT)
    return CurrentRemarks(
        expected_on=expected.expected_on if expected else None,
        expected_text=expected.text if expected else "",
        expected_by=expected.by if expected else "",
        expected_at=expected.at if expected else None,
        reason=OVERDUE_REASON_LABELS[overdue.reason] if overdue and overdue.reason else "",
        reason_code=overdue.reason.value if overdue and overdue.reason else "",
        reason_text=overdue.text if overdue else "",
        reason_by=overdue.by if overdue else "",
        reason_at=overdue.at if overdue else None,
        acknowledged_text=acknowledged.text if acknowledged else "",
        acknowledged_by=acknowledged.by if acknowledged else "",
        acknowledged_at=acknowledged.at if acknowledged else None,
        notes=len(notes),
    )
