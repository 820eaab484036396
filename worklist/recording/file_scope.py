"""The entities and periods that the rows of a file name, as far as its sender may write on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from closing.blockers.work_cells import CellRefused, FileMoment, FilePeriod
from closing.blockers.work_rows import CellProblem
from closing.calendar.days import ONE_DAY, DateSpan
from closing.calendar.instants import start_of_day, zone_named
from entities.access import administered_groups, writable_entities
from entities.models import Group, LegalEntity, Person
from periods.models import FiscalPeriod

_CLOCKS_DIFFER_BY = timedelta(minutes=5)


class FileEffect(StrEnum):
    """The effect of a row, or of all rows of one entity, on what is stored."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    OUTDATED = "not used"


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """The effect of one row on what is stored, in words; `line` is None for a conclusion from several rows.

    `code` and `holder` are the code and the name of the entity, or of the group.
    """

    sheet: str
    line: int | None
    code: str
    holder: str
    subject: str
    before: str
    after: str
    effect: FileEffect
    note: str = ""


@dataclass(frozen=True, slots=True)
class FileScope:
    """Entities by code, the writable ones, and their operating periods; the groups that the person administers."""

    by: Person
    at: datetime
    entities: dict[str, LegalEntity]
    writable: frozenset[int]
    periods: dict[int, list[FiscalPeriod]]
    groups: dict[str, Group]
    problems: list[CellProblem] = field(default_factory=list)

    def refuse(self, sheet: str, line: int, column: str, words: str) -> None:
        """Keep the problem of a row."""
        self.problems.append(CellProblem(sheet, line, column, words))

    def entity(self, code: str) -> LegalEntity:
        """The entity of a code; raises CellRefused for one that the person does not see or only reads.

        An entity that the person may not see is refused with the words for one that does not exist.
        """
        entity = self.seen(code)
        if entity.pk not in self.writable:
            raise CellRefused(
                f"You may read {entity.name}, not write on it. Ask its owner or an administrator to send this row."
            )
        return entity

    def seen(self, code: str) -> LegalEntity:
        """The entity of a code that the person sees; raises CellRefused."""
        entity = self.entities.get(code)
        if entity is None:
            raise CellRefused(f"You see no entity with the code “{code}”. The template lists the codes.")
        return entity

    def group(self, code: str) -> Group:
        """The group of a code; raises CellRefused for one that the person does not administer."""
        group = self.groups.get(code)
        if group is None:
            raise CellRefused(
                f"You administer no group with the code “{code}”. Ask an administrator to send this row."
            )
        return group

    def period(self, entity: LegalEntity, named: FilePeriod) -> FiscalPeriod:
        """The operating period that a row names; raises CellRefused where there is none, or more than one."""
        own = self.periods.get(entity.pk, [])
        if named.last is not None:
            found = [period for period in own if period.last_day == named.last]
        else:
            found = [period for period in own if period.reporting_month == named.month]
        if not found:
            known = (
                f"its periods end from {own[0].last_day} to {own[-1].last_day}"
                if own
                else "it was never read"
            )
            raise CellRefused(f"{entity.name} has no period {named}: {known}. Write one of its months.")
        if len(found) > 1:
            ends = " or ".join(period.last_day.isoformat() for period in found)
            raise CellRefused(f"{entity.name} closes {named} more than once. Write the last day: {ends}.")
        return found[0]

    def check_month(self, entity: LegalEntity, month: date) -> None:
        """Raises CellRefused for a month that the entity does not close."""
        if not any(period.reporting_month == month for period in self.periods.get(entity.pk, [])):
            self.period(entity, FilePeriod(month))

    def moment(self, entity: LegalEntity, named: FileMoment, column: str, *, whole_day: bool) -> datetime:
        """A moment of the entity's zone; a day alone is its end, if it has come, or else now; without `whole_day`
        its beginning. Raises CellRefused for one that has not come yet.
        """
        zone = zone_named(entity.zone)
        if isinstance(named, datetime):
            moment = named if named.tzinfo is not None else named.replace(tzinfo=zone)
        else:
            moment = start_of_day(named, zone)
        if moment > self.at + _CLOCKS_DIFFER_BY:
            raise CellRefused(f"{column} has not come yet. Write a moment of the past.")
        if whole_day and not isinstance(named, datetime):
            moment = start_of_day(named + ONE_DAY, zone)
        return min(moment, self.at)


def file_scope(by: Person, at: datetime, codes: Collection[str], group_codes: Collection[str]) -> FileScope:
    """What a person may name in a file, of these codes."""
    visible = LegalEntity.objects.visible_to(by).filter(code__in=codes).select_related("group", "connection")
    entities = {entity.code: entity for entity in visible}
    ids = [entity.pk for entity in entities.values()]
    periods: defaultdict[int, list[FiscalPeriod]] = defaultdict(list)
    for period in FiscalPeriod.objects.filter(entity__in=ids, type="operating").order_by("last_day", "pk"):
        periods[period.entity_id].append(period)
    writable = writable_entities(by).filter(pk__in=ids).values_list("pk", flat=True)
    groups = administered_groups(by).filter(code__in=group_codes)
    return FileScope(
        by, at, entities, frozenset(writable), dict(periods), {group.code: group for group in groups}
    )


def source_of(by: Person) -> str:
    """The source of what a person sent: "by file, Ann Controller"."""
    return f"by file, {by.name or by.email}"[:200]


def days_of(periods: Collection[FiscalPeriod]) -> DateSpan:
    """The days from the first to the last of these periods."""
    return DateSpan(min(period.first_day for period in periods), max(period.last_day for period in periods))


def months_back(at: datetime, months: int) -> date:
    """A day so many months of 31 days before a moment."""
    return at.date() - timedelta(days=31 * months)
