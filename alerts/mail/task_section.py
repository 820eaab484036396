"""The close tasks in a daily digest: a section of their own, one row for each title."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alerts.mail.rows import MessageContext, MessageRow, TextLink
from alerts.mail.sections import MessageContent, MessageSection, content_of_sections
from alerts.sanitize import one_line
from closing.calendar.date_phrases import month_and_year, weekday_and_day
from closing.calendar.deadlines import join_with_and
from worklist.task_store.task_reminders import DueTask, TaskReminder

_HEADING = "Close tasks"
_MOST_ROWS = 20
_MOST_NAMES = 3  # entities of one row
_LONGEST_TITLE = 200


def with_tasks(content: MessageContent, reminder: TaskReminder, context: MessageContext) -> MessageContent:
    """A digest of notices with its tasks behind them."""
    section = _section(reminder, context, _HEADING)
    return replace(
        content,
        subject=f"{content.subject}; {reminder.line}",
        sections=[*content.sections, section],
    )


def content_of_tasks(reminder: TaskReminder, context: MessageContext) -> MessageContent:
    """A digest that has tasks only."""
    return content_of_sections(reminder.line, [_section(reminder, context, "")], context)


def why_reminded(reminder: TaskReminder) -> str:
    """Why a person is reminded."""
    if not reminder.stands_in_for:
        return "You get this because these tasks wait for you."
    names = join_with_and([one_line(name) for name in reminder.stands_in_for])
    return f"You get this because tasks wait for you, and you stand in for {names}."


def _section(reminder: TaskReminder, context: MessageContext, heading: str) -> MessageSection:
    by_title: dict[tuple[str, object], list[DueTask]] = {}
    for task in sorted(reminder.tasks, key=lambda task: (not task.overdue, task.due_on)):
        by_title.setdefault((task.title, task.month), []).append(task)
    groups = list(by_title.values())
    omitted = len(groups) - _MOST_ROWS
    month = max(task.month for task in reminder.tasks)
    link = TextLink("See my tasks", f"{context.base_url}/tasks/mine/?month={month:%Y-%m}")
    return MessageSection(
        heading=heading,
        note=f"{reminder.line}.",
        links=[link],
        rows=[_row(group, context) for group in groups[:_MOST_ROWS]],
        more=TextLink(f"and {omitted} more", link.url) if omitted > 0 else None,
        omitted=max(0, omitted),
    )


def _row(tasks: Sequence[DueTask], context: MessageContext) -> MessageRow:
    """The tasks of one title and month, of one entity or many."""
    first = tasks[0]
    names = list(dict.fromkeys(one_line(task.holder) for task in tasks))
    more = len(names) - _MOST_NAMES
    listed = join_with_and(names) if more <= 0 else f"{', '.join(names[:_MOST_NAMES])} and {more} more"
    overdue = sum(task.overdue for task in tasks)
    url = (
        f"{context.base_url}/tasks/{first.uid}/"
        if len(tasks) == 1
        else f"{context.base_url}/tasks/mine/?month={first.month:%Y-%m}"
    )
    days = {task.due_on for task in tasks}
    due = (
        f"due {weekday_and_day(first.due_on)}" if len(days) == 1 else f"due from {weekday_and_day(min(days))}"
    )
    sign_off = all(task.to_sign_off for task in tasks)
    unit = "overdue" if overdue else "due today"
    if 0 < overdue < len(tasks):
        unit = f"overdue, {len(tasks) - overdue} due today"
    return MessageRow(
        title=TextLink(one_line(first.title, _LONGEST_TITLE), url),
        subtitle=f"{listed}, {month_and_year(first.month)}",
        state=f"{'To be signed off' if sign_off else 'Open'}, {due}",
        kind="open",
        late=str(overdue or len(tasks)),
        unit=unit,
        tone="late" if overdue else "none",
        details=[],
    )
