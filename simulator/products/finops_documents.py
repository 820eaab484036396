"""Shows invoices, bank statements, approvals and vouchers of subledgers as Finance & Operations does."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from zlib import crc32

from simulator.products.finops_work import (
    EMPTY_TIME,
    FIRST_RECORD,
    PERIODS_FROM,
    Books,
    Values,
    moment_text,
    noon,
    number,
    record,
    yes,
)
from simulator.world.work import Approval, Document, Statement, Voucher

REVIEW = {"draft": "Draft", "waiting": "InReview", "released": "Approved"}


def vendor_invoices(books: Books) -> Iterator[Values]:
    """Vendor invoices that are not posted: posting takes them out of this table."""
    for document in books.work.of(Document):
        if document.side == "vendor" and document.status != "posted":
            code, approved = books.company.code.lower(), document.status == "released"
            yield {
                "HeaderReference": str(record(code, document.number)),
                "TableRefId": str(record(code, document.number)),
                "ParmId": f"P-{crc32(document.number.encode()) % 1_000_000:06}",
                "SourceKey": record(code, document.number),
                "InvoiceNumber": document.number,
                "Num": document.number,
                "InvoiceAccount": document.party,
                "VendorAccount": document.party,
                "OrderAccount": document.party,
                "VendorName": document.party_name,
                "PurchName": document.party_name,
                "Date": noon(document.posting),
                "TransDate": noon(document.posting),
                "InvoiceDate": noon(document.dated or document.posting),
                "DocumentDate": noon(document.dated or document.posting),
                "DueDate": noon(document.due),
                "Currency": books.company.currency,
                "CurrencyCode": books.company.currency,
                "IsApproved": yes(approved),
                "Approved": yes(approved),
                "VendorInvoiceReviewStatus": REVIEW[document.status],
                "RequestStatus": REVIEW[document.status],
                "VendInvoiceSaveStatus": "Pending",
                "ParmJobStatus": "Waiting",
                "VendorInvoiceType": "Standard",
                "InvoiceType": "Standard",
                "SysDataAreaId": code,
            }


def free_text_invoices(books: Books) -> Iterator[Values]:
    for document in books.work.of(Document):
        if document.side == "customer":
            yield {
                "InvoiceIdentifier": record(books.company.code, document.number),
                "CustomerReference": document.number,
                "IsPosted": yes(document.status == "posted"),
                "InvoiceDate": noon(document.posting),
                "DocumentDate": noon(document.dated or document.posting),
                "DueDate": noon(document.due),
                "CustomerAccount": document.party,
                "InvoiceAccount": document.party,
                "CurrencyCode": books.company.currency,
            }


def statements(books: Books, *, advanced: bool) -> Iterator[Values]:
    for item in books.work.of(Statement):
        if item.advanced != advanced:
            continue
        reconciled = item.status == "Reconciled"
        begin = item.day.replace(day=1) if item.day else None
        yield {
            "SourceKey": record(books.company.code, item.account, item.number),
            "Identification": item.number,
            "AccountStatementNum": item.number,
            "BankAccountTable": item.account,
            "AccountId": item.account,
            "AccountStatementDate": noon(item.day),
            "FromDateTime": f"{begin}T00:00:00Z" if begin else EMPTY_TIME,
            "ToDateTime": f"{item.day}T23:59:59Z" if item.day else EMPTY_TIME,
            "EndingBalance": number(item.amount),
            "CurrencyCode": books.company.currency,
            "AccountCurrency": books.company.currency,
            "Status": item.status,
            "Posted": yes(reconciled),
            "ReconcileDate": noon(books.work.at(item, books.story.long_ago).date() if reconciled else None),
            "SysDataAreaId": books.company.code.lower(),
        }


def work_items(books: Books) -> Iterator[Values]:
    for item in books.work.of(Approval):
        key = f"{books.company.code} {item.number}"
        yield {
            "Id": str(uuid.uuid5(uuid.NAMESPACE_URL, key)),
            "CompanyId": books.company.code.lower(),
            "Subject": item.subject,
            "Status": "Pending" if item.waiting else "Completed",
            "IsClaimed": "No",
            "UserId": item.approver,
            "DueDateTime": f"{item.due}T16:00:00Z" if item.due else EMPTY_TIME,
        }


def vouchers(books: Books) -> Iterator[Values]:
    periods = [one for periods in books.story.calendars.values() for one in periods]
    for item in books.work.of(Voucher):
        of_day = (
            place
            for place, period in enumerate(periods)
            if period.calendar == books.company.calendar
            and period.type == "Operating"
            and item.day
            and period.first <= item.day <= period.last
        )
        changed = books.work.at(item, books.story.long_ago)
        yield {
            "Ledger": FIRST_RECORD + books.number,
            "PostingLayer": "Current",
            "FiscalCalendarPeriod": PERIODS_FROM + next(of_day, -1),
            "AccountingEvent": record(books.company.code, item.number),
            "SourceKey": record(books.company.code, item.number, "entry"),
            "Status": "Transferred" if item.transferred else "NotTransferred",
            "SysModifiedDateTime": moment_text(changed),
            "DocumentDate": noon(item.day),
            "DocumentNumber": item.number,
            "Voucher": item.number,
            "VoucherDataAreaId": books.company.code.lower(),
        }


SHOWN: Mapping[str, Callable[[Books], Iterator[Values]]] = {
    "VendorInvoiceHeaders": vendor_invoices,
    "VendInvoiceInfoTableBiEntities": vendor_invoices,
    "FreeTextInvoiceHeaders": free_text_invoices,
    "BankStmtIsoAccountStatementBiEntities": partial(statements, advanced=True),
    "BankAccountStatementBiEntities": partial(statements, advanced=False),
    "WorkflowWorkItems": work_items,
    "SubledgerJournalEntryBiEntities": vouchers,
}
