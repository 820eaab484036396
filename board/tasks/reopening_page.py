"""The approval of a reopening: what lapses, what is done again and until when, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.contrib import messages
from django.forms import BoundField
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from board.tasks.forms import ReopeningForm
from board.tasks.reopening_note import evidence
from board.tasks.task_lines import names_of
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest, board_view
from board.web.controls import build_url
from board.web.forms import SeeOther, form_status, posted
from closing.calendar.date_phrases import month_and_year
from closing.calendar.instants import local_date, zone_named
from closing.close_tasks.second_rounds import (
    ReopeningApproval,
    ReopeningReason,
    ReopeningRefused,
    codes_to_repeat,
    second_round,
)
from closing.close_tasks.task_record import TaskRecord, TaskVerb
from closing.close_tasks.task_templates import TaskLevel
from entities.access import writable_entities
from entities.models import LegalEntity
from periods.models import FiscalPeriod
from worklist.models import CloseTask
from worklist.task_store.reopening_store import approve_reopening, tasks_of_reopening
from worklist.task_store.task_acts_store import TaskNotAllowed
from worklist.task_store.task_rows import record_of


@dataclass(frozen=True, slots=True)
class RepeatedTask:
    """A task of the second round: whose sign-off lapses, or that moves there unfinished."""

    title: str
    holder: str
    now: str
    then: str
    due: BoundField
    at: BoundField


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def task_reopening(request: HttpRequest, board_request: BoardRequest, code: str) -> HttpResponse:
    """The form, with what it would do; and the approval."""
    entity = board_request.entities().select_related("group", "owner").filter(code=code).first()
    if entity is None:
        raise Http404
    back = build_url(reverse("entity_tasks", args=[code]), BoardQuery(month=board_request.month))
    if not writable_entities(board_request.person).filter(pk=entity.pk).exists():
        context = {**board_request.layout("tasks"), "name": f"the tasks of {entity.name}", "back": back}
        return render(request, "board/web/write_refused.html", context, status=403)
    period = _period(entity, board_request.month)
    tasks = tasks_of_reopening(entity, period) if period is not None else []
    records = [record_of(task) for task in tasks]
    codes = codes_to_repeat(records)
    form = ReopeningForm(codes, posted(request))
    if period is not None and form.is_bound and form.is_valid():
        approval = ReopeningApproval(
            ReopeningReason(form.cleaned_data["reason"]),
            form.cleaned_data["words"],
            board_request.person.pk,
            board_request.now,
            local_date(board_request.now, zone_named(entity.zone)),
            form.due_dates(),
        )
        try:
            added = approve_reopening(board_request.person, code, period.pk, approval)
        except ReopeningRefused as error:
            form.add_error(None, str(error))
        except TaskNotAllowed:
            raise Http404 from None
        else:
            count = f"{len(added)} {'task' if len(added) == 1 else 'tasks'}"
            messages.success(request, f"{month_and_year(board_request.month)} has a second round of {count}.")
            return SeeOther(back)
    context = {
        **board_request.layout("tasks"),
        "title": f"Second round of {entity.name}",
        "entity": entity,
        "month": month_and_year(board_request.month),
        "back": back,
        "action": build_url(request.path, BoardQuery(month=board_request.month)),
        "evidence": evidence(entity, board_request),
        "owns": entity.owner_id == board_request.person.pk,
        "repeated": _repeated(tasks, records, form, board_request),
        "form": form,
    }
    return render(request, "board/tasks/reopening.html", context, status=form_status(form))


def _period(entity: LegalEntity, month: date) -> FiscalPeriod | None:
    """The last period of a month that has tasks."""
    with_tasks = CloseTask.objects.filter(entity=entity, month=month).values("period")
    return FiscalPeriod.objects.filter(pk__in=with_tasks).order_by("last_day").last()


def _repeated(
    tasks: Sequence[CloseTask],
    records: Sequence[TaskRecord],
    form: ReopeningForm,
    board_request: BoardRequest,
) -> list[RepeatedTask]:
    preview = _preview(records, form.codes, board_request.now)
    shown = CloseTask.objects.visible_to(board_request.person).filter(pk__in=[task.pk for task in tasks])
    seen = set(shown.values_list("pk", flat=True))
    visible = {record.key for task, record in zip(tasks, records, strict=True) if task.pk in seen}
    people = names_of({record.signed_by or record.done_by for record in records})
    found = []
    for record in preview:
        then = "lapses to “Signed before reopening”, and is done and signed off again"
        if record.status.value == "done":
            then = "stays done, and is done again"
        if not record.finished:
            then = "moves to the second round"
        now = "Not finished"
        if record.finished:
            when = board_request.clock(record.finished_at) if record.finished_at is not None else ""
            by = people.get(record.signed_by or record.done_by or 0, "")
            now = f"{'Signed off' if record.sign_off else 'Done'} {when}{f' by {by}' if by else ''}"
        found.append(
            RepeatedTask(
                record.title,
                record.holder_name if record.key in visible else "another entity",
                now,
                then,
                form[f"due-{record.key.code}"],
                form[f"at-{record.key.code}"],
            )
        )
    return found


def _preview(records: Sequence[TaskRecord], codes: Sequence[str], at: datetime) -> list[TaskRecord]:
    """The tasks that a second round would repeat or move, as they are now."""
    if not codes:
        return []
    any_day = {code: (at.date(), None) for code in codes}
    approval = ReopeningApproval(ReopeningReason.ERROR, "preview", 0, at, at.date(), any_day)
    result = second_round(records, approval, ())
    concerned = {event.key for event in result.events if event.verb in (TaskVerb.LAPSED, TaskVerb.MOVED)}
    again = {(record.key.level, record.key.holder, record.key.code) for record in result.added}
    newest = {(record.key.level, record.key.holder, record.key.code): record for record in _by_round(records)}
    found = [record for place, record in newest.items() if record.key in concerned or place in again]
    return sorted(found, key=lambda record: record.key.level is TaskLevel.GROUP)


def _by_round(records: Sequence[TaskRecord]) -> list[TaskRecord]:
    return sorted(records, key=lambda record: record.key.round)
