"""The days off of the owners of close tasks: the calendar that each person chose among their notifications."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date

from alerts.models import Habits
from closing.calendar.workdays import WorkdayCalendar
from closing.close_tasks.due_offsets import due_on_day, owner_holiday
from closing.close_tasks.task_record import TaskStatus
from entities.calendars import work_calendars
from worklist.models import CloseTask


def owner_calendars(month: date) -> Callable[[Collection[int]], Mapping[int, WorkdayCalendar]]:
    """A function that gives the calendars of people around a month; two queries at most."""

    def calendars_of(people: Collection[int]) -> Mapping[int, WorkdayCalendar]:
        chosen = Habits.objects.filter(person__in=people, calendar__isnull=False)
        ids = dict(chosen.values_list("person", "calendar"))
        years = range(month.year - 1, month.year + 3)
        calendars = work_calendars(set(ids.values()), years) if ids else {}
        return {person: calendars[calendar] for person, calendar in ids.items()}

    return calendars_of


def owner_holiday_words(task: CloseTask) -> list[str]:
    """The warning that an unfinished task is due on a day off of its owner; none otherwise."""
    finished = task.status in (TaskStatus.SIGNED_OFF.value, TaskStatus.NOT_NEEDED.value)
    if task.owner_id is None or task.due_on is None or finished:
        return []
    calendar = owner_calendars(task.due_on)([task.owner_id]).get(task.owner_id)
    if calendar is None:
        return []
    words = owner_holiday(due_on_day(task.due_on, task.due_at, task.due_zone), calendar)
    return [words] if words else []
