"""Shows what only extensions of Business Central can: Microsoft's intercompany app, and the optional companion."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from simulator.products.central_rows import BLANK_DATE, CentralBooks, Values, number, stamp, wire_date
from simulator.products.central_work import (
    PARTNER_ACCOUNTS,
    account_of,
    movement,
    template_of,
    unposted,
)
from simulator.world.work import Balance, Costs, Inventory, Revaluation, Statement, Transaction

# The sets of a companion that was installed in an older version.
PARTLY = frozenset({"unpostedJournalLines", "inventoryPeriods"})


class Grouping(NamedTuple):
    """The properties that the lines of one row of `unpostedJournalLines` have in common."""

    templateName: str  # noqa: N815
    templateType: str  # noqa: N815
    recurring: bool
    batchName: str  # noqa: N815
    postingDate: str  # noqa: N815
    recurringMethod: str  # noqa: N815
    expirationDate: str  # noqa: N815
    pendingInJobQueue: bool  # noqa: N815


def posting_window(books: CentralBooks) -> Iterator[Values]:
    """The company's range, unless a scenario gives the row (with formulas, which nothing else knows)."""
    if any(books.given("companyPostingWindow")):
        return
    window = books.world.windows[books.company.code]
    yield {
        "id": books.id("posting window"),
        "allowPostingFrom": wire_date(window.allowed_from),
        "allowPostingTo": wire_date(window.allowed_to),
        "effectiveFrom": wire_date(window.allowed_from),
        "effectiveTo": wire_date(window.allowed_to),
        "allowDeferralPostingFrom": BLANK_DATE,
        "allowDeferralPostingTo": BLANK_DATE,
        "lastModifiedDateTime": stamp(window.changed_at),
    }


def user_windows(books: CentralBooks) -> Iterator[Values]:
    """None, unless a scenario gives the rows."""
    yield from ()


def unposted_lines(books: CentralBooks) -> Iterator[Values]:
    """Lines grouped by everything but counts and sums, with an id that differs at each read (companion contract)."""
    groups: dict[Grouping, list[Decimal]] = {}
    for journal, _, line in unposted(books):
        days = wire_date(line.day), line.method or " ", wire_date(line.expires)
        batch = Grouping(
            *template_of(journal), journal.type == "Periodic", journal.number, *days, line.queued
        )
        groups.setdefault(batch, []).append(line.amount)
    for batch, amounts in groups.items():
        yield {
            "id": str(uuid.uuid4()),
            **batch._asdict(),
            "lineCount": len(amounts),
            "zeroAmountCount": sum(not amount for amount in amounts),
            "amountLCY": number(sum(amounts, Decimal())),
            "debitLCY": number(sum((amount for amount in amounts if amount > 0), Decimal())),
        }


def inventory_periods(books: CentralBooks) -> Iterator[Values]:
    for item in books.work.of(Inventory):
        yield {
            "id": books.id("inventory period", item.number),
            "endingDate": wire_date(item.ending),
            "name": f"{item.ending:%B %Y}" if item.ending else "",
            "closed": item.closed,
            "lastModifiedDateTime": books.changed(item),
        }


def costs(books: CentralBooks, *, adjusted: bool, day: str) -> Iterator[Values]:
    for item in books.work.of(Costs):
        if item.adjusted == adjusted and item.count:
            yield {day: wire_date(item.day), "entryCount": item.count}


def open_reconciliations(books: CentralBooks) -> Iterator[Values]:
    for item in books.work.of(Statement):
        if item.status != "Reconciled":
            yield {
                "id": books.id("reconciliation", item.account, item.number),
                "bankAccountNumber": item.account,
                "statementNumber": item.number,
                "statementDate": wire_date(item.day),
                "statementType": "Bank Reconciliation",
                "statementEndingBalance": number(item.amount),
                "totalDifference": number(item.difference),
            }


def last_statements(books: CentralBooks) -> Iterator[Values]:
    latest: dict[str, str] = {}
    for item in books.work.of(Statement):
        if item.status == "Reconciled":
            latest[item.account] = max(latest.get(item.account, ""), wire_date(item.day))
    for account, day in latest.items():
        yield {"bankAccountNumber": account, "lastStatementDate": day}


def transactions(books: CentralBooks) -> Iterator[Values]:
    for item in books.work.of(Transaction):
        if not item.handled:
            yield {
                "id": books.id("transaction", item.number),
                "direction": "outbox" if item.outgoing else "inbox",
                "transactionNumber": int(item.number),
                "partnerCode": item.partner,
                "documentType": "Invoice",
                "documentNumber": item.document,
                "postingDate": wire_date(item.day),
                "lineAction": "No Action",
            }


def partner_balances(books: CentralBooks) -> Iterator[Values]:
    for balance in books.work.of(Balance):
        yield {
            "partnerCode": balance.partner,
            "accountNumber": account_of(balance),
            "throughDate": wire_date(books.last or balance.through),
            "amountLCY": number(movement(balance, books)[1]),
        }


def revaluations(books: CentralBooks) -> Iterator[Values]:
    for item in books.work.of(Revaluation):
        yield {
            "id": books.id("revaluation", item.number),
            "number": int(item.number),
            "creationDate": wire_date(item.day),
            "accountType": item.account_type,
            "currencyCode": item.currency,
            "adjustedAmountLCY": number(item.amount),
        }


COMPANION: Mapping[str, Callable[[CentralBooks], Iterator[Values]]] = {
    "companyPostingWindow": posting_window,
    "userPostingWindows": user_windows,
    "unpostedJournalLines": unposted_lines,
    "inventoryPeriods": inventory_periods,
    "unpostedInventoryCosts": partial(costs, adjusted=True, day="postingDate"),
    "unadjustedCosts": partial(costs, adjusted=False, day="valuationDate"),
    "openBankReconciliations": open_reconciliations,
    "lastBankStatements": last_statements,
    "intercompanyTransactions": transactions,
    "intercompanyBalances": partner_balances,
    "exchangeRateAdjustments": revaluations,
}


def inbox(books: CentralBooks, *, handled: bool) -> Iterator[Values]:
    """The documents of partners; those for partners are in the outbox, which this app does not show."""
    for item in books.work.of(Transaction):
        if not item.outgoing and item.handled == handled:
            yield {
                "id": books.id("inbox", item.number),
                "transactionNumber": int(item.number),
                "icPartnerCode": item.partner,
                "sourceType": "Sales Document",
                "icSourceType": "Sales Document",
                "documentType": "Invoice",
                "documentNumber": item.document,
                "postingDate": wire_date(item.day),
                "documentDate": wire_date(item.day),
                "transactionSource": "Created by Partner",
                "lineAction": "No Action",
                "status": "Accepted",
                "icAccountType": "G/L Account",
            }


def partners(books: CentralBooks) -> Iterator[Values]:
    balances, waiting = books.work.of(Balance), books.work.of(Transaction)
    for code in dict.fromkeys(item.partner for item in (*balances, *waiting)):
        company = books.story.company(code)
        accounts = {one.side: account_of(one) for one in balances if one.partner == code and one.mapped}
        usual = {} if any(one.partner == code for one in balances) else PARTNER_ACCOUNTS
        yield {
            "id": books.id("partner", code),
            "partnerCode": code,
            "name": company.name if company else code,
            "currencyCode": company.currency if company else "",
            "inboxType": "Database",
            "receivablesAccount": accounts.get("due_from", usual.get("due_from", "")),
            "payablesAccount": accounts.get("due_to", usual.get("due_to", "")),
            "outboundSalesItemNumberType": "Internal No.",
            "outboundPurchaseItemNumberType": "Internal No.",
            "dataExchangeType": "Database",
        }


def setup(books: CentralBooks) -> Iterator[Values]:
    if books.work.items:
        yield {
            "id": books.id("intercompany setup"),
            "icPartnerCode": books.company.code,
            "icInboxType": "Database",
            "defaultICGeneralJournalTemplate": "INTERCOMP",
            "defaultICGeneralJournalBatch": "DEFAULT",
        }


INTERCOMPANY: Mapping[str, Callable[[CentralBooks], Iterator[Values]]] = {
    "intercompanyInboxTransactions": partial(inbox, handled=False),
    "handledIntercompanyInboxTransactions": partial(inbox, handled=True),
    "intercompanyPartners": partners,
    "intercompanySetup": setup,
}
