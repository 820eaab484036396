"""The import of a template: a file of ours, a workbook, or rows of the Microsoft workspace become its draft."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from board.task_templates.template_access import TemplatePlace, of_administered_template
from board.task_templates.template_forms import MOST_BYTES, ImportForm, problem_lines, sentence
from board.web.board_request import BoardRequest
from board.web.forms import SeeOther, posted
from board.web.labels import counted
from closing.close_tasks.task_templates import TemplateKind, TemplateVersion
from closing.close_tasks.template_rows import (
    COLUMNS,
    WORKSPACE_COLUMNS,
    ImportedTemplate,
    ImportRow,
    has_own_columns,
    keep_own_columns,
    rows_of_file,
    templates_of_rows,
)
from closing.tables import FileTable
from entities.models import LegalEntity
from infra.table_files import read_tables
from worklist.task_store.link_hosts import link_hosts
from worklist.template_store.template_drafts import (
    import_draft,
    newest_version,
    open_draft,
    tasks_of_text,
)
from worklist.template_store.templates_store import newest_rows

_MOST_PROBLEMS = 100  # lines of one answer


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What a file gave: one template, or why not."""

    template: ImportedTemplate | None = None
    problem: str = ""
    names: list[str] = field(default_factory=list)


@require_http_methods(["GET", "HEAD", "POST"])
@of_administered_template
def template_import(request: HttpRequest, board_request: BoardRequest, place: TemplatePlace) -> HttpResponse:
    """The form for a file, with the problems of its rows; a file that can be taken becomes the draft."""
    form = ImportForm(posted(request), request.FILES or None)
    read = ReadFile()
    if form.is_bound and form.is_valid():
        values = form.cleaned_data
        if values["file"].size > MOST_BYTES:
            read = ReadFile(problem="The file is larger than 2 MB: a template has at most 500 rows.")
        else:
            read = _read(place, values["file"].read(), values["template"])
        template = read.template
        if template is not None and template.tasks and (values["good_ones"] or not template.problems):
            return _imported(request, board_request, place, template)
    elif form.is_bound:
        read = ReadFile(problem=str(next(iter(form.errors.values()))[0]))
    problems = problem_lines(read.template.problems) if read.template is not None else []
    if read.template is not None and not read.template.tasks and not problems:
        read = ReadFile(problem="The file has no rows beneath its heading.")
    draft = open_draft(place.group, place.kind)
    context = {
        **board_request.layout("tasks"),
        "place": place,
        "draft": draft,
        "read": read,
        "problems": problems[:_MOST_PROBLEMS],
        "omitted": max(0, len(problems) - _MOST_PROBLEMS),
        "refused": counted(len({line for line, _, _ in problems}), "row", "rows"),
        "good": counted(len(read.template.tasks), "row", "rows")
        if read.template is not None and read.template.tasks
        else "",
        "columns": COLUMNS,
        "workspace": WORKSPACE_COLUMNS,
    }
    status = 422 if form.is_bound else 200
    return render(request, "board/tasks/template_import.html", context, status=status)


def _imported(
    request: HttpRequest, board_request: BoardRequest, place: TemplatePlace, template: ImportedTemplate
) -> HttpResponse:
    earlier = open_draft(place.group, place.kind)
    import_draft(
        place.group, place.kind, template.name, template.tasks, board_request.now, board_request.person
    )
    count = counted(len(template.tasks), "task", "tasks")
    words = f"{count} imported into the draft. Look at what changes, then publish."
    if template.problems:
        left = len({problem.line for problem in template.problems})
        words = f"{words} {counted(left, 'row', 'rows')} of the file were not taken."
    undo = (
        reverse("restore_draft", args=[*place.args, board_request.now.isoformat()])
        if earlier is not None
        else ""
    )
    messages.success(request, words, extra_tags=undo)
    return SeeOther(reverse("template_draft", args=place.args))


def _read(place: TemplatePlace, content: bytes, wanted: str) -> ReadFile:
    """The template of a file; of several the wanted one. What the workspace does not know stays as it is."""
    try:
        rows = _rows(content)
    except ValueError as error:
        return ReadFile(problem=sentence(str(error)))
    newest = newest_version(place.group, place.kind)
    draft = open_draft(place.group, place.kind)
    name = newest.name if newest is not None else place.label
    names = list(dict.fromkeys(row.cell("Template") or name for row in rows))
    if len(names) > 1:
        if wanted not in names:
            return ReadFile(problem=f"The file has {len(names)} templates: choose one.", names=names)
        rows = [row for row in rows if (row.cell("Template") or name) == wanted]
    current = draft if draft is not None else newest
    if current is not None and not has_own_columns(rows):
        rows = keep_own_columns(
            rows, TemplateVersion(current.name, place.kind, 1, tasks_of_text(current.rows))
        )
    templates = templates_of_rows(
        rows,
        default_name=name,
        other_codes=_codes_of_others(place),
        allowed_hosts=link_hosts(),
        entity_codes=_entity_codes(place),
    )
    return ReadFile(templates[0] if templates else ImportedTemplate(name, ()), names=names)


def _rows(content: bytes) -> list[ImportRow]:
    """The rows of the first table whose heading is that of a template; raises ValueError."""
    tables = iter(read_tables(content))
    first: FileTable | None = next(tables, None)
    if first is None:
        raise ValueError("the workbook has no sheet")
    return rows_of_file(first)


def _codes_of_others(place: TemplatePlace) -> set[str]:
    """The codes of the tasks of the group's other templates, which these tasks may wait for."""
    rows: dict[TemplateKind, object] = dict(newest_rows(place.adoption.group_id))
    return {
        task.code
        for kind, row in rows.items()
        if kind is not place.kind
        for task in tasks_of_text(row.rows)  # type: ignore[attr-defined]
    }


def _entity_codes(place: TemplatePlace) -> dict[str, str]:
    """The codes of the group's entities by company of the ERP and by code, in small letters."""
    entities = LegalEntity.objects.filter(group__path__startswith=place.group.path).order_by("code")
    codes = list(entities.values_list("code", "erp_id"))
    companies = {company.casefold(): code for code, company in codes if company}
    return {**companies, **{code.casefold(): code for code, _ in codes}}
