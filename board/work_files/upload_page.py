"""The page that takes a file of unfinished work, and the preview of what saving it would change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from board.reports.download import csv_named, xlsx_file
from board.web.board_request import BoardRequest, board_view
from board.web.forms import SeeOther, form_status, posted
from board.web.readers import may_send_work
from board.work_files.forms import SaveForm, UploadForm
from board.work_files.work_template import template_csv, template_sheets
from closing.blockers.work_rows import CellProblem
from closing.blockers.work_sheets import SHEETS, SheetSpec
from worklist.models import WorkUpload
from worklist.recording.file_scope import FileEffect, PlannedRow
from worklist.recording.work_file import (
    ImportPlan,
    SentFile,
    WorkFileRefused,
    plan_import,
    read_sent_file,
    result_from_json,
)
from worklist.recording.work_uploads import discard_upload, file_of, keep_upload, save_upload

_MOST_SHOWN = 200
_EFFECTS = {
    FileEffect.ADDED: "new",
    FileEffect.CHANGED: "changed",
    FileEffect.UNCHANGED: "as before",
    FileEffect.OUTDATED: "not used: something newer stands",
}


@dataclass(frozen=True, slots=True)
class ProblemLine:
    """The problem of a cell: its place and the sentence."""

    place: str
    words: str


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """The effect of a row: where it stands, what it is about, before and after."""

    place: str
    holder: str
    subject: str
    before: str
    after: str
    effect: str
    tone: str
    note: str


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def work_upload(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The form that takes a file; a file that can be read leads to its preview."""
    _require_access(board_request)
    form = UploadForm(posted(request), request.FILES or None)
    if form.is_bound and form.is_valid():
        sent = form.cleaned_data["file"]
        try:
            file = SentFile(sent.name or "file", sent.read())
            upload = keep_upload(board_request.person, file, board_request.now)
        except WorkFileRefused as error:
            form.add_error("file", str(error))
        else:
            return SeeOther(reverse("work_upload_plan", args=[upload.uid]))
    recent = WorkUpload.objects.filter(by=board_request.person, saved_at__isnull=False).order_by("-saved_at")[
        :5
    ]
    context = {
        **board_request.layout("work_upload"),
        "form": form,
        "sheets": [(spec.name, _slug(spec)) for spec in SHEETS],
        "recent": [
            (reverse("work_upload_plan", args=[one.uid]), one.name, board_request.clock(one.saved_at))
            for one in recent
            if one.saved_at is not None
        ],
    }
    return render(request, "board/work_files/upload.html", context, status=form_status(form))


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def work_upload_plan(request: HttpRequest, board_request: BoardRequest, uid: UUID) -> HttpResponse:
    """What a file would change, and, once it is saved, what it did; 404 for the file of another person."""
    person, now = board_request.person, board_request.now
    upload = WorkUpload.objects.filter(uid=uid, by=person).first()
    if upload is None:
        raise Http404
    problem = ""
    form = SaveForm(posted(request))
    if form.is_bound and form.is_valid():
        if form.cleaned_data["save"] == "discard":
            discard_upload(person, uid)
            messages.success(request, "The file is discarded. Nothing was changed.")
            return SeeOther(reverse("work_upload"))
        try:
            save_upload(person, uid, now, good_rows=form.cleaned_data["save"] == "good")
            return SeeOther(reverse("work_upload_plan", args=[uid]))
        except WorkFileRefused as error:
            problem = str(error)
        except WorkUpload.DoesNotExist:
            raise Http404 from None
    elif form.is_bound:
        problem = "Choose what to save."
    if upload.saved_at is not None:
        return _result(request, board_request, upload)
    plan = plan_import(person, read_sent_file(file_of(upload)), now)
    context = {
        **board_request.layout("work_upload"),
        "upload": upload,
        "problem": problem,
        "counts": [(count, _EFFECTS[effect]) for effect, count in plan.counts().items()],
        "rows": plan.rows,
        "bad_rows": plan.bad_rows,
        "lines": _preview(plan),
        "more_lines": max(0, len(plan.lines) - _MOST_SHOWN),
        **_problems(plan.problems),
    }
    return render(request, "board/work_files/preview.html", context, status=422 if problem else 200)


def _result(request: HttpRequest, board_request: BoardRequest, upload: WorkUpload) -> HttpResponse:
    assert upload.result is not None and upload.saved_at is not None  # noqa: PT018 - a constraint of the table
    result = result_from_json(upload.result)
    context = {
        **board_request.layout("work_upload"),
        "upload": upload,
        "result": result,
        "saved": board_request.clock(upload.saved_at),
        "counts": [(count, _EFFECTS[FileEffect(effect)]) for effect, count in result.effects.items()],
        **_problems(result.problems),
    }
    return render(request, "board/work_files/result.html", context)


@require_safe
@board_view
def work_template(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The template as a workbook, with what files state now."""
    _require_access(board_request)
    return xlsx_file(request, board_request, "work", template_sheets(board_request.person))


@require_safe
@board_view
def work_template_csv(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """One sheet of the template as CSV, the first one if none is named; 404 for an unknown one."""
    _require_access(board_request)
    slug = request.GET.get("sheet", _slug(SHEETS[0]))
    spec = next((one for one in SHEETS if _slug(one) == slug), None)
    if spec is None:
        raise Http404
    return csv_named(request, f"closeboard-{slug}.csv", template_csv(board_request.person, spec))


def _slug(spec: SheetSpec) -> str:
    return spec.name.lower().replace(" ", "-")


def _require_access(board_request: BoardRequest) -> None:
    if not may_send_work(board_request.person):
        raise PermissionDenied


def _problems(problems: Sequence[CellProblem]) -> dict[str, object]:
    lines = [
        ProblemLine(
            f"{problem.sheet}, row {problem.line}{f', {problem.column}' if problem.column else ''}",
            problem.words,
        )
        for problem in problems[:_MOST_SHOWN]
    ]
    return {"problems": lines, "more_problems": max(0, len(problems) - _MOST_SHOWN)}


def _preview(plan: ImportPlan) -> list[PlannedLine]:
    return [_preview_line(line) for line in plan.lines[:_MOST_SHOWN]]


def _preview_line(line: PlannedRow) -> PlannedLine:
    return PlannedLine(
        f"{line.sheet}, row {line.line}" if line.line is not None else line.sheet,
        line.holder,
        line.subject,
        line.before if line.before != line.after else "",
        line.after,
        _EFFECTS[line.effect],
        "unused"
        if line.effect is FileEffect.OUTDATED
        else "same"
        if line.effect is FileEffect.UNCHANGED
        else "",
        line.note,
    )
