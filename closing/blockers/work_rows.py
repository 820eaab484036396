"""The rows of files of unfinished work, with an error for each cell that cannot be taken.

A row is read by the headings of its columns (08-blockers-and-tasks 2, 6 and 8).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from closing.blockers import work_cells as cells
from closing.blockers.blocker_kinds import KINDS, KNOWN_KINDS, BlockerKind, CountedUnit, DocumentPart
from closing.blockers.intercompany import PositionSide
from closing.blockers.inventory_runs import RunKind, RunStatus
from closing.blockers.work_cells import CellRefused, FileMoment, FilePeriod
from closing.tables import TableCell, TableRow

# Counterparties and inventory closes come by their own sheets; open tasks are counted here.
FILE_KINDS = tuple(
    kind
    for kind in KNOWN_KINDS
    if kind
    not in {BlockerKind.INTERCOMPANY_IMBALANCE, BlockerKind.INVENTORY_NOT_CLOSED, BlockerKind.OPEN_TASKS}
)
# Units in which a kind may be counted beside its own.
_OTHER_UNITS: Mapping[BlockerKind, tuple[CountedUnit, ...]] = {
    BlockerKind.UNPOSTED_JOURNALS: (CountedUnit.DOCUMENTS,),
    BlockerKind.SUBLEDGER_NOT_TRANSFERRED: (CountedUnit.ENTRIES,),
    BlockerKind.BANK_NOT_RECONCILED: (CountedUnit.STATEMENTS,),
}


@dataclass(frozen=True, slots=True)
class CellProblem:
    """Why a row, or a sheet (line 1), cannot be taken; `words` are a sentence with the remedy."""

    sheet: str
    line: int
    column: str
    words: str


@dataclass(frozen=True, slots=True)
class WorkRow:
    """One count of unfinished work; `count` is None where the person says that it is not readable."""

    line: int
    entity: str
    period: FilePeriod
    kind: BlockerKind
    part: str
    unit: CountedUnit
    count: int | None
    at_least: bool
    amount: Decimal | None
    currency: str
    as_of: FileMoment
    note: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of the inventory close."""

    line: int
    entity: str
    through: date
    kind: RunKind
    status: RunStatus
    executed_at: FileMoment | None
    reverses: date | None
    warnings: int
    voucher: str


class AmountBasis(StrEnum):
    """Whether an amount is in the currency of the transactions, or converted into that of the entity's ledger."""

    TRANSACTION = "transaction"
    LEDGER = "ledger"


@dataclass(frozen=True, slots=True)
class PositionRow:
    """One balance of an entity with a partner of the group, in one currency."""

    line: int
    entity: str
    partner: str
    month: date
    side: PositionSide
    amount: Decimal
    currency: str
    basis: AmountBasis
    as_of: FileMoment


@dataclass(frozen=True, slots=True)
class RateRow:
    """One closing rate of a group: 1 `base` is `rate` of `quote` at the end of the month."""

    line: int
    group: str
    month: date
    base: str
    quote: str
    rate: Decimal


V = TypeVar("V")


class RowReader:
    """Reads the cells of one row by heading, and keeps the problem of each cell that is refused."""

    def __init__(self, sheet: str, row: TableRow, columns: Mapping[str, int]) -> None:
        self.line = row.line
        self.problems: list[CellProblem] = []
        self._sheet, self._row, self._columns = sheet, row, columns

    def cell(self, heading: str) -> TableCell:
        index = self._columns.get(heading)
        return self._row.cells[index] if index is not None and index < len(self._row.cells) else None

    def read(self, heading: str, parse: Callable[[TableCell], V], default: V) -> V:
        """The value of a cell; the default, with a problem, for one that is refused."""
        try:
            return parse(self.cell(heading))
        except CellRefused as error:
            self.refuse(heading, str(error))
            return default

    def text(self, heading: str, longest: int = 100) -> str:
        """A text that must be there."""
        return self.read(heading, lambda cell: cells.required_text(cell, heading, longest), "")

    def note(self, heading: str, longest: int) -> str:
        """A text that may be there."""
        return self.read(heading, lambda cell: cells.optional_text(cell, heading, longest), "")

    def refuse(self, heading: str, words: str) -> None:
        self.problems.append(CellProblem(self._sheet, self.line, heading, words))


_EPOCH = date(1970, 1, 1)


def work_row(row: RowReader) -> WorkRow:
    kind = BlockerKind(
        row.read(
            "Kind",
            lambda cell: cells.choice(
                cell, "Kind", FILE_KINDS, (KINDS[kind].shown_as for kind in FILE_KINDS)
            ),
            BlockerKind.LATE_INVOICES.value,
        )
    )
    known = not row.problems
    part = unit = ""
    if known:
        part = row.read("Part", lambda cell: _part(cell, kind), "")
        unit = row.read("Unit", lambda cell: _unit(cell, kind), "")
    count = row.read("Count", cells.count_or_unreadable, None)
    at_least = row.read("At least", lambda cell: cells.yes_or_no(cell, "At least"), default=False)
    if not row.problems and at_least and count is None:
        row.refuse(
            "At least", "Work that is not readable has no least count. Leave this blank, or give a count."
        )
    amount = row.read("Amount", lambda cell: cells.amount(cell) if cells.cell_text(cell) else None, None)
    currency = row.read("Currency", lambda cell: cells.currency(cell) if cells.cell_text(cell) else "", "")
    if not row.problems and (amount is None) != (currency == ""):
        row.refuse(
            "Currency" if amount is not None else "Amount", "Give the amount and its currency, or neither."
        )
    return WorkRow(
        row.line,
        row.text("Entity"),
        row.read("Period", cells.period, FilePeriod(_EPOCH)),
        kind,
        part,
        CountedUnit(unit or KINDS[kind].unit),
        count,
        at_least,
        amount,
        currency,
        row.read("As of", lambda cell: cells.moment(cell, "As of"), _EPOCH),
        row.note("Note", cells.LONGEST_NOTE),
    )


def _part(cell: TableCell, kind: BlockerKind) -> str:
    typed = cells.cell_text(cell)
    if kind is BlockerKind.UNPOSTED_DOCUMENTS:
        return cells.choice(cell, "Part", DocumentPart)
    if typed:
        raise CellRefused(f"{kind} has no parts. Leave this blank.")
    return ""


def units_of(kind: BlockerKind) -> tuple[CountedUnit, ...]:
    """The units in which a file may count a kind, its own first."""
    return KINDS[kind].unit, *_OTHER_UNITS.get(kind, ())


def _unit(cell: TableCell, kind: BlockerKind) -> str:
    return cells.choice(cell, "Unit", units_of(kind)) if cells.cell_text(cell) else KINDS[kind].unit.value


def run_row(row: RowReader) -> RunRow:
    kind = RunKind(row.read("Kind", lambda cell: cells.choice(cell, "Kind", RunKind), RunKind.CLOSING.value))
    status = RunStatus(
        row.read("Status", lambda cell: cells.choice(cell, "Status", RunStatus), RunStatus.DONE.value)
    )
    through = row.read("Through", lambda cell: cells.day(cell, "Through"), _EPOCH)
    executed = row.read("Executed at", lambda cell: cells.optional_moment(cell, "Executed at"), None)
    if executed is None and status in {RunStatus.DONE, RunStatus.REVERSED} and not row.problems:
        row.refuse("Executed at", "A run that is over has a moment. Write it like 2026-06-03 18:05.")
    reverses = row.read(
        "Reverses", lambda cell: cells.day(cell, "Reverses") if cells.cell_text(cell) else None, None
    )
    if not row.problems and kind is RunKind.REVERSAL and reverses is None:
        row.refuse("Reverses", "A reversal names the close that it reverses. Write the day it ran through.")
    if not row.problems and kind is not RunKind.REVERSAL and reverses is not None:
        row.refuse("Reverses", f"Only a reversal reverses a close. Leave this blank for a {kind}.")
    return RunRow(
        row.line,
        row.text("Entity"),
        through,
        kind,
        status,
        executed,
        reverses,
        row.read(
            "Warnings", lambda cell: cells.whole_number(cell, "Warnings") if cells.cell_text(cell) else 0, 0
        ),
        row.note("Voucher", 60),
    )


def _basis(cell: TableCell) -> str:
    return (
        cells.choice(cell, "Basis", AmountBasis) if cells.cell_text(cell) else AmountBasis.TRANSACTION.value
    )


def position_row(row: RowReader) -> PositionRow:
    entity, partner = row.text("Entity"), row.text("Partner")
    if entity and entity == partner:
        row.refuse("Partner", f"{entity} cannot be its own counterparty. Write the code of the other entity.")
    return PositionRow(
        row.line,
        entity,
        partner,
        row.read("Month", cells.month, _EPOCH),
        PositionSide(
            row.read(
                "Side", lambda cell: cells.choice(cell, "Side", PositionSide), PositionSide.DUE_FROM.value
            )
        ),
        row.read("Amount", cells.amount, Decimal(0)),
        row.read("Currency", cells.currency, ""),
        AmountBasis(row.read("Basis", _basis, AmountBasis.TRANSACTION.value)),
        row.read("As of", lambda cell: cells.moment(cell, "As of"), _EPOCH),
    )


def rate_row(row: RowReader) -> RateRow:
    base = row.read("Currency", cells.currency, "")
    quote = row.read("In", lambda cell: cells.currency(cell, "In"), "")
    rate = row.read("Rate", cells.rate, Decimal(1))
    if base and base == quote:
        row.refuse("In", f"1 {base} is always 1 {base}. Write another currency.")
    return RateRow(row.line, row.text("Group"), row.read("Month", cells.month, _EPOCH), base, quote, rate)
