"""What people do with a close task through its page: each form with the function that writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from board.tasks.forms import CommentForm, FileForm, OwnerForm, SupportForm, TaskActForm
from board.tasks.task_page import task_page
from board.web.board_request import BoardRequest, board_view
from board.web.forms import SeeOther
from board.web.readers import View
from closing.close_tasks.task_acts import TaskAct, TaskActRefused
from entities.models import Person
from worklist.models import CloseTask
from worklist.task_store.link_hosts import link_hosts
from worklist.task_store.support_store import LARGEST_FILE, add_file, add_link
from worklist.task_store.task_acts_store import (
    TaskNotAllowed,
    act_on_task,
    comment_on_task,
    reassign_task,
)

_AFTER = {
    TaskAct.DO: "The task is done.",
    TaskAct.UNDO: "The task is open again.",
    TaskAct.SIGN_OFF: "The task is signed off.",
    TaskAct.RETURN: "The task is returned to its owner.",
    TaskAct.NOT_NEEDED: "The task is marked as not needed.",
    TaskAct.NEEDED: "The task is open again.",
}
# Writes the values of a valid form and returns the message for the person.
Writer = Callable[[BoardRequest, UUID, Mapping[str, Any]], str]


def task_post(form_class: type[forms.Form]) -> Callable[[Writer], View]:
    """Makes the view of a writer: it answers with the page of the task, which shows a refused form again.

    404 for a task that the person does not see, 403 for one that they only read.
    """

    def view_of(writer: Writer) -> View:
        @require_POST
        @board_view
        @wraps(writer)
        def view(request: HttpRequest, board_request: BoardRequest, uid: UUID) -> HttpResponse:
            form = form_class(request.POST, request.FILES)
            if not form.is_valid():
                problem = str(next(iter(form.errors.values()))[0])
            else:
                try:
                    messages.success(request, writer(board_request, uid, form.cleaned_data))
                    return SeeOther(reverse("task", args=[uid]))
                except CloseTask.DoesNotExist:
                    raise Http404 from None
                except TaskNotAllowed:
                    return task_is_read_only(request, board_request, uid)
                except TaskActRefused as error:
                    problem = str(error)
            return task_page(request, board_request, uid, problem=problem, typed=request.POST.dict())

        return view

    return view_of


def task_is_read_only(request: HttpRequest, board_request: BoardRequest, uid: UUID) -> HttpResponse:
    """The page that says that the person only reads a task."""
    context = {
        **board_request.layout("tasks"),
        "name": "this task",
        "back": reverse("task", args=[uid]),
    }
    return render(request, "board/web/write_refused.html", context, status=403)


@task_post(TaskActForm)
def task_act(board_request: BoardRequest, uid: UUID, values: Mapping[str, Any]) -> str:
    """Does an act."""
    act = TaskAct(values["act"])
    act_on_task(board_request.person, uid, act, board_request.now, reason=values["reason"])
    return _AFTER[act]


@task_post(OwnerForm)
def task_owner(board_request: BoardRequest, uid: UUID, values: Mapping[str, Any]) -> str:
    """Gives the task to a person; to oneself where none is named."""
    chosen = values["owner"]
    named = Person.objects.filter(email=chosen.lower(), is_active=True).first()
    owner = named if chosen else board_request.person
    if owner is None:
        raise TaskActRefused("Choose a person.")
    reassign_task(board_request.person, uid, owner, board_request.now, reason=values["reason"])
    return f"The task is given to {owner.name or owner.email}."


@task_post(CommentForm)
def task_comment(board_request: BoardRequest, uid: UUID, values: Mapping[str, Any]) -> str:
    """Saves a comment."""
    comment_on_task(board_request.person, uid, values["text"], board_request.now)
    return "The comment is saved."


@task_post(SupportForm)
def task_support(board_request: BoardRequest, uid: UUID, values: Mapping[str, Any]) -> str:
    """Saves a link that supports the task."""
    add_link(
        board_request.person,
        uid,
        values["label"],
        values["url"],
        board_request.now,
        allowed_hosts=link_hosts(),
    )
    return "The link is saved."


@task_post(FileForm)
def task_file(board_request: BoardRequest, uid: UUID, values: Mapping[str, Any]) -> str:
    """Saves a file that supports the task."""
    file = values["file"]
    content = file.read(LARGEST_FILE + 1)  # the store refuses the one byte more
    support = add_file(board_request.person, uid, file.name, content, board_request.now)
    return f"“{support.label}” is saved."
