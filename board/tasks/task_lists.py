"""The lists of close tasks: the whole group, one's own, and one entity's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from board.tasks.forms import BulkDoneForm
from board.tasks.task_lines import MonthTasks, TaskLine, month_tasks, task_line
from board.web.board_request import BoardRequest, board_view
from board.web.controls import month_links
from board.web.forms import SeeOther
from closing.calendar.date_phrases import month_and_year
from closing.close_tasks.prerequisites import TaskStage
from closing.close_tasks.task_progress import (
    TaskProgress,
    is_due_today,
    is_overdue,
    least_progress,
    progress_of,
    tasks_of_person,
)
from closing.close_tasks.task_templates import AREAS
from worklist.models import CloseTask
from worklist.task_store.task_acts_store import MOST_AT_ONCE, mark_tasks_done
from worklist.task_store.task_checks import check_results
from worklist.task_store.task_people import people_of_tasks

MOST_LINES = 500  # tasks shown at once
SHOWN = {
    "mine": "Mine",
    "today": "Due today",
    "overdue": "Overdue",
    "blocked": "Blocked",
}


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
    month = month_tasks(board_request.person, board_request.month)
    wanted = {name: request.GET.get(name, "")[:100] for name in ("which", "area", "entity", "owner")}
    filtered = any(wanted.values())
    chosen = [task for task in month.newest() if _wanted(task, month, wanted, board_request)]
    used = {area for task in month.tasks for area in task.areas}
    areas = [area for area in AREAS.values() if area in used] + sorted(used - set(AREAS.values()))
    path = reverse("tasks")
    holders = [] if filtered else _by_holder(month, areas, board_request)
    least = least_progress({each.name: each.whole for each in holders})
    context = {
        **_shared(board_request, "Tasks", path, wanted),
        "wanted": wanted,
        "filtered": filtered,
        "shown": list(SHOWN.items()),
        "areas": areas,
        "entities": sorted(
            {(task.holder.code, task.holder.name) for task in month.tasks}, key=lambda each: each[1]
        ),
        "owners": sorted(set(month.people.values())),
        "holders": holders,
        "least": f"{least[0]}: {least[1]}" if least else "",
        "lines": _lines(chosen[:MOST_LINES], month, board_request) if filtered else [],
        "count": len(chosen),
        "omitted": max(0, len(chosen) - MOST_LINES) if filtered else 0,
    }
    return render(request, "board/tasks/tasks.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def my_tasks(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The tasks that wait for a person, by title and then entity; those ticked are marked done at once."""
    person = board_request.person
    month = month_tasks(person, board_request.month)
    people = people_of_tasks(person, (), board_request.now)
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
    path = f"{reverse('my_tasks')}?month={board_request.month:%Y-%m}"
    skipped: list[str] = []
    status = 200
    if request.method == "POST":
        form = BulkDoneForm(request.POST, [str(task.uid) for task in mine])
        if form.is_valid():
            uids = [UUID(uid) for uid in form.cleaned_data["task"]][:MOST_AT_ONCE]
            result = mark_tasks_done(person, uids, board_request.now)
            skipped = [f"{each.task.title}, {each.task.holder_name}: {each.words}" for each in result.skipped]
            messages.success(request, f"{result}.")
            if not skipped:
                return SeeOther(path)
            month = month_tasks(person, board_request.month)
            done = {record.key for record in result.done}
            mine = [task for task in mine if month.records[task.pk].key not in done]
        else:
            status = 422
            skipped = ["One of these tasks does not wait for you: tick them again."]
    mine.sort(key=lambda task: (task.due_on is None, task.due_on, task.position, task.title))
    lines = _lines(mine[:MOST_LINES], month, board_request)
    context = {
        **_shared(board_request, "My tasks", reverse("my_tasks"), {}),
        "headings": _under(lines, lambda line: line.title),
        "count": len(mine),
        "omitted": max(0, len(mine) - MOST_LINES),
        "skipped": skipped,
        "path": path,
    }
    return render(request, "board/tasks/my_tasks.html", context, status=status)


@require_safe
@board_view
def entity_tasks(request: HttpRequest, board_request: BoardRequest, code: str) -> HttpResponse:
    """The tasks of one entity's month, by area, with what waits for what and what the ERP still shows."""
    entity = board_request.entities().filter(code=code).first()
    if entity is None:
        raise Http404
    month = month_tasks(board_request.person, board_request.month)
    own = [task for task in month.tasks if task.entity_id == entity.pk]
    checks = check_results(own, board_request.now)
    lines = [
        task_line(
            task,
            month.records[task.pk],
            month.index,
            month.people,
            board_request.now,
            checks.get(task.pk),
        )
        for task in own
    ]
    newest = [month.records[task.pk] for task in month.newest() if task.entity_id == entity.pk]
    context = {
        **_shared(board_request, f"Tasks of {entity.name}", reverse("entity_tasks", args=[code]), {}),
        "entity": entity,
        "headings": _under(lines, lambda line: line.areas),
        "progress": str(progress_of(newest)),
    }
    return render(request, "board/tasks/entity_tasks.html", context)


def _shared(board_request: BoardRequest, title: str, path: str, kept: dict[str, str]) -> dict[str, object]:
    def url_of(month: object) -> str:
        pairs = {**({"month": f"{month:%Y-%m}"} if month else {}), **{k: v for k, v in kept.items() if v}}
        return f"{path}?{urlencode(pairs)}" if pairs else path

    return {
        **board_request.layout("tasks"),
        "title": title,
        "month": month_and_year(board_request.month),
        "month_key": f"{board_request.month:%Y-%m}",
        "links": month_links(board_request, url_of),
        "count": None,
        "progress": "",
        "least": "",
    }


def _wanted(task: CloseTask, month: MonthTasks, wanted: dict[str, str], board_request: BoardRequest) -> bool:
    record = month.records[task.pk]
    tests = {
        "mine": lambda: task.owner_id == board_request.person.pk and not record.finished,
        "today": lambda: is_due_today(record, board_request.now),
        "overdue": lambda: is_overdue(record, board_request.now),
        "blocked": lambda: month.index.stage(record) is TaskStage.BLOCKED,
    }
    test = tests.get(wanted["which"])
    return (
        (test is None or test())
        and (not wanted["area"] or wanted["area"] in task.areas)
        and (not wanted["entity"] or wanted["entity"] == task.holder.code)
        and (not wanted["owner"] or wanted["owner"] == month.people.get(task.owner_id or 0))
    )


def _lines(tasks: Iterable[CloseTask], month: MonthTasks, board_request: BoardRequest) -> list[TaskLine]:
    return [
        task_line(task, month.records[task.pk], month.index, month.people, board_request.now)
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
    for code, tasks in found.items():
        records = [month.records[task.pk] for task in tasks]
        path = reverse("entity_tasks", args=[code]) if tasks[0].entity_id is not None else reverse("tasks")
        own = "" if tasks[0].entity_id is not None else f"&entity={code}"
        query = f"?month={tasks[0].month:%Y-%m}{own}"
        progress.append(
            HolderProgress(
                tasks[0].holder.name,
                code,
                f"{path}{query}",
                progress_of(records),
                sum(is_overdue(record, board_request.now) for record in records),
                [
                    progress_of(record for record in records if area in record.areas)
                    if any(area in record.areas for record in records)
                    else None
                    for area in areas
                ],
            )
        )
    return sorted(progress, key=lambda each: (each.whole.share, each.name))
