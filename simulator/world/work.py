"""The unfinished work of a company as one model that both products show: journals, documents, balances, runs.

Amounts are in the currency of the company unless an item names another; a debit is positive, a credit negative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

from simulator.world.times import last_day, shifted

# The types of journals that a ledger keeps; the others belong to a module and have sets of their own.
LEDGER_TYPES = frozenset({"Daily", "Periodic", "Allocation", "Elimination", "Budget", "StatTrans"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a journal; without a `day` it has no date. The last three are of recurring and queued lines."""

    amount: Decimal = Decimal()
    day: date | None = None
    account_type: str = "Ledger"  # or Bank, Vend, Cust, FixedAssets, Project
    account: str = "601200"
    text: str = ""
    reverse_on: date | None = None
    method: str = ""  # Business Central's recurring method, such as `F  Fixed`
    expires: date | None = None
    queued: bool = False


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal and its lines; `type` is Finance & Operations' word, or one of a module's (see `finops_work`)."""

    number: str
    type: str = "Daily"
    name: str = ""  # the journal's name in Finance & Operations, or the template in Business Central
    text: str = ""
    lines: tuple[Line, ...] = ()
    layer: str = "Current"
    workflow: str = "None"  # NotSubmitted, Submitted, PendingApproval, ChangeRequested, Approved, Rejected
    in_use_by: str = ""
    blocked: bool = False
    created_by: str = "j.visser"
    posted: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice or credit memo; `status` is draft, waiting (for approval), released or posted."""

    number: str
    side: str = "vendor"  # or customer
    memo: bool = False
    posting: date | None = None
    dated: date | None = None
    due: date | None = None
    amount: Decimal = Decimal()
    party: str = "V-1041"
    party_name: str = "Northwind"
    status: str = "draft"


@dataclass(frozen=True, slots=True)
class Balance:
    """A balance between a company and a partner of the group at the end of a month: receivable or payable.

    `agreed` is the balance once the two have settled their difference; `mapped` is false where the
    account of that partner is not set up.
    """

    partner: str
    side: str = "due_from"  # or due_to
    amount: Decimal = Decimal()
    through: date | None = None
    agreed: Decimal | None = None
    account: str = ""
    mapped: bool = True

    @property
    def number(self) -> str:
        return f"{self.partner}/{self.side}"

    @property
    def debit(self) -> Decimal:
        """The balance of the account: positive is a debit."""
        return self.amount if self.side == "due_from" else -self.amount


@dataclass(frozen=True, slots=True)
class Inventory:
    """An inventory period, or in Finance & Operations an inventory close that is due through a day."""

    number: str
    ending: date | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Costs:
    """Cost entries of one day that are not adjusted (`adjusted` false) or not transferred to the ledger."""

    number: str
    day: date | None = None
    count: int = 0
    adjusted: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a report in the job queue: 795, 1002, 596 or 5692."""

    number: str
    report: int = 795
    name: str = "Adjust Cost - Item Entries"
    started: datetime | None = None
    minutes: int = 7
    status: str = "Success"  # or `In Process`, Error
    message: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A bank statement; `status` is Open, Validated, Matched or Reconciled."""

    number: str
    account: str = "MAIN"
    day: date | None = None
    amount: Decimal = Decimal()
    difference: Decimal = Decimal()
    status: str = "Validated"
    advanced: bool = True  # false: Finance & Operations' older reconciliation, which knows only a date


@dataclass(frozen=True, slots=True)
class Approval:
    """Something that waits for a person's approval, or was approved."""

    number: str
    subject: str = ""
    what: str = "journal"  # or invoice
    due: date | None = None
    amount: Decimal = Decimal()
    sender: str = "j.visser"
    approver: str = "m.hart"
    waiting: bool = True


@dataclass(frozen=True, slots=True)
class Transaction:
    """A document of a partner in the intercompany inbox, or one for a partner in the outbox."""

    number: str
    partner: str = ""
    outgoing: bool = False
    document: str = ""
    day: date | None = None
    handled: bool = False


@dataclass(frozen=True, slots=True)
class Revaluation:
    """A run of the exchange rate adjustment."""

    number: str
    day: date | None = None
    account_type: str = "Vendor"
    currency: str = "GBP"
    amount: Decimal = Decimal()


@dataclass(frozen=True, slots=True)
class Voucher:
    """A voucher of a subledger that is not yet in the general ledger."""

    number: str
    day: date | None = None
    transferred: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of one named set with these properties; the others hold the empty value of their type."""

    number: str
    set: str = ""
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)


Item = (
    Journal
    | Document
    | Balance
    | Inventory
    | Costs
    | Job
    | Statement
    | Approval
    | Transaction
    | Revaluation
    | Voucher
    | Row
)
KINDS: Mapping[str, type[Item]] = {
    one.__name__.lower(): one
    for one in (
        Journal,
        Document,
        Balance,
        Inventory,
        Costs,
        Job,
        Statement,
        Approval,
        Transaction,
        Revaluation,
        Voucher,
        Row,
    )
}


@dataclass(slots=True)
class CompanyWork:
    """The work of one company at an instant, in the order in which it was entered.

    `touched` says when an item last changed; `snapshot` is when the trial balances were last computed, or None where
    this happens every night.
    """

    items: dict[tuple[type[Item], str], Item] = field(default_factory=dict)
    touched: dict[tuple[type[Item], str], datetime] = field(default_factory=dict)
    snapshot: datetime | None = None

    def of(self, *kinds: type[Any]) -> list[Any]:
        return [item for (kind, _), item in self.items.items() if kind in kinds]

    def at(self, item: Item, otherwise: datetime) -> datetime:
        """When the item last changed."""
        return self.touched.get((type(item), item.number), otherwise)


NOTHING = CompanyWork()


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a company's work. Its parts apply in the order of these fields."""

    replaces: bool = False  # nothing of the work before it is left
    items: tuple[Item, ...] = ()
    removes: tuple[str, ...] = ()
    sets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)  # number -> fields
    finishes: tuple[str, ...] = ()  # numbers; `*` for everything
    lines: int | None = None  # of the journals it finishes only so many lines
    snapshot: datetime | str | None = None  # an instant, `now`, or `nightly`
    played: bool = False  # a step of the company's play


def apply(work: CompanyWork, step: Step, at: datetime) -> None:
    """Change a company's work by one step; numbers that are not there are passed over."""
    if step.replaces:
        work.items.clear()
        work.touched.clear()
        work.snapshot = None
    for item in step.items:
        work.items[type(item), item.number] = item
        work.touched[type(item), item.number] = at
    for key in list(work.items):
        number, item = key[1], work.items[key]
        if number in step.removes:
            del work.items[key]
            continue
        changed = replace(item, **step.sets[number]) if number in step.sets else item
        if number in step.finishes or "*" in step.finishes:
            changed = finished(changed, step.lines)
        if changed is not item:
            work.items[key] = changed
            work.touched[key] = at
    if step.snapshot is not None:
        words = {"now": at, "nightly": None}
        work.snapshot = step.snapshot if isinstance(step.snapshot, datetime) else words[step.snapshot]


# The fields that change when the work of an item is done; journals and balances follow `finished`.
DONE: Mapping[type[Any], Mapping[str, Any]] = {
    Document: {"status": "posted"},
    Inventory: {"closed": True},
    Costs: {"count": 0},
    Job: {"status": "Success", "message": ""},
    Statement: {"status": "Reconciled", "difference": Decimal()},
    Approval: {"waiting": False},
    Transaction: {"handled": True},
    Voucher: {"transferred": True},
}


def finished(item: Item, lines: int | None = None) -> Item:
    """The item once its work is done; of a journal with a number of `lines` the first ones are posted and gone."""
    match item:
        case Journal(type="Periodic"):
            return replace(item, lines=tuple(moved_on(line) for line in item.lines))
        case Journal() if lines is not None and lines < len(item.lines):
            return replace(item, lines=item.lines[lines:])
        case Journal() if item.lines:
            return replace(item, posted=True)
        case Balance(agreed=Decimal() as agreed):
            return replace(item, amount=agreed)
    return replace(item, **DONE[type(item)]) if type(item) in DONE else item


def moved_on(line: Line) -> Line:
    """A recurring line after posting: dated a month later. Unused, expired and plain lines stay as they are."""
    unused = line.method.startswith(("F ", "RF ")) and not line.amount
    if not line.method or line.day is None or unused or (line.expires and line.expires < line.day):
        return line
    month = shifted((line.day.year, line.day.month), 1)
    at_end = line.day == last_day((line.day.year, line.day.month))
    day = last_day(month) if at_end else date(*month, min(line.day.day, last_day(month).day))
    return replace(line, day=day)


def spread(count: int, debit: Decimal) -> list[Decimal]:
    """Amounts of so many lines that balance, with that sum of debits; a single line is a debit."""
    debits = (count + 1) // 2
    return [*_parts(debit, debits), *(-part for part in _parts(debit, count - debits))]


def _parts(total: Decimal, count: int) -> Sequence[Decimal]:
    """The total in equal parts of whole cents; the last one holds the rest."""
    if not count:
        return []
    part = (total / count).quantize(Decimal("0.01"), ROUND_DOWN)
    return [part] * (count - 1) + [total - part * (count - 1)]


def movements(balance: Balance, count: int) -> tuple[Decimal, list[Decimal]]:
    """The opening balance of the year, and the amounts booked in each of its first `count` periods."""
    opening = (balance.debit * 2 / 5).quantize(Decimal("0.01"))
    return opening, list(_parts(balance.debit - opening, count))
