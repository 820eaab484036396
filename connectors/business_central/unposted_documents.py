"""Unposted invoices and credit memos, late vendor invoices, and approvals (08-blockers-and-tasks 5).

A purchase invoice is Draft until it is posted. Of the other documents a released one that is not posted answers Open
as the posted ones do, so their counts are lower bounds. Business Central allows `or` within one property only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

from closing.blockers.blocker_facts import BlockerFact
from closing.blockers.blocker_kinds import BlockerKind, DocumentPart
from connectors.business_central.company_work import CompanyWork, decoded, option_field
from connectors.odata.lists import (
    date_field,
    decimal_field,
    optional_text_field,
    text_field,
    whole_number_field,
)
from connectors.work_source import PartKey, WorkPeriod
from connectors.work_tally import WorkItem

LATE: PartKey = (BlockerKind.LATE_INVOICES, "")
APPROVALS: PartKey = (BlockerKind.APPROVALS_WAITING, "")
PURCHASE_INVOICES: PartKey = (BlockerKind.UNPOSTED_DOCUMENTS, DocumentPart.VENDOR_INVOICES)
_SALES_TABLE, _PURCHASE_TABLE = 36, 38  # the tables of headers, as approvals name them


class _DocumentSet(NamedTuple):
    name: str
    table: int
    unposted: frozenset[str]  # words of a document that is not posted


DOCUMENTS: Mapping[PartKey, _DocumentSet] = {
    PURCHASE_INVOICES: _DocumentSet("purchaseInvoices", _PURCHASE_TABLE, frozenset({"Draft"})),
    (BlockerKind.UNPOSTED_DOCUMENTS, DocumentPart.CUSTOMER_INVOICES): _DocumentSet(
        "salesInvoices", _SALES_TABLE, frozenset({"Draft", "In Review"})
    ),
    (BlockerKind.UNPOSTED_DOCUMENTS, DocumentPart.CUSTOMER_MEMOS): _DocumentSet(
        "salesCreditMemos", _SALES_TABLE, frozenset({"Draft", "In Review"})
    ),
    (BlockerKind.UNPOSTED_DOCUMENTS, DocumentPart.VENDOR_MEMOS): _DocumentSet(
        "purchaseCreditMemos", _PURCHASE_TABLE, frozenset({"Draft", "In Review"})
    ),
}
_RELEASED = ("Open", "Paid", "Canceled", "Corrective")
# The words that are not asked for are named, since only they are written the same in every version: a word that the
# contract does not know then comes back, and is not taken for posted.
_UNPOSTED = " and ".join(f"status ne '{word}'" for word in _RELEASED)
_COLUMNS = "id,number,postingDate,currencyCode,totalAmountIncludingTax,status"
_WITH_INVOICE_DATE = _COLUMNS.replace("postingDate", "postingDate,invoiceDate")
_VOID = frozenset({"Canceled", "Corrective"})
_WAITING = frozenset({"Created", "Open"})


def read_documents(company: CompanyWork) -> None:
    """Count the documents that are not posted, vendor invoices that are late, and items that wait for approval."""
    days: dict[tuple[int, str], date | None] = {}
    for part, one in DOCUMENTS.items():
        parts = [part, LATE] if part == PURCHASE_INVOICES else [part]
        columns = _WITH_INVOICE_DATE if part == PURCHASE_INVOICES else _COLUMNS
        rows = company.rows(one.name, parts, filter=_UNPOSTED, select=columns)
        if rows is None:
            continue
        with company.checked(one.name, *parts):
            for row in rows:
                item = _item(company, one.name, row)
                option_field(row, "status", one.unposted)
                company.tally.add(company.ref, part, item.on, item)
                days[one.table, item.number] = item.on
        if part == PURCHASE_INVOICES:
            _read_late(company, rows)
    _read_approvals(company, days)


def _item(company: CompanyWork, name: str, row: Mapping[str, Any]) -> WorkItem:
    return WorkItem(
        text_field(row, "id"),
        1,
        text_field(row, "number"),
        date_field(row, "postingDate"),
        decimal_field(row, "totalAmountIncludingTax"),
        optional_text_field(row, "currencyCode") or None,
        link=company.link(name),
    )


def _read_late(company: CompanyWork, unposted: Sequence[Any]) -> None:
    """Count the vendor invoices dated in a period and to be posted, or posted, after it.

    Only those that cross the end of the latest period that has ended are asked for, whatever their status; of the
    other periods the unposted ones are known.
    """
    rows = list(unposted)
    ended = latest_ended(company)
    if ended is not None:
        last = ended.span.last
        crossing = company.rows(
            "purchaseInvoices",
            [LATE],
            filter=f"invoiceDate ge {company.days.first} and invoiceDate le {last} and postingDate gt {last}",
            select=_WITH_INVOICE_DATE,
        )
        rows += crossing or []
    statuses = {"Draft", *_RELEASED}
    seen: set[str] = set()
    with company.checked("purchaseInvoices", LATE):
        for row in rows:
            item = _item(company, "purchaseInvoices", row)
            void = option_field(row, "status", statuses) in _VOID
            dated, posting = date_field(row, "invoiceDate"), item.on
            period = company.ref.period_at(dated)
            if (
                void
                or item.item_id in seen
                or period is None
                or posting is None
                or posting <= period.span.last
            ):
                continue
            seen.add(item.item_id)
            company.tally.add(company.ref, LATE, dated, replace(item, on=dated))


def latest_ended(company: CompanyWork) -> WorkPeriod | None:
    """The latest period that has ended, by the day of the read in UTC."""
    today = company.read_at.date()
    return next((period for period in reversed(company.ref.periods) if period.span.last < today), None)


def as_lower_bounds(company: CompanyWork, facts: Sequence[BlockerFact]) -> list[BlockerFact]:
    """The facts, those of late invoices as lower bounds but in the period whose end was asked for."""
    ended = latest_ended(company)
    return [
        replace(fact, at_least=True)
        if fact.kind is LATE[0] and fact.count is not None and (ended is None or fact.period != ended.period)
        else fact
        for fact in facts
    ]


def _read_approvals(company: CompanyWork, days: Mapping[tuple[int, str], date | None]) -> None:
    """Count what waits for approval, once for all its approvers, in the period of the document where it is known."""
    rows = company.rows(
        "approvalEntries",
        [APPROVALS],
        filter="status eq 'Created' or status eq 'Open'",
        select="id,tableId,documentType,documentNumber,approverId,status,amount,currencyCode,recordIdToApprove",
    )
    if rows is None:
        return
    if any(company.is_missed(part) for part in DOCUMENTS):
        company.miss([APPROVALS], "The documents that wait for approval could not be read.")
        return
    items: dict[str, tuple[date | None, WorkItem]] = {}
    with company.checked("approvalEntries", APPROVALS):
        for row in rows:
            table, number = (
                whole_number_field(row, "tableId"),
                optional_text_field(row, "documentNumber") or "",
            )
            kind = decoded(optional_text_field(row, "documentType") or "").strip()
            open_now = option_field(row, "status", _WAITING) == "Open"
            of_document = f"{table}|{kind}|{number}" if number else text_field(row, "id")
            key = optional_text_field(row, "recordIdToApprove") or of_document
            day = days.get((table, number))
            if key in items and not open_now:
                continue  # an approver whose turn comes later
            items[key] = (
                day,
                WorkItem(
                    key,
                    1,
                    number or optional_text_field(row, "recordIdToApprove") or kind or f"table {table}",
                    day,
                    decimal_field(row, "amount"),
                    optional_text_field(row, "currencyCode") or None,
                    owner=optional_text_field(row, "approverId") or "",
                    link=company.link("approvalEntries"),
                ),
            )
        for day, item in items.values():
            company.tally.add(company.ref, APPROVALS, day, item)
