"""How many days the closes of each month took, and which entities closed last (09-insight 9.2)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from closing.trends.close_records import CloseRecord


@dataclass(frozen=True, slots=True)
class DaysTaken:
    """Days from period end to first close of a group's entities: half closed by `middle`, 9 of 10 by `nine_in_ten`.

    `last` is the group's own. A figure is None where it depends on closes that have not come or are not known.
    """

    middle: int | None
    nine_in_ten: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class MonthTaken:
    """The days that one month took, `closed` of its `entities`; `changed`: other entities than the month before."""

    month: date
    calendar_days: DaysTaken
    working_days: DaysTaken
    closed: int
    entities: int
    changed: bool


def days_to_close(records: Iterable[CloseRecord]) -> list[MonthTaken]:
    """The days that each month took, oldest first.

    Entities that have not closed, or whose date is not known, stand behind all others.
    """
    by_month = _by_month(records)
    found: list[MonthTaken] = []
    before: frozenset[str] | None = None
    for month in sorted(by_month):
        of_month = by_month[month]
        entities = frozenset(record.entity for record in of_month)
        found.append(
            MonthTaken(
                month,
                _taken([record.calendar_days for record in of_month]),
                _taken([record.working_days for record in of_month]),
                sum(record.closed_on is not None for record in of_month),
                len(of_month),
                before is not None and before != entities,
            )
        )
        before = entities
    return found


def _by_month(records: Iterable[CloseRecord]) -> dict[date, list[CloseRecord]]:
    by_month: dict[date, list[CloseRecord]] = defaultdict(list)
    for record in records:
        by_month[record.month].append(record)
    return by_month


def _taken(days: Sequence[int | None]) -> DaysTaken:
    known = sorted(day for day in days if day is not None)

    def rank(numerator: int, denominator: int) -> int | None:
        place = -(-len(days) * numerator // denominator)  # nearest rank, upwards
        return known[place - 1] if 0 < place <= len(known) else None

    return DaysTaken(rank(1, 2), rank(9, 10), rank(1, 1))


@dataclass(frozen=True, slots=True)
class OftenLast:
    """In how many months each entity closed last, most often first; months left out have a member unknown or open."""

    months: int
    left_out: int
    times: Sequence[tuple[str, int]]


def most_often_last(records: Iterable[CloseRecord]) -> OftenLast:
    """Count the last entities of each month; several that closed on the same day share it."""
    times: Counter[str] = Counter()
    months = left_out = 0
    for of_month in _by_month(records).values():
        days = {record.entity: record.closed_on for record in of_month}
        closed = [day for day in days.values() if day is not None]
        if len(closed) < len(days):
            left_out += 1
            continue
        months += 1
        times.update(entity for entity, day in days.items() if day == max(closed))
    return OftenLast(months, left_out, sorted(times.items(), key=lambda entry: (-entry[1], entry[0])))


_LEAST_TIMES = 3
_SHARE = 2, 3  # of the months in which either was late


@dataclass(frozen=True, slots=True)
class LatePair:
    """Two entities that were late in the same months, and in how many months either was."""

    first: str
    second: str
    together: int
    either: int


def late_together(records: Iterable[CloseRecord]) -> list[LatePair]:
    """The pairs that were late together three times or more, in two thirds of the months of either; most first."""
    late: dict[str, set[date]] = defaultdict(set)
    for record in records:
        if record.late:
            late[record.entity].add(record.month)
    return sorted(_late_pairs(late), key=lambda pair: (-pair.together, pair.either, pair.first, pair.second))


def _late_pairs(late: Mapping[str, set[date]]) -> Iterable[LatePair]:
    often = sorted(entity for entity, months in late.items() if len(months) >= _LEAST_TIMES)
    for place, first in enumerate(often):
        for second in often[place + 1 :]:
            together, either = len(late[first] & late[second]), len(late[first] | late[second])
            if together >= _LEAST_TIMES and together * _SHARE[1] >= either * _SHARE[0]:
                yield LatePair(first, second, together, either)
