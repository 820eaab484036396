"""Makes the rows of Business Central's pages, with the empty value of its type for each property without one."""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zlib import crc32

from simulator.odata.query import Row
from simulator.odata.tables import EntitySet
from simulator.world.profile import Profile
from simulator.world.story import Company, Story, World
from simulator.world.work import CompanyWork
from simulator.world.work import Row as GivenRow

BLANK_DATE = "0001-01-01"
BLANK_TIME = "0001-01-01T00:00:00Z"
NO_GUID = "00000000-0000-0000-0000-000000000000"
EMPTY: Mapping[str, Any] = {
    "String": "",
    "Guid": NO_GUID,
    "Date": BLANK_DATE,
    "DateTimeOffset": BLANK_TIME,
    "Int32": 0,
    "Decimal": 0,
    "Boolean": False,
}
# A range of days that a request names for sums: the trial balance's, and that of the companion's balances.
BOUND = re.compile(r"\b(?:dateFilter|throughDate)\s+(eq|ge|gt|le|lt)\s+(\d{4}-\d\d-\d\d)")

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CentralBooks:
    """One company's work with what its rows need beside it; `first` and `last` bound the days of sums."""

    story: Story
    company: Company
    world: World
    profile: Profile
    first: date | None = None
    last: date | None = None

    @property
    def work(self) -> CompanyWork:
        return self.world.work_of(self.company)

    def id(self, *parts: object) -> str:
        """An id that is always the same for the same parts."""
        return str(uuid.uuid5(uuid.UUID(self.company.id), " ".join(map(str, parts))))

    def changed(self, item: Any) -> str:
        return stamp(self.work.at(item, self.story.long_ago))

    def given(self, set_name: str) -> Iterator[Values]:
        """The rows that a scenario holds as they are."""
        for item in self.work.of(GivenRow):
            if item.set == set_name:
                yield dict(item.values)


def bounds(text: str) -> tuple[date | None, date | None]:
    """The first and the last day that a $filter sets for sums; None where it sets none."""
    first = last = None
    for word, written in BOUND.findall(text):
        day = date.fromisoformat(written)
        if word in {"eq", "ge", "gt"}:
            first = day if word != "gt" else date.fromordinal(day.toordinal() + 1)
        if word in {"eq", "le", "lt"}:
            last = day if word != "lt" else date.fromordinal(day.toordinal() - 1)
        if word == "eq":
            first = None  # a trial balance at a day holds all before it
    return first, last


def page_row(entity_set: EntitySet, values: Values, profile: Profile) -> Row:
    """A row of a page; its options and enumerations are written in the form that the profile chooses."""
    cells = []
    for column in entity_set.columns:
        value = values.get(column.name, EMPTY.get(column.type))
        if column.name in entity_set.choices:
            value = option(str(value or " "), profile)
        cells.append(value)
    # The rows of a query have no key, and so no etag either.
    version = 1 + crc32(repr(cells).encode()) % 1000
    return (etag(profile, version, cells[0]) if entity_set.key else None, *cells)


def option(text: str, profile: Profile) -> str:
    """`In Review` is sent as `In_x0020_Review`, and the blank option as `_x0020_`."""
    if profile.bc_options == "plain":
        return text
    return text.replace(" ", "_x0020_").replace("/", "_x002F_")


def etag(profile: Profile, version: int, key: object) -> str | None:
    match profile.bc_etag:
        case "base64":
            text = base64.b64encode(f"19;{key};1;{version};".encode()).decode()
            return f'W/"{text}"'
        case "short":
            return f'W/"{version}"'
    return None


def wire_date(day: date | None) -> str:
    return day.isoformat() if day else BLANK_DATE


def stamp(moment: datetime) -> str:
    """A time stamp with up to three decimals, as SQL Server writes it; whole seconds have none."""
    text = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}".rstrip("0").rstrip(".")
    return text + "Z"


def number(amount: Decimal) -> float:
    return float(round(amount, 2))
