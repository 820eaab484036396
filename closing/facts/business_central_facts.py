"""The native facts of one accounting period in Business Central, and the rules for its state (01-domain 1.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

from closing.calendar.date_phrases import full_date, weekday_and_date
from closing.calendar.days import ONE_DAY, DateSpan
from closing.calendar.instants import local_date
from closing.facts.base import (
    DerivedState,
    FactsInWords,
    JsonObject,
    NativePeriodFacts,
    Options,
    PeriodState,
    PostingRange,
    fact_kind,
    optional,
    required,
)

_NEAR = 31  # days between a period and a bound; one that lies farther away does not concern the period
_BOUNDS, _BLANK = ("Allow Posting From", "Allow Posting To"), "blank"


@fact_kind("business_central", label="Business Central", stored_as="posting_window")
@dataclass(frozen=True, slots=True)
class PostingWindowFacts(NativePeriodFacts):
    """The company's allowed posting range and the period's own flags, as Business Central gives them.

    A bound is None when blank, which means no limit on that side (03-erp-contracts fact 8).
    `year_closed` is `accountingPeriods.closed`: the fiscal year is closed; posting may still go on.
    `assumed_end` is set if the ERP gives no end and ours is assumed (from the last row on, or no periods at all).
    `from_or` and `to_or` ("earlier", "later") say that the bound lies far from the period, and that its day is given
    only as near as it concerns the period (`for_period`).
    """

    allowed_from: date | None
    allowed_to: date | None
    year_closed: bool = False
    date_locked: bool = False
    assumed_end: bool = False
    from_or: str = ""
    to_or: str = ""

    environment_example: ClassVar[str] = "production"
    # With the companion's lines and both payments the six requests of a turn (08-blockers-and-tasks 11).
    most_journal_templates: ClassVar[int] = 3
    rules: ClassVar[Mapping[str, str]] = {
        "BC-1": "Posting is allowed only after the period: Closed.",
        "BC-2": "Posting is allowed only before the period, which has not ended: Not started.",
        "BC-3": "Posting is allowed only before the period, which has ended: Closed.",
        "BC-4": "Posting is allowed on all days of the period: Open.",
        "BC-5": "Posting is allowed on some days of the period: On hold.",
        "BC-6": "Allow Posting From and To are both blank: Open.",
        "BC-8": "The posting range ends before it begins: Unknown.",
    }
    # Further flags, which no page explains: by_posting_range, future, year_closed, year_closed_but_postable, partial.
    flags: ClassVar[Mapping[str, str]] = {
        "window_before_period": "Posting is not allowed in the period yet: check the range.",
        "unrestricted_or_formula": "If a date formula is in force, the API does not show it.",
        "from_blank_or_formula": "The blank start is no limit, or a date formula that the API does not show.",
        "to_blank_or_formula": "The blank end is no limit, or a date formula that the API does not show.",
        "window_reversed": "Business Central refuses such a range, so no state follows from it.",
        "assumed_end": "No accounting period with an end covers these days, so they are judged as a calendar month."
        " Create the fiscal year in Business Central.",
    }

    def for_period(self, span: DateSpan) -> Self:
        """Bounds more than a month away are moved to the period's edge, marked "or earlier" or "or later".

        Moving the range then changes the facts of the periods around it, not those of all periods that are listed.
        """
        lower, upper = self.allowed_from, self.allowed_to
        if lower is not None and upper is not None and lower > upper:
            return self
        from_or, to_or = _beyond(lower, span), _beyond(upper, span)
        if not from_or and not to_or:
            return self
        if to_or == "earlier":
            upper = span.first - ONE_DAY
        if from_or == "later":
            lower = span.last + ONE_DAY
        if from_or == "earlier":
            lower = min(span.first, upper or span.first)
        if to_or == "later":
            upper = max(span.last, lower or span.last)
        return replace(self, allowed_from=lower, allowed_to=upper, from_or=from_or, to_or=to_or)

    def state(self, span: DateSpan, *, at: datetime, zone: ZoneInfo, options: Options) -> DerivedState:
        """The state of the period against the company's allowed posting range.

        A blank bound is no limit on its side. A range that does not reach a period closes it only once the period has
        ended in the entity's zone; until then somebody may have forgotten to move the range.
        """
        derived = self._against_window(span, local_date(at, zone))
        because, flags = derived.because, derived.flags
        if self.year_closed and derived.state is PeriodState.CLOSED:
            because, flags = f"{because}; the fiscal year is closed", (*flags, "year_closed")
        elif self.year_closed and derived.state in (PeriodState.OPEN, PeriodState.ON_HOLD):
            because, flags = f"{because}; year closed, still postable", (*flags, "year_closed_but_postable")
        if (self.allowed_from is None) != (self.allowed_to is None):
            blank = "from" if self.allowed_from is None else "to"
            flags = (*flags, f"{blank}_blank_or_formula")
        if self.assumed_end:
            because = f"{because}; no accounting period covers these days: create the fiscal year"
            flags = (*flags, "assumed_end")
        return DerivedState(derived.state, because, derived.rule, flags)

    def _against_window(self, span: DateSpan, today: date) -> DerivedState:
        lower, upper = self.allowed_from, self.allowed_to
        if lower is not None and upper is not None and lower > upper:
            # Business Central refuses such a range, so no state may be derived from it.
            why = f"the posting range ends on {full_date(upper)} before it begins on {full_date(lower)}"
            return DerivedState(PeriodState.UNKNOWN, why, "BC-8", ("window_reversed",))
        if lower is not None and span.last < lower:
            why = f"posting allowed only from {self._bounds()[0]}"
            return DerivedState(PeriodState.CLOSED, why, "BC-1", ("by_posting_range",))
        if upper is not None and span.first > upper:
            why = f"posting allowed only to {self._bounds()[1]}"
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
            return DerivedState(PeriodState.OPEN, f"posting allowed {self._range()}", "BC-4")
        dates = f"{full_date(first)} to {full_date(last)}" if first < last else f"{full_date(first)} only"
        return DerivedState(PeriodState.ON_HOLD, f"posting limited to {dates}", "BC-5", ("partial",))

    def _bounds(self, *, weekday: bool = False) -> tuple[str, str]:
        return (
            _bound_words(self.allowed_from, self.from_or, weekday=weekday),
            _bound_words(self.allowed_to, self.to_or, weekday=weekday),
        )

    def _range(self) -> str:
        sides = zip(("from", "to"), self._bounds(), strict=True)
        return " ".join(f"{side} {words}" for side, words in sides if words != _BLANK)

    def changes_from(self, before: Self) -> Iterator[str]:
        for label, new, old in zip(_BOUNDS, self._bounds(), before._bounds(), strict=True):
            if new != old:
                yield f"{label} set to {new}, was {old}"
        if self.year_closed != before.year_closed:
            yield f"Fiscal year {'closed' if self.year_closed else 'opened'}"
        if self.date_locked != before.date_locked:
            yield f"Dates {'locked' if self.date_locked else 'unlocked'}"

    def in_words(self) -> FactsInWords:
        begins = None if self.from_or == "earlier" else self.allowed_from
        ends = None if self.to_or == "later" else self.allowed_to
        drawn = self.from_or != "later" and self.to_or != "earlier"
        return FactsInWords(
            posting_range=PostingRange(begins, ends, self._range() or "without limits", drawn),
            details=[
                *zip(_BOUNDS, self._bounds(weekday=True), strict=True),
                ("Fiscal year closed", "yes" if self.year_closed else "no"),
                ("Date locked", "yes" if self.date_locked else "no"),
            ],
        )

    def to_json(self) -> JsonObject:
        beyond = {name: word for name, word in (("from_or", self.from_or), ("to_or", self.to_or)) if word}
        return beyond | {
            "allowed_from": self.allowed_from.isoformat() if self.allowed_from else None,
            "allowed_to": self.allowed_to.isoformat() if self.allowed_to else None,
            "assumed_end": self.assumed_end,
            "date_locked": self.date_locked,
            "year_closed": self.year_closed,
        }

    @classmethod
    def from_json(cls, body: JsonObject) -> Self:
        return cls(
            _optional_date(body, "allowed_from"),
            _optional_date(body, "allowed_to"),
            required(body.get("year_closed"), bool, "year_closed"),
            required(body.get("date_locked"), bool, "date_locked"),
            required(body.get("assumed_end"), bool, "assumed_end"),
            required(body.get("from_or", ""), str, "from_or"),
            required(body.get("to_or", ""), str, "to_or"),
        )


def _beyond(bound: date | None, span: DateSpan) -> str:
    """On which side a bound lies far from a period, if it does."""
    if bound is None:
        return ""
    if (bound - span.last).days > _NEAR:
        return "later"
    return "earlier" if (span.first - bound).days > _NEAR else ""


def _bound_words(bound: date | None, beyond: str, *, weekday: bool = False) -> str:
    """ "1 June 2026", "blank", or "1 June 2026 or later"."""
    if bound is None:
        return _BLANK
    day = weekday_and_date(bound) if weekday else full_date(bound)
    return f"{day} or {beyond}" if beyond else day


def _optional_date(body: JsonObject, name: str) -> date | None:
    text = optional(body.get(name), str, name)
    return None if text is None else date.fromisoformat(text)
