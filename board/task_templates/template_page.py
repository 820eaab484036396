"""One template: the tasks and dates that it would give in a month, its versions, and its files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from board.reports.download import csv_named, xlsx_named
from board.reports.spreadsheet import SheetColumn, Worksheet
from board.task_templates.template_access import TemplatePlace, of_template
from board.tasks.owner_calendars import owner_calendars
from board.tasks.task_lines import names_of
from board.web.board_query import FIRST_MONTH
from board.web.board_request import BoardRequest
from closing.calendar.date_phrases import month_and_year, weekday_and_day
from closing.calendar.months import is_quarter_end, is_year_end, next_month, previous_month
from closing.close_tasks.due_offsets import offset_label
from closing.close_tasks.generation import TaskDraft
from closing.close_tasks.task_templates import TemplateKind, TemplateSet, TemplateVersion
from closing.close_tasks.template_cells import depends_on_cell
from closing.close_tasks.template_export import sheet_rows, template_csv, workspace_csv
from closing.close_tasks.template_rows import COLUMNS
from entities.models import LegalEntity
from worklist.models import TaskTemplate
from worklist.template_store.generation_preview import PreviewTask, TemplatePreview
from worklist.template_store.template_drafts import draft_set, open_draft, tasks_of_text
from worklist.template_store.templates_store import published_templates

FILES = (("csv", "CSV"), ("xlsx", "Excel"), ("workspace", "Rows of the Microsoft workspace"))
_WIDTHS = {"Task": 48, "DependsOn": 30, "AppliesIf": 24, "ErpCheck": 24, "Hint": 40, "TaskLink": 30}


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """One task of the preview."""

    code: str
    title: str
    due: str
    offset: str
    after: str
    role: str
    owner: str
    reviewer: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VersionLine:
    """One version of the history, the newest first."""

    version: int
    name: str
    tasks: int
    published: str
    files: list[tuple[str, str]]


@require_safe
@of_template
def task_template(request: HttpRequest, board_request: BoardRequest, place: TemplatePlace) -> HttpResponse:
    """The tasks of the newest version, or of the draft, with their dates in a month."""
    draft = open_draft(place.group, place.kind) if place.administers else None
    of_draft = draft is not None and request.GET.get("version") == "draft"
    if request.GET.get("version") == "draft" and not of_draft:
        raise Http404
    templates = draft_set(place.group, draft) if of_draft and draft else None
    problem = ""
    if templates is None:
        templates = published_templates(place.adoption.group_id).templates
        if of_draft:
            problem = "Publish the template of the month first: the others add to it."
    month = board_request.month
    preview = TemplatePreview(place.adoption, templates, month, board_request.person)
    entity = _entity(preview, request.GET.get("entity", ""))
    lines: list[PreviewLine] = []
    if not problem:
        try:
            lines = _lines(preview, entity, templates, place, month)
        except ValueError as error:  # a row that waits for a task that no template has
            problem = f"These tasks have no dates yet: {error}."
    versions = _versions(place, board_request)
    path = reverse("task_template", args=place.args)
    kept = [("entity", entity.code if entity else ""), ("version", "draft" if of_draft else "")]
    year_end = entity.year_end_month if entity is not None else preview.year_end_month
    context = {
        **board_request.layout("tasks"),
        "place": place,
        "name": draft.name if of_draft and draft else (versions[0].name if versions else ""),
        "version": versions[0].version if versions else 0,
        "of_draft": of_draft,
        "draft": draft,
        "draft_by": _by(draft.changed_by) if draft is not None else "",
        "draft_at": board_request.clock(draft.changed_at) if draft is not None else "",
        "month": month_and_year(month),
        "month_key": f"{month:%Y-%m}",
        "links": {
            "previous": (_url(path, previous_month(month), kept), month_and_year(previous_month(month)))
            if month > FIRST_MONTH
            else None,
            "next": (_url(path, next_month(month), kept), month_and_year(next_month(month))),
        },
        "entities": preview.entities,
        "entity": entity,
        "lines": lines,
        "problem": problem,
        "other_end": "" if _is_end(place.kind, month, year_end) else _next_end(place.kind, month, year_end),
        "next_url": _url(path, _next_month_of(place.kind, month, year_end), kept),
        "warned": sum(bool(line.warnings) for line in lines),
        "versions": versions,
        "files": versions[0].files if versions else [],
        "calendar": place.adoption.calendar.name,
        "zone": board_request.reader.zone_name,
    }
    return render(request, "board/tasks/template.html", context)


@require_safe
@of_template
def template_export(request: HttpRequest, board_request: BoardRequest, place: TemplatePlace) -> HttpResponse:
    """A version as a file; 404 for a version or a form that does not exist."""
    rows = TaskTemplate.objects.filter(group=place.group, kind=place.kind.value).order_by("-version")
    wanted = request.GET.get("version", "")
    if wanted:
        rows = rows.filter(version=int(wanted) if wanted.isascii() and wanted.isdigit() else 0)
    row = rows.first() if len(wanted) < 9 else None
    form = request.GET.get("as", "csv")
    if row is None or form not in dict(FILES):
        raise Http404
    template = TemplateVersion(row.name, place.kind, row.version, tasks_of_text(row.rows))
    stem = f"closeboard-{place.group.code}-{place.kind}-v{row.version}"
    if form == "csv":
        return csv_named(request, f"{stem}.csv", [template_csv(template)])
    if form == "workspace":
        return csv_named(request, f"{stem}-microsoft.csv", [workspace_csv(template)])
    columns = [SheetColumn(name, _WIDTHS.get(name, 14)) for name in COLUMNS]
    sheet = Worksheet("Tasks", columns, sheet_rows(template))
    return xlsx_named(request, f"{stem}.xlsx", [sheet], board_request.reader.zone, board_request.now)


def _entity(preview: TemplatePreview, code: str) -> LegalEntity | None:
    """The entity of the form, None for the group; 404 for one that the person does not see."""
    if not code:
        return None
    entity = next((each for each in preview.entities if each.code == code), None)
    if entity is None:
        raise Http404
    return entity


def _lines(
    preview: TemplatePreview,
    entity: LegalEntity | None,
    templates: TemplateSet,
    place: TemplatePlace,
    month: date,
) -> list[PreviewLine]:
    """The tasks that come from this template, in its order."""
    template = {
        TemplateKind.MONTH: templates.month,
        TemplateKind.QUARTER: templates.quarter,
        TemplateKind.YEAR: templates.year,
    }[place.kind]
    if template is None:
        return []
    calendars = owner_calendars(month)
    tasks = preview.of_entity(entity, calendars) if entity is not None else preview.of_group(calendars)
    tasks = [task for task in tasks if task.draft.template == template.name]
    names = names_of({person for task in tasks for person in (task.owner, task.reviewer)})
    first_is = preview.first_is(entity)
    return [_line(task, names, first_is) for task in tasks]


def _line(task: PreviewTask, names: dict[int, str], first_is: int) -> PreviewLine:
    spec = task.draft.spec
    return PreviewLine(
        spec.code,
        task.draft.title,
        _due(task.draft),
        offset_label(spec.due, first_is),
        depends_on_cell(spec.depends_on),
        spec.owner_role,
        names.get(task.owner or 0, ""),
        (names.get(task.reviewer or 0, "") or "nobody") if spec.sign_off else "",
        task.warnings,
    )


def _due(draft: TaskDraft) -> str:
    if draft.due is None:
        return "no due date"
    at = f" {draft.due.cut_off:%H:%M}" if draft.due.cut_off is not None else ""
    return f"{weekday_and_day(draft.due.due_on)}{at}"


def _versions(place: TemplatePlace, board_request: BoardRequest) -> list[VersionLine]:
    rows = TaskTemplate.objects.filter(group=place.group, kind=place.kind.value).select_related(
        "published_by"
    )
    path = reverse("template_export", args=place.args)
    return [
        VersionLine(
            row.version,
            row.name,
            len(tasks_of_text(row.rows)),
            f"{board_request.clock(row.published_at)}{_by(row.published_by)}",
            [(label, f"{path}?as={form}&version={row.version}") for form, label in FILES],
        )
        for row in rows.order_by("-version")
    ]


def _by(person: object) -> str:
    return f" by {getattr(person, 'name', '') or getattr(person, 'email', '')}" if person is not None else ""


def _url(path: str, month: object, kept: Iterable[tuple[str, str]]) -> str:
    pairs = [("month", f"{month:%Y-%m}" if month else ""), *kept]
    query = "&".join(f"{name}={value}" for name, value in pairs if value)
    return f"{path}?{query}" if query else path


def _is_end(kind: TemplateKind, month: date, year_end: int) -> bool:
    match kind:
        case TemplateKind.MONTH:
            return True
        case TemplateKind.QUARTER:
            return is_quarter_end(month, year_end)
        case TemplateKind.YEAR:
            return is_year_end(month, year_end)


def _ends(kind: TemplateKind, month: date, year_end: int) -> Iterator[date]:
    for _ in range(12):
        if _is_end(kind, month, year_end):
            yield month
        month = next_month(month)


def _next_month_of(kind: TemplateKind, month: date, year_end: int) -> date:
    return next(_ends(kind, month, year_end))


def _next_end(kind: TemplateKind, month: date, year_end: int) -> str:
    return month_and_year(_next_month_of(kind, month, year_end))
