"""The page of one close task: its acts, what it waits for, comments, support and history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import F, Q, Value
from django.db.models.functions import StrIndex
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from board.tasks.forms import CommentForm, OwnerForm, SupportForm, TaskActForm
from board.tasks.task_lines import due_label, names_of, task_line
from board.web.board_request import BoardRequest, board_view
from board.web.forms import SeeOther
from closing.calendar.date_phrases import month_and_year
from closing.close_tasks.erp_checks import UNCHECKED, CheckVerdict
from closing.close_tasks.task_acts import TaskAct, TaskActRefused, refusal
from closing.close_tasks.task_record import TaskVerb
from entities.access import Role
from entities.models import Membership, Person
from worklist.models import CloseTask
from worklist.task_store.link_hosts import link_hosts
from worklist.task_store.task_acts_store import (
    TaskNotAllowed,
    act_on_task,
    add_link,
    comment_on_task,
    reassign_task,
)
from worklist.task_store.task_checks import check_results
from worklist.task_store.task_index import close_groups, index_of, tasks_around
from worklist.task_store.task_people import people_of_tasks
from worklist.task_store.task_rows import key_of

_BUTTONS = {
    TaskAct.DO: "Mark done",
    TaskAct.UNDO: "Undo",
    TaskAct.SIGN_OFF: "Sign off",
    TaskAct.RETURN: "Return",
    TaskAct.NOT_NEEDED: "Not needed",
    TaskAct.NEEDED: "Needed again",
}
_AFTER = {
    TaskAct.DO: "The task is done.",
    TaskAct.UNDO: "The task is open again.",
    TaskAct.SIGN_OFF: "The task is signed off.",
    TaskAct.RETURN: "The task is returned to its owner.",
    TaskAct.NOT_NEEDED: "The task is marked as not needed.",
    TaskAct.NEEDED: "The task is open again.",
}
_EVENTS: Mapping[str, str] = {
    TaskVerb.DONE: "done",
    TaskVerb.CONFIRMED: "done although the ERP showed work",
    TaskVerb.UNDONE: "undone",
    TaskVerb.RETURNED: "returned",
    TaskVerb.SIGNED: "signed off",
    TaskVerb.NOT_NEEDED: "marked as not needed",
    TaskVerb.NEEDED: "needed again",
    TaskVerb.REASSIGNED: "given to",
    TaskVerb.LAPSED: "signed before the period was reopened",
    TaskVerb.MOVED: "moved to the next round",
}
_REASON = "reason"


@dataclass(frozen=True, slots=True)
class ActButton:
    """An act that the person may do now, or with a reason."""

    act: str
    label: str
    needs_reason: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One event, comment or support of a task."""

    at: datetime
    clock: str
    who: str
    text: str
    reason: str = ""
    url: str = ""


@require_safe
@board_view
def task(request: HttpRequest, board_request: BoardRequest, uid: UUID) -> HttpResponse:
    """The page of one task."""
    return _page(request, board_request, uid)


@require_POST
@board_view
def task_act(request: HttpRequest, board_request: BoardRequest, uid: UUID) -> HttpResponse:
    """Does an act; a refused one shows the page again with the sentence."""
    form = TaskActForm(request.POST)

    def work() -> str:
        act = TaskAct(form.cleaned_data["act"])
        act_on_task(board_request.person, uid, act, board_request.now, reason=form.cleaned_data[_REASON])
        return _AFTER[act]

    return _written(request, board_request, uid, form, work)


@require_POST
@board_view
def task_owner(request: HttpRequest, board_request: BoardRequest, uid: UUID) -> HttpResponse:
    """Gives the task to a person; to oneself where none is named."""
    form = OwnerForm(request.POST)

    def work() -> str:
        chosen = form.cleaned_data["owner"]
        named = Person.objects.filter(email=chosen.lower(), is_active=True).first()
        owner = named if chosen else board_request.person
        if owner is None:
            raise TaskActRefused("Choose a person.")
        reassign_task(board_request.person, uid, owner, board_request.now, reason=form.cleaned_data[_REASON])
        return f"The task is given to {owner.name or owner.email}."

    return _written(request, board_request, uid, form, work)


@require_POST
@board_view
def task_comment(request: HttpRequest, board_request: BoardRequest, uid: UUID) -> HttpResponse:
    """Saves a comment."""
    form = CommentForm(request.POST)

    def work() -> str:
        comment_on_task(board_request.person, uid, form.cleaned_data["text"], board_request.now)
        return "The comment is saved."

    return _written(request, board_request, uid, form, work)


@require_POST
@board_view
def task_support(request: HttpRequest, board_request: BoardRequest, uid: UUID) -> HttpResponse:
    """Saves a link that supports the task."""
    form = SupportForm(request.POST)

    def work() -> str:
        add_link(
            board_request.person,
            uid,
            form.cleaned_data["label"],
            form.cleaned_data["url"],
            board_request.now,
            allowed_hosts=link_hosts(),
        )
        return "The link is saved."

    return _written(request, board_request, uid, form, work)


def _written(
    request: HttpRequest,
    board_request: BoardRequest,
    uid: UUID,
    form: forms.Form,
    work: Callable[[], str],
) -> HttpResponse:
    """Runs the writer of a valid form; 404 for a task that the person does not see, 403 for one they only read."""
    problem = ""
    if form.is_valid():
        try:
            messages.success(request, work())
            return SeeOther(reverse("task", args=[uid]))
        except CloseTask.DoesNotExist:
            raise Http404 from None
        except TaskNotAllowed:
            context = {
                **board_request.layout("tasks"),
                "name": "this task",
                "back": reverse("task", args=[uid]),
            }
            return render(request, "board/web/write_refused.html", context, status=403)
        except TaskActRefused as error:
            problem = str(error)
    else:
        problem = str(next(iter(form.errors.values()))[0])
    return _page(request, board_request, uid, problem=problem, typed=form.data.get(_REASON, ""))


def _page(
    request: HttpRequest, board_request: BoardRequest, uid: UUID, *, problem: str = "", typed: str = ""
) -> HttpResponse:
    person, now = board_request.person, board_request.now
    visible = CloseTask.objects.visible_to(person).select_related("entity__group", "group", "template")
    found = visible.filter(uid=uid).first()
    if found is None:
        raise Http404
    around = tasks_around([found])
    index = index_of(around, close_groups(), person)
    record = index[key_of(found)]
    check = check_results([found], now).get(found.pk, UNCHECKED)
    people = people_of_tasks(person, [found], now)
    of_task = people.of(found)
    seen = dict(CloseTask.objects.visible_to(person).filter(month=found.month).values_list("pk", "uid"))
    urls = {key_of(each): reverse("task", args=[seen[each.pk]]) for each in around if each.pk in seen}
    names = names_of({found.owner_id, people.reviewer(found)})
    buttons = []
    for act, label in _BUTTONS.items():
        words = refusal(act, record, person.pk, of_task, index, check=check)
        with_reason = refusal(act, record, person.pk, of_task, index, check=check, reason="x")
        if not with_reason:
            buttons.append(ActButton(act.value, label, bool(words), words))
    done = any(button.act == TaskAct.DO.value for button in buttons)
    holder = found.holder
    context = {
        **board_request.layout("tasks"),
        "task": found,
        "line": task_line(found, record, index, names, now, check),
        "holder": holder,
        "month": month_and_year(found.month),
        "month_key": f"{found.month:%Y-%m}",
        "due": due_label(found),
        "check": check if check.verdict is not CheckVerdict.NO_CHECK else None,
        "reviewer": names.get(people.reviewer(found) or 0, ""),
        "waits": [
            (each.task.title, each.task.holder_name, urls.get(each.task.key, ""), each.satisfied)
            for each in index.prerequisites(record)
        ],
        "early": index.due_too_early(record),
        "buttons": buttons,
        "refused": "" if record.finished or done else refusal(TaskAct.DO, record, person.pk, of_task, index),
        "assigns": person.pk == found.owner_id or person.pk in of_task.deputies | of_task.may_assign,
        "takes_over": people.may_write(found) and person.pk != found.owner_id and not record.finished,
        "candidates": _candidates(found),
        "writes": people.may_write(found) or person.pk in {found.owner_id, *of_task.reviewers},
        "history": _history(found, board_request),
        "problem": problem,
        "typed": typed,
        "zone": board_request.reader.zone_name,
    }
    return render(request, "board/tasks/task.html", context, status=422 if problem else 200)


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


def _history(task: CloseTask, board_request: BoardRequest) -> list[HistoryLine]:
    def named(person: Person | None) -> str:
        return (person.name or person.email) if person is not None else ""

    lines = []
    for event in task.events.select_related("person", "owner"):
        text = _EVENTS.get(event.verb, event.verb.replace("_", " "))
        if event.owner is not None:
            text = f"{text} {named(event.owner)}"
        who = named(event.person)
        lines.append(HistoryLine(event.at, board_request.clock(event.at), who, text, event.reason))
    for comment in task.comments.select_related("by"):
        who = named(comment.by)
        lines.append(HistoryLine(comment.at, board_request.clock(comment.at), who, comment.text))
    lines += [
        HistoryLine(
            support.at,
            board_request.clock(support.at),
            named(support.by),
            f"support: {support.label}",
            url=support.url,
        )
        for support in task.support.select_related("by")
    ]
    return sorted(lines, key=lambda line: line.at, reverse=True)
