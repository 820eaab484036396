"""The lists of close tasks: the whole group, one's own, and one entity's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from board.tasks.forms import BulkDoneForm
from board.tasks.reopening_note import reopening_note
from board.tasks.task_filter import TaskFilter, areas_of, count_of, task_chips, task_selects
from board.tasks.task_lines import MonthTasks, TaskLine, due_words, month_tasks, task_line
from board.tasks.task_screen import task_screen
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest, board_view
from board.web.controls import build_url
from board.web.forms import SeeOther
from closing.calendar.instants import local_date, zone_named
from closing.close_tasks.erp_checks import CheckResult
from closing.close_tasks.task_progress import (
    TaskProgress,
    least_progress,
    progress_of,
    tasks_of_person,
)
from worklist.models import CloseTask
from worklist.task_store.past_tasks import tasks_as_known
from worklist.task_store.role_holders import deputies_on, role_holders
from worklist.task_store.task_acts_store import MOST_AT_ONCE, mark_tasks_done
from worklist.task_store.task_checks import check_results
from worklist.task_store.task_index import CloseGroups, close_groups, tasks_by_id, tasks_of_entity
from worklist.task_store.task_listing import (
    CountsOfTask,
    TaskCounts,
    TaskSelection,
    count_by_task,
    count_tasks,
    listed_tasks,
    task_choices,
    tasks_waiting_for,
    visible_tasks,
)
from worklist.task_store.task_people import reviewer_of
from worklist.task_store.task_rows import record_of

MOST_LINES = 200  # tasks of a group shown at once
MOST_OWN = 500  # tasks of one person


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
class TitleProgress:
    """The progress of one task over all entities that have it; `due` is the first of their due dates."""

    title: str
    url: str
    due: str
    whole: TaskProgress
    overdue: int
    blocked: int

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
    selection, groups = _selection(board_request, wanted), close_groups()
    counts, choices = count_tasks(selection, groups.ids), task_choices(selection)
    areas = areas_of(choices)
    found = []
    if wanted.is_set:
        found = tasks_by_id(listed_tasks(selection, groups.ids, wanted.which, limit=MOST_LINES))
    month = _month(board_request, found, groups)
    count = count_of(counts, wanted.which) if wanted.is_set else 0
    holders = [] if wanted.is_set else _by_holder(counts, areas, board_request)
    by_task = holders and wanted.rows == "task"
    least = least_progress({each.name: each.whole for each in holders})
    query = _query(board_request)
    context = {
        **screen,
        "wanted": wanted,
        "hidden": [*query.pairs(), *([("which", wanted.which)] if wanted.which else [])],
        "chips": [(chip, build_url(path, query, chip.pairs)) for chip in task_chips(counts, wanted)],
        "selects": task_selects(choices, wanted, areas),
        "clear": build_url(path, query, TaskFilter(rows=wanted.rows).pairs()),
        "areas": areas,
        "holders": holders,
        "titles": _by_task(count_by_task(selection, groups.ids), query) if by_task else (),
        "least": f"{least[0]}: {least[1]}" if least and least[1].share < 1 else "",
        "lines": _lines(month.tasks, month, board_request),
        "found": count,
        "omitted": max(0, count - MOST_LINES),
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
        mine = _waiting(board_request)
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
    mine = _waiting(board_request)
    month = _month(board_request, mine[:MOST_OWN], close_groups())
    lines = _lines(month.tasks, month, board_request)
    context = {
        **screen,
        "headings": _under(lines, lambda line: line.title),
        "count": len(mine),
        "omitted": max(0, len(mine) - MOST_OWN),
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
    month = _month(board_request, tasks_of_entity(entity.pk, board_request.month), close_groups())
    own = month.tasks
    checks = check_results(own, board_request.as_of)
    newest = [month.records[task.pk] for task in month.newest()]
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


def _month(board_request: BoardRequest, tasks: Sequence[CloseTask], groups: CloseGroups) -> MonthTasks:
    past = board_request.as_of if board_request.past else None
    return month_tasks(board_request.person, tasks, groups, past)


def _selection(board_request: BoardRequest, wanted: TaskFilter) -> TaskSelection:
    visible = visible_tasks(board_request.person, board_request.month, board_request.as_of)
    return replace(visible, area=wanted.area, holder=wanted.entity, owner=wanted.owner, text=wanted.q)


def _query(board_request: BoardRequest) -> BoardQuery:
    return BoardQuery(month=board_request.query.month, at=board_request.query.at)


def _waiting(board_request: BoardRequest) -> list[CloseTask]:
    """The tasks of a month that wait for the person, the earliest due first."""
    person, past = board_request.person, board_request.past
    holders = role_holders()
    deputies = deputies_on(local_date(board_request.as_of, zone_named(person.zone)))
    stands_in_for = {owner for owner, them in deputies.items() if person.pk in them}
    everybody = {person.pk, *stands_in_for}
    selection = _selection(board_request, TaskFilter())
    tasks = tasks_by_id(tasks_waiting_for(selection, everybody, holders.roles_of(everybody)))
    if past:
        tasks = tasks_as_known(tasks, board_request.as_of)
    mine = [
        task
        for task in tasks
        if tasks_of_person(
            [record_of(task)],
            person.pk,
            stands_in_for=stands_in_for,
            reviews={task.reviewer_role} if reviewer_of(task, holders) in everybody else (),
        )
    ]
    return sorted(mine, key=lambda task: (task.due_on is None, task.due_on, task.position, task.title))


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


def _by_holder(
    counts: Iterable[TaskCounts], areas: Sequence[str], board_request: BoardRequest
) -> list[HolderProgress]:
    found: dict[str, list[TaskCounts]] = {}
    for each in counts:
        found.setdefault(each.code, []).append(each)
    progress = []
    query = BoardQuery(month=board_request.month, at=board_request.query.at)
    for code, of_holder in found.items():
        of_entity = of_holder[0].of_entity
        path = reverse("entity_tasks", args=[code]) if of_entity else reverse("tasks")
        by_area: dict[str, list[TaskCounts]] = {}
        for each in of_holder:
            for area in each.areas:
                by_area.setdefault(area, []).append(each)
        progress.append(
            HolderProgress(
                of_holder[0].name,
                code,
                build_url(path, query, () if of_entity else [("entity", code)]),
                _progress(of_holder),
                sum(each.overdue for each in of_holder),
                [_progress(by_area[area]) if area in by_area else None for area in areas],
            )
        )
    return sorted(progress, key=lambda each: (each.whole.share, each.name))


def _by_task(counts: Iterable[CountsOfTask], query: BoardQuery) -> list[TitleProgress]:
    """Each task with its progress over the entities, in the order of the templates."""
    return [
        TitleProgress(
            each.title,
            build_url(reverse("tasks"), query, TaskFilter(q=each.title, rows="task").pairs()),
            due_words(each.due_on, None) if each.due_on is not None else "",
            TaskProgress(each.done, each.total, each.not_needed),
            each.overdue,
            each.blocked,
        )
        for each in counts
    ]


def _progress(counts: Iterable[TaskCounts]) -> TaskProgress:
    numbers = [(each.done, each.total, each.not_needed) for each in counts]
    return TaskProgress(*map(sum, zip(*numbers, strict=True)))
