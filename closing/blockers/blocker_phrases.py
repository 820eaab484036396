"""The phrases of facts: work that is left, not readable, or named apart; never an age or "today"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from closing.blockers.blocker_facts import (
    CANNOT_COMPARE,
    NO_ACCOUNT,
    NO_DUE_FROM_ACCOUNT,
    NO_DUE_TO_ACCOUNT,
    BlockerFact,
    Doubt,
    FactItem,
)
from closing.blockers.blocker_kinds import KINDS, BlockerKind, counted, noun, shown_as
from closing.blockers.blocker_policy import BlockerPolicy, WeighedPeriod
from closing.blockers.intercompany import tolerance_of
from closing.calendar.date_phrases import full_date, month_name
from closing.calendar.days import DateSpan
from closing.calendar.months import month_end, month_of, next_month
from closing.judging.states import PeriodState
from closing.phrasing import short_date, short_day

NONE_LEFT = "none left"
LOG_WARNINGS = "log_warnings"  # of the inventory close that covers the period, in `apart`
EntityNames = Mapping[str, str]  # by code; a code without a name stands for itself

_APART = {
    "approved_waiting": "{count} approved, waiting to be posted",
    "in_use": "{count} in use",
    "blocked_by_system": "{count} blocked by the system",
    "in_job_queue": "{count} in the job queue",
}
_NOT_COUNTED = {
    "template": "{count} of templates",
    "empty": "{count} empty",
    "not_ledger_work": "{count} not ledger work",
    "other_layer": "{count} of other posting layers",
    "expired": "{count} expired",
}
_HIDDEN = {
    Doubt.RELEASED_LOOK_POSTED: "released but unposted ones look posted",
    Doubt.PARTY_LINES_HIDDEN: "customer and vendor lines are hidden",
}
_UNREADABLE = {
    Doubt.REFUSED: "{source} refused access to {shown_as}",
    Doubt.NOT_PUBLISHED: "{source} does not publish {shown_as}",
    Doubt.NO_ROWS: "{source} shows no rows for {shown_as}",
    Doubt.NOT_UNDERSTOOD: "what is stored of {shown_as} is not understood by this Closeboard",
}
_CANNOT_COMPARE = {
    Doubt.READ_AT_DIFFERENT_TIMES: "read at different times",
    Doubt.BEFORE_REVALUATION: "not comparable before revaluation",
    Doubt.FITS_BOOKING_RATE: "fits the booking rate: revalue first",
}
_LACKS = {
    NO_ACCOUNT: "no account",
    NO_DUE_FROM_ACCOUNT: "no due-from account",
    NO_DUE_TO_ACCOUNT: "no due-to account",
}


def money(amount: Decimal, currency: str | None) -> str:
    """ "1,500.00 EUR"."""
    return f"{amount:,.2f} {currency or ''}".rstrip()


def remaining(fact: BlockerFact, count: int, period: WeighedPeriod | None, *, so_far: bool = False) -> str:
    """ "at least 7 lines not posted", "12 invoices dated in May, to post in June: accrue"."""
    tail = " so far" if so_far else ""
    at_least = "at least " if fact.at_least else ""
    if fact.kind is BlockerKind.REVALUATION_NOT_RUN:
        return f"exchange rate revaluation not run{tail}"
    if fact.kind is BlockerKind.INVENTORY_NOT_CLOSED and period is not None:
        return _no_inventory_close(fact, period.span.last, tail)
    if period is None:
        named = noun(fact.kind, fact.part, fact.unit, count)
        return f"{at_least}{count:,} undated {named} {KINDS[fact.kind].ending}"
    if fact.kind is BlockerKind.LATE_INVOICES:
        return at_least + _late_invoices(counted(fact.kind, "", fact.unit, count), period.span, so_far=so_far)
    return f"{at_least}{counted(fact.kind, fact.part, fact.unit, count)} {KINDS[fact.kind].ending}{tail}"


def _late_invoices(invoices: str, span: DateSpan, *, so_far: bool) -> str:
    """In the names of months, where the period is one."""
    month = month_of(span.last)
    whole = span == DateSpan(month, month_end(month))
    dated, later = (
        (month_name(month), f"in {month_name(next_month(month))}") if whole else ("the period", "after it")
    )
    return f"{invoices} dated in {dated}, to post {later}{' so far' if so_far else ': accrue'}"


def _no_inventory_close(fact: BlockerFact, last: date, tail: str) -> str:
    closed = closed_through_of(fact)
    through = f", closed through {_day(closed, last)}" if closed is not None else ""
    return f"no inventory close through {full_date(last)}{tail}{through}"


def closed_through_of(fact: BlockerFact) -> date | None:
    """The day through which inventory is closed, by a fact of `inventory_not_closed`; None if it never was."""
    return fact.items[0].on if fact.items else None


def _day(day: date, beside: date) -> str:
    """ "30 Apr", with its year where the date beside it is of another."""
    return short_date(day) if day.year == beside.year else f"{short_date(day)} {day.year}"


def left_behind(fact: BlockerFact, count: int, period: WeighedPeriod, *, above: int | None) -> str:
    """ "61 lines left behind in a held period; re-date or reopen (above 50)"; `above` is a limit that is passed."""
    state = "closed" if period.state is PeriodState.CLOSED else "held"
    at_least = "at least " if fact.at_least else ""
    remedy = "; re-date or reopen" if period.can_reopen else ""
    limit = f" (above {above:,})" if above is not None else ""
    left = counted(fact.kind, fact.part, fact.unit, count)
    return f"{at_least}{left} left behind in a {state} period{remedy}{limit}"


def due(period: WeighedPeriod) -> str:
    """ ", due Mon 8 Jun"; empty without a deadline."""
    return f", due {short_day(period.due_on)}" if period.due_on is not None else ""


def none_seen(fact: BlockerFact, *, carried: bool) -> str:
    """ "none seen; released but unposted ones look posted": nothing counted by a source that hides some."""
    hidden = _HIDDEN.get(fact.doubt) if fact.doubt is not None else None
    return f"{'no more' if carried else 'none'} seen; {hidden or 'the source does not show all of them'}"


def none_left(fact: BlockerFact, policy: BlockerPolicy) -> str:
    """ "none left"; for counterparties how far they are apart, for inventory the last close."""
    if fact.kind is BlockerKind.INTERCOMPANY_IMBALANCE and fact.amount is not None:
        within = tolerance_of(fact, policy.tolerance)
        return f"{money(fact.amount, fact.currency)} apart, within {within:,.2f}"
    closed = closed_through_of(fact) if fact.kind is BlockerKind.INVENTORY_NOT_CLOSED else None
    return NONE_LEFT if closed is None else f"closed through {full_date(closed)}"


def not_readable(fact: BlockerFact, source: str, names: EntityNames) -> str:
    """ "Business Central does not show inventory periods", "no position from US Retail Inc"."""
    if fact.doubt is Doubt.NO_POSITION and fact.counterparties is not None:
        read = {item.number for item in fact.items}
        missing = [names.get(code, code) for code in fact.counterparties if code not in read]
        # The others may be read in full: only in this currency one of them lists nothing.
        in_currency = f"{fact.currency} " if fact.currency is not None else ""
        return f"no {in_currency}position from {' and '.join(missing)}"
    if fact.doubt in CANNOT_COMPARE:
        return cannot_compare(fact, names)
    phrase = "{source} does not show {shown_as}"
    if fact.doubt is not None:
        phrase = _UNREADABLE.get(fact.doubt, phrase)
    return phrase.format(source=source, shown_as=shown_as(fact.kind, fact.part))


# --- counterparties -----------------------------------------------------------------------------------------------


def out_of_step(fact: BlockerFact, policy: BlockerPolicy, names: EntityNames) -> str:
    """ "EU DTC BV and UK Retail Ltd 640.00 EUR apart, above 127.00", and an account that one of them lacks."""
    both = " and ".join(names.get(code, code) for code in fact.counterparties or ())
    if fact.amount is None:
        return f"{both} out of step"
    above = tolerance_of(fact, policy.tolerance)
    apart = f"{both} {money(fact.amount, fact.currency)} apart, above {above:,.2f}"
    return "; ".join([apart, *_without_account(fact, names)])


def cannot_compare(fact: BlockerFact, names: EntityNames) -> str:
    """ "not comparable before revaluation", "UK Retail Ltd has no account for EU DTC BV"."""
    if fact.doubt is Doubt.NO_ACCOUNT:
        return "; ".join(_without_account(fact, names)) or "no account is mapped"
    if fact.doubt in _CANNOT_COMPARE:
        return _CANNOT_COMPARE[fact.doubt]
    sides = [_side(item, names) for item in fact.items if item.amount is not None]
    return "; ".join(["not comparable", *sides])


def _side(item: FactItem, names: EntityNames) -> str:
    amount = item.amount or Decimal(0)
    side = "due from" if amount >= 0 else "due to"
    return f"{names.get(item.number, item.number)} {side} {money(abs(amount), item.currency)}"


def _without_account(fact: BlockerFact, names: EntityNames) -> Sequence[str]:
    first, second = fact.counterparties or ("", "")
    return [
        f"{names.get(item.number, item.number)} has {_LACKS[item.note]} for {names.get(other, other)}"
        for item in fact.items
        if item.note in _LACKS
        for other in (second if item.number == first else first,)
    ]


def with_counterparty(fact: BlockerFact, names: EntityNames, viewer: str) -> str:
    """ "intercompany with UK Retail Ltd" on the row of the other; both names where it is nobody's row."""
    first, second = fact.counterparties or ("", "")
    if viewer in (first, second):
        other = second if viewer == first else first
        return f"intercompany with {names.get(other, other)}"
    return f"intercompany {names.get(first, first)} and {names.get(second, second)}"


# --- counts apart, and items that are not counted -----------------------------------------------------------------


def apart_phrases(fact: BlockerFact) -> list[str]:
    """ "2 approved, waiting to be posted", "1 in use": parts of the count, or beside it, that are named."""
    return [
        log_warnings(count) if reason == LOG_WARNINGS else phrase
        for reason, count, phrase in _counts(fact.apart, _APART)
        if fact.kind is not BlockerKind.INVENTORY_NOT_CLOSED or reason == LOG_WARNINGS
    ]


def not_counted_phrases(fact: BlockerFact) -> list[str]:
    """ "14 of templates", "3 empty": shown by the source and not in the count."""
    return [phrase for _, _, phrase in _counts(fact.left_out, _NOT_COUNTED)]


def log_warnings(count: int) -> str:
    """The warnings in the log of an inventory close, with their remedies."""
    warnings = "warning" if count == 1 else "warnings"
    return (
        f"{count:,} {warnings} in the log of the inventory close: update receipts financially, advance the date"
        " or revise the procedure"
    )


def _counts(counts: Mapping[str, int], phrases: Mapping[str, str]) -> list[tuple[str, int, str]]:
    """Reasons that are known in the order of their phrases, others by name in words."""
    order = {reason: place for place, reason in enumerate(phrases)}
    ranked = sorted(counts.items(), key=lambda entry: (order.get(entry[0], len(order)), entry[0]))
    return [
        (
            reason,
            count,
            phrases.get(reason, f"{{count}} {reason.replace('_', ' ')}").format(count=f"{count:,}"),
        )
        for reason, count in ranked
        if count
    ]
