"""The page of one close task: where it stands, what it waits for, its acts, support and history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import F, Q, Value
from django.db.models.functions import StrIndex
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from board.tasks.owner_calendars import owner_holiday_words
from board.tasks.task_history import history_lines, support_lines, supports_of
from board.tasks.task_lines import due_label, names_of, task_line
from board.tasks.task_screen import task_screen
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest, board_view
from closing.close_tasks.erp_checks import UNCHECKED, CheckResult, CheckVerdict
from closing.close_tasks.generation import TaskKey
from closing.close_tasks.prerequisites import TaskIndex
from closing.close_tasks.task_acts import TaskAct, TaskPeople, refusal
from closing.close_tasks.task_record import TaskRecord, TaskStatus
from closing.close_tasks.task_templates import LinkKind
from closing.close_tasks.template_cells import parse_link
from connectors.registry import erp_link, erp_menu_link
from entities.access import Role
from entities.models import Membership, Person
from worklist.models import CloseTask
from worklist.task_store.link_hosts import link_hosts
from worklist.task_store.past_tasks import tasks_as_known
from worklist.task_store.support_store import FILE_TYPES
from worklist.task_store.task_checks import check_results
from worklist.task_store.task_index import close_groups, index_of, tasks_around
from worklist.task_store.task_people import people_of_tasks
from worklist.task_store.task_rows import key_of

BUTTONS = {
    TaskAct.DO: "Mark done",
    TaskAct.UNDO: "Undo",
    TaskAct.SIGN_OFF: "Sign off",
    TaskAct.RETURN: "Return",
    TaskAct.NOT_NEEDED: "Not needed",
    TaskAct.NEEDED: "Needed again",
}
_CONFIRM = "Mark done all the same"


@dataclass(frozen=True, slots=True)
class ActButton:
    """An act that the person may do now, or with a reason."""

    act: str
    label: str
    needs_reason: bool
    why: str = ""

    @property
    def leads(self) -> bool:
        """Whether it brings the task on, and is the main button."""
        return self.act in (TaskAct.DO.value, TaskAct.SIGN_OFF.value)


@require_safe
@board_view
def task(request: HttpRequest, board_request: BoardRequest, uid: UUID) -> HttpResponse:
    """The page of one task, now or as known at a past moment."""
    return task_page(request, board_request, uid)


def task_page(
    request: HttpRequest,
    board_request: BoardRequest,
    uid: UUID,
    *,
    problem: str = "",
    typed: Mapping[str, str] | None = None,
) -> HttpResponse:
    """The page, with what was typed into a form that was refused and why; 404 for a task that is not seen."""
    visible = CloseTask.objects.visible_to(board_request.person)
    found = (
        visible.select_related("entity__group", "entity__connection", "group", "template")
        .filter(uid=uid)
        .first()
    )
    if found is None:
        raise Http404
    path = reverse("task", args=[uid])
    screen = task_screen(request, board_request, found.title, path, month=found.month)
    shown = {
        **screen,
        "task": found,
        "holder": found.holder,
        "crumbs": _crumbs(found, str(screen["kept"])),
        "problem": problem,
        "typed": dict.fromkeys(("reason", "owner", "url", "label", "text"), "") | dict(typed or {}),
        "unknown": found.generated_at > board_request.as_of,
    }
    if not shown["unknown"]:
        shown |= _content(found, board_request)
    return render(request, "board/tasks/task.html", shown, status=422 if problem else 200)


def _content(found: CloseTask, board_request: BoardRequest) -> dict[str, object]:
    person, as_of, past = board_request.person, board_request.as_of, board_request.past
    around = tasks_around([found])
    if past:
        around = tasks_as_known(around, as_of)
        found = next(each for each in around if each.pk == found.pk)
    index = index_of(around, close_groups(), person)
    record = index[key_of(found)]
    check = check_results([found], as_of).get(found.pk, UNCHECKED)
    people = people_of_tasks(person, [found], as_of)
    of_task = people.of(found)
    seen = dict(CloseTask.objects.visible_to(person).filter(month=found.month).values_list("pk", "uid"))
    query = BoardQuery(at=board_request.query.at)
    urls = {
        key_of(each): query.url(reverse("task", args=[seen[each.pk]])) for each in around if each.pk in seen
    }
    names = names_of({found.owner_id, people.reviewer(found)})
    buttons = [] if past else _buttons(record, person, of_task, index, check)
    done = any(button.act == TaskAct.DO.value for button in buttons)
    supports = supports_of(found, as_of)
    may_write = not past and people.may_write(found)
    own = {found.owner_id, *of_task.deputies, *of_task.reviewers, *of_task.review_deputies}
    writes = may_write or (not past and person.pk in own)
    administers = person.pk in of_task.may_assign
    return {
        "line": (line := task_line(found, record, index, names, as_of, check)),
        "beside": [each for each in (found.holder.name, line.areas, line.round) if each],
        "due": due_label(found),
        "due_words": found.due_words,
        "reason": record.reason,
        "check": check if check.verdict is not CheckVerdict.NO_CHECK else None,
        "reviewer": names.get(people.reviewer(found) or 0, ""),
        "waits": [
            (each.task.title, each.task.holder_name, urls.get(each.task.key, ""), each.satisfied)
            for each in index.prerequisites(record)
        ],
        "early": [*index.due_too_early(record), *owner_holiday_words(found)],
        "link": _link(found),
        "buttons": buttons,
        "asks_reason": any(button.needs_reason for button in buttons),
        "refused": "" if past or done else _refused(record, person, of_task, index),
        "rounds": _other_rounds(record, around, urls),
        "assigns": not past
        and not record.finished
        and person.pk in {found.owner_id} | of_task.deputies | of_task.may_assign,
        "takes_over": may_write and person.pk != found.owner_id and not record.finished,
        "candidates": [] if past else _candidates(found),
        "writes": writes,
        "support": support_lines(
            supports,
            board_request,
            writes=writes,
            administers=administers,
            settled=record.status is TaskStatus.SIGNED_OFF or record.lapsed_on is not None,
        ),
        "file_types": ",".join(f".{ending}" for ending in sorted(FILE_TYPES)),
        "history": history_lines(found, supports, board_request),
    }


def _crumbs(task: CloseTask, query: str) -> list[tuple[str, str]]:
    """All tasks, then those of the holder of a task."""
    code = task.holder.code
    path = reverse("entity_tasks", args=[code]) if task.entity_id is not None else reverse("tasks")
    own = "" if task.entity_id is not None else f"&entity={code}"
    return [("Tasks", f"{reverse('tasks')}?{query}"), (task.holder.name, f"{path}?{query}{own}")]


def _buttons(
    record: TaskRecord, person: Person, of_task: TaskPeople, index: TaskIndex, check: CheckResult
) -> list[ActButton]:
    buttons = []
    for act, label in BUTTONS.items():
        words = refusal(act, record, person.pk, of_task, index, check=check)
        if not refusal(act, record, person.pk, of_task, index, check=check, reason="x"):
            confirms = act is TaskAct.DO and bool(words)
            buttons.append(ActButton(act.value, _CONFIRM if confirms else label, bool(words), words))
    return buttons


def _refused(record: TaskRecord, person: Person, of_task: TaskPeople, index: TaskIndex) -> str:
    """Why the task cannot be marked done; "" for one that is finished in its newest round."""
    if record.finished and record.lapsed_on is None and not index.superseded(record):
        return ""
    return refusal(TaskAct.DO, record, person.pk, of_task, index)


def _other_rounds(
    record: TaskRecord, around: Iterable[CloseTask], urls: Mapping[TaskKey, str]
) -> list[tuple[str, str]]:
    """The names and addresses of the other rounds of a task."""
    key = record.key
    others = [
        each
        for task in around
        if (each := key_of(task)) != key and replace(each, round=key.round) == key and each in urls
    ]
    return [(f"Round {each.round} of this task", urls[each]) for each in sorted(others, key=_round)]


def _round(key: TaskKey) -> int:
    return key.round


def _link(task: CloseTask) -> tuple[str, str]:
    """The words and the safe address of the page where a task is worked on; ("", "") where none is known."""
    entity = task.entity
    connection, erp_id = (entity.connection, entity.erp_id) if entity is not None else (None, "")
    match task.link_kind:
        case LinkKind.MENU_ITEM.value:
            return f"Open {task.link_target} in the ERP", erp_menu_link(connection, erp_id, task.link_target)
        case LinkKind.URL.value:
            try:
                link = parse_link(task.link_kind, task.link_target, link_hosts())
            except ValueError:
                return "", ""
            return "Open the page of this task", link.target if link is not None else ""
    return "Open in the ERP", erp_link(connection, erp_id)


def _candidates(task: CloseTask) -> list[tuple[str, str]]:
    """The mail addresses and names of the people who work on the holder of a task, without its owner."""
    holder = task.entity.group if task.entity is not None else task.group
    assert holder is not None  # a constraint of the table
    above = Membership.objects.alias(at=StrIndex(Value(holder.path), F("group__path"))).filter(at=1)
    held = Q(pk__in=above.values("pk"))
    if task.entity_id is not None:
        held |= Q(entity=task.entity_id)
    roles = [Role.FINANCE, Role.ADMINISTRATOR, Role.OWNER]
    memberships = Membership.objects.filter(held, role__in=roles, person__is_active=True)
    people = Person.objects.filter(pk__in=memberships.values("person")).exclude(pk=task.owner_id or 0)
    named = people.order_by("name", "email").values_list("email", "name")
    return [(email, name or email) for email, name in named]
