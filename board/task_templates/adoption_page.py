"""A group gets close tasks: which templates, from which month, and what would be generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from board.web.board_request import BoardRequest, board_view
from board.web.forms import SeeOther, one_message, posted
from closing.calendar.date_phrases import month_and_year, weekday_and_date
from closing.calendar.days import DateSpan
from closing.calendar.instants import local_date, zone_named
from closing.calendar.months import month_end, months_from
from closing.calendar.workdays import CalendarUncovered
from closing.close_tasks.due_offsets import generated_from
from closing.close_tasks.task_templates import TemplateSet
from entities.access import administered_groups
from entities.calendars import work_calendars
from entities.models import Group, WorkCalendar
from worklist.models import TaskAdoption
from worklist.template_store.generation_preview import TemplatePreview
from worklist.template_store.templates_store import (
    TemplatesRefused,
    adopt_tasks,
    published_templates,
    standard_templates,
)

_STANDARD = "standard"
_MONTHS_OFFERED = 13


class AdoptionForm(forms.Form):
    """The group, the templates to begin with, calendar, zone and counting of its own tasks, and the first month."""

    group = forms.ChoiceField(error_messages=one_message("Choose a group that has no close tasks yet."))
    source = forms.ChoiceField(error_messages=one_message("Choose the templates to begin with."))
    calendar = forms.ChoiceField(error_messages=one_message("Choose the calendar of the group’s own tasks."))
    zone = forms.ChoiceField(error_messages=one_message("Choose the time zone of the group’s own tasks."))
    first_is = forms.TypedChoiceField(
        coerce=int,
        choices=[("1", "the first working day is 1"), ("0", "the first working day is 0")],
        error_messages=one_message("Choose how working days are counted."),
    )
    from_month = forms.ChoiceField(error_messages=one_message("Choose the first month."))


@dataclass(frozen=True, slots=True)
class AdoptionPreview:
    """What would be generated for the first month."""

    month: str
    total: int
    own: int
    entities: list[tuple[str, int, int]]
    begins: str


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def adopt(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The form with its preview; a POST with "adopt" adopts. 404 for people who administer no group."""
    administered = list(administered_groups(board_request.person))
    if not administered:
        raise Http404
    adopted = TaskAdoption.objects.filter(group__in=administered).select_related("group")
    have = {adoption.group_id: adoption.group for adoption in adopted}
    groups = [group for group in administered if group.pk not in have]
    form = _form(board_request, groups, list(have.values()), posted(request))
    preview = None
    if form.is_bound and form.is_valid():
        group = next(each for each in groups if each.code == form.cleaned_data["group"])
        calendar = WorkCalendar.objects.get(code=form.cleaned_data["calendar"])
        templates = _templates(form.cleaned_data["source"], list(have.values()))
        first = date.fromisoformat(f"{form.cleaned_data['from_month']}-01")
        if "adopt" in request.POST:
            try:
                adopt_tasks(
                    group,
                    calendar,
                    form.cleaned_data["zone"],
                    board_request.now,
                    by=board_request.person,
                    first_is=form.cleaned_data["first_is"],
                    templates=templates,
                    from_month=first,
                )
            except TemplatesRefused as error:
                form.add_error("source", f"These templates cannot be used: {error}.")
            else:
                messages.success(
                    request,
                    f"{group.name} has close tasks from {month_and_year(first)} on. "
                    "Those whose time has come are generated within a quarter of an hour.",
                )
                return SeeOther(reverse("task_templates"))
        preview = _preview(board_request, form, group, calendar, templates, first)
    context = {
        **board_request.layout("tasks"),
        "form": form,
        "groups": groups,
        "preview": preview,
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "board/tasks/adopt.html", context, status=status)


def _form(
    board_request: BoardRequest, groups: Sequence[Group], others: Sequence[Group], data: object
) -> AdoptionForm:
    """The form with what the person may choose; calendars and zones are those of the entities that they see."""
    entities = board_request.entities()
    ids = set(entities.values_list("calendar_id", flat=True))
    calendars = WorkCalendar.objects.filter(pk__in=ids).order_by("name")
    zones = sorted({*entities.values_list("zone", flat=True), board_request.person.zone})
    today = local_date(board_request.now, board_request.reader.zone)
    months = [f"{month:%Y-%m}" for month in months_from(board_request.latest_month, _MONTHS_OFFERED)]
    initial = {
        "source": _STANDARD,
        "first_is": "1",
        "zone": board_request.person.zone,
        "from_month": f"{today:%Y-%m}",
    }
    form = AdoptionForm(data, initial=initial)  # type: ignore[arg-type]
    choices = {
        "group": [(group.code, group.name) for group in groups],
        "source": [
            (_STANDARD, "Standard templates"),
            *((group.code, f"As {group.name} has them now") for group in others),
        ],
        "calendar": [(calendar.code, calendar.name) for calendar in calendars],
        "zone": [(zone, zone) for zone in zones],
        "from_month": [(month, month_and_year(date.fromisoformat(f"{month}-01"))) for month in months],
    }
    for name, offered in choices.items():
        form.fields[name].choices = offered  # type: ignore[attr-defined]
    return form


def _templates(source: str, others: Sequence[Group]) -> TemplateSet:
    if source == _STANDARD:
        return standard_templates()
    group = next(each for each in others if each.code == source)
    return published_templates(group.pk).templates


def _preview(
    board_request: BoardRequest,
    form: AdoptionForm,
    group: Group,
    calendar: WorkCalendar,
    templates: TemplateSet,
    first: date,
) -> AdoptionPreview:
    values = form.cleaned_data
    adoption = TaskAdoption(
        group=group,
        calendar=calendar,
        zone=values["zone"],
        first_is=values["first_is"],
        adopted_at=board_request.now,
    )
    preview = TemplatePreview(adoption, templates, first, board_request.person)
    counts = preview.counts()
    own = preview.count_of_group()
    return AdoptionPreview(
        month_and_year(first),
        own + sum(count for _, count, _ in counts),
        own,
        [(entity.name, count, undated) for entity, count, undated in counts],
        _begins(first, calendar, values["zone"], board_request.now),
    )


def _begins(month: date, calendar: WorkCalendar, zone: str, now: datetime) -> str:
    """When the group's own tasks of the month are generated, in words."""
    working = work_calendars([calendar.pk], range(month.year - 1, month.year + 2))[calendar.pk]
    try:
        begin = generated_from(DateSpan(month, month_end(month)), working, zone)
    except CalendarUncovered as error:
        return f"There is no day for them yet: {error}."
    if begin <= now:
        return "They are generated at once: the tenth working day before period end has passed."
    day = weekday_and_date(local_date(begin, zone_named(zone)))
    return f"They are generated from {day} on, the tenth working day before period end."
