"""Reads the unposted journals of one sort with their lines: together, or one list after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from connectors.finops.journal_sets import JournalSets
from connectors.finops.turn_reading import NOT_POSTED, TurnReading
from connectors.finops.work_lists import WITH_LINES, ExpandRefused
from connectors.ledger_source import name_key
from connectors.odata.lists import (
    InvalidRow,
    decimal_field,
    optional_noon_date_field,
    optional_text_field,
    text_field,
)
from connectors.work_source import PartKey, WorkRef


@dataclass(frozen=True, slots=True)
class Line:
    number: Decimal
    day: date | None
    amounts: tuple[Decimal, Decimal] | None
    currency: str
    voucher: str
    account_type: str = ""
    invoice: str = ""
    invoice_day: date | None = None
    transaction_type: str = ""


@dataclass(slots=True)
class Journal:
    ref: WorkRef
    number: str
    name: str
    layer: str
    lines: dict[Decimal, Line] = field(default_factory=dict)


def unposted_journals(reading: TurnReading, sets: JournalSets, parts: Sequence[PartKey]) -> Iterable[Journal]:
    """The unposted journals of our companies with their lines, each once however often pages repeat it."""
    journals: dict[tuple[int, str], Journal] = {}
    options = {"filter": NOT_POSTED[sets.posted], "orderby": "dataAreaId,JournalBatchNumber"}

    def add_header(ref: WorkRef, row: Mapping[str, Any]) -> None:
        journal = _header(ref, row, sets)
        if journal is not None:
            journals.setdefault((ref.entity, name_key(journal.number)), journal)

    def add_line(ref: WorkRef, row: Mapping[str, Any]) -> None:
        journal = journals.get((ref.entity, name_key(text_field(row, sets.number))))
        if journal is not None:
            line = _line(row, sets)
            journal.lines[line.number] = line

    def add_both(ref: WorkRef, row: Mapping[str, Any]) -> None:
        add_header(ref, row)
        lines = row.get(sets.navigation)
        if not isinstance(lines, list):
            raise InvalidRow(f"{sets.navigation} is not a list")
        for line in lines:
            add_line(ref, line)

    try:
        for rows in reading.lists.expanded(sets.headers, sets.navigation, WITH_LINES, **options):
            reading.each(rows, parts, add_both)
    except ExpandRefused:
        journals.clear()
        for rows in reading.lists.pages(sets.headers, **options):
            reading.each(rows, parts, add_header)
        lines = reading.lists.chained(
            sets.lines,
            sets.number,
            (journal.number for journal in journals.values()),
            select=sets.line_properties,
            orderby=f"dataAreaId,{sets.number},LineNumber",
        )
        for rows in lines:
            reading.each(rows, parts, add_line)
    return journals.values()


def _header(ref: WorkRef, row: Mapping[str, Any], sets: JournalSets) -> Journal | None:
    """The journal of a header; None for one that is posted. Raises InvalidRow if nobody can tell."""
    posted = optional_text_field(row, sets.posted)
    if posted not in {"Yes", "No"}:
        raise InvalidRow(f"{sets.posted} is {str(posted)[:40]!r}, neither Yes nor No")
    if posted == "Yes":
        return None
    return Journal(
        ref,
        text_field(row, "JournalBatchNumber"),
        optional_text_field(row, sets.name) or "",
        (optional_text_field(row, sets.layer) or "") if sets.layer else "",
    )


def _line(row: Mapping[str, Any], sets: JournalSets) -> Line:
    amounts = None
    if sets.amounts is not None:
        amounts = decimal_field(row, sets.amounts[0]), decimal_field(row, sets.amounts[1])
    return Line(
        decimal_field(row, "LineNumber"),
        optional_noon_date_field(row, sets.day),
        amounts,
        optional_text_field(row, sets.currency) or "",
        optional_text_field(row, sets.voucher) or "",
        _optional(row, sets.account_type),
        _optional(row, sets.invoice),
        optional_noon_date_field(row, sets.invoice_day) if sets.invoice_day else None,
        _optional(row, sets.transaction_type),
    )


def _optional(row: Mapping[str, Any], name: str) -> str:
    return (optional_text_field(row, name) or "") if name else ""
