"""Shows the work of a company as Business Central's standard API does, with what it hides.

Released documents that are not posted answer as posted ones do, lines on vendors and customers are not in general
journals, and amounts of the trial balance are texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from functools import partial

from simulator.products.central_rows import BLANK_TIME, CentralBooks, Values, number, stamp, wire_date
from simulator.world.times import last_day
from simulator.world.work import Approval, Balance, Document, Job, Journal, Line, Statement, movements

# A journal's type -> its default template and the type of that. The recurring ones are of the type General too.
TEMPLATES = {
    "Periodic": ("RECURRING", "General"),
    "VendInvoice": ("PURCHASES", "Purchases"),
    "VendPayment": ("PAYMENTS", "Payments"),
    "CustPayment": ("CASHRCPT", "Cash Receipts"),
    "CustInvoice": ("SALES", "Sales"),
    "Assets": ("ASSETS", "Assets"),
    "Hours": ("JOBS", "Jobs"),
}
ACCOUNTS = {
    "Ledger": "G/L Account",
    "Bank": "Bank Account",
    "Vend": "Vendor",
    "Cust": "Customer",
    "FixedAssets": "Fixed Asset",
}
CHART = {
    "1000": ("Balance sheet", "Heading", Decimal()),
    "2910": ("Cash", "Posting", Decimal("12345.67")),
    "2990": ("Petty cash", "Posting", Decimal()),
    "6110": ("Sales, retail", "Posting", Decimal("-1204500.5")),
}
PARTNER_ACCOUNTS = {"due_from": "2320", "due_to": "5420"}


def template_of(journal: Journal) -> tuple[str, str]:
    """The template of a journal and the template's type."""
    usual, kind = TEMPLATES.get(journal.type, ("GENERAL", "General"))
    return journal.name or usual, kind


def first_template(books: CentralBooks) -> str:
    """The template whose batches a request gets that names none: the first general one that is not recurring."""
    names = {template_of(journal)[0] for journal in books.work.of(Journal) if journal.type not in TEMPLATES}
    return min(names, default="GENERAL")


def batches(books: CentralBooks) -> Iterator[Values]:
    """Every batch, posted or not: posting takes the lines and leaves the batch."""
    for journal in books.work.of(Journal):
        template, _ = template_of(journal)
        yield {
            "id": books.id("batch", template, journal.number),
            "code": journal.number,
            "displayName": journal.text or journal.number,
            "templateDisplayName": template,
            "lastModifiedDateTime": books.changed(journal),
        }


def payment_batches(books: CentralBooks, *, kind: str) -> Iterator[Values]:
    numbers = {journal.number for journal in books.work.of(Journal) if journal.type == kind}
    yield from (batch for batch in batches(books) if batch["code"] in numbers)


def unposted(books: CentralBooks) -> Iterator[tuple[Journal, int, Line]]:
    for journal in books.work.of(Journal):
        if not journal.posted:
            for place, line in enumerate(journal.lines, start=1):
                yield journal, place, line


def line_values(books: CentralBooks, journal: Journal, place: int, line: Line) -> Values:
    template, _ = template_of(journal)
    return {
        "id": books.id("line", template, journal.number, place),
        "journalId": books.id("batch", template, journal.number),
        "journalDisplayName": journal.number,
        "lineNumber": place * 10_000,
        "accountType": ACCOUNTS.get(line.account_type, "G/L Account"),
        "accountId": books.id("account", line.account),
        "accountNumber": line.account,
        "postingDate": wire_date(line.day),
        "documentNumber": f"{journal.number}-{place}",
        "amount": number(line.amount),
        "description": line.text or journal.text,
        "balanceAccountType": "G/L Account",
        "lastModifiedDateTime": books.changed(journal),
    }


def journal_lines(books: CentralBooks) -> Iterator[Values]:
    """Only lines on accounts of the ledger or of a bank: those on vendors and customers are hidden."""
    for journal, place, line in unposted(books):
        if line.account_type in {"Ledger", "Bank"}:
            yield line_values(books, journal, place, line)


def payments(books: CentralBooks, *, kind: str, party: str) -> Iterator[Values]:
    for journal, place, line in unposted(books):
        if journal.type == kind and line.account_type == {"customer": "Cust", "vendor": "Vend"}[party]:
            amount = number(abs(line.amount)) * (-1 if party == "customer" else 1)
            named = {f"{party}Id": books.id(party, line.account), f"{party}Number": line.account}
            yield line_values(books, journal, place, line) | {"amount": amount} | named


def status_of(document: Document) -> str:
    """The word that a document answers: a purchase invoice is never In Review, and released ones look posted."""
    if document.status in {"draft", "posted"}:
        return {"draft": "Draft", "posted": "Open"}[document.status]
    if document.side == "vendor" and not document.memo:
        return "Draft"
    return "In Review" if document.status == "waiting" else "Open"


def documents(books: CentralBooks, *, side: str, memo: bool) -> Iterator[Values]:
    for document in books.work.of(Document):
        if (document.side, document.memo) != (side, memo):
            continue
        tax = document.amount * 21 / 100
        yield {
            "id": books.id("document", document.number),
            "number": document.number,
            "postingDate": wire_date(document.posting),
            "invoiceDate": wire_date(document.dated or document.posting),
            "creditMemoDate": wire_date(document.dated or document.posting),
            "dueDate": wire_date(document.due or document.posting),
            f"{side}Id": books.id(side, document.party),
            f"{side}Number": document.party,
            f"{side}Name": document.party_name,
            "currencyCode": books.company.currency,
            "totalAmountExcludingTax": number(document.amount),
            "totalTaxAmount": number(tax),
            "totalAmountIncludingTax": number(document.amount + tax),
            "remainingAmount": number(document.amount + tax) if document.status == "posted" else 0,
            "status": status_of(document),
            "lastModifiedDateTime": books.changed(document),
        }


def amount_text(amount: Decimal, books: CentralBooks) -> str:
    if not amount:
        return "" if books.profile.bc_zero_amounts == "blank" else "0.00"
    return f"{amount:,.2f}"


def account_of(balance: Balance) -> str:
    return balance.account or PARTNER_ACCOUNTS[balance.side]


def movement(balance: Balance, books: CentralBooks) -> tuple[Decimal, Decimal]:
    """The amount booked on a balance's account within the days of the books, and the balance at their end."""
    assert balance.through is not None
    opening, months = movements(balance, balance.through.month)
    within, reached = Decimal() if books.first else opening, opening
    for month, amount in enumerate(months, start=1):
        day = last_day((balance.through.year, month))
        if books.last is None or day <= books.last:
            reached += amount
            within += amount if books.first is None or day >= books.first else 0
    return within, reached


def trial_balances(books: CentralBooks) -> Iterator[Values]:
    names = {account: (name, kind) for account, (name, kind, _) in CHART.items()}
    sums = {account: (amount, amount) for account, (_, _, amount) in CHART.items()}
    for balance in books.work.of(Balance):
        account, side = account_of(balance), "Customers" if balance.side == "due_from" else "Vendors"
        names.setdefault(account, (f"{side}, intercompany", "Posting"))
        total, at_date = sums.get(account, (Decimal(), Decimal()))
        within, reached = movement(balance, books)
        sums[account] = (total + within, at_date + reached)
    for account, (name, kind) in sorted(names.items()):
        within, reached = sums[account]
        yield {
            "number": account,
            "accountId": books.id("account", account),
            "accountType": kind,
            "display": name,
            "totalDebit": amount_text(max(within, Decimal()), books),
            "totalCredit": amount_text(max(-within, Decimal()), books),
            "balanceAtDateDebit": amount_text(max(reached, Decimal()), books),
            "balanceAtDateCredit": amount_text(max(-reached, Decimal()), books),
            "dateFilter": wire_date(books.last or books.first),
        }


def approvals(books: CentralBooks) -> Iterator[Values]:
    for place, item in enumerate(books.work.of(Approval), start=1):
        invoice = item.what == "invoice"
        yield {
            "id": books.id("approval", item.number),
            "entryNumber": int(item.number) if item.number.isdecimal() else place,
            "tableId": 38 if invoice else 232,
            "documentType": "Invoice" if invoice else " ",
            "documentNumber": item.subject if invoice else "",
            "senderId": item.sender.upper(),
            "approverId": item.approver.upper(),
            "status": "Open" if item.waiting else "Approved",
            "approvalType": "Approver",
            "limitType": "No Limits",
            "dueDate": wire_date(item.due),
            "amount": number(item.amount),
            "amountLCY": number(item.amount),
            "pendingApprovals": int(item.waiting),
            "lastModifiedDateTime": books.changed(item),
        }


def jobs(books: CentralBooks) -> Iterator[Values]:
    names = {item.report: item.name for item in books.work.of(Job)}
    for report, name in names.items():
        yield {
            "id": books.id("job", report),
            "jobQueueEntryId": books.id("job queue entry", report),
            "objectTypeToRun": "Report",
            "objectIdToRun": report,
            "objectCaptionToRun": name,
            "description": name,
            "status": "Ready",
            "reportOutputType": "PDF",
            "priorityWithinCategory": "Normal",
            "recurringJob": True,
            "startingTime": "01:00:00",
            "endingTime": "05:00:00",
        }


def job_log(books: CentralBooks) -> Iterator[Values]:
    for item in books.work.of(Job):
        end = item.started + timedelta(minutes=item.minutes) if item.started else None
        yield {
            "id": books.id("job log", item.number),
            "jobQueueEntryId": books.id("job queue entry", item.report),
            "userId": "JOBS",
            "startDateTime": stamp(item.started) if item.started else BLANK_TIME,
            "endDateTime": stamp(end) if end and item.status != "In Process" else BLANK_TIME,
            "objectTypeToRun": "Report",
            "objectIdToRun": item.report,
            "status": item.status,
            "description": item.name,
            "errorMessage": item.message,
            "lastModifiedDateTime": stamp(end) if end else BLANK_TIME,
        }


def bank_accounts(books: CentralBooks) -> Iterator[Values]:
    for account in dict.fromkeys(item.account for item in books.work.of(Statement)):
        yield {"id": books.id("bank", account), "number": account, "displayName": f"Account {account}"}


SHOWN: Mapping[str, Callable[[CentralBooks], Iterator[Values]]] = {
    "journals": batches,
    "journalLines": journal_lines,
    "customerPaymentJournals": partial(payment_batches, kind="CustPayment"),
    "customerPayments": partial(payments, kind="CustPayment", party="customer"),
    "vendorPaymentJournals": partial(payment_batches, kind="VendPayment"),
    "vendorPayments": partial(payments, kind="VendPayment", party="vendor"),
    "purchaseInvoices": partial(documents, side="vendor", memo=False),
    "salesInvoices": partial(documents, side="customer", memo=False),
    "purchaseCreditMemos": partial(documents, side="vendor", memo=True),
    "salesCreditMemos": partial(documents, side="customer", memo=True),
    "trialBalances": trial_balances,
    "approvalEntries": approvals,
    "jobQueueEntries": jobs,
    "jobQueueLogEntries": job_log,
    "bankAccounts": bank_accounts,
}
# The property of the many rows, and the one of the single row that it repeats.
JOINS = {
    "journalLines": ("journalId", "id"),
    "customerPayments": ("journalId", "id"),
    "vendorPayments": ("journalId", "id"),
    "jobQueueLogEntries": ("jobQueueEntryId", "jobQueueEntryId"),
}
