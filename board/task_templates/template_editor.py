"""The draft of a template: its tasks, its findings, what publishing it would change, and the acts on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.db.models import Max, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from board.task_templates.template_access import TemplatePlace, of_administered_template
from board.task_templates.template_forms import DraftActForm, DraftTaskForm, RevisionForm
from board.web.board_request import BoardRequest
from board.web.forms import SeeOther, bind_errors, form_status, moment_in, posted
from closing.calendar.date_phrases import month_and_year
from closing.calendar.deadlines import join_with_and
from closing.calendar.months import next_month
from closing.close_tasks.due_offsets import offset_label
from closing.close_tasks.task_templates import AREAS, TaskSpec
from closing.close_tasks.template_cells import depends_on_cell
from closing.close_tasks.template_findings import doubts, due_before_prerequisite, mistakes
from worklist.models import CloseTask, TaskAdoption, TaskRoleHolder, TaskTemplate, TaskTemplateDraft
from worklist.task_store.generate_tasks import members_of_adoptions
from worklist.template_store.template_drafts import (
    DraftChanged,
    draft_differences,
    draft_set,
    draft_tasks,
    move_draft_task,
    newest_version,
    open_draft,
    publish_draft,
    remove_draft_task,
    rename_draft,
    restore_draft,
    save_draft_task,
    start_draft,
    withdraw_draft,
)
from worklist.template_store.templates_store import TemplatesRefused

_MOST_MONTHS = 2  # named in the sentence about what a version holds for


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One task of the draft."""

    code: str
    title: str
    due: str
    after: str
    role: str
    reviewer: str
    url: str


@require_http_methods(["GET", "HEAD", "POST"])
@of_administered_template
def template_draft(request: HttpRequest, board_request: BoardRequest, place: TemplatePlace) -> HttpResponse:
    """The draft of a template; a POST starts one, or does an act on it."""
    if request.method == "POST" and "act" not in request.POST:
        start_draft(place.group, place.kind, board_request.now, board_request.person)
        return SeeOther(reverse("template_draft", args=place.args))
    draft = open_draft(place.group, place.kind)
    if draft is None:
        return _no_draft(request, board_request, place)
    if request.method != "POST":
        return _page(request, board_request, place, draft)
    form = DraftActForm(request.POST)
    if not form.is_valid():
        return _page(request, board_request, place, draft, problem=str(next(iter(form.errors.values()))[0]))
    return _act(request, board_request, place, draft, form)


def _act(
    request: HttpRequest,
    board_request: BoardRequest,
    place: TemplatePlace,
    draft: TaskTemplateDraft,
    form: DraftActForm,
) -> HttpResponse:
    values, by, at = form.cleaned_data, board_request.person, board_request.now
    revision, code = values["revision"], values["code"]
    here = reverse("template_draft", args=place.args)

    def publish() -> str:
        row = publish_draft(draft, revision, values["version"] or 0, at, by)
        messages.success(
            request, f"Version {row.version} of {row.name} is published. {held_from(place.adoption)}"
        )
        return reverse("task_template", args=place.args)

    def withdraw() -> str:
        withdraw_draft(draft, revision, at, by)
        undo = reverse("restore_draft", args=[*place.args, at.isoformat()])
        messages.success(request, "The draft was withdrawn.", extra_tags=undo)
        return reverse("task_template", args=place.args)

    def rename() -> str:
        if not values["name"]:
            raise TemplatesRefused("Give the template a name")
        rename_draft(draft, revision, values["name"], at, by)
        messages.success(request, f"The draft is called {values['name']}.")
        return here

    def remove() -> str:
        remove_draft_task(draft, revision, code, at, by)
        messages.success(request, f"The task {code} was removed from the draft.")
        return here

    def move_up() -> str:
        move_draft_task(draft, revision, code, at, by)
        return f"{here}#task-{code}"

    acts: dict[str, Callable[[], str]] = {
        "publish": publish,
        "withdraw": withdraw,
        "rename": rename,
        "remove": remove,
        "up": move_up,
    }
    try:
        return SeeOther(acts[values["act"]]())
    except DraftChanged as error:
        problem = str(error)
    except TemplatesRefused as error:
        problem = f"{error}."
    now = open_draft(place.group, place.kind)
    if now is None:
        messages.warning(request, problem)
        return SeeOther(reverse("task_template", args=place.args))
    return _page(request, board_request, place, now, problem=problem)


@require_POST
@of_administered_template
def draft_restore(
    request: HttpRequest, board_request: BoardRequest, place: TemplatePlace, moment: str
) -> HttpResponse:
    """Brings the draft back that was withdrawn at a moment; one that is back already changes nothing."""
    drafts = TaskTemplateDraft.objects.filter(group=place.group, kind=place.kind.value, published_at=None)
    withdrawn_at = moment_in(moment)
    draft = drafts.filter(withdrawn_at=withdrawn_at).first() if withdrawn_at is not None else None
    if draft is None and open_draft(place.group, place.kind) is None:
        raise Http404
    if draft is not None and restore_draft(draft, board_request.now, board_request.person):
        messages.success(request, "The draft is back.")
    return SeeOther(reverse("template_draft", args=place.args))


@require_http_methods(["GET", "HEAD", "POST"])
@of_administered_template
def draft_task(
    request: HttpRequest, board_request: BoardRequest, place: TemplatePlace, task: str = ""
) -> HttpResponse:
    """The form of one task of the draft; without a code that of a new one."""
    draft = open_draft(place.group, place.kind)
    if draft is None:
        return _no_draft(request, board_request, place)
    tasks = draft_tasks(draft)
    spec = next((each for each in tasks if each.code == task), None)
    if task and spec is None:
        raise Http404
    form = DraftTaskForm(posted(request), spec)
    revision = RevisionForm(request.POST) if form.is_bound else None
    problem = ""
    if revision is not None and not revision.is_valid():
        problem = str(next(iter(revision.errors.values()))[0])
    elif revision is not None and form.is_valid() and form.task is not None:
        saved = form.task
        try:
            with bind_errors(form):
                save_draft_task(
                    draft,
                    revision.cleaned_data["revision"],
                    saved,
                    board_request.now,
                    board_request.person,
                    replaces=task,
                )
                messages.success(request, f"“{saved.title}” was saved in the draft.")
                return SeeOther(f"{reverse('template_draft', args=place.args)}#task-{saved.code}")
        except DraftChanged as error:
            problem = f"{str(error).partition(' Look at')[0]} What you typed is kept here: save it again."
            draft = open_draft(place.group, place.kind) or draft
    context = {
        **board_request.layout("tasks"),
        "place": place,
        "draft": draft,
        "form": form,
        "task": spec,
        "problem": problem,
        "codes": [(each.code, each.title) for each in tasks if each.code != task],
        "roles": sorted({role for each in tasks for role in (each.owner_role, each.reviewer_role) if role}),
        "areas": list(AREAS.values()),
    }
    status = 409 if problem else form_status(form)
    return render(request, "board/tasks/draft_task.html", context, status=status)


def held_from(adoption: TaskAdoption) -> str:
    """What a version published now holds for, with the months that have their tasks already."""
    members = [pk for pk, group in members_of_adoptions().items() if group == adoption.group_id]
    tasks = CloseTask.objects.filter(Q(group=adoption.group_id) | Q(entity__in=members))
    latest = tasks.aggregate(latest=Max("month"))["latest"]
    if latest is None:
        return "It holds from the first close on: no tasks are generated yet."
    months = list(tasks.order_by("-month").values_list("month", flat=True).distinct()[:_MOST_MONTHS])
    named = join_with_and([month_and_year(month) for month in reversed(months)])
    return (
        f"It holds for closes that have no tasks yet, from {month_and_year(next_month(latest))} on. "
        f"The tasks of {named} are generated already and stay as they are."
    )


def held_roles() -> frozenset[str]:
    """The roles that somebody has, anywhere."""
    newest = TaskRoleHolder.objects.order_by("group_id", "entity_id", "role", "-set_at")
    rows = newest.distinct("group_id", "entity_id", "role").values_list("role", "person_id")
    return frozenset(role for role, person in rows if person is not None)


def _page(
    request: HttpRequest,
    board_request: BoardRequest,
    place: TemplatePlace,
    draft: TaskTemplateDraft,
    *,
    problem: str = "",
) -> HttpResponse:
    newest = newest_version(place.group, place.kind)
    tasks = draft_tasks(draft)
    errors, notes = _findings(place, draft, tasks)
    differences = draft_differences(newest, draft)
    renamed = newest is not None and newest.name != draft.name
    context = {
        **board_request.layout("tasks"),
        "place": place,
        "draft": draft,
        "changed": f"{board_request.clock(draft.changed_at)} by {_name(draft)}",
        "newest": newest.version if newest is not None else 0,
        "outdated": newest is not None and newest.version != draft.base_version,
        "errors": errors,
        "notes": notes,
        "differences": differences,
        "renamed": f"name: {newest.name} → {draft.name}" if newest is not None and renamed else "",
        "publishable": not errors and (bool(differences) or renamed),
        "held_from": held_from(place.adoption),
        "lines": _lines(place, tasks),
        "problem": problem,
        "zone": board_request.reader.zone_name,
    }
    return render(request, "board/tasks/template_draft.html", context, status=422 if problem else 200)


def _findings(
    place: TemplatePlace, draft: TaskTemplateDraft, tasks: Sequence[TaskSpec]
) -> tuple[list[str], list[str]]:
    """The sentences that keep the draft from being published, and those that do not."""
    if not tasks:
        return ["The draft has no task yet: add one, or import a file."], []
    templates = draft_set(place.group, draft)
    if templates is None:
        return ["Publish the template of the month first: the others add to it."], []
    errors = [*mistakes(templates), *due_before_prerequisite(templates)]
    return [f"{words}." for words in errors], [f"{words}." for words in doubts(templates, held_roles())]


def _lines(place: TemplatePlace, tasks: Sequence[TaskSpec]) -> list[DraftLine]:
    return [
        DraftLine(
            task.code,
            task.title,
            offset_label(task.due, place.adoption.first_is),
            depends_on_cell(task.depends_on),
            task.owner_role,
            task.reviewer_role if task.sign_off else "",
            reverse("draft_task", args=[*place.args, task.code]),
        )
        for task in tasks
    ]


def _no_draft(request: HttpRequest, board_request: BoardRequest, place: TemplatePlace) -> HttpResponse:
    newest: TaskTemplate | None = newest_version(place.group, place.kind)
    context = {
        **board_request.layout("tasks"),
        "place": place,
        "newest": newest.version if newest is not None else 0,
    }
    status = 409 if request.method == "POST" else 200
    return render(request, "board/tasks/no_draft.html", context, status=status)


def _name(draft: TaskTemplateDraft) -> str:
    by = draft.changed_by
    return (by.name or by.email) if by is not None else "somebody"
