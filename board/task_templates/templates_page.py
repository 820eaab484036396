"""The templates of the close tasks of the groups that a person sees, and the groups that could adopt some."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from board.task_templates.template_access import KIND_LABELS
from board.web.board_request import BoardRequest, board_view
from closing.close_tasks.task_templates import TemplateKind
from entities.access import administered_groups, groups_with_role
from entities.models import Person
from worklist.models import TaskAdoption, TaskTemplate, TaskTemplateDraft
from worklist.template_store.template_drafts import tasks_of_text


@dataclass(frozen=True, slots=True)
class TemplateCard:
    """One template of a group in its newest version; `version` is 0 where it has none yet."""

    kind: str
    name: str
    url: str
    version: int
    published: str
    tasks: int
    draft: str
    draft_url: str


@dataclass(frozen=True, slots=True)
class AdoptionCard:
    """A group with close tasks and its templates."""

    name: str
    calendar: str
    since: str
    administers: bool
    templates: list[TemplateCard]


@require_safe
@board_view
def task_templates(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The templates by group, with their drafts for people who administer the group."""
    person = board_request.person
    adoptions = (
        TaskAdoption.objects.filter(group__in=groups_with_role(person, Q()))
        .select_related("group", "calendar")
        .order_by("group__path")
    )
    groups = [adoption.group_id for adoption in adoptions]
    administered = list(administered_groups(person).values_list("pk", flat=True))
    rows = TaskTemplate.objects.filter(group__in=groups).select_related("published_by")
    newest = {
        (row.group_id, row.kind): row
        for row in rows.order_by("group_id", "kind", "-version").distinct("group_id", "kind")
    }
    drafts = {
        (row.group_id, row.kind): row
        for row in TaskTemplateDraft.objects.filter(
            group__in=set(groups) & set(administered), withdrawn_at=None, published_at=None
        ).select_related("changed_by")
    }
    cards = [
        AdoptionCard(
            adoption.group.name,
            adoption.calendar.name,
            board_request.clock(adoption.adopted_at),
            adoption.group_id in administered,
            [
                _card(
                    adoption,
                    kind,
                    newest.get((adoption.group_id, kind.value)),
                    drafts.get((adoption.group_id, kind.value)),
                    board_request,
                )
                for kind in TemplateKind
                if (adoption.group_id, kind.value) in newest or adoption.group_id in administered
            ],
        )
        for adoption in adoptions
    ]
    context = {
        **board_request.layout("tasks"),
        "month_key": f"{board_request.month:%Y-%m}",
        "kept": f"month={board_request.month:%Y-%m}",
        "here_is": "task_templates",
        "cards": cards,
        "adopts": bool(set(administered) - set(groups)),
    }
    return render(request, "board/tasks/templates.html", context)


def _card(
    adoption: TaskAdoption,
    kind: TemplateKind,
    row: TaskTemplate | None,
    draft: TaskTemplateDraft | None,
    board_request: BoardRequest,
) -> TemplateCard:
    args = [adoption.group.code, kind.value]
    published = ""
    if row is not None:
        by = f" by {_name(row.published_by)}" if row.published_by is not None else ""
        published = f"published {board_request.clock(row.published_at)}{by}"
    words = ""
    if draft is not None:
        words = f"Draft, changed {board_request.clock(draft.changed_at)} by {_name(draft.changed_by)}"
    return TemplateCard(
        KIND_LABELS[kind],
        row.name if row is not None else "",
        reverse("task_template", args=args),
        row.version if row is not None else 0,
        published,
        len(tasks_of_text(row.rows)) if row is not None else 0,
        words,
        reverse("template_draft", args=args),
    )


def _name(person: Person | None) -> str:
    return (person.name or person.email) if person is not None else "somebody"
