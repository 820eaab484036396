"""The phrases of the section "In the way": titles, remedies for what is not readable, and how closes are reversed."""

from __future__ import annotations

from collections.abc import Collection

from closing.blockers.blocker_facts import BlockerFact, Doubt
from closing.blockers.blocker_kinds import BlockerKind, shown_as
from closing.blockers.blocker_phrases import EntityNames, closed_through_of, with_counterparty
from closing.blockers.inventory_runs import (
    ReversalOrder,
    order_of_reversals,
    posting_restriction,
    reversal_order,
)
from closing.blockers.weighing import Blocker, BlockerLevel
from closing.calendar.date_phrases import full_date
from closing.calendar.days import DateSpan
from closing.judging.states import PeriodState

_REMEDIES = {
    Doubt.REFUSED: "Give the account that Closeboard reads with a role that may read this.",
    Doubt.NOT_PUBLISHED: "Publish the data set in the ERP, or send the work by file.",
    Doubt.NOT_SHOWN: "It cannot be read: look in the ERP, or send the work by file.",
    Doubt.NO_ROWS: "Build the balances in the ERP; the next reading shows them.",
    Doubt.NOT_UNDERSTOOD: "Update Closeboard: a newer version has stored this.",
    Doubt.NO_POSITION: "Have the balances of the other side read, or send them by file.",
}
_DEFAULT_REMEDY = "Look in the ERP, or send the work by file."
_LEVELS = {
    BlockerLevel.WARNING: "Warning",
    BlockerLevel.NOTE: "Note",
    BlockerLevel.NOT_READABLE: "Not readable",
    BlockerLevel.CLEAR: "Nothing left",
}


def capitalised(text: str) -> str:
    """A text with its first letter in upper case."""
    return f"{text[:1].upper()}{text[1:]}"


def level_label(blocker: Blocker) -> str:
    """ "Warning", "None seen", "Not applicable"."""
    if not blocker.applies:
        return "Not applicable"
    if blocker.partly_covered:
        return "None seen"
    counted = blocker.level is BlockerLevel.CLEAR and (blocker.count or blocker.carried)
    return "Nothing to do" if counted else _LEVELS[blocker.level]


def blocker_title(blocker: Blocker, fact: BlockerFact | None, names: EntityNames, viewer: str) -> str:
    """The because of a blocker as a sentence, after the name of its kind where the because alone does not say it."""
    because = blocker.because
    if fact is not None and fact.counterparties is not None:
        both = [names.get(code, code) for code in fact.counterparties]
        if not all(name in because for name in both):
            because = f"{with_counterparty(fact, names, viewer)}: {because}"
    elif blocker.partly_covered or (not blocker.count and blocker.level is BlockerLevel.CLEAR):
        because = f"{shown_as(blocker.kind, blocker.part)}: {because}"
    return capitalised(because)


def remedy(blocker: Blocker, fact: BlockerFact | None) -> str:
    """What a person can do about work that is not readable; empty for any other."""
    if blocker.level is not BlockerLevel.NOT_READABLE:
        return ""
    return _REMEDIES.get(fact.doubt, _DEFAULT_REMEDY) if fact is not None and fact.doubt else _DEFAULT_REMEDY


def inventory_notes(fact: BlockerFact, span: DateSpan, state: PeriodState, erp: str) -> list[str]:
    """What the close of inventory means for the period, and the order in which closes are reversed in this ERP."""
    through = closed_through_of(fact)
    if through is None:
        return []
    notes = []
    restriction = posting_restriction(span, through)
    if restriction and state is not PeriodState.CLOSED:
        notes.append(f"The period is {restriction}.")
    order = reversal_order(erp)
    chain = order_of_reversals(fact, span, order)
    if order is ReversalOrder.REOPENS_LATER:
        notes.append(f"Reopening an inventory period reopens all later ones at once: {chain}.")
    else:
        notes.append(f"Only the last close, through {full_date(through)}, can be reversed: {chain}.")
    return notes


def kinds_phrase(kinds: Collection[BlockerKind]) -> str:
    """The names of kinds, in their order: "bank reconciliations, late invoices"."""
    return ", ".join(shown_as(kind) for kind in BlockerKind if kind in kinds)
