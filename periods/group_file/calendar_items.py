"""The calendars of a group file: the rows that they become, and what loading says of what it took."""

from __future__ import annotations

from closing.calendar.deadlines import categories_phrase
from entities.audit_trail import Verb
from entities.holiday_library import SATURDAY_AND_SUNDAY, categories_of, weekend_of
from entities.models import CalendarDay, WorkCalendar
from infra.audit.recording import AuditedObject
from periods.group_file.checking import FileEntry
from periods.group_file.diff import FieldChange, FieldValue, GroupFileDiff, set_fields, weekend_phrase
from periods.group_file.shape import CalendarItem


def write_calendar(
    entry: FileEntry[CalendarItem], old: WorkCalendar | None, diff: GroupFileDiff
) -> WorkCalendar:
    """Make a calendar what the file says of it, note in the diff what was written, and return its row."""
    item = entry.item
    row = old or WorkCalendar(code=item.code)
    fields = entry.given("name", "country", "subdivision")
    if entry.has_key("holiday_categories"):
        chosen = list(dict.fromkeys(item.holiday_categories or []))
        fields.append(FieldValue("holiday_categories", "holiday_categories", chosen))
    changes = set_fields(row, fields)
    usual = sorted(weekend_of(row.country, row.subdivision))
    if old is None or entry.has_key("weekend"):
        # Nothing behind the key takes that of the country, as leaving the key out does for a new calendar.
        weekend = usual if item.weekend is None else sorted(set(item.weekend))
        changes += set_fields(row, [FieldValue("weekend", "weekend", weekend, weekend_phrase)])
    if changes or old is None:
        row.save()
    for key, working in (("days_off", False), ("working_days", True)):
        if entry.has_key(key):
            changes += _set_days(row, key, working, entry)
    target = AuditedObject("calendar", row.code, row.name)
    if old is None:
        whose = f", that of {row.country}" if item.weekend is None and row.country else ""
        weekend_taken = f"weekend {weekend_phrase(row.weekend)}{whose}"
        label = f"calendar {item.code}: {item.name}, {weekend_taken}{_categories_taken(row)}"
        diff.add(label, Verb.CALENDAR_ADDED, target, {change.key: change.after for change in changes})
    else:
        diff.change(f"calendar {item.code}", changes, Verb.CALENDAR_CHANGED, target)
    if old and not entry.has_key("weekend") and set(row.weekend) == SATURDAY_AND_SUNDAY != set(usual):
        # What earlier versions stored wherever none was given.
        diff.notes.append(
            f"Calendar {row.code} keeps its weekend, {weekend_phrase(row.weekend)}; that of {row.country} is"
            f" {weekend_phrase(usual)}. Give `weekend` to say which counts."
        )
    return row


def _categories_taken(row: WorkCalendar) -> str:
    """Which holidays count, where a country keeps several categories."""
    known = categories_of(row.country) if row.country else ()
    if len(known) < 2:
        return ""
    return f"; {categories_phrase(row.holiday_categories or known[:1])}"


def _set_days(
    row: WorkCalendar, key: str, working: bool, entry: FileEntry[CalendarItem]
) -> list[FieldChange]:
    """Make the days of one kind those of the file, and say which came and went."""
    changes = []
    held = {day.day: day for day in row.days.all()}
    wanted = {day.day: day.name for day in getattr(entry.item, key)}
    for day, name in wanted.items():
        old = held.get(day)
        if old is None or (old.working, old.name) != (working, name):
            CalendarDay.objects.update_or_create(
                calendar=row, day=day, defaults={"working": working, "name": name}
            )
            line = f"{key}: + {day}" + (f" {name}" if name else "")
            changes.append(FieldChange(f"{key} {day}", None, name, line))
    for day, old in held.items():
        if old.working == working and day not in wanted:
            old.delete()
            line = f"{key}: - {day}" + (f" {old.name}" if old.name else "")
            changes.append(FieldChange(f"{key} {day}", old.name, None, line))
    return changes
