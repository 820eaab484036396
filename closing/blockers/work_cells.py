"""The cells of a file of unfinished work as values: dates and amounts in one spelling each, never by a locale."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from closing.calendar.months import month_end, month_of
from closing.tables import RefusedCell, TableCell

LONGEST_NOTE = 300  # letters
MOST_COUNTED = 10_000_000
_AMOUNT = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,6})?\Z")
_RATE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?\Z")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}\Z")
_CURRENCY = re.compile(r"[A-Z]{3}\Z")
_GUARDED = re.compile(r"'[=+\-@\t\r]")
_LARGEST = Decimal(10) ** 18
NOT_READABLE = "not readable"

FileMoment = (
    date | datetime
)  # a day is meant until its end; a moment without a zone is one of the entity's zone


class CellRefused(ValueError):
    """A value that cannot be taken; the message is a sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class FilePeriod:
    """The period that a row names: by its reporting month, or by its last day where `last` is given."""

    month: date
    last: date | None = None

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}" if self.last is None else self.last.isoformat()


def cell_text(cell: TableCell) -> str:
    """The text of a cell as one line, without the apostrophe that keeps a spreadsheet from running it."""
    if isinstance(cell, RefusedCell):
        raise CellRefused(cell.words)
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    text = cell if isinstance(cell, str) else cell.isoformat()
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text[1:] if _GUARDED.match(text) else text


def required_text(cell: TableCell, name: str, longest: int = 200) -> str:
    """A text that must be there."""
    text = cell_text(cell)
    if not text:
        raise CellRefused(f"{name} is missing. Fill it in.")
    return _short(text, name, longest)


def optional_text(cell: TableCell, name: str, longest: int = 200) -> str:
    """A text, "" where there is none."""
    return _short(cell_text(cell), name, longest)


def _short(text: str, name: str, longest: int) -> str:
    if len(text) > longest:
        raise CellRefused(f"{name} has {len(text)} letters. Shorten it to {longest}.")
    return text


def choice(cell: TableCell, name: str, choices: Iterable[StrEnum], labels: Iterable[str] = ()) -> str:
    """One of the words, or the label at its place; returns the word. Case and blanks do not matter."""
    words = [choice.value for choice in choices]
    typed = required_text(cell, name).casefold()
    for word, label in (*((word, word) for word in words), *zip(words, labels, strict=False)):
        if typed in {label.casefold(), word.replace("_", " ").casefold()}:
            return word
    raise CellRefused(f"“{_quoted(typed)}” is no valid value. Write one of: {', '.join(words)}.")


def _quoted(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"


def whole_number(cell: TableCell, name: str) -> int:
    """A whole number from 0 on."""
    text = required_text(cell, name)
    if not (text.isascii() and text.isdigit() and int(text) <= MOST_COUNTED):
        raise CellRefused(f"“{_quoted(text)}” is not a whole number from 0 on. Write digits only, like 61.")
    return int(text)


def count_or_unreadable(cell: TableCell) -> int | None:
    """A count; None only where the cell says "not readable", never where it is blank."""
    text = cell_text(cell)
    if not text:
        raise CellRefused(
            f"Count is missing. Write a whole number, or “{NOT_READABLE}” where nobody can tell."
        )
    return None if text.casefold() == NOT_READABLE else whole_number(cell, "Count")


def yes_or_no(cell: TableCell, name: str) -> bool:
    """Yes, no, or blank for no."""
    text = cell_text(cell).casefold()
    if text not in {"yes", "no", ""}:
        raise CellRefused(f"{name} is “{_quoted(text)}”. Write yes or no.")
    return text == "yes"


def amount(cell: TableCell, name: str = "Amount") -> Decimal:
    """An amount with a point and without separators of thousands, to six decimals."""
    text = required_text(cell, name)
    if not _AMOUNT.match(text) or abs(Decimal(text)) >= _LARGEST:
        raise CellRefused(
            f"“{_quoted(text)}” is not an amount. Write it like 1234.56: a point, no separators."
        )
    return Decimal(text)


def rate(cell: TableCell, name: str = "Rate") -> Decimal:
    """A rate above zero, to twelve decimals."""
    text = required_text(cell, name)
    if not _RATE.match(text) or Decimal(text) == 0:
        raise CellRefused(
            f"“{_quoted(text)}” is not a rate above zero. Write it like 1.17: a point, no separators."
        )
    return Decimal(text)


def currency(cell: TableCell, name: str = "Currency") -> str:
    """A currency code of three capital letters."""
    text = required_text(cell, name)
    if not _CURRENCY.match(text):
        raise CellRefused(
            f"“{_quoted(text)}” is not a currency. Write its code of three capital letters, like EUR."
        )
    return text


def day(cell: TableCell, name: str) -> date:
    """A day: a date cell, or a text like 2026-05-31."""
    if isinstance(cell, datetime):
        raise CellRefused(f"{name} holds a time of day. Write the day alone, like 2026-05-31.")
    if isinstance(cell, date):
        return cell
    text = required_text(cell, name)
    try:
        if len(text) != len("2026-05-31"):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise CellRefused(f"“{_quoted(text)}” is not a date. Write it like 2026-05-31.") from None


def month(cell: TableCell, name: str = "Month") -> date:
    """The first day of a month like 2026-05; a date cell or a date counts where it begins or ends the month."""
    found = period(cell, name)
    if found.last is not None and found.last != month_end(found.month):
        raise CellRefused(f"“{found.last}” is within a month. Write the month like {found.month:%Y-%m}.")
    return found.month


def period(cell: TableCell, name: str = "Period") -> FilePeriod:
    """A month like 2026-05, or the last day of a period like 2026-05-31.

    Excel makes the first day of the month of what was typed as 2026-05: that is the month as well.
    """
    text = cell_text(cell)
    try:
        if isinstance(cell, str) and _MONTH.match(text):
            return FilePeriod(date.fromisoformat(f"{text}-01"))
        last = day(cell, name)
    except ValueError:
        if not text:
            raise CellRefused(f"{name} is missing. Write the month like 2026-05.") from None
        raise CellRefused(
            f"“{_quoted(text)}” is not a month. Write it like 2026-05, or the last day like 2026-05-31."
        ) from None
    return FilePeriod(month_of(last)) if last.day == 1 else FilePeriod(month_of(last), last)


def moment(cell: TableCell, name: str) -> FileMoment:
    """A day like 2026-06-12, or a moment like 2026-06-12 18:05, in the entity's zone unless it names one."""
    if isinstance(cell, date):
        return cell
    text = required_text(cell, name)
    try:
        if len(text) == len("2026-06-12"):
            return date.fromisoformat(text)
        if len(text) < len("2026-06-12 18:05"):
            raise ValueError
        return datetime.fromisoformat(text)
    except ValueError:
        raise CellRefused(
            f"“{_quoted(text)}” is not a date or a moment. Write 2026-06-12 or 2026-06-12 18:05."
        ) from None


def optional_moment(cell: TableCell, name: str) -> FileMoment | None:
    """As `moment`; None for a blank cell."""
    return moment(cell, name) if cell_text(cell) else None
