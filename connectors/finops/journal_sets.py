"""The sets of each sort of journal of Finance & Operations, and the names of their columns, which differ."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JournalSets:
    """The two sets of one sort of journal, and the names of their properties; "" for one that they lack.

    `party` is the account type of the lines that are documents of their own. `menu_item` opens the journals.
    """

    headers: str
    lines: str
    navigation: str
    day: str
    name: str = "JournalName"
    posted: str = "IsPosted"
    layer: str = ""
    number: str = "JournalBatchNumber"  # of the journal, on its lines
    amounts: tuple[str, str] | None = ("DebitAmount", "CreditAmount")
    currency: str = "CurrencyCode"
    voucher: str = "Voucher"
    account_type: str = ""
    invoice: str = ""
    invoice_day: str = ""
    transaction_type: str = ""
    party: str = ""
    menu_item: str = ""

    @property
    def line_properties(self) -> str:
        """The properties of lines that are read, for $select."""
        optional = (self.account_type, self.invoice, self.invoice_day, self.transaction_type)
        names = ["dataAreaId", self.number, "LineNumber", self.day, *(self.amounts or ()), self.currency]
        names += [self.voucher, *(name for name in optional if name)]
        return ",".join(dict.fromkeys(names))


LEDGER = JournalSets(
    "LedgerJournalHeaders",
    "LedgerJournalLines",
    "LedgerJournalLine",
    "TransDate",
    layer="PostingLayer",
    menu_item="LedgerJournalTable3",
)
VENDOR_INVOICES = JournalSets(
    "VendInvoiceJournalHeaders",
    "VendInvoiceJournalLines",
    "VendInvoiceJournalLine",
    "Date",
    amounts=("Debit", "Credit"),
    currency="Currency",
    account_type="AccountType",
    invoice="Invoice",
    invoice_day="InvoiceDate",
    party="Vend",
)
CUSTOMER_INVOICES = JournalSets(
    "GeneralLedgerCustInvoiceJournalHeaders",
    "GeneralLedgerCustInvoiceJournalLines",
    "CustInvoiceJournalLine",
    "InvoiceDate",
    currency="Currency",
    account_type="AccountType",
    invoice="InvoiceId",
    party="Cust",
)
VENDOR_PAYMENTS = JournalSets(
    "VendorPaymentJournalHeaders",
    "VendorPaymentJournalLines",
    "VendorPaymentJournalLine",
    "TransactionDate",
    account_type="AccountType",
    party="Vend",
)
CUSTOMER_PAYMENTS = JournalSets(
    "CustomerPaymentJournalHeaders",
    "CustomerPaymentJournalLines",
    "CustomerPaymentJournalLineHeaderEntity",
    "TransactionDate",
    account_type="AccountType",
    party="Cust",
    menu_item="LedgerJournalTable_CustPaym",
)
PROJECTS = JournalSets(
    "JournalTables",  # project journals, whatever their name says
    "JournalTrans",
    "JournalTrans",
    "VoucherDate",
    posted="Posted",
    number="JournalId",
    amounts=None,
    currency="CurrencyId",
)
EXPENSES = JournalSets(
    "ExpenseJournalHeaders",
    "ExpenseJournalLines",
    "ExpenseJournalLine",
    "VoucherDate",
    name="JournalNameId",
    layer="PostingLayer",
)
ASSETS = JournalSets(
    "AssetJournalHeaders",
    "AssetJournalLines",
    "AssetJournalLine",
    "TransDate",
    name="JournalNameId",
    layer="PostingLayer",
    transaction_type="TransactionType",
)
