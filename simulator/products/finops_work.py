"""Shows journals and their lines as Finance & Operations does, each sort in sets of its own.

Which date column a set has differs from set to set, as it does in the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from zlib import crc32

from simulator.world.story import Company, Story
from simulator.world.work import (
    LEDGER_TYPES,
    CompanyWork,
    Journal,
    Line,
)

EMPTY_DATE = "1900-01-01T12:00:00Z"
EMPTY_TIME = "1900-01-01T00:00:00Z"
FIRST_RECORD = 5_637_144_576  # the first RecId of the product
PERIODS_FROM = FIRST_RECORD + 50_000  # where the RecIds of fiscal periods begin

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Family:
    """The sets of one type of journal; `word` is its type in the table of all journals of that sort."""

    headers: str
    lines: str
    name: str  # its default journal name
    word: str


FAMILIES: Mapping[str, Family] = {
    "Daily": Family("LedgerJournalHeaders", "LedgerJournalLines", "GenJrn", "Daily"),
    "Periodic": Family("LedgerJournalHeaders", "LedgerJournalLines", "Recur", "Periodic"),
    "Allocation": Family("LedgerJournalHeaders", "LedgerJournalLines", "Alloc", "Allocation"),
    "Elimination": Family("LedgerJournalHeaders", "LedgerJournalLines", "Elim", "Elimination"),
    "Budget": Family("LedgerJournalHeaders", "LedgerJournalLines", "Budget", "Budget"),
    "StatTrans": Family("LedgerJournalHeaders", "LedgerJournalLines", "Stat", "StatTrans"),
    "VendInvoice": Family(
        "VendInvoiceJournalHeaders", "VendInvoiceJournalLines", "APInv", "VendInvoiceRegister"
    ),
    "VendPayment": Family("VendorPaymentJournalHeaders", "VendorPaymentJournalLines", "VendPay", "Payment"),
    "CustPayment": Family(
        "CustomerPaymentJournalHeaders", "CustomerPaymentJournalLines", "CustPay", "CustPayment"
    ),
    "CustInvoice": Family(
        "GeneralLedgerCustInvoiceJournalHeaders", "GeneralLedgerCustInvoiceJournalLines", "CustInv", "Daily"
    ),
    "Assets": Family("AssetJournalHeaders", "AssetJournalLines", "FADepr", "Assets"),
    "Expense": Family("ExpenseJournalHeaders", "ExpenseJournalLines", "ExpAcc", "Cost"),
    "ReportingCurrency": Family(
        "LedgerReportingCurrencyAdjustmentJournalHeaders",
        "LedgerReportingCurrencyAdjustmentJournalLines",
        "RepCur",
        "ReportingCurrencyAdjustment",
    ),
    "Hours": Family("JournalTables", "JournalTrans", "Hours", "Hour"),
    "Movement": Family("InventoryMovementJournalHeaders", "", "IMov", "Movement"),
    "Adjustment": Family("InventoryAdjustmentJournalHeaders", "", "IAdj", "LossProfit"),
    "Counting": Family("InventoryCountingJournalHeaders", "", "ICnt", "Count"),
    "Transfer": Family("InventoryTransferJournalHeaders", "", "ITrf", "Transfer"),
}
INVENTORY = frozenset({"Movement", "Adjustment", "Counting", "Transfer"})
ELSEWHERE = INVENTORY | {"Hours"}  # journals that are not in the ledger's table
DESCRIPTIONS = {
    "GenJrn": "General journal",
    "Recur": "Monthly templates",
    "APInv": "Vendor invoices",
    "VendPay": "Vendor payments",
    "CustPay": "Customer payments",
}


@dataclass(frozen=True, slots=True)
class Books:
    """One company's work with what its rows need beside it."""

    story: Story
    company: Company
    number: int  # of the company, from 1
    work: CompanyWork
    templates: bool = True  # whether the set of general journals shows Periodic ones

    def journals(self, set_name: str) -> Iterator[Journal]:
        """The journals whose headers or lines a set holds."""
        for journal in self.work.of(Journal):
            family = FAMILIES[journal.type]
            if set_name in (family.headers, family.lines) and (self.templates or journal.type != "Periodic"):
                yield journal


def noon(day: date | None) -> str:
    return f"{day}T12:00:00Z" if day else EMPTY_DATE


def moment_text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def yes(truth: object) -> str:
    return "Yes" if truth else "No"


def number(amount: Decimal) -> float:
    return float(round(amount, 2))


def record(*parts: object) -> int:
    """A RecId that is always the same for the same parts."""
    return FIRST_RECORD + crc32("|".join(map(str, parts)).encode())


def header(books: Books, journal: Journal) -> Values:
    """All that a header of any journal may show; each set takes the properties that it has."""
    family = FAMILIES[journal.type]
    debit = number(sum((line.amount for line in journal.lines if line.amount > 0), Decimal()))
    credit = number(-sum((line.amount for line in journal.lines if line.amount < 0), Decimal()))
    name, currency = journal.name or family.name, books.company.currency
    reversed_on = next((line.reverse_on for line in journal.lines if line.reverse_on), None)
    changed = books.work.at(journal, books.story.long_ago)
    posted_at = moment_text(changed) if journal.posted else EMPTY_TIME
    return {
        "JournalBatchNumber": journal.number,
        "JournalNum": journal.number,
        "JournalNumber": journal.number,
        "JournalId": journal.number,
        "JournalName": name,
        "JournalNameId": name,
        "Description": journal.text,
        "Name": journal.text,
        "JournalType": family.word,
        "PostingLayer": journal.layer,
        "CurrentOperationsTax": journal.layer,
        "IsPosted": yes(journal.posted),
        "Posted": yes(journal.posted),
        "PostedDateTime": posted_at,
        "AccountingCurrency": currency,
        "ReportingCurrency": currency,
        "CurrencyCode": currency,
        "JournalTotalDebit": debit,
        "JournalTotalCredit": credit,
        "JournalTotalDebitReportingCurrency": debit,
        "JournalTotalCreditReportingCurrency": credit,
        "NumOfLines": len(journal.lines),
        "WorkflowApprovalStatus": journal.workflow,
        "InUseBy": journal.in_use_by,
        "SystemBlocked": yes(journal.blocked),
        "SysCreatedBy": journal.created_by,
        "SysDataAreaId": books.company.code.lower(),
        "OriginalCompany": books.company.code.lower(),
        "IsReversingEntry": yes(reversed_on),
        "ReversingDate": noon(reversed_on),
        "ReverseEntry": yes(reversed_on),
        "ReverseDate": noon(reversed_on),
    }


def line_of(books: Books, journal: Journal, place: int, line: Line) -> Values:
    """All that a line of any journal may show."""
    day, amount = noon(line.day), abs(number(line.amount))
    debit, credit = (amount, 0) if line.amount >= 0 else (0, amount)
    currency, code = books.company.currency, books.company.code.lower()
    return {
        "JournalBatchNumber": journal.number,
        "JournalNum": journal.number,
        "JournalId": journal.number,
        "LineNumber": float(place),
        "SourceKey": record(code, journal.number, place),
        "TransDate": day,
        "Date": day,
        "TransactionDate": day,
        "VoucherDate": day,
        "ProjectDate": day,
        "InvoiceDate": day,
        "Voucher": f"V-{journal.number}",
        "Text": line.text or journal.text,
        "TransactionText": line.text or journal.text,
        "Description": line.text or journal.text,
        "DebitAmount": debit,
        "CreditAmount": credit,
        "Debit": debit,
        "Credit": credit,
        "AmountCurDebit": debit,
        "AmountCurCredit": credit,
        "CurrencyCode": currency,
        "Currency": currency,
        "CurrencyId": currency,
        "Company": code,
        "OffsetCompany": code,
        "AccountType": line.account_type,
        "AccountDisplayValue": line.account,
        "OffsetAccountType": "Ledger",
        "ExchRate": 100,
        "ReverseEntry": yes(line.reverse_on),
        "ReverseDate": noon(line.reverse_on),
        "ReversingEntry": yes(line.reverse_on),
        "ReversingDate": noon(line.reverse_on),
        "TransactionType": "Depreciation" if journal.type == "Assets" else None,
        "Approved": "No",
        "Hours": amount if journal.type == "Hours" else 0,
    }


def headers(books: Books, *, set_name: str) -> Iterator[Values]:
    for journal in books.journals(set_name):
        yield header(books, journal)


def lines(books: Books, *, set_name: str) -> Iterator[Values]:
    for journal in books.journals(set_name):
        for place, line in enumerate(journal.lines, start=1):
            yield line_of(books, journal, place, line)


def all_headers(books: Books) -> Iterator[Values]:
    """The ledger's table of journals: those of modules are in it too, so that both sets together count them twice."""
    for journal in books.work.of(Journal):
        if journal.type not in ELSEWHERE:
            yield header(books, journal)


def all_lines(books: Books) -> Iterator[Values]:
    for journal in books.work.of(Journal):
        if journal.type not in ELSEWHERE:
            for place, line in enumerate(journal.lines, start=1):
                yield line_of(books, journal, place, line) | {"TransactionType": None}


def inventory_headers(books: Books) -> Iterator[Values]:
    for journal in books.work.of(Journal):
        if journal.type in INVENTORY:
            yield header(books, journal)


def project_lines(books: Books) -> Iterator[Values]:
    for journal in books.work.of(Journal):
        if journal.type == "Hours" and not journal.posted:
            for place, line in enumerate(journal.lines, start=1):
                values = line_of(books, journal, place, line)
                values |= {"TransactionId": f"{journal.number}-{place}", "ProjectId": "P-0007"}
                yield values | {"Amount": number(abs(line.amount)), "Quantity": 1}


def journal_names(books: Books) -> Iterator[Values]:
    used = {
        (journal.name, FAMILIES[journal.type].word)
        for journal in books.work.of(Journal)
        if journal.name and journal.type not in ELSEWHERE
    }
    usual = {(family.name, family.word) for kind, family in FAMILIES.items() if kind not in ELSEWHERE}
    for name, word in sorted(used | usual):
        yield {
            "Name": name,
            "Description": DESCRIPTIONS.get(name, name),
            "Type": word,
            "PostingLayer": "Current",
        }


SHOWN: Mapping[str, Callable[[Books], Iterator[Values]]] = {
    **{family.headers: partial(headers, set_name=family.headers) for family in FAMILIES.values()},
    **{family.lines: partial(lines, set_name=family.lines) for family in FAMILIES.values() if family.lines},
    "JournalNames": journal_names,
    "LedgerJournalTableBiEntities": all_headers,
    "LedgerJournalTransBiEntities": all_lines,
    "InventoryJournalTableBiEntities": inventory_headers,
    "ProjectUnpostedTransViews": project_lines,
}
assert set(FAMILIES) >= LEDGER_TYPES
