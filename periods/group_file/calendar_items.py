"""The calendars of a group file: their rows, what loading says of what it took, and of choices that were not made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from closing.calendar.date_phrases import full_date, weekday_and_date, weekday_and_day
from closing.calendar.deadlines import categories_phrase
from closing.calendar.workdays import CalendarUncovered, WorkdayCalendar
from entities.audit_trail import Verb
from entities.calendars import DayByHand, place_calendar, place_of, stored_calendars
from entities.holiday_library import SATURDAY_AND_SUNDAY, Place, categories_of, subdivision_names, weekend_of
from entities.models import CalendarDay, WorkCalendar
from infra.audit.recording import AuditedObject
from periods.group_file.diff import FieldChange, FieldValue, GroupFileDiff, set_fields, weekend_phrase
from periods.group_file.file_entries import FileEntry
from periods.group_file.shape import CalendarItem

_EXAMPLE = 5  # the working day whose date is compared
_MONTHS = 24
_MOST_NAMED = 6
# Days off of offices. Other categories are those of schools, faiths or half a day, or are worked.
_PROPOSED = ("bank", "optional", "government", "de_facto")


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


def calendar_advice(rows: Sequence[WorkCalendar], today: date) -> list[str]:
    """Sentences about these calendars, with examples from last year's end on."""
    by_hand = stored_calendars([row.pk for row in rows]).by_hand
    return [advice for row in rows if row.country for advice in _advice(row, by_hand.get(row.pk, ()), today)]


def _advice(row: WorkCalendar, by_hand: Sequence[DayByHand], today: date) -> Iterator[str]:
    years = range(today.year - 1, today.year + 3)
    here = place_calendar(row, place_of(row), years, by_hand)
    if not row.subdivision and (names := subdivision_names(row.country)):
        elsewhere = {
            name: place_calendar(row, Place(row.country, code, tuple(row.holiday_categories)), years, by_hand)
            for code, name in names.items()
        }
        if example := _example(here, elsewhere, today):
            yield (
                f"Calendar {row.code}: the holidays of {row.country} differ by subdivision, and none is given"
                f" ({_listed(list(names))}): {example}."
            )
    yield from _advice_on_categories(row, here, by_hand, today)


def _advice_on_categories(
    row: WorkCalendar, here: WorkdayCalendar, by_hand: Sequence[DayByHand], today: date
) -> Iterator[str]:
    """Advice on categories that would move a deadline: those not chosen, and the default one where it is left out."""
    years = range(today.year - 1, today.year + 3)
    usual, *others = categories_of(row.country)
    if row.holiday_categories:
        if usual not in row.holiday_categories:
            plain = place_calendar(row, Place(row.country, row.subdivision), years, by_hand)
            if day := next(_days_off_only(plain, here, today), None):
                yield (
                    f"Calendar {row.code} leaves out the {usual} holidays of {row.country}:"
                    f" {weekday_and_date(day)}, {plain.days_off[day]}, is worked."
                )
        return
    for other in others:
        if other not in _PROPOSED:
            continue
        with_it = place_calendar(row, Place(row.country, row.subdivision, (usual, other)), years, by_hand)
        name = categories_phrase([other])
        proposal = f"`holiday_categories: [{usual}, {other}]`"
        if found := first_difference(here, with_it, today):
            last_day, due_here, due_there = found
            yield (
                f"Calendar {row.code}: {row.country} keeps {name} too, which do not count. With {proposal} the"
                f" {_EXAMPLE}th working day after {full_date(last_day)} is {weekday_and_day(due_there)},"
                f" not {weekday_and_day(due_here)}."
            )
        elif day := next(_days_off_only(with_it, here, today), None):
            yield (
                f"Calendar {row.code}: {row.country} keeps {name} too, which do not count. With {proposal}"
                f" {weekday_and_date(day)}, {with_it.days_off[day]}, is off."
            )


def _days_off_only(one: WorkdayCalendar, other: WorkdayCalendar, today: date) -> Iterator[date]:
    """The weekdays of this year and later that are off in the first calendar and worked in the other."""
    for day in sorted(one.days_off.keys() - other.days_off.keys()):
        if day.year >= today.year and day.weekday() not in one.weekend and day not in one.extra_working:
            yield day


def _example(here: WorkdayCalendar, elsewhere: Mapping[str, WorkdayCalendar], today: date) -> str:
    """The first deadline that differs in the first subdivision that has one, else the first day off that does."""
    for name, there in elsewhere.items():
        if found := first_difference(here, there, today):
            last_day, due_here, due_there = found
            return (
                f"{_EXAMPLE}th working day after {full_date(last_day)} is {weekday_and_day(due_here)} here,"
                f" {weekday_and_day(due_there)} in {name}"
            )
    for name, there in elsewhere.items():
        if day := next(_days_off_only(there, here, today), None):
            return f"{weekday_and_date(day)} is off in {name} and worked here"
        if day := next(_days_off_only(here, there, today), None):
            return f"{weekday_and_date(day)} is off here and worked in {name}"
    return ""


def first_difference(
    here: WorkdayCalendar, there: WorkdayCalendar, today: date
) -> tuple[date, date, date] | None:
    """The first end of a month, from last year's on, after which the fifth working day differs, and both days."""
    for month in range(_MONTHS):
        last_day = date(today.year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        try:
            due = (here.nth_workday_after(last_day, _EXAMPLE), there.nth_workday_after(last_day, _EXAMPLE))
        except CalendarUncovered:
            continue
        if due[0] != due[1]:
            return last_day, *due
    return None


def _listed(codes: Sequence[str]) -> str:
    more = len(codes) - _MOST_NAMED
    return ", ".join(codes) if more <= 1 else f"{', '.join(codes[:_MOST_NAMED])} and {more} more"
