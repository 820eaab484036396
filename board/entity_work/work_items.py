"""The items behind a number of unfinished work: rows with a safe link, and what is carried on purpose."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from board.web import labels
from closing.blockers.blocker_facts import MAX_IDS, BlockerFact, FactId, FactItem
from closing.blockers.blocker_kinds import BlockerKind, counted
from closing.blockers.blocker_phrases import EntityNames, money
from closing.blockers.carried import CarriedMark, in_force
from closing.calendar.date_phrases import day_and_month
from connectors.registry import safe_work_link
from entities.models import Connection

_NOT_LISTED = frozenset({BlockerKind.INTERCOMPANY_IMBALANCE, BlockerKind.INVENTORY_NOT_CLOSED})


@dataclass(frozen=True, slots=True)
class ItemLine:
    """One row behind a number; `carried` says until when and why, empty for one that is in the way."""

    number: str
    on: str
    amount: str
    owner: str
    link: str
    note: str
    carried: str = ""


@dataclass(frozen=True, slots=True)
class CarriedLine:
    """One item that a person carries on purpose, or did until it changed; `value` ends it."""

    number: str
    words: str
    dropped: str
    value: str


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """One side of two counterparties: whose, its claim on the other, and an account that it lacks."""

    name: str
    claim: str
    note: str


def item_value(item: FactId) -> str:
    """An item as a form sends it: its units, amount and id, so that one that has changed meanwhile is noticed."""
    return f"{item.units}|{'' if item.amount is None else f'{item.amount:f}'}|{item.item_id}"


def ids_of_items(fact: BlockerFact) -> list[FactId | None]:
    """The id of each shown row: by place where rows and ids are in one order, else by number."""
    by_id = {each.item_id: each for each in fact.ids}
    in_order = len(fact.ids) >= len(fact.items) and all(
        item.amount == each.amount for item, each in zip(fact.items, fact.ids, strict=False)
    )
    if in_order and fact.kind not in _NOT_LISTED:
        return list(fact.ids[: len(fact.items)])
    return [by_id.get(item.number) for item in fact.items]


def item_lines(
    fact: BlockerFact,
    marks: Sequence[CarriedMark],
    today: date,
    connection: Connection | None,
    *,
    seen_owners: Collection[str] | None = None,
) -> list[ItemLine]:
    """The rows of a fact, at most 20; none for counterparties and inventory closes, which have words of their own.

    `seen_owners` are the owners that the reader may see, None for all: of pending documents these are companies.
    """
    if fact.kind in _NOT_LISTED:
        return []
    by_id = {mark.item_id: mark for mark in marks}
    lines = []
    for item, each in zip(fact.items, ids_of_items(fact), strict=True):
        mark = by_id.get(each.item_id) if each is not None else None
        held = mark is not None and in_force(mark, each, today)
        owner = item.owner if seen_owners is None or item.owner.casefold() in seen_owners else ""
        lines.append(
            ItemLine(
                item.number,
                labels.short_date(item.on) if item.on is not None else "",
                money(item.amount, item.currency or fact.currency) if item.amount is not None else "",
                owner,
                safe_work_link(connection, item.link),
                item.note.replace("_", " "),
                carried_words(mark) if mark is not None and held else "",
            )
        )
    return lines


def shown_phrase(fact: BlockerFact, shown: int) -> str:
    """ "20 of 61 shown, the oldest first"; in the items' own noun where an item has several units."""
    if not shown or fact.count is None:
        return ""
    several = len(fact.ids) and len(fact.ids) < fact.count
    total = len(fact.ids) if several else fact.count
    more = "at least " if several and not fact.names_all_items else ""
    whole = f", with {counted(fact.kind, fact.part, fact.unit, fact.count)}" if several else ""
    if total <= shown:
        return f"All {shown} shown, the oldest first{whole}" if shown > 1 or whole else ""
    return f"{shown} of {more}{total:,} shown, the oldest first{whole}"


def carried_words(mark: CarriedMark) -> str:
    """ "carried on purpose until 30 June by Sanne de Wit, because ..."."""
    by = f" by {mark.by}" if mark.by else ""
    return f"carried on purpose until {day_and_month(mark.until)}{by}, because {mark.reason}"


def carried_lines(fact: BlockerFact, marks: Sequence[CarriedMark], today: date) -> list[CarriedLine]:
    """All marks of a fact that nobody has ended, with why one no longer counts."""
    by_id = {each.item_id: each for each in fact.ids}
    numbers = {
        each.item_id: item.number
        for item, each in zip(fact.items, ids_of_items(fact), strict=True)
        if each is not None
    }
    return [
        CarriedLine(
            numbers.get(mark.item_id, mark.item_id),
            carried_words(mark),
            _dropped(mark, by_id.get(mark.item_id), fact, today),
            mark.item_id,
        )
        for mark in sorted(marks, key=lambda mark: (mark.until, mark.item_id))
    ]


def _dropped(mark: CarriedMark, now: FactId | None, fact: BlockerFact, today: date) -> str:
    """Why a mark no longer counts; empty while it does."""
    if in_force(mark, now, today):
        return ""
    if today > mark.until:
        return "its day has passed, so it counts again"
    if now is None:
        return "the item is gone"
    if now.amount != mark.amount and now.amount is not None and mark.amount is not None:
        before, after = money(mark.amount, fact.currency), money(now.amount, fact.currency)
        return f"the amount has changed from {before} to {after}, so it counts again"
    return f"it has changed from {mark.units:,} to {now.units:,} units, so it counts again"


def no_more_words(fact: BlockerFact) -> str:
    """Why no item can be carried on purpose; empty where items can."""
    if not fact.count:
        return "Nothing is in the way, so nothing can be carried on purpose."
    if fact.names_all_items:
        return ""
    if len(fact.ids) >= MAX_IDS:
        return f"There are more than {MAX_IDS:,} items: no more can be carried on purpose."
    return "The source does not name each item, so none can be carried on purpose."


def claim_lines(fact: BlockerFact, names: EntityNames) -> list[ClaimLine]:
    """Both sides of two counterparties; one without a claim says so."""
    by_code = {item.number: item for item in fact.items}
    return [
        ClaimLine(names.get(code, code), _claim(by_code.get(code), fact), _lack(by_code.get(code)))
        for code in fact.counterparties or ()
    ]


def _claim(item: FactItem | None, fact: BlockerFact) -> str:
    if item is None:
        return "no position"
    if item.amount is None:
        return "several currencies"
    amount: Decimal = item.amount
    side = "due from" if amount > 0 else "due to" if amount < 0 else "nothing due:"
    return f"{side} {money(abs(amount), item.currency or fact.currency)}"


def _lack(item: FactItem | None) -> str:
    return (
        item.note.replace("_", " ").replace("due from", "due-from").replace("due to", "due-to")
        if item
        else ""
    )
