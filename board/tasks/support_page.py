"""The support of close tasks: the download of a file, its withdrawal and the undoing of that."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe

from board.tasks.task_page import task_page
from board.tasks.task_posts import task_is_read_only
from board.web.board_request import BoardRequest, board_view
from board.web.forms import SeeOther
from closing.close_tasks.task_acts import TaskActRefused
from worklist.models import TaskSupport
from worklist.task_store.support_store import FileNotKept, change_support, file_content, support_of
from worklist.task_store.task_acts_store import TaskNotAllowed


@require_safe
@board_view
def support_file(request: HttpRequest, board_request: BoardRequest, uid: UUID) -> HttpResponse:
    """A file for who sees its task: always saved, never shown within this site."""
    support = _support(board_request, uid)
    if not support.sha256:
        raise Http404
    try:
        content = file_content(support)
    except FileNotKept as error:
        context = {
            **board_request.layout("tasks"),
            "title": "This file cannot be opened",
            "problem": str(error),
            "back": reverse("task", args=[support.task.uid]),
        }
        return render(request, "board/tasks/no_file.html", context, status=410)
    response = HttpResponse(content, content_type="application/octet-stream")
    response["Content-Disposition"] = (
        content_disposition_header(as_attachment=True, filename=support.label) or ""
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


@require_POST
@board_view
def withdraw_support(request: HttpRequest, board_request: BoardRequest, uid: UUID) -> HttpResponse:
    """Withdraws a link or a file; the message offers to undo that."""
    return _change(request, board_request, uid, withdrawn=True)


@require_POST
@board_view
def restore_support(request: HttpRequest, board_request: BoardRequest, uid: UUID) -> HttpResponse:
    """Undoes a withdrawal."""
    return _change(request, board_request, uid, withdrawn=False)


def _change(request: HttpRequest, board_request: BoardRequest, uid: UUID, *, withdrawn: bool) -> HttpResponse:
    support = _support(board_request, uid)
    try:
        change_support(board_request.person, uid, board_request.now, withdrawn=withdrawn)
    except TaskNotAllowed:
        return task_is_read_only(request, board_request, support.task.uid)
    except TaskActRefused as error:
        return task_page(request, board_request, support.task.uid, problem=str(error))
    undo = reverse("restore_support" if withdrawn else "withdraw_support", args=[uid])
    words = "withdrawn" if withdrawn else "restored"
    messages.success(request, f"“{support.label}” is {words}.", extra_tags=undo)
    return SeeOther(reverse("task", args=[support.task.uid]))


def _support(board_request: BoardRequest, uid: UUID) -> TaskSupport:
    try:
        return support_of(board_request.person, uid)
    except TaskSupport.DoesNotExist:
        raise Http404 from None
