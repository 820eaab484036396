"""The views of one entity: its page, and the submission of remarks."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from board.door import visible_board_of
from board.entity.entity_page import EntityPage, entity_page
from board.entity.remark_forms import RejectedRemark
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.layout import layout_context
from board.web.readers import wants_fragment
from board.web.redirects import SeeOther
from board.web.toolbar import toolbar
from closing.calendar.months import active_month
from closing.facts.period_remarks import RemarkKind
from entities.models import LegalEntity
from periods.models import Remark
from periods.remarks import (
    InvalidRemark,
    RemarkNotAllowed,
    acknowledge,
    add_note,
    edit_note,
    set_expected_close,
    set_overdue_reason,
    withdraw_note,
)

_DONE = {
    RemarkKind.NOTE.value: "The note is saved.",
    RemarkKind.OVERDUE_REASON.value: "The overdue reason is saved.",
    RemarkKind.EXPECTED_CLOSE.value: "The expected close is saved.",
    RemarkKind.ACKNOWLEDGEMENT.value: "You have taken it over.",
}


@require_safe
@board_view
def entity(request: HttpRequest, board_request: BoardRequest, code: str) -> HttpResponse:
    """The page of one entity in one month at one moment."""
    legal_entity = _visible(board_request, code)
    seen = request.GET.get("seen")
    if seen is not None and wants_fragment(request):
        return _refresh(request, board_request, legal_entity, seen)
    return _page(request, board_request, legal_entity)


def _refresh(
    request: HttpRequest, board_request: BoardRequest, entity: LegalEntity, seen: str
) -> HttpResponse:
    """Refreshes an open page: all parts without a form, and a note if the others have changed.

    If the page had no cards and now has some, or the reverse, it is reloaded as a whole.
    """
    context = _page_context(board_request, entity)
    page = context["page"]
    assert isinstance(page, EntityPage)
    if (seen == "0") is not (page.version == "0"):
        return HttpResponseClientRefresh()
    context["news"] = "There is something new in the history below." if seen != page.version else ""
    return render(request, "board/entity/entity_refresh.html", context)


@require_POST
@board_view
def remark(request: HttpRequest, board_request: BoardRequest, code: str) -> HttpResponse:
    """Saves a person's remark on a period; a rejected form is shown again with its values."""
    board_request = resolve_request(
        board_request.person,
        {"month": request.POST.get("month", f"{board_request.latest_month:%Y-%m}")},
        board_request.now,
    )
    legal_entity = _visible(board_request, code)
    kind = request.POST.get("kind", "")
    try:
        saved = _save_remark(request, board_request, code)
    except RemarkNotAllowed:
        context = {**_layout(board_request), "name": legal_entity.name, "back": _path(legal_entity.code)}
        return render(request, "board/web/write_refused.html", context, status=403)
    except InvalidRemark as error:
        typed = RejectedRemark(kind, {**request.POST.dict()}, str(error), error.field)
        return _page(request, board_request, legal_entity, typed=typed, status=422)
    messages.success(request, "The note is withdrawn." if saved.withdrawn else _DONE[saved.kind])
    default_url = f"{board_request.query.url(_path(code))}#remark-{saved.pk}"
    next_url = request.POST.get("next", "")
    return SeeOther(next_url if _is_local(next_url) else default_url)


def _save_remark(request: HttpRequest, board_request: BoardRequest, code: str) -> Remark:
    form, by, at, month = request.POST, board_request.person, board_request.now, board_request.month
    text, replaces = form.get("text", ""), form.get("replaces", "")
    match form.get("kind"):
        case "note" if replaces:
            note_id = int(replaces) if replaces.isascii() and replaces.isdigit() and len(replaces) < 19 else 0
            if form.get("withdraw"):
                return withdraw_note(by, code, note_id, at)
            return edit_note(by, code, note_id, text, at)
        case "note":
            return add_note(by, code, month, text, at)
        case "overdue_reason":
            return set_overdue_reason(by, code, month, form.get("reason", ""), text, at)
        case "expected_close":
            return set_expected_close(by, code, month, _day(form.get("expected_on", "")), text, at)
        case "acknowledgement":
            return acknowledge(by, code, month, text, at)
    raise InvalidRemark("", "The form is not complete. Reload the page and try again.")


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidRemark(
            "expected_on", f"“{text[:40]}” is not a date. Write it like 2026-06-18."
        ) from None


def _visible(board_request: BoardRequest, code: str) -> LegalEntity:
    """The entity; 404 if the person may not see it, as if it did not exist."""
    visible = board_request.entities().select_related("group", "calendar", "connection", "owner", "deputy")
    entity = visible.filter(code=code).first()
    if entity is None:
        raise Http404
    return entity


def _page(
    request: HttpRequest,
    board_request: BoardRequest,
    entity: LegalEntity,
    *,
    typed: RejectedRemark | None = None,
    status: int = 200,
) -> HttpResponse:
    context = _page_context(board_request, entity, typed=typed, whole=request.GET.get("history") == "all")
    return render(
        request, "board/entity/entity_page.html", {**_layout(board_request), **context}, status=status
    )


def _page_context(
    board_request: BoardRequest,
    entity: LegalEntity,
    *,
    typed: RejectedRemark | None = None,
    whole: bool = False,
) -> dict[str, object]:
    path = _path(entity.code)
    page, board = entity_page(entity, board_request, path, typed=typed, whole=whole)
    query = urlencode([*board_request.query.pairs(), ("seen", page.version)])
    return {
        "page": page,
        "title": page.title,
        "bar": toolbar(board_request, board, path),
        "past": board_request.past,
        "poll": "" if board_request.past else f"{path}?{query}",
        "said_at": reverse("remark", args=[entity.code]),
        "month_key": f"{board_request.month:%Y-%m}",
    }


def _layout(board_request: BoardRequest) -> dict[str, object]:
    """The layout with the counts of now in the default month, to which the links lead."""
    latest = active_month(board_request.now.astimezone(board_request.reader.zone).date())
    return layout_context(
        board_request.person, "board", visible_board_of(board_request.person, latest, board_request.now).board
    )


def _path(code: str) -> str:
    return reverse("entity", args=[code])


def _is_local(url: str) -> bool:
    """Whether a URL is a path of this site."""
    return url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)
