"""The history of a close task and the support that it has: events, comments, links and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from board.tasks.task_lines import due_words
from board.web.board_request import BoardRequest
from closing.close_tasks.task_record import TaskVerb
from entities.models import Person
from worklist.models import CloseTask, TaskSupport, TaskSupportEvent
from worklist.task_store.task_rows import due_from_json

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
_FINISHES = {TaskVerb.DONE, TaskVerb.CONFIRMED, TaskVerb.SIGNED}


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One event or comment of a task; `due` stands beside what finishes it."""

    at: datetime
    clock: str
    who: str
    text: str
    reason: str = ""
    due: str = ""


@dataclass(frozen=True, slots=True)
class SupportLine:
    """A link or a file; `url` opens it, "" once it is withdrawn. `change` posts its withdrawal or restoring."""

    label: str
    url: str
    is_file: bool
    size: str
    sha256: str
    added: str
    withdrawn: str
    change: str


def history_lines(
    task: CloseTask, supports: list[TaskSupport], board_request: BoardRequest
) -> list[HistoryLine]:
    """What happened to a task up to the moment of the request, newest first; three queries."""
    as_of = board_request.as_of

    def line(at: datetime, by: Person | None, text: str, reason: str = "", due: str = "") -> HistoryLine:
        return HistoryLine(at, board_request.clock(at), _named(by), text, reason, due)

    lines = []
    due = due_from_json(task.as_generated["due"])
    events = task.events.filter(at__lte=as_of).select_related("person", "owner")
    for event in events.order_by("at", "pk"):
        verb = event.verb
        text = _EVENTS.get(verb, verb.replace("_", " "))  # also a verb that only a newer version knows
        if event.owner is not None:
            text = f"{text} {_named(event.owner)}"
        beside = ""
        if verb in _FINISHES and due is not None:
            beside = f"due {due_words(due.due_on, due.cut_off)}" + (", late" if due.passed(event.at) else "")
        due = due_from_json(event.details.get("due")) or due
        lines.append(line(event.at, event.person, text, event.reason, beside))
    comments = task.comments.filter(at__lte=as_of).select_related("by")
    lines += [line(comment.at, comment.by, comment.text) for comment in comments]
    lines += [line(support.at, support.by, f"added “{support.label}”") for support in supports]
    changes = TaskSupportEvent.objects.filter(support__in=supports, at__lte=as_of)
    lines += [
        line(
            change.at,
            change.by,
            f"{'withdrew' if change.withdrawn else 'restored'} “{change.support.label}”",
        )
        for change in changes.select_related("by", "support")
    ]
    return sorted(lines, key=lambda each: each.at)[::-1]


def support_lines(
    supports: list[TaskSupport],
    board_request: BoardRequest,
    *,
    writes: bool,
    administers: bool,
    settled: bool,
) -> list[SupportLine]:
    """The support of a task as known at the moment of the request; that of a settled task stays. One query."""
    changes = TaskSupportEvent.objects.filter(support__in=supports, at__lte=board_request.as_of)
    newest = {change.support_id: change for change in changes.order_by("pk").select_related("by")}
    lines = []
    for support in supports:
        change = newest.get(support.pk)
        gone = change is not None and change.withdrawn
        url = support.url or reverse("support_file", args=[support.uid])
        may = writes and (administers or support.by_id == board_request.person.pk) and (gone or not settled)
        name = "restore_support" if gone else "withdraw_support"
        lines.append(
            SupportLine(
                support.label,
                "" if gone else url,
                not support.url,
                _size(support.size),
                support.sha256,
                f"{_named(support.by)}, {board_request.clock(support.at)}",
                f"withdrawn by {_named(change.by)}, {board_request.clock(change.at)}"
                if gone and change
                else "",
                reverse(name, args=[support.uid]) if may else "",
            )
        )
    return lines


def supports_of(task: CloseTask, as_of: datetime) -> list[TaskSupport]:
    """The support of a task, the oldest first, withdrawn ones too; one query."""
    return list(task.support.filter(at__lte=as_of).select_related("by").order_by("at", "pk"))


def _named(person: Person | None) -> str:
    return (person.name or person.email) if person is not None else ""


def _size(size: int | None) -> str:
    if size is None:
        return ""
    if size < 1_000:
        return f"{size} B"
    return f"{size / 1_000:.0f} KB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"
