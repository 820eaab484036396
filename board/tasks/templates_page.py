"""The templates of the close tasks of the groups that a person sees, with the dates that they would give."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from board.web.board_request import BoardRequest, board_view
from closing.calendar.date_phrases import month_and_year, weekday_and_day
from closing.calendar.days import DateSpan
from closing.calendar.months import month_end
from closing.calendar.workdays import CalendarUncovered, WorkdayCalendar
from closing.close_tasks.due_offsets import due_of, offset_label
from closing.close_tasks.task_templates import TaskSpec
from closing.close_tasks.template_cells import depends_on_cell
from entities.access import groups_with_role
from entities.calendars import work_calendars
from worklist.models import TaskAdoption, TaskRoleHolder
from worklist.task_store.templates_store import published_templates


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """One row of a template with the date that the month would give it."""

    code: str
    title: str
    offset: str
    due: str
    after: str
    role: str
    warning: str
    sign_off: bool


@dataclass(frozen=True, slots=True)
class TemplateCard:
    """One template of a group in its newest version."""

    name: str
    group: str
    version: int
    published: str
    lines: list[TemplateLine]


@require_safe
@board_view
def task_templates(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The newest templates, with the dates of a month and roles that nobody has."""
    groups = groups_with_role(board_request.person, Q())
    adoptions = TaskAdoption.objects.filter(group__in=groups).select_related("group").order_by("group__path")
    month = board_request.month
    years = range(month.year - 1, month.year + 3)
    calendars = work_calendars({adoption.calendar_id for adoption in adoptions}, years)
    holders = TaskRoleHolder.objects.filter(person__isnull=False).values_list("role", flat=True)
    held = frozenset(holders.distinct()) if adoptions else frozenset[str]()
    cards = []
    for adoption in adoptions:
        published = published_templates(adoption.group_id)
        templates = published.templates
        for template in (templates.month, templates.quarter, templates.year):
            if template is None:
                continue
            row = published.row_of(template.name)
            lines = [
                _line(task, adoption, calendars[adoption.calendar_id], month, held) for task in template.tasks
            ]
            published_at = board_request.clock(row.published_at)
            cards.append(
                TemplateCard(template.name, adoption.group.name, template.version, published_at, lines)
            )
    context = {**board_request.layout("tasks"), "cards": cards, "month": month_and_year(month)}
    return render(request, "board/tasks/templates.html", context)


def _line(
    task: TaskSpec, adoption: TaskAdoption, calendar: WorkdayCalendar, month: date, held: frozenset[str]
) -> TemplateLine:
    warnings = []
    try:
        span = DateSpan(month, month_end(month))
        due = weekday_and_day(due_of(task.due, span, calendar, adoption.zone).due_on)
    except CalendarUncovered as error:
        due = "no due date"
        warnings.append(f"{error}.")
    if task.owner_role and task.owner_role not in held:
        warnings.append(f"Nobody has the role {task.owner_role}.")
    return TemplateLine(
        task.code,
        task.title,
        offset_label(task.due, adoption.first_is),
        due,
        depends_on_cell(task.depends_on),
        task.owner_role,
        " ".join(warnings),
        task.sign_off,
    )
