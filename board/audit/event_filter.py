"""The filter of the audit log as its URL holds it: period, act, actor, object and origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from board.audit.event_words import ORIGIN_LABELS
from board.web.board_query import FIRST_MONTH, LAST_MONTH, InvalidQuery, checked_text
from closing.calendar.date_phrases import day_and_month, full_date
from closing.calendar.days import DateSpan
from entities.audit_trail import Verb

DEFAULT_DAYS = 30  # with today, where the URL names no period


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Events of these local days that pass every filter; "" filters nothing.

    `who` is searched in names and e-mail addresses, `object` in names and codes. `chosen` is whether the URL names
    the period.
    """

    days: DateSpan
    chosen: bool = False
    verb: str = ""
    who: str = ""
    object: str = ""
    through: str = ""

    @classmethod
    def of(cls, params: Mapping[str, str], today: date) -> EventFilter:
        """The filter of a URL's parameters on a day in the reader's zone; raises InvalidQuery."""
        first, last = _day(params, "from"), _day(params, "to")
        end = last or today
        begin = first or end - timedelta(days=DEFAULT_DAYS - 1)
        if begin > end:
            raise InvalidQuery(f"A period cannot begin on {full_date(begin)} and end on {full_date(end)}.")
        verb, through = params.get("verb", "").strip(), params.get("through", "").strip()
        if verb and verb not in Verb.values:
            raise InvalidQuery(f"There is no act “{verb[:40]}” in the audit log.")
        if through and through not in ORIGIN_LABELS:
            raise InvalidQuery(f"There is no origin “{through[:40]}”; there are {', '.join(ORIGIN_LABELS)}.")
        return cls(
            DateSpan(begin, end),
            bool(first or last),
            verb,
            checked_text("search text", params.get("who", "").strip()),
            checked_text("search text", params.get("object", "").strip()),
            through,
        )

    @property
    def narrows(self) -> bool:
        """Whether it is more than a period."""
        return bool(self.verb or self.who or self.object or self.through)

    def pairs(self, *, with_days: bool = False) -> list[tuple[str, str]]:
        """The parameters as (name, text), without empty ones; the default period only `with_days`."""
        days = self.days if self.chosen or with_days else None
        pairs = [
            ("from", days.first.isoformat() if days else ""),
            ("to", days.last.isoformat() if days else ""),
            ("verb", self.verb),
            ("who", self.who),
            ("object", self.object),
            ("through", self.through),
        ]
        return [pair for pair in pairs if pair[1]]

    def period(self) -> str:
        """The period in words: "from 14 May to 12 June 2026"."""
        first, last = self.days.first, self.days.last
        if first == last:
            return f"on {full_date(last)}"
        begin = day_and_month(first) if first.year == last.year else full_date(first)
        return f"from {begin} to {full_date(last)}"

    def described(self) -> list[str]:
        """Each filter beside the period as "Act: Signed in"."""
        filters = [
            ("Act", Verb(self.verb).label if self.verb else ""),
            ("Who", f"“{self.who}”" if self.who else ""),
            ("Object", f"“{self.object}”" if self.object else ""),
            ("Through", ORIGIN_LABELS.get(self.through, "")),
        ]
        return [f"{label}: {text}" for label, text in filters if text]


def _day(params: Mapping[str, str], name: str) -> date | None:
    text = params.get(name, "").strip()
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidQuery(f"“{text[:40]}” is not a date. Write it like 2026-06-18.") from None
    if not FIRST_MONTH <= day <= LAST_MONTH:
        raise InvalidQuery(f"The audit log has no events of {full_date(day)}.")
    return day
