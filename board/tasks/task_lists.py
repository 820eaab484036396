"""The lists of close tasks: the whole group, one's own, and one entity's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from board.tasks.forms import BulkDoneForm
from board.tasks.reopening_note import reopening_note
from board.tasks.task_filter import TaskFilter, areas_of, passing, task_chips, task_selects
from board.tasks.task_lines import MonthTasks, TaskLine, month_tasks, task_line
from board.tasks.task_screen import task_screen
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest, board_view
from board.web.controls import build_url
from board.web.forms import SeeOther
from closing.close_tasks.erp_checks import CheckResult
from closing.close_tasks.task_progress import (
    TaskProgress,
    is_overdue,
    least_progress,
    progress_of,
    tasks_of_person,
)
from worklist.models import CloseTask
from worklist.task_store.task_acts_store import MOST_AT_ONCE, mark_tasks_done
from worklist.task_store.task_checks import check_results
from worklist.task_store.task_people import people_of_tasks

MOST_LINES = 500  # tasks shown at once


@dataclass(frozen=True, slots=True)
class HolderProgress:
    """The progress of one entity, or of a group's own tasks, with a cell for each area."""

    name: str
    code: str
    url: str
    whole: TaskProgress
    overdue: int
    areas: Sequence[TaskProgress | None]

    @property
    def percent(self) -> int:
        return round(100 * self.whole.share)


@dataclass(frozen=True, slots=True)
class TaskHeading:
    """The tasks of one title, or of one area, under a heading."""

    title: str
    lines: Sequence[TaskLine]


@require_safe
@board_view
def tasks(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The tasks of the whole group: progress by entity and area, or a list where something is filtered for."""
    wanted = TaskFilter.of(request.GET.dict())
    path = reverse("tasks")
    screen = task_screen(request, board_request, "Tasks", path, own=wanted.pairs())
    month = _month(board_request)
    areas = areas_of(month)
    chosen = passing(month, wanted, board_request) if wanted.is_set else []
    holders = [] if wanted.is_set else _by_holder(month, areas, board_request)
    least = least_progress({each.name: each.whole for each in holders})
    query = _query(board_request)
    context = {
        **screen,
        "wanted": wanted,
        "hidden": [*query.pairs(), *([("which", wanted.which)] if wanted.which else [])],
        "chips": [
            (chip, build_url(path, query, chip.pairs)) for chip in task_chips(month, wanted, board_request)
        ],
        "selects": task_selects(month, wanted, areas),
        "clear": build_url(path, query),
        "areas": areas,
        "holders": holders,
        "least": f"{least[0]}: {least[1]}" if least else "",
        "lines": _lines(chosen[:MOST_LINES], month, board_request),
        "found": len(chosen),
        "omitted": max(0, len(chosen) - MOST_LINES),
    }
    return render(request, "board/tasks/tasks.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def my_tasks(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The tasks that wait for a person, by title and then entity; those ticked are marked done at once."""
    path = build_url(reverse("my_tasks"), BoardQuery(month=board_request.month))
    skipped: list[str] = []
    status = 200
    if request.method == "POST":
        _, mine = _waiting(board_request)
        form = BulkDoneForm(request.POST, [str(task.uid) for task in mine])
        if form.is_valid():
            uids = [UUID(uid) for uid in form.cleaned_data["task"]][:MOST_AT_ONCE]
            result = mark_tasks_done(board_request.person, uids, board_request.now)
            skipped = [f"{each.task.title}, {each.task.holder_name}: {each.words}" for each in result.skipped]
            messages.success(request, f"{result}.")
            if not skipped:
                return SeeOther(path)
        else:
            status = 422
            skipped = ["One of these tasks does not wait for you: tick them again."]
    screen = task_screen(request, board_request, "My tasks", reverse("my_tasks"))
    month, mine = _waiting(board_request)
    lines = _lines(mine[:MOST_LINES], month, board_request)
    context = {
        **screen,
        "headings": _under(lines, lambda line: line.title),
        "count": len(mine),
        "omitted": max(0, len(mine) - MOST_LINES),
        "skipped": skipped,
        "action": path,
    }
    return render(request, "board/tasks/my_tasks.html", context, status=status)


@require_safe
@board_view
def entity_tasks(request: HttpRequest, board_request: BoardRequest, code: str) -> HttpResponse:
    """The tasks of one entity's month, by area, with what waits for what and what the ERP still shows."""
    entity = board_request.entities().select_related("group").filter(code=code).first()
    if entity is None:
        raise Http404
    path = reverse("entity_tasks", args=[code])
    screen = task_screen(request, board_request, f"Tasks of {entity.name}", path)
    month = _month(board_request)
    own = [task for task in month.tasks if task.entity_id == entity.pk]
    checks = check_results(own, board_request.as_of)
    newest = [month.records[task.pk] for task in month.newest() if task.entity_id == entity.pk]
    context = {
        **screen,
        "entity": entity,
        "crumbs": [
            ("Tasks", build_url(reverse("tasks"), _query(board_request))),
            (entity.name, build_url(reverse("entity", args=[code]), _query(board_request))),
        ],
        "headings": _under(_lines(own, month, board_request, checks), lambda line: line.areas),
        "progress": str(progress_of(newest)) if newest else "",
        "reopening": reopening_note(entity, board_request, month),
    }
    return render(request, "board/tasks/entity_tasks.html", context)


def _month(board_request: BoardRequest) -> MonthTasks:
    past = board_request.as_of if board_request.past else None
    return month_tasks(board_request.person, board_request.month, past)


def _query(board_request: BoardRequest) -> BoardQuery:
    return BoardQuery(month=board_request.query.month, at=board_request.query.at)


def _waiting(board_request: BoardRequest) -> tuple[MonthTasks, list[CloseTask]]:
    """The tasks of a month and those of them that wait for the person, the earliest due first."""
    person = board_request.person
    month = _month(board_request)
    people = people_of_tasks(person, (), board_request.as_of)
    stands_in_for = people.stands_in_for()
    reviews = {
        task.reviewer_role
        for task in month.tasks
        if task.reviewer_role and people.reviewer(task) in {person.pk, *stands_in_for}
    }
    waiting = {
        record.key
        for record in tasks_of_person(
            month.records.values(), person.pk, stands_in_for=stands_in_for, reviews=reviews
        )
    }
    mine = [task for task in month.newest() if month.records[task.pk].key in waiting]
    mine.sort(key=lambda task: (task.due_on is None, task.due_on, task.position, task.title))
    return month, mine


def _lines(
    tasks: Iterable[CloseTask],
    month: MonthTasks,
    board_request: BoardRequest,
    checks: Mapping[int, CheckResult] | None = None,
) -> list[TaskLine]:
    return [
        task_line(
            task,
            month.records[task.pk],
            month.index,
            month.people,
            board_request.as_of,
            (checks or {}).get(task.pk),
            BoardQuery(at=board_request.query.at),
        )
        for task in tasks
    ]


def _under(lines: Iterable[TaskLine], heading: Callable[[TaskLine], str]) -> list[TaskHeading]:
    found: dict[str, list[TaskLine]] = {}
    for line in lines:
        found.setdefault(heading(line), []).append(line)
    return [TaskHeading(title, under) for title, under in found.items()]


def _by_holder(month: MonthTasks, areas: Sequence[str], board_request: BoardRequest) -> list[HolderProgress]:
    found: dict[str, list[CloseTask]] = {}
    for task in month.newest():
        found.setdefault(task.holder.code, []).append(task)
    progress = []
    query = BoardQuery(month=board_request.month, at=board_request.query.at)
    for code, tasks in found.items():
        records = [month.records[task.pk] for task in tasks]
        of_entity = tasks[0].entity_id is not None
        path = reverse("entity_tasks", args=[code]) if of_entity else reverse("tasks")
        progress.append(
            HolderProgress(
                tasks[0].holder.name,
                code,
                build_url(path, query, () if of_entity else [("entity", code)]),
                progress_of(records),
                sum(is_overdue(record, board_request.as_of) for record in records),
                [
                    progress_of(record for record in records if area in record.areas)
                    if any(area in record.areas for record in records)
                    else None
                    for area in areas
                ],
            )
        )
    return sorted(progress, key=lambda each: (each.whole.share, each.name))
