"""Items that a person lets stand: carried on purpose until a day, with a reason (08-blockers-and-tasks 4).

A mark holds an item with its units and amount, so that it covers nothing else: it ends when the amount changes, the
item is gone, or its last day is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from closing.blockers.blocker_facts import MAX_IDS, BlockerFact, FactId
from closing.calendar.date_phrases import day_and_month, full_date


@dataclass(frozen=True, slots=True)
class CarriedMark:
    """An item of one fact's key that somebody carries on purpose up to and with `until`; `by` is their name."""

    item_id: str
    units: int
    amount: Decimal | None
    until: date
    reason: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class CarriedUnits:
    """The marks that are in force for a fact, the units that they take out of its count, and their amount."""

    marks: tuple[CarriedMark, ...] = ()
    units: int = 0
    amount: Decimal = Decimal(0)


def carried_of(fact: BlockerFact, marks: Iterable[CarriedMark], today: date) -> CarriedUnits:
    """The marks in force on a day, by the entity's date: each item once, still in the fact, with the same amount."""
    items = {item.item_id: item for item in fact.ids}
    held: dict[str, CarriedMark] = {}
    for mark in marks:
        if in_force(mark, items.get(mark.item_id), today):
            held[mark.item_id] = mark
    units = sum(mark.units for mark in held.values())
    return CarriedUnits(
        tuple(sorted(held.values(), key=lambda mark: (mark.until, mark.reason, mark.item_id))),
        min(units, fact.count or 0),
        sum((mark.amount for mark in held.values() if mark.amount is not None), Decimal(0)),
    )


def in_force(mark: CarriedMark, item: FactId | None, today: date) -> bool:
    """Whether a mark covers its item on a day: the item is there with the same units and amount, the end not past."""
    return (
        item is not None
        and today <= mark.until
        and (item.units, item.amount) == (mark.units, mark.amount)
        and item.item_id == mark.item_id
    )


def carried_phrases(carried: CarriedUnits, *, more: bool) -> Sequence[str]:
    """ "2 more carried on purpose until 30 June, because ...": one phrase for each end and reason.

    `more`: other items remain beside them.
    """
    counts: dict[tuple[date, str], int] = {}
    for mark in carried.marks:
        counts[mark.until, mark.reason] = counts.get((mark.until, mark.reason), 0) + mark.units
    return [
        f"{count:,}{' more' if more else ''} carried on purpose until {day_and_month(until)}, because {reason}"
        for (until, reason), count in counts.items()
    ]


def mark_refusal(
    fact: BlockerFact, item_id: str, *, until: date, reason: str, next_period_last: date, today: date
) -> str:
    """Why an item of a fact cannot be marked; empty if it can.

    `next_period_last` is the last day of the entity's next period: no mark lasts longer.
    """
    if not fact.names_all_items:
        if len(fact.ids) >= MAX_IDS:
            return f"There are more than {MAX_IDS:,} items: no more can be carried on purpose."
        return "The source does not name each item, so none can be carried on purpose."
    if all(item.item_id != item_id for item in fact.ids):
        return "This item is no longer in the way."
    if not reason.strip():
        return "Give the reason why it is carried."
    if until < today:
        return f"{full_date(until)} has passed."
    if until > next_period_last:
        return f"Carried at the latest until the end of the next period, {full_date(next_period_last)}."
    return ""


def mark_item(fact: BlockerFact, item_id: str, *, until: date, reason: str, by: str) -> CarriedMark:
    """A mark of an item as the fact has it now; raises ValueError for an item that it does not name."""
    for item in fact.ids:
        if item.item_id == item_id:
            return CarriedMark(item_id, item.units, item.amount, until, reason.strip(), by)
    raise ValueError(f"the fact names no item {item_id!r}")
