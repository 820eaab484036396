"""Counts unposted journals of Finance & Operations: their lines, their documents, or each journal as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from closing.blockers.blocker_facts import Doubt
from closing.blockers.blocker_kinds import BlockerKind, DocumentPart
from connectors.finops import journal_sets
from connectors.finops.journal_sets import JournalSets
from connectors.finops.turn_reading import (
    LATE_INVOICES,
    OTHER_LAYERS,
    JournalState,
    PartSource,
    TurnReading,
)
from connectors.finops.unposted_journals import Journal, Line, unposted_journals
from connectors.finops.work_lists import SetUnread
from connectors.ledger_source import name_key
from connectors.odata.lists import InvalidRow
from connectors.work_source import PartKey
from connectors.work_tally import WorkItem

_TEMPLATES = frozenset({"Periodic"})
_NOT_LEDGER_WORK = frozenset({"Budget", "StatTrans"})
# Types of journals that have sets of their own: in the ledger's set they would be counted twice.
_OF_MODULES = frozenset({"VendInvoiceRegister", "Payment", "CustPayment", "Cost", "Assets"})
_DEPRECIATION = frozenset(
    {"Depreciation", "DepreciationAdj", "ExtraordinaryDepreciation", "BonusDepreciation"}
)

UNPOSTED_JOURNALS: PartKey = (BlockerKind.UNPOSTED_JOURNALS, "")
DEPRECIATION: PartKey = (BlockerKind.DEPRECIATION_NOT_POSTED, "")


def _reason(kind: str, layer: str) -> str:
    """Why lines are left out, "" if they count. Unknown types and layers count: nothing is hidden by a guess."""
    if kind in _TEMPLATES:
        return "template"
    if kind in _NOT_LEDGER_WORK:
        return "not_ledger_work"
    return "other_layer" if layer in OTHER_LAYERS else ""


def _total(lines: Sequence[Line]) -> tuple[Decimal | None, str | None]:
    """The larger of debits and credits, with the currency; none where lines have several currencies."""
    currencies = {line.currency for line in lines}
    amounts = [line.amounts for line in lines if line.amounts is not None]
    if len(currencies) != 1 or "" in currencies or not amounts:
        return None, None
    debit, credit = (sum((pair[side] for pair in amounts), Decimal(0)) for side in (0, 1))
    return max(debit, credit), currencies.pop()


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is counted of a journal in one period: the whole of it there, or a document of it."""

    item_id: str
    number: str
    lines: tuple[Line, ...]

    @property
    def day(self) -> date | None:
        return min((line.day for line in self.lines if line.day is not None), default=None)


def _by_period(journal: Journal, item_id: str, number: str, lines: Iterable[Line]) -> Iterator[_Piece]:
    periods: dict[int | None, list[Line]] = {}
    for line in lines:
        periods.setdefault(journal.ref.period_of(line.day), []).append(line)
    for own in periods.values():
        yield _Piece(item_id, number, tuple(own))


def _whole(journal: Journal, party: str) -> Iterator[_Piece]:
    yield from _by_period(journal, journal.number, journal.number, journal.lines.values())


def _documents(journal: Journal, party: str) -> Iterator[_Piece]:
    """The documents of a journal: its lines on the party's accounts, those of one invoice number together.

    A voucher without such a line is one document, and so is a line without a voucher.
    """
    vouchers: dict[str, list[Line]] = {}
    for line in journal.lines.values():
        vouchers.setdefault(line.voucher or f"line {line.number:f}", []).append(line)
    for voucher, lines in vouchers.items():
        documents: dict[str, list[Line]] = {}
        for line in [one for one in lines if one.account_type == party] or lines[:1]:
            documents.setdefault(line.invoice or f"{line.number:f}", []).append(line)
        for name, own in documents.items():
            number = own[0].invoice or journal.number
            yield from _by_period(journal, f"{journal.number}/{voucher}/{name}", number, own)


@dataclass(frozen=True, slots=True)
class _Counting:
    """How the journals of two sets are counted: `split` into what counts, by lines or each as one.

    `states`: the table of all journals names some apart.
    """

    part: PartKey
    sets: JournalSets
    split: Callable[[Journal, str], Iterator[_Piece]] = _whole
    lines: bool = False
    states: bool = False

    @property
    def parts(self) -> tuple[PartKey, ...]:
        return (self.part, LATE_INVOICES) if self.sets.invoice_day else (self.part,)

    def count(
        self, reading: TurnReading, other_reason: Callable[[Journal, str], str] = lambda journal, kind: ""
    ) -> None:
        """Read the journals and count them; `other_reason` leaves out more of them by their types."""
        states = reading.states() if self.states else {}
        for journal in unposted_journals(reading, self.sets, self.parts):
            state = states.get((journal.ref.entity, name_key(journal.number)))
            try:
                kind = reading.type_of(journal.ref, journal.name, state)
            except InvalidRow as error:
                reading.miss(journal.ref, self.parts, str(error))
                continue
            # Both are called: the second one also remembers the journals of the ledger.
            other = other_reason(journal, kind)
            self._count_one(reading, journal, state, _reason(kind, journal.layer) or other)

    def _count_one(
        self, reading: TurnReading, journal: Journal, state: JournalState | None, reason: str
    ) -> None:
        ref, tally = journal.ref, reading.tally
        if not journal.lines:
            tally.leave_out(ref, self.part, None, "empty")
        for piece in self.split(journal, self.sets.party):
            units = len(piece.lines) if self.lines else 1
            if reason:
                tally.leave_out(ref, self.part, piece.day, reason, units)
                continue
            amount, currency = _total(piece.lines)
            item = WorkItem(
                piece.item_id,
                units,
                piece.number,
                piece.day,
                amount,
                currency,
                state.owner if state is not None else "",
                reading.link(ref, self.sets.menu_item),
                state.apart if state is not None else (),
            )
            tally.add(ref, self.part, piece.day, item)
            if self.sets.invoice_day:
                reading.late(ref, piece.lines[0].invoice_day, piece.day, item)


def _document(part: DocumentPart) -> PartKey:
    return BlockerKind.UNPOSTED_DOCUMENTS, part.value


_LEDGER = _Counting(UNPOSTED_JOURNALS, journal_sets.LEDGER, lines=True, states=True)
_VENDOR_INVOICES = _Counting(
    _document(DocumentPart.VENDOR_INVOICES), journal_sets.VENDOR_INVOICES, _documents, states=True
)
_CUSTOMER_INVOICES = _Counting(
    _document(DocumentPart.CUSTOMER_INVOICES), journal_sets.CUSTOMER_INVOICES, _documents, states=True
)
_ASSETS = _Counting(DEPRECIATION, journal_sets.ASSETS)


def _count_ledger_journals(reading: TurnReading) -> None:
    """Lines of general journals, with allocations and eliminations; only their types tell templates."""

    def other_reason(journal: Journal, kind: str) -> str:
        if kind in _OF_MODULES:
            return "counted_elsewhere"
        reading.ledger_journals.add((journal.ref.entity, name_key(journal.number)))
        return ""

    if not reading.names_listed and not reading.states_listed:
        raise SetUnread(Doubt.NOT_PUBLISHED)
    _LEDGER.count(reading, other_reason)


def _count_customer_invoice_journals(reading: TurnReading) -> None:
    """Invoices in journals; one that is among the general journals as well is counted there, by its lines."""

    def other_reason(journal: Journal, kind: str) -> str:
        twice = (journal.ref.entity, name_key(journal.number)) in reading.ledger_journals
        return "counted_elsewhere" if twice else ""

    _CUSTOMER_INVOICES.count(reading, other_reason)


def _count_depreciation(reading: TurnReading) -> None:
    """Journals of fixed assets with a line of depreciation, or of a type that nobody can tell."""

    def other_reason(journal: Journal, kind: str) -> str:
        types = {line.transaction_type for line in journal.lines.values()}
        return "" if types & {*_DEPRECIATION, ""} else "not_depreciation"

    _ASSETS.count(reading, other_reason)


def _source(counting: _Counting, count: Callable[[TurnReading], None] | None = None) -> PartSource:
    sets = counting.sets.headers, counting.sets.lines
    return PartSource(counting.parts, sets, count or counting.count)


LEDGER_SOURCE = _source(_LEDGER, _count_ledger_journals)
VENDOR_INVOICE_SOURCE = _source(_VENDOR_INVOICES)
CUSTOMER_INVOICE_SOURCE = _source(_CUSTOMER_INVOICES, _count_customer_invoice_journals)
PAYMENT_SOURCES = (
    _source(_Counting(_document(DocumentPart.VENDOR_PAYMENTS), journal_sets.VENDOR_PAYMENTS, _documents)),
    _source(_Counting(_document(DocumentPart.CUSTOMER_PAYMENTS), journal_sets.CUSTOMER_PAYMENTS, _documents)),
)
PROJECT_SOURCE = _source(_Counting(_document(DocumentPart.PROJECT_JOURNALS), journal_sets.PROJECTS))
EXPENSE_SOURCE = _source(_Counting(_document(DocumentPart.EXPENSE_JOURNALS), journal_sets.EXPENSES))
DEPRECIATION_SOURCE = _source(_ASSETS, _count_depreciation)
