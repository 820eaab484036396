"""One entity: the page that explains its standing, and the address where its people say something about it."""

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
    RemarkKind.NOTE.value: "The note is kept.",
    RemarkKind.OVERDUE_REASON.value: "The overdue reason is kept.",
    RemarkKind.EXPECTED_CLOSE.value: "The expected close date is kept.",
    RemarkKind.ACKNOWLEDGEMENT.value: "It is acknowledged.",
}


@require_safe
@board_view
def entity(request: HttpRequest, asked: BoardRequest, code: str) -> HttpResponse:
    """The page of one entity in one month at one moment."""
    found = _visible(asked, code)
    seen = request.GET.get("seen")
    if seen is not None and wants_fragment(request):
        return _again(request, asked, found, seen)
    return _page(request, asked, found)


def _again(request: HttpRequest, asked: BoardRequest, found: LegalEntity, seen: str) -> HttpResponse:
    """For a page that stays open: all that has no form in it, and word of what else is new.

    Where the page had nothing to show and now has, or the other way round, it is loaded as a whole.
    """
    told = _told(asked, found)
    page = told["page"]
    assert isinstance(page, EntityPage)
    if (seen == "0") is not (page.version == "0"):
        return HttpResponseClientRefresh()
    told["news"] = "There is something new in the history below." if seen != page.version else ""
    return render(request, "board/entity/entity_refresh.html", told)


@require_POST
@board_view
def remark(request: HttpRequest, asked: BoardRequest, code: str) -> HttpResponse:
    """Takes one thing that a person says about a period; a refused form comes back as it was typed."""
    asked = resolve_request(
        asked.person, {"month": request.POST.get("month", f"{asked.latest_month:%Y-%m}")}, asked.now
    )
    found = _visible(asked, code)
    kind = request.POST.get("kind", "")
    try:
        kept = _say(request, asked, code)
    except RemarkNotAllowed:
        told = {**_shell(asked), "name": found.name, "back": _path(found.code)}
        return render(request, "board/web/write_refused.html", told, status=403)
    except InvalidRemark as refused:
        typed = RejectedRemark(kind, {**request.POST.dict()}, str(refused), refused.field)
        return _page(request, asked, found, typed=typed, status=422)
    messages.success(request, "The note is withdrawn." if kept.withdrawn else _DONE[kept.kind])
    own = f"{asked.query.url(_path(code))}#remark-{kept.pk}"
    wanted = request.POST.get("next", "")
    return SeeOther(wanted if _ours(wanted) else own)


def _say(request: HttpRequest, asked: BoardRequest, code: str) -> Remark:
    form, by, at, month = request.POST, asked.person, asked.now, asked.month
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
    raise InvalidRemark("", "That form is not one of ours. Reload the page and try again.")


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidRemark("expected_on", f"“{text[:40]}” is no day. Write it like 2026-06-18.") from None


def _visible(asked: BoardRequest, code: str) -> LegalEntity:
    """The entity, 404 for one that the person does not see, as for one that does not exist."""
    seen = asked.entities().select_related("group", "calendar", "connection", "owner", "deputy")
    found = seen.filter(code=code).first()
    if found is None:
        raise Http404
    return found


def _page(
    request: HttpRequest,
    asked: BoardRequest,
    found: LegalEntity,
    *,
    typed: RejectedRemark | None = None,
    status: int = 200,
) -> HttpResponse:
    told = _told(asked, found, typed=typed, whole=request.GET.get("history") == "all")
    return render(request, "board/entity/entity_page.html", {**_shell(asked), **told}, status=status)


def _told(
    asked: BoardRequest, found: LegalEntity, *, typed: RejectedRemark | None = None, whole: bool = False
) -> dict[str, object]:
    path = _path(found.code)
    page, board = entity_page(found, asked, path, typed=typed, whole=whole)
    query = urlencode([*asked.query.pairs(), ("seen", page.version)])
    return {
        "page": page,
        "title": page.title,
        "bar": toolbar(asked, board, path),
        "past": asked.past,
        "poll": "" if asked.past else f"{path}?{query}",
        "said_at": reverse("remark", args=[found.code]),
        "month_key": f"{asked.month:%Y-%m}",
    }


def _shell(asked: BoardRequest) -> dict[str, object]:
    """The counts are those of now, of the month that a reader sees without asking: what the links lead to."""
    latest = active_month(asked.now.astimezone(asked.reader.zone).date())
    return layout_context(asked.person, "board", visible_board_of(asked.person, latest, asked.now).board)


def _path(code: str) -> str:
    return reverse("entity", args=[code])


def _ours(address: str) -> bool:
    """Whether an address is a path of this site."""
    return address.startswith("/") and url_has_allowed_host_and_scheme(address, allowed_hosts=None)
