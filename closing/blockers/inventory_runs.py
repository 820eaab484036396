"""Inventory closes: the day through which inventory is closed, and the close that can be reversed (chapter 8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from closing.blockers.blocker_facts import MAX_ITEMS, BlockerFact, FactId, FactItem
from closing.blockers.blocker_kinds import BlockerKind, CountedUnit
from closing.blockers.blocker_phrases import LOG_WARNINGS
from closing.calendar.date_phrases import day_and_month, full_date, month_name
from closing.calendar.days import DateSpan
from closing.calendar.months import month_end


class RunKind(StrEnum):
    """The kinds of inventory run; a recalculation is not a close."""

    CLOSING = "closing"
    RECALCULATION = "recalculation"
    REVERSAL = "reversal"


class RunStatus(StrEnum):
    """How far an inventory run is; only one that is done counts."""

    DONE = "done"
    RUNNING = "running"
    STOPPED = "stopped"
    REVERSED = "reversed"


class ReversalOrder(StrEnum):
    """The effect on later closes of reversing one: they have to be reversed first, or they are reopened with it."""

    LAST_ONLY = "last_only"
    REOPENS_LATER = "reopens_later"


_REVERSAL_ORDERS = {"business_central": ReversalOrder.REOPENS_LATER}


@dataclass(frozen=True, slots=True)
class InventoryRun:
    """A run of the inventory close of an entity (id) up to and with a day.

    `reverses` is the day through which the close ran that a reversal undoes; `executed_at` is None while the source
    does not give it. `warnings` counts those of its log. Raises ValueError for a reversal that names no close.
    """

    entity: int
    through: date
    kind: RunKind
    status: RunStatus
    executed_at: datetime | None = None
    reverses: date | None = None
    warnings: int = 0
    voucher: str = ""

    def __post_init__(self) -> None:
        if (self.kind is RunKind.REVERSAL) != (self.reverses is not None):
            raise ValueError("a reversal, and nothing else, names the day of the close that it reverses")


def reversal_order(erp_kind: str) -> ReversalOrder:
    """The order of reversals in an ERP, by its kind; the strict one for a kind without a rule of its own."""
    return _REVERSAL_ORDERS.get(erp_kind, ReversalOrder.LAST_ONLY)


def standing_closes(
    runs: Iterable[InventoryRun], order: ReversalOrder = ReversalOrder.LAST_ONLY
) -> list[InventoryRun]:
    """The closes that are done and not reversed, the earliest day first.

    `runs` are one entity's, the newest fact of each, in the order in which they ran.
    """
    standing: list[InventoryRun] = []
    for run in runs:
        if run.status is not RunStatus.DONE:
            continue
        if run.kind is RunKind.CLOSING:
            standing = [*(close for close in standing if close.through != run.through), run]
        elif run.kind is RunKind.REVERSAL and any(close.through == run.reverses for close in standing):
            standing = [close for close in standing if not _is_undone(close, run, order)]
    return sorted(standing, key=lambda close: close.through)


def _is_undone(close: InventoryRun, reversal: InventoryRun, order: ReversalOrder) -> bool:
    if reversal.reverses is None:
        return False
    later = order is ReversalOrder.REOPENS_LATER and close.through > reversal.reverses
    return later or close.through == reversal.reverses


def closed_through(
    runs: Iterable[InventoryRun], order: ReversalOrder = ReversalOrder.LAST_ONLY
) -> date | None:
    """The day through which inventory is closed; None if no close stands."""
    closes = standing_closes(runs, order)
    return closes[-1].through if closes else None


def reversal_chain(
    runs: Iterable[InventoryRun], through: date, order: ReversalOrder = ReversalOrder.LAST_ONLY
) -> list[date]:
    """The closes to reverse, the last first, to undo the one through a day; empty if none stands there."""
    days = [close.through for close in standing_closes(runs, order)]
    return sorted((day for day in days if day >= through), reverse=True) if through in days else []


def can_be_reversed(
    runs: Iterable[InventoryRun], through: date, order: ReversalOrder = ReversalOrder.LAST_ONLY
) -> bool:
    """Whether the close through a day is the last: the only one for which a page offers a reversal."""
    return reversal_chain(runs, through, order) == [through]


def reversal_phrase(runs: Iterable[InventoryRun], through: date, order: ReversalOrder) -> str:
    """ "to reverse March: May, April, March", or "reopening March reopens April and May as well".

    "to reverse May: May" for the last one. Empty if no close through the day stands.
    """
    chain = reversal_chain(runs, through, order)
    if not chain:
        return ""
    names = [_close_name(day, with_year=chain[0].year != chain[-1].year) for day in chain]
    if order is ReversalOrder.LAST_ONLY:
        return f"to reverse {names[-1]}: {', '.join(names)}"
    later = names[-2::-1]
    if not later:
        return f"reopening {names[-1]} reopens no other period"
    others = " and ".join(filter(None, [", ".join(later[:-1]), later[-1]]))
    return f"reopening {names[-1]} reopens {others} as well"


def reversal_refusal(
    runs: Iterable[InventoryRun], reversal: InventoryRun, order: ReversalOrder = ReversalOrder.LAST_ONLY
) -> str:
    """Why a file may not reverse a close: it is unknown, or in this order not the last; empty if it may."""
    earlier = list(runs)
    if reversal.reverses is None:
        return ""
    chain = reversal_chain(earlier, reversal.reverses, order)
    if not chain:
        return f"no inventory close through {full_date(reversal.reverses)} is on record"
    if len(chain) > 1 and order is ReversalOrder.LAST_ONLY:
        return f"only the last close can be reversed; {reversal_phrase(earlier, reversal.reverses, order)}"
    return ""


def order_of_reversals(fact: BlockerFact, span: DateSpan, order: ReversalOrder) -> str:
    """What it takes to reverse the close of a period by the closes that a fact names; see `reversal_phrase`.

    Without a close of the period it is said of the last but one, which shows the order. Empty where none is named.
    """
    closes = [
        InventoryRun(fact.entity, item.on, RunKind.CLOSING, RunStatus.DONE)
        for item in reversed(fact.items)
        if item.on is not None
    ]
    if not closes:
        return ""
    covering = [close.through for close in closes if close.through >= span.last]
    return reversal_phrase(closes, min(covering, default=closes[-2:][0].through), order)


def _close_name(day: date, *, with_year: bool) -> str:
    """ "March" for a close at the end of a month, "15 March" for another."""
    name = month_name(day) if day == month_end(day) else day_and_month(day)
    return f"{name} {day.year}" if with_year else name


def posting_restriction(span: DateSpan, through: date | None) -> str:
    """ "closed for inventory postings" where a close covers the period, or up to which day; else empty."""
    if through is None or through < span.first:
        return ""
    if through >= span.last:
        return "closed for inventory postings"
    return f"closed for inventory postings up to {full_date(through)}"


def inventory_fact(
    runs: Sequence[InventoryRun] | None,
    period_last: date,
    *,
    entity: int,
    period: int,
    read_at: datetime,
    order: ReversalOrder = ReversalOrder.LAST_ONLY,
    coverage: tuple[str, ...] = (),
    source_as_of: datetime | None = None,
    link: str | None = None,
) -> BlockerFact:
    """The fact of `inventory_not_closed` for a period that ends on a day.

    It counts 1 while inventory is closed through an earlier day, else 0; None without a source of runs. Its items
    are the closes that stand, the last first; apart are the warnings in the log of the close that covers the period.
    """
    closes = standing_closes(runs or (), order)
    covering = next((close for close in closes if close.through >= period_last), None)
    count = None if runs is None else int(covering is None)
    return BlockerFact(
        entity=entity,
        period=period,
        kind=BlockerKind.INVENTORY_NOT_CLOSED,
        unit=CountedUnit.RUN,
        count=count,
        read_at=read_at,
        apart={LOG_WARNINGS: covering.warnings} if covering is not None and covering.warnings else {},
        coverage=coverage,
        source_as_of=source_as_of,
        ids=(FactId(period_last.isoformat(), 1),) if count else (),
        items=tuple(FactItem(close.voucher, close.through) for close in closes[::-1][:MAX_ITEMS]),
        link=link,
    )
