"""The query of a board view as its URL holds it: month, moment, filters, grouping, order.

Views can be bookmarked, shared and linked from a mail, so everything that shapes one is a parameter here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from closing.blockers.blocker_kinds import BlockerKind, board_rank, shown_as
from closing.blockers.row_blockers import ANYTHING, NOT_READABLE
from closing.calendar.date_phrases import full_date
from closing.calendar.instants import end_of_day
from closing.calendar.months import parse_month
from closing.judging.standing import Level
from closing.judging.states import PeriodState
from closing.scoreboard.row import NOT_DUE

FIRST_MONTH, LAST_MONTH = date(1990, 1, 1), date(2100, 12, 1)
MAX_TEXT_LENGTH = 200  # characters of a free text: a longer one is a mistake, not a search

SHOW_FILTERS = {
    "all": "All",
    "outstanding": "Outstanding",
    "late": "Overdue",
    "alerting": "Alerting",
    "stale": "Not read",
}
GROUPINGS = {"group": "Group", "erp": "ERP", "owner": "Owner", "none": "Nothing"}
ORDERS = {
    "behind": "Furthest behind",
    "name": "Name",
    "deadline": "Deadline",
    "state": "State",
    "read": "Last read",
}
# What may be in the way of a close. Reversed accruals never are, they are a signal on the page of an entity; what a
# newer version stored is not readable.
BLOCKED_FILTERS = {
    ANYTHING: "Anything",
    **{
        kind.value: shown_as(kind).capitalize()
        for kind in sorted(BlockerKind, key=board_rank)
        if kind not in (BlockerKind.ACCRUAL_REVERSALS, BlockerKind.NOT_UNDERSTOOD)
    },
    NOT_READABLE: "Not readable in full",
}
_CHOICES: Mapping[str, Mapping[str, str]] = {
    "show": SHOW_FILTERS,
    "by": GROUPINGS,
    "sort": ORDERS,
    "blocked": BLOCKED_FILTERS,
    "state": {state.value: state.value for state in PeriodState} | {NOT_DUE: NOT_DUE},
    "level": {level.value: level.value for level in Level},
}
_PARAM_LABELS = {
    "show": "filter",
    "by": "grouping",
    "sort": "order",
    "at": "moment",
    "q": "search text",
    "blocked": "kind of unfinished work",
}


class InvalidQuery(ValueError):
    """A parameter of the URL has an invalid value; the text names the parameter and the valid values."""


@dataclass(frozen=True, slots=True)
class BoardQuery:
    """The parameters of a view; the defaults give the view of a URL without parameters.

    `month` is a first of month, None for the latest that has ended. `at` is None for now, a day (its end in the
    reader's zone) or an instant. An empty text does not filter; `group` includes the groups below it.
    """

    month: date | None = None
    at: date | datetime | None = None
    q: str = ""
    show: str = "all"
    state: str = ""
    level: str = ""
    blocked: str = ""
    group: str = ""
    country: str = ""
    erp: str = ""
    owner: str = ""
    by: str = "group"
    sort: str = "behind"

    @property
    def filters(self) -> BoardQuery:
        """The query with only the parameters that filter rows."""
        return replace(self, month=None, at=None, by="group", sort="behind")

    @property
    def filters_rows(self) -> bool:
        """Whether a filter looks at rows, of one month, and not only at the attributes of entities."""
        return self.show != "all" or bool(self.state or self.level or self.blocked)

    @property
    def of_entities(self) -> BoardQuery:
        """The query with only the filters on attributes of entities, in the order of the board."""
        return replace(self, show="all", state="", level="", blocked="", sort="behind")

    @property
    def is_filtered(self) -> bool:
        """Whether any filter is set."""
        return self.filters != BoardQuery()

    def replace(self, **changes: Any) -> BoardQuery:
        """The same query with some parameters changed."""
        return replace(self, **changes)

    def pairs(self) -> list[tuple[str, str]]:
        """The parameters as (name, text) in a fixed order, without those at their default."""
        return [
            (field.name, f"{value:%Y-%m}" if field.name == "month" else _text(value))
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        ]

    def querystring(self, **changes: Any) -> str:
        """The query as a query string; "" when every parameter has its default."""
        return urlencode((replace(self, **changes) if changes else self).pairs())

    def url(self, path: str, **changes: Any) -> str:
        """A path with the query appended."""
        query = self.querystring(**changes)
        return f"{path}?{query}" if query else path


def parse_query(params: Mapping[str, str], zone: ZoneInfo) -> BoardQuery:
    """The query of a URL's parameters; unknown parameters are ignored.

    `zone` is the reader's; an instant without an offset is read in it. Raises InvalidQuery.
    """
    values: dict[str, Any] = {}
    for field in fields(BoardQuery):
        text = params.get(field.name, "").strip()
        if not text and field.name != "month":
            continue
        match field.name:
            case "month":
                if field.name in params:
                    values["month"] = _month(params["month"])
            case "at":
                values["at"] = _moment(text, zone)
            case name if name in _CHOICES:
                if text not in _CHOICES[name]:
                    choices = ", ".join(_CHOICES[name])
                    raise InvalidQuery(
                        f"There is no {_PARAM_LABELS.get(name, name)} “{text[:40]}”; there are {choices}."
                    )
                values[name] = text
            case name:
                values[name] = checked_text(_PARAM_LABELS.get(name, name), text)
    return BoardQuery(**values)


def checked_text(label: str, text: str) -> str:
    """A text of a URL, which the label names; raises InvalidQuery for one too long, or that cannot be stored."""
    if len(text) > MAX_TEXT_LENGTH or "\0" in text:
        raise InvalidQuery(f"The {label} is longer than {MAX_TEXT_LENGTH} letters.")
    return text


def moment_of(at: date | datetime, zone: ZoneInfo) -> datetime:
    """The instant of `at`: the end of a day, or the instant itself."""
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
            moment: date | datetime = day
        else:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=zone)
            day = moment.date()
    except ValueError:
        raise InvalidQuery(
            f"No such moment: “{text[:40]}”. A moment is written like 2026-06-11 (the end of that day)"
            " or 2026-06-11T14:30."
        ) from None
    if not FIRST_MONTH <= day <= LAST_MONTH:
        raise InvalidQuery(f"The moment {full_date(day)} is outside of what can be known.")
    return moment


def _text(value: object) -> str:
    match value:
        case datetime():
            return value.isoformat(timespec="seconds" if value.second else "minutes")
        case date():
            return value.isoformat()
        case _:
            return str(value)
