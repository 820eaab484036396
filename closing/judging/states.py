"""Derives a period's state from its native facts: rule tables with their reasons (01-domain 1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from closing.calendar.date_phrases import full_date
from closing.calendar.days import DateSpan
from closing.facts.base import NativePeriodFacts
from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.finops_facts import FinopsFacts


class PeriodState(StrEnum):
    """The state that the native facts give; UNKNOWN is never OPEN and never CLOSED."""

    OPEN = "open"
    ON_HOLD = "on_hold"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    NOT_STARTED = "not_started"


@dataclass(frozen=True, slots=True)
class DerivedState:
    """A state with its because and the rule that fired: table and row of 01-domain 1.2 ("F&O-2", "BC-1").

    Flags: restricted_modules, permanent (Finance & Operations); by_posting_range, future,
    window_before_period, year_closed, year_closed_but_postable, partial, unrestricted_or_formula,
    from_blank_or_formula, to_blank_or_formula, window_reversed, assumed_end (Business Central).
    """

    state: PeriodState
    because: str
    rule: str
    flags: tuple[str, ...] = ()


# The because of a state that nothing stands in the way of; beside the state it says nothing more.
NO_MODULE_RESTRICTED = "no module is restricted"
NOBODY_CAN_POST = "nobody can post, cannot be reopened"
# Earlier versions stored these words with periods and their changes.
_STORED_BEFORE = {
    "posting allowed": NO_MODULE_RESTRICTED,
    "permanently closed": NOBODY_CAN_POST,
    "on hold: nobody can post, and it can be undone": "nobody can post, can be reopened",
}
_STORED_BEGINNINGS = {
    "posting allowed, ": "",
    "some dates of the period are postable: ": "posting limited to ",
}
_MODULES = {
    "Cust": "Customer",
    "FixedAssets": "Fixed assets",
    "FixedAssets_RU": "Fixed assets (RU)",
    "ITM": "Landed cost",
    "Invent": "Inventory",
    "Prod": "Production",
    "Purch": "Purchasing",
    "Vend": "Vendor",
}
_SMALL_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def because_today(stored: str) -> str:
    """A stored because in the words of today, whichever version stored it."""
    for beginning, words in _STORED_BEGINNINGS.items():
        if stored.startswith(beginning):
            return words + stored.removeprefix(beginning)
    return _STORED_BEFORE.get(stored, stored)


def is_permanently_closed(state: PeriodState, because: str) -> bool:
    """Whether a stored state is that of a period which Finance & Operations can never reopen."""
    return state is PeriodState.CLOSED and because_today(because) == NOBODY_CAN_POST


def module_name(prefix: str) -> str:
    """A module of Finance & Operations in readable words; an unknown prefix stays as it is."""
    return _MODULES.get(prefix, prefix)


def from_finops(facts: FinopsFacts, *, ledger_restricted_means_on_hold: bool = False) -> DerivedState:
    """The state of a ledger period in Finance & Operations; words are matched exactly, case included.

    Module access narrows an open period only: it is neither read nor trusted for one on hold or closed.
    """
    match facts.status:
        case "Open":
            return _open_in_finops(facts, ledger_restricted_means_on_hold)
        case "OnHold":
            return DerivedState(PeriodState.ON_HOLD, "nobody can post, can be reopened", "F&O-3")
        case "Closed":
            return DerivedState(PeriodState.CLOSED, NOBODY_CAN_POST, "F&O-4", ("permanent",))
        case None:
            return DerivedState(PeriodState.UNKNOWN, "no status row for this ledger", "F&O-5")
        case other:
            return DerivedState(
                PeriodState.UNKNOWN, f"the period status {_raw(other)} is not understood", "F&O-5"
            )


def _open_in_finops(facts: FinopsFacts, ledger_restricted_means_on_hold: bool) -> DerivedState:
    restricted = []
    for prefix in sorted(facts.access, key=_ledger_first):
        match facts.access[prefix]:
            case None | "All":
                continue
            case "None":
                restricted.append(f"{module_name(prefix)} for nobody")
            case "User":
                who = facts.user_groups.get(prefix, "")
                restricted.append(
                    f"{module_name(prefix)} only for {f'user group {who}' if who else 'a user group'}"
                )
            case other:
                why = f"the access {_raw(other)} of module {module_name(prefix)} is not understood"
                return DerivedState(PeriodState.UNKNOWN, why, "F&O-5")
    if not restricted:
        return DerivedState(PeriodState.OPEN, NO_MODULE_RESTRICTED, "F&O-1")
    flags = ("restricted_modules",)
    listed = ", ".join(restricted)
    if ledger_restricted_means_on_hold and facts.access.get("Ledger") in ("None", "User"):
        because = f"Open in the ERP with {listed}; by policy a restricted Ledger module means on hold"
        return DerivedState(PeriodState.ON_HOLD, because, "F&O-2 by policy", flags)
    return DerivedState(PeriodState.OPEN, f"{_modules(len(restricted))} restricted: {listed}", "F&O-2", flags)


def from_posting_window(span: DateSpan, facts: PostingWindowFacts, *, today: date) -> DerivedState:
    """The state of a period against the company's allowed posting range in Business Central.

    A blank bound is no limit on its side. `today` is the entity's local date: a range that does not reach a period
    closes it only once the period has ended; until then somebody may have forgotten to move the range.
    """
    derived = _against_window(span, facts.allowed_from, facts.allowed_to, today)
    because, flags = derived.because, derived.flags
    if facts.year_closed and derived.state is PeriodState.CLOSED:
        because, flags = f"{because}; the fiscal year is closed", (*flags, "year_closed")
    elif facts.year_closed and derived.state in (PeriodState.OPEN, PeriodState.ON_HOLD):
        because, flags = f"{because}; year closed, still postable", (*flags, "year_closed_but_postable")
    if (facts.allowed_from is None) != (facts.allowed_to is None):
        blank = "from" if facts.allowed_from is None else "to"
        flags = (*flags, f"{blank}_blank_or_formula")
    if facts.assumed_end:
        because = f"{because}; no accounting period covers these days: create the fiscal year"
        flags = (*flags, "assumed_end")
    return DerivedState(derived.state, because, derived.rule, flags)


def _against_window(span: DateSpan, lower: date | None, upper: date | None, today: date) -> DerivedState:
    if lower is not None and upper is not None and lower > upper:
        # Business Central refuses such a range, so no state may be derived from it.
        why = f"the posting range ends on {full_date(upper)} before it begins on {full_date(lower)}"
        return DerivedState(PeriodState.UNKNOWN, why, "BC-8", ("window_reversed",))
    if lower is not None and span.last < lower:
        why = f"posting allowed only from {full_date(lower)}"
        return DerivedState(PeriodState.CLOSED, why, "BC-1", ("by_posting_range",))
    if upper is not None and span.first > upper:
        why = f"posting allowed only to {full_date(upper)}"
        if span.last >= today:
            return DerivedState(PeriodState.NOT_STARTED, f"not started: {why}", "BC-2", ("future",))
        why = f"{why}: the window lies before the period"
        return DerivedState(PeriodState.CLOSED, why, "BC-3", ("by_posting_range", "window_before_period"))
    if lower is None and upper is None:
        why = "no limit, or a date formula that the API hides"
        return DerivedState(PeriodState.OPEN, why, "BC-6", ("unrestricted_or_formula",))
    first = span.first if lower is None else max(span.first, lower)
    last = span.last if upper is None else min(span.last, upper)
    if (first, last) == (span.first, span.last):
        return DerivedState(PeriodState.OPEN, f"posting allowed {_range(lower, upper)}", "BC-4")
    dates = f"{full_date(first)} to {full_date(last)}" if first < last else f"{full_date(first)} only"
    return DerivedState(PeriodState.ON_HOLD, f"posting limited to {dates}", "BC-5", ("partial",))


def derive_state(
    span: DateSpan, facts: NativePeriodFacts, *, today: date, ledger_restricted_means_on_hold: bool
) -> DerivedState:
    """The state of a period, by the rule table for its kind of facts; `today` is the entity's local date."""
    if isinstance(facts, FinopsFacts):
        return from_finops(facts, ledger_restricted_means_on_hold=ledger_restricted_means_on_hold)
    return from_posting_window(span, facts, today=today)


def _range(lower: date | None, upper: date | None) -> str:
    bounds = [f"from {full_date(lower)}"] if lower is not None else []
    bounds += [f"to {full_date(upper)}"] if upper is not None else []
    return " ".join(bounds)


def _ledger_first(prefix: str) -> tuple[bool, str]:
    return prefix != "Ledger", module_name(prefix)


def _modules(count: int) -> str:
    number = _SMALL_NUMBERS[count] if count < len(_SMALL_NUMBERS) else str(count)
    return f"{number} {'module' if count == 1 else 'modules'}"


def _raw(word: object) -> str:
    """The ERP's word as it came: text in quotes, so that blanks and case show, anything else as it is."""
    return f'"{word}"' if isinstance(word, str) else repr(word)
