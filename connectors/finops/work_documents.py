"""Counts the unfinished work of Finance & Operations that is in no journal with dated lines, one set or two each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from closing.blockers.blocker_kinds import BlockerKind, CountedUnit, DocumentPart
from connectors.finops.turn_reading import LATE_INVOICES, NOT_POSTED, OTHER_LAYERS, PartSource, TurnReading
from connectors.finops.work_lists import ExpandRefused, is_word
from connectors.ledger_source import name_key
from connectors.odata.lists import (
    InvalidRow,
    datetime_field,
    noon_date_field,
    optional_noon_date_field,
    optional_text_field,
    text_field,
    whole_number_field,
)
from connectors.work_source import PartKey, WorkRef
from connectors.work_tally import WorkItem
from infra.outbound.errors import AnswerMisread

VENDOR_INVOICES: PartKey = (BlockerKind.UNPOSTED_DOCUMENTS, DocumentPart.VENDOR_INVOICES.value)
CUSTOMER_INVOICES: PartKey = (BlockerKind.UNPOSTED_DOCUMENTS, DocumentPart.CUSTOMER_INVOICES.value)
INVENTORY_JOURNALS: PartKey = (BlockerKind.UNPOSTED_DOCUMENTS, DocumentPart.INVENTORY_JOURNALS.value)
BANK: PartKey = (BlockerKind.BANK_NOT_RECONCILED, "")
APPROVALS: PartKey = (BlockerKind.APPROVALS_WAITING, "")
REVERSALS: PartKey = (BlockerKind.ACCRUAL_REVERSALS, "")
TRANSFERS: PartKey = (BlockerKind.SUBLEDGER_NOT_TRANSFERRED, "")
UNITS: Mapping[PartKey, CountedUnit] = {BANK: CountedUnit.STATEMENTS}
_EMPTY = date(1900, 1, 1)


def _named(**flags: bool) -> tuple[str, ...]:
    return tuple(word for word, is_set in flags.items() if is_set)


def _pending_vendor_invoices(reading: TurnReading) -> None:
    """The table holds only invoices that are not posted; Date is the posting date. It has no total."""
    counted: set[tuple[int, str]] = set()

    def add(ref: WorkRef, row: Mapping[str, Any]) -> None:
        reference = text_field(row, "HeaderReference")
        if (ref.entity, reference) in counted:
            return
        posting, dated = optional_noon_date_field(row, "Date"), optional_noon_date_field(row, "InvoiceDate")
        item = WorkItem(
            reference,
            1,
            optional_text_field(row, "InvoiceNumber") or reference,
            posting,
            link=reading.link(ref),
            apart=_named(
                approved_waiting=optional_text_field(row, "VendorInvoiceReviewStatus") == "Approved",
                on_hold=optional_text_field(row, "IsOnHold") == "Yes",
            ),
        )
        counted.add((ref.entity, reference))
        reading.tally.add(ref, VENDOR_INVOICES, posting, item)
        reading.late(ref, dated, posting, item)

    properties = "InvoiceNumber,Date,InvoiceDate,IsOnHold,VendorInvoiceReviewStatus"
    pages = reading.lists.pages(
        "VendorInvoiceHeaders",
        select=f"dataAreaId,HeaderReference,{properties}",
        orderby="dataAreaId,HeaderReference",
    )
    for rows in pages:
        reading.each(rows, (VENDOR_INVOICES, LATE_INVOICES), add)


def _free_text_invoices(reading: TurnReading) -> None:
    counted: set[tuple[int, int]] = set()

    def add(ref: WorkRef, row: Mapping[str, Any]) -> None:
        key = ref.entity, whole_number_field(row, "InvoiceIdentifier")
        posted = optional_text_field(row, "IsPosted")
        if posted not in {"Yes", "No"}:
            raise InvalidRow(f"IsPosted is {str(posted)[:40]!r}, neither Yes nor No")
        day = optional_noon_date_field(row, "InvoiceDate")
        number = optional_text_field(row, "FreeTextNumber") or optional_text_field(row, "CustomerReference")
        if posted == "No" and key not in counted:
            counted.add(key)
            item = WorkItem(str(key[1]), 1, number or str(key[1]), day, link=reading.link(ref))
            reading.tally.add(ref, CUSTOMER_INVOICES, day, item)

    pages = reading.lists.pages(
        "FreeTextInvoiceHeaders",
        select="dataAreaId,InvoiceIdentifier,FreeTextNumber,CustomerReference,IsPosted,InvoiceDate",
        filter=NOT_POSTED["IsPosted"],
        orderby="dataAreaId,InvoiceIdentifier",
    )
    for rows in pages:
        reading.each(rows, (CUSTOMER_INVOICES,), add)


def _inventory_journals(reading: TurnReading) -> None:
    """Inventory journals by their headers, which have no date."""
    counted: set[tuple[int, str]] = set()

    def add(ref: WorkRef, row: Mapping[str, Any]) -> None:
        number, lines = text_field(row, "JournalId"), whole_number_field(row, "NumOfLines")
        if (ref.entity, number) in counted:
            return
        counted.add((ref.entity, number))
        if not lines:
            reading.tally.leave_out(ref, INVENTORY_JOURNALS, None, "empty")
            return
        apart = _named(
            approved_waiting=optional_text_field(row, "WorkflowApprovalStatus") == "Approved",
            in_use=bool(optional_text_field(row, "BlockUserId")),
            blocked_by_system=optional_text_field(row, "SystemBlocked") == "Yes",
        )
        item = WorkItem(number, 1, number, link=reading.link(ref), apart=apart)
        reading.tally.add(ref, INVENTORY_JOURNALS, None, item)

    pages = reading.lists.pages(
        "InventoryJournalTableBiEntities",
        select="dataAreaId,JournalId,NumOfLines,WorkflowApprovalStatus,BlockUserId,SystemBlocked",
        filter=NOT_POSTED["Posted"],
        orderby="dataAreaId,JournalId",
    )
    for rows in pages:
        reading.each(rows, (INVENTORY_JOURNALS,), add)


def _bank_statements(reading: TurnReading) -> None:
    """Statements of the advanced reconciliation that are not reconciled, in the period of their last day."""
    counted: set[tuple[int, int]] = set()

    def add(ref: WorkRef, row: Mapping[str, Any]) -> None:
        key = ref.entity, whole_number_field(row, "SourceKey")
        if optional_text_field(row, "Status") != "Reconciled" and key not in counted:
            counted.add(key)
            day, name = _last_day(row, "ToDateTime"), optional_text_field(row, "Identification")
            item = WorkItem(f"advanced {key[1]}", 1, name or str(key[1]), day, link=reading.link(ref))
            reading.tally.add(ref, BANK, day, item)

    pages = reading.lists.pages(
        "BankStmtIsoAccountStatementBiEntities",
        select="dataAreaId,SourceKey,Identification,Status,ToDateTime",
        filter=is_word("Status", "BankStatementStatus", "Reconciled").replace(" eq ", " ne "),
        orderby="dataAreaId,SourceKey",
    )
    for rows in pages:
        reading.each(rows, (BANK,), add)


def _last_day(row: Mapping[str, Any], name: str) -> date | None:
    """The day of an end of a span, which is written in UTC: half a day earlier it is the same day in every zone."""
    moment = datetime_field(row, name)
    if moment is None or moment.date() == _EMPTY:
        return None
    whole_day = (moment.hour, moment.minute, moment.second) in {(0, 0, 0), (12, 0, 0)}
    return (moment if whole_day else moment - timedelta(hours=12)).date()


def _older_bank_statements(reading: TurnReading) -> None:
    """Statements of the older reconciliation, which are not reconciled while they have no such date."""
    counted: set[tuple[int, int]] = set()

    def add(ref: WorkRef, row: Mapping[str, Any]) -> None:
        key = ref.entity, whole_number_field(row, "SourceKey")
        if optional_noon_date_field(row, "ReconcileDate") is None and key not in counted:
            counted.add(key)
            day = optional_noon_date_field(row, "AccountStatementDate")
            name = optional_text_field(row, "AccountStatementNum")
            item = WorkItem(f"older {key[1]}", 1, name or str(key[1]), day, link=reading.link(ref))
            reading.tally.add(ref, BANK, day, item)

    pages = reading.lists.pages(
        "BankAccountStatementBiEntities",
        select="dataAreaId,SourceKey,AccountStatementNum,AccountStatementDate,ReconcileDate",
        filter=f"ReconcileDate lt {_EMPTY + timedelta(days=1)}T00:00:00Z",
        orderby="dataAreaId,SourceKey",
    )
    for rows in pages:
        reading.each(rows, (BANK,), add)


def _approvals(reading: TurnReading) -> None:
    """Work items of workflows that wait for a person. They have a due date, but no date of what they approve."""
    counted: set[str] = set()

    def add(ref: WorkRef, row: Mapping[str, Any]) -> None:
        key = text_field(row, "Id")
        if optional_text_field(row, "Status") in {"Completed", "Failed"} or key in counted:
            return
        counted.add(key)
        due, owner = datetime_field(row, "DueDateTime"), optional_text_field(row, "UserId") or ""
        day = None if due is None or due.date() == _EMPTY else due.date()
        number = optional_text_field(row, "Subject") or key
        item = WorkItem(key, 1, number, day, owner=owner, link=reading.link(ref))
        reading.tally.add(ref, APPROVALS, None, item)

    waiting = " or ".join(
        is_word("Status", "WorkflowWorkItemStatus", word) for word in ("Pending", "Delegated")
    )
    pages = reading.lists.pages(
        "WorkflowWorkItems",
        select="Id,CompanyId,Subject,Status,UserId,DueDateTime",
        filter=waiting,
        orderby="Id",
    )
    for rows in pages:
        of_companies = [row for row in rows if not isinstance(row, dict) or row.get("CompanyId") != ""]
        reading.each(of_companies, (APPROVALS,), add, company="CompanyId")


@dataclass(slots=True)
class _Reversals:
    """Journals with lines that are reversed, by company (entity id) and number, and which of them are posted."""

    found: dict[tuple[int, str], tuple[WorkRef, str, set[date]]] = field(default_factory=dict)
    posted: set[tuple[int, str]] = field(default_factory=set)

    def add_line(self, ref: WorkRef, row: Mapping[str, Any]) -> None:
        number = text_field(row, "JournalBatchNumber")
        if optional_text_field(row, "ReverseEntry") == "Yes":
            key = ref.entity, name_key(number)
            self.found.setdefault(key, (ref, number, set()))[2].add(noon_date_field(row, "ReverseDate"))

    def add_header(self, ref: WorkRef, row: Mapping[str, Any]) -> None:
        if optional_text_field(row, "IsPosted") == "Yes":
            self.posted.add((ref.entity, name_key(text_field(row, "JournalBatchNumber"))))

    def add_both(self, ref: WorkRef, row: Mapping[str, Any]) -> None:
        self.add_line(ref, row)
        header = row.get("LedgerJournalHeader")
        if not isinstance(header, dict):
            raise InvalidRow("LedgerJournalHeader is not an object")
        self.add_header(ref, header)

    def count(self, reading: TurnReading) -> None:
        """Count each posted journal once in each period in which it is reversed."""
        for key in self.posted & set(self.found):
            ref, number, days = self.found[key]
            for day in {ref.period_of(day): day for day in sorted(days, reverse=True)}.values():
                reading.tally.add(
                    ref, REVERSALS, day, WorkItem(number, 1, number, day, link=reading.link(ref))
                )


def _accrual_reversals(reading: TurnReading) -> None:
    first, last = reading.days.first, reading.days.last
    options = {
        "select": "dataAreaId,JournalBatchNumber,LineNumber,ReverseEntry,ReverseDate",
        "filter": f"{is_word('ReverseEntry', 'NoYes', 'Yes')} and ReverseDate ge {first}T00:00:00Z"
        f" and ReverseDate le {last}T23:59:59Z",
        "orderby": "dataAreaId,JournalBatchNumber,LineNumber",
    }
    reversals = _Reversals()
    try:
        for rows in reading.lists.expanded("LedgerJournalLines", "LedgerJournalHeader", **options):
            reading.each(rows, (REVERSALS,), reversals.add_both)
    except ExpandRefused:
        reversals = _Reversals()
        for rows in reading.lists.pages("LedgerJournalLines", **options):
            reading.each(rows, (REVERSALS,), reversals.add_line)
        headers = reading.lists.chained(
            "LedgerJournalHeaders",
            "JournalBatchNumber",
            (number for _, number, _ in reversals.found.values()),
            select="dataAreaId,JournalBatchNumber,IsPosted",
            orderby="dataAreaId,JournalBatchNumber",
        )
        for rows in headers:
            reading.each(rows, (REVERSALS,), reversals.add_header)
    reversals.count(reading)


def _subledger_vouchers(reading: TurnReading) -> None:
    """Vouchers that are not in the general ledger, in the period that their entry names by its record."""
    vouchers: dict[tuple[int, str], tuple[WorkRef, int, str]] = {}
    ends: dict[int, date] = {}

    def add(ref: WorkRef, row: Mapping[str, Any]) -> None:
        if optional_text_field(row, "Status") != "Transferred":
            name = optional_text_field(row, "Voucher") or str(whole_number_field(row, "AccountingEvent"))
            layer = optional_text_field(row, "PostingLayer")
            period = whole_number_field(row, "FiscalCalendarPeriod")
            vouchers.setdefault((ref.entity, name), (ref, period, layer or "Current"))

    pages = reading.lists.pages(
        "SubledgerJournalEntryBiEntities",
        select="AccountingEvent,FiscalCalendarPeriod,PostingLayer,Status,Voucher,VoucherDataAreaId",
        filter=is_word("Status", "SubledgerJournalEntryStatus", "Transferred").replace(" eq ", " ne "),
        orderby="VoucherDataAreaId,AccountingEvent",
    )
    for rows in pages:
        reading.each(rows, (TRANSFERS,), add, company="VoucherDataAreaId")
    if vouchers:
        for row in reading.lists.rows(
            "FiscalCalendarPeriodBiEntities", select="SourceKey,EndDate", orderby="SourceKey"
        ):
            try:
                ends[whole_number_field(row, "SourceKey")] = noon_date_field(row, "EndDate")
            except InvalidRow as error:
                raise AnswerMisread(
                    f"FiscalCalendarPeriodBiEntities: a row cannot be read: {error}."
                ) from None
    for (_, name), (ref, period, layer) in vouchers.items():
        day = ends.get(period)
        if layer in OTHER_LAYERS:
            reading.tally.leave_out(ref, TRANSFERS, day, "other_layer")
        else:
            reading.tally.add(ref, TRANSFERS, day, WorkItem(name, 1, name, link=reading.link(ref)))


PENDING_VENDOR_INVOICE_SOURCE = PartSource(
    (VENDOR_INVOICES, LATE_INVOICES), ("VendorInvoiceHeaders",), _pending_vendor_invoices
)
FREE_TEXT_SOURCE = PartSource((CUSTOMER_INVOICES,), ("FreeTextInvoiceHeaders",), _free_text_invoices)
INVENTORY_SOURCE = PartSource(
    (INVENTORY_JOURNALS,), ("InventoryJournalTableBiEntities",), _inventory_journals, dated=False
)
BANK_SOURCES = (
    PartSource((BANK,), ("BankStmtIsoAccountStatementBiEntities",), _bank_statements),
    PartSource((BANK,), ("BankAccountStatementBiEntities",), _older_bank_statements),
)
APPROVAL_SOURCE = PartSource((APPROVALS,), ("WorkflowWorkItems",), _approvals, dated=False)
REVERSAL_SOURCE = PartSource((REVERSALS,), ("LedgerJournalLines", "LedgerJournalHeaders"), _accrual_reversals)
TRANSFER_SOURCE = PartSource(
    (TRANSFERS,),
    ("SubledgerJournalEntryBiEntities", "FiscalCalendarPeriodBiEntities"),
    _subledger_vouchers,
)
