"""The views of one entity: its page, and the submission of remarks."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from board.door import visible_board_of
from board.entity.entity_page import EntityPage, entity_page
from board.entity.forms import RemarkForm
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.forms import ReturnForm, SeeOther, bind_errors
from board.web.layout import layout_context
from board.web.readers import wants_fragment
from board.web.toolbar import toolbar
from closing.calendar.months import active_month
from closing.facts.period_remarks import RemarkKind
from entities.models import LegalEntity
from periods.remarks import RemarkNotAllowed

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
    form = RemarkForm(request.POST)
    month = form["month"].value() or f"{board_request.latest_month:%Y-%m}"
    board_request = resolve_request(board_request.person, {"month": month}, board_request.now)
    legal_entity = _visible(board_request, code)
    try:
        if form.is_valid():
            with bind_errors(form):
                saved = form.save(board_request.person, code, board_request.month, board_request.now)
                messages.success(request, "The note is withdrawn." if saved.withdrawn else _DONE[saved.kind])
                default_url = f"{board_request.query.url(_path(code))}#remark-{saved.pk}"
                return SeeOther(ReturnForm(request.POST).path(default_url))
        return _page(request, board_request, legal_entity, typed=form, status=422)
    except RemarkNotAllowed:
        context = {**_layout(board_request), "name": legal_entity.name, "back": _path(legal_entity.code)}
        return render(request, "board/web/write_refused.html", context, status=403)


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
    typed: RemarkForm | None = None,
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
    typed: RemarkForm | None = None,
    whole: bool = False,
) -> dict[str, object]:
    path = _path(entity.code)
    page, board = entity_page(entity, board_request, path, typed=typed, whole=whole)
    if typed is not None and page.reads_only:
        raise RemarkNotAllowed
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
