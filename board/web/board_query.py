"""What a reader asks of the board, as it stands in the address: month, moment, filters, grouping, order.

Every view can be bookmarked, shared and linked from a mail, so everything that shapes it is a parameter here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from closing.calendar.date_phrases import full_date
from closing.calendar.instants import end_of_day
from closing.calendar.months import parse_month
from closing.judging.standing import Level
from closing.judging.states import PeriodState

FIRST_MONTH, LAST_MONTH = date(1990, 1, 1), date(2100, 12, 1)
MAX_TEXT_LENGTH = 200  # letters of a free text: longer ones are no search but a mistake

SHOW_FILTERS = {
    "all": "All",
    "outstanding": "Outstanding",
    "late": "Late",
    "alerting": "Alerting",
    "stale": "Stale",
}
GROUPINGS = {"group": "Group", "erp": "ERP", "owner": "Owner", "none": "Nothing"}
ORDERS = {
    "behind": "Furthest behind",
    "name": "Name",
    "deadline": "Deadline",
    "state": "State",
    "read": "Last read",
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "show": SHOW_FILTERS,
    "by": GROUPINGS,
    "sort": ORDERS,
    "state": {state.value: state.value for state in PeriodState},
    "level": {level.value: level.value for level in Level},
}
_CALLED = {"show": "filter", "by": "grouping", "sort": "order", "at": "moment", "q": "search text"}


class InvalidQuery(ValueError):
    """A parameter of the address has a value that means nothing; the text says which, and what would."""


@dataclass(frozen=True, slots=True)
class BoardQuery:
    """The parameters of a view; each default is what a reader sees who asks for nothing.

    `month` is a first of month, None for the latest that has ended. `at` is None for now, a day (its end in the
    reader's zone) or an instant. Empty texts filter nothing; `group` includes the groups below it.
    """

    month: date | None = None
    at: date | datetime | None = None
    q: str = ""
    show: str = "all"
    state: str = ""
    level: str = ""
    group: str = ""
    country: str = ""
    erp: str = ""
    owner: str = ""
    by: str = "group"
    sort: str = "behind"

    @property
    def filters(self) -> BoardQuery:
        """Only what narrows the rows."""
        return replace(self, month=None, at=None, by="group", sort="behind")

    @property
    def is_filtered(self) -> bool:
        """Whether anything is filtered away."""
        return self.filters != BoardQuery()

    def replace(self, **changes: Any) -> BoardQuery:
        """The same question with some parameters changed."""
        return replace(self, **changes)

    def pairs(self) -> list[tuple[str, str]]:
        """The parameters with their texts in one order, without what has its default."""
        return [
            (each.name, f"{value:%Y-%m}" if each.name == "month" else _text(value))
            for each in fields(self)
            if (value := getattr(self, each.name)) != each.default
        ]

    def querystring(self, **changes: Any) -> str:
        """The question as a query string; "" when nothing is asked."""
        return urlencode((replace(self, **changes) if changes else self).pairs())

    def url(self, path: str, **changes: Any) -> str:
        """A path with the question behind it."""
        query = self.querystring(**changes)
        return f"{path}?{query}" if query else path


def parse_query(told: Mapping[str, str], zone: ZoneInfo) -> BoardQuery:
    """The question of an address; parameters that are none of ours are left alone.

    `zone` is the reader's: an instant without an offset is meant there. Raises InvalidQuery.
    """
    asked: dict[str, Any] = {}
    for each in fields(BoardQuery):
        text = told.get(each.name, "").strip()
        if not text and each.name != "month":
            continue
        match each.name:
            case "month":
                if each.name in told:
                    asked["month"] = _month(told["month"])
            case "at":
                asked["at"] = _moment(text, zone)
            case name if name in _WORDS:
                if text not in _WORDS[name]:
                    known = ", ".join(_WORDS[name])
                    raise InvalidQuery(
                        f"There is no {_CALLED.get(name, name)} “{text[:40]}”; there are {known}."
                    )
                asked[name] = text
            case name:
                if len(text) > MAX_TEXT_LENGTH or "\0" in text:
                    raise InvalidQuery(
                        f"The {_CALLED.get(name, name)} is longer than {MAX_TEXT_LENGTH} letters."
                    )
                asked[name] = text
    return BoardQuery(**asked)


def moment_of(at: date | datetime, zone: ZoneInfo) -> datetime:
    """The instant that is meant by a day (its end) or an instant."""
    return at if isinstance(at, datetime) else end_of_day(at, zone)


def _month(text: str) -> date:
    try:
        month = parse_month(text)
    except ValueError:
        month = date.min
    if not FIRST_MONTH <= month <= LAST_MONTH:
        raise InvalidQuery(f"No such month: “{text[:40]}”. A month is written like 2026-05.")
    return month


def _moment(text: str, zone: ZoneInfo) -> date | datetime:
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            found: date | datetime = day
        else:
            found = datetime.fromisoformat(text)
            if found.tzinfo is None:
                found = found.replace(tzinfo=zone)
            day = found.date()
    except ValueError:
        raise InvalidQuery(
            f"No such moment: “{text[:40]}”. A moment is written like 2026-06-11 (the end of that day)"
            " or 2026-06-11T14:30."
        ) from None
    if not FIRST_MONTH <= day <= LAST_MONTH:
        raise InvalidQuery(f"The moment {full_date(day)} is outside of what can be known.")
    return found


def _text(value: object) -> str:
    match value:
        case datetime():
            return value.isoformat(timespec="seconds" if value.second else "minutes")
        case date():
            return value.isoformat()
        case _:
            return str(value)
