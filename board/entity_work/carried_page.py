"""The page that carries items of one number on purpose, and the forms that end that or undo it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from board.entity_work.carried_form import CarriedForm, EndCarriedForm, FactField
from board.entity_work.work_items import carried_words, ids_of_items, item_value, no_more_words
from board.entity_work.work_phrases import capitalised
from board.web import labels
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.forms import ReturnForm, SeeOther, moment_in, posted
from closing.blockers.blocker_facts import BlockerFact, FactId, FactItem
from closing.blockers.blocker_kinds import counted, shown_as
from closing.blockers.blocker_phrases import money
from closing.blockers.carried import CarriedMark, in_force
from closing.calendar.date_phrases import day_and_month, full_date, month_and_year
from closing.calendar.instants import local_date, zone_named
from entities.models import LegalEntity
from periods.remarks import may_write
from periods.snapshot.builder import take_snapshot
from worklist.models import BlockerReading, CarriedItem
from worklist.recording.carried_items import (
    LONGEST_REASON,
    CarriedNotAllowed,
    CarriedRefused,
    FactInForce,
    carry_on_purpose,
    end_carried,
    fact_in_force,
    last_day_to_carry,
    marks_of,
    undo_carried,
)
from worklist.recording.fact_rows import fact_of

MOST_ROWS = 200  # items that the page offers at once


@dataclass(frozen=True, slots=True)
class OfferedItem:
    """An item that may be chosen; `carried` says that it is carried already, and until when."""

    value: str
    number: str
    on: str
    amount: str
    owner: str
    units: str
    carried: str
    ticked: bool


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def carried(request: HttpRequest, board_request: BoardRequest, code: str) -> HttpResponse:
    """The items of one number with the form to carry them; a rejected form is shown again with its values."""
    values = request.POST if request.method == "POST" else request.GET
    board_request = _of_month(board_request, values.get("month", ""))
    entity = _writable(request, board_request, code)
    if isinstance(entity, HttpResponse):
        return entity
    form = CarriedForm(posted(request))
    key = _fact_key(values.get("fact", ""), entity, board_request)
    problem = ""
    if key is not None and form.is_valid():
        items, until = form.cleaned_data["item"], form.cleaned_data["until"]
        try:
            made = carry_on_purpose(
                board_request.person, code, key, items, until, form.cleaned_data["reason"], board_request.now
            )
        except BlockerReading.DoesNotExist:
            key = None
        except CarriedRefused as error:
            problem = str(error)
        else:
            count = f"{len(made)} items are" if len(made) > 1 else "1 item is"
            messages.success(
                request,
                f"{count} carried on purpose until {day_and_month(until)}.",
                extra_tags=_undo_url(code, board_request.now),
            )
            return SeeOther(f"{reverse('entity', args=[code])}?month={board_request.month:%Y-%m}#work")
    return _page(request, board_request, entity, form, key, problem)


@require_POST
@board_view
def carried_end(request: HttpRequest, board_request: BoardRequest, code: str) -> HttpResponse:
    """Ends carrying one item on purpose."""
    board_request = _of_month(board_request, request.POST.get("month", ""))
    entity = _writable(request, board_request, code)
    if isinstance(entity, HttpResponse):
        return entity
    form = EndCarriedForm(request.POST)
    key = _fact_key(request.POST.get("fact", ""), entity, board_request)
    if key is None or not form.is_valid():
        raise Http404
    try:
        ended = end_carried(board_request.person, code, key, [form.cleaned_data["item"]], board_request.now)
    except BlockerReading.DoesNotExist:
        raise Http404 from None
    if ended:
        text = "The item is no longer carried on purpose: it counts again."
        messages.success(request, text, extra_tags=_undo_url(code, board_request.now))
    else:
        messages.info(request, "Somebody else has ended it already.")
    return SeeOther(ReturnForm(request.POST).path(reverse("entity", args=[code])))


@require_POST
@board_view
def carried_undo(request: HttpRequest, board_request: BoardRequest, code: str, moment: str) -> HttpResponse:
    """Undoes what the person did to carried items at a moment."""
    at = moment_in(moment)
    if at is None:
        raise Http404
    try:
        changed = undo_carried(board_request.person, code, at, board_request.now)
    except LegalEntity.DoesNotExist:
        raise Http404 from None
    except CarriedNotAllowed:
        return _refused(request, board_request, LegalEntity.objects.get(code=code))
    if changed:
        messages.success(request, "That is undone.")
    else:
        messages.info(request, "There is nothing left to undo.")
    return SeeOther(ReturnForm(request.POST).path(reverse("entity", args=[code])))


def _undo_url(code: str, moment: datetime) -> str:
    return reverse("undo_carried", args=[code, moment.isoformat()])


def _of_month(board_request: BoardRequest, month: str) -> BoardRequest:
    return resolve_request(board_request.person, {"month": month} if month else {}, board_request.now)


def _writable(request: HttpRequest, board_request: BoardRequest, code: str) -> LegalEntity | HttpResponse:
    """The entity, or the page for who only reads it; 404 where the person may not see it."""
    entity = board_request.entities().select_related("group", "connection").filter(code=code).first()
    if entity is None:
        raise Http404
    if may_write(board_request.person, entity.pk):
        return entity
    return _refused(request, board_request, entity)


def _refused(request: HttpRequest, board_request: BoardRequest, entity: LegalEntity) -> HttpResponse:
    context = {
        **board_request.layout("board"),
        "name": entity.name,
        "back": reverse("entity", args=[entity.code]),
    }
    return render(request, "board/web/write_refused.html", context, status=403)


def _fact_key(text: str, entity: LegalEntity, board_request: BoardRequest) -> FactInForce | None:
    """The fact that a form or address names, of the period of its month; None for another text."""
    try:
        key: FactInForce | None = FactField(required=False).clean(text)
    except ValidationError:
        return None
    if key is None or key.period is None:
        return key
    board = take_snapshot(LegalEntity.objects.filter(pk=entity.pk), board_request.month, board_request.now)
    period = board.rows[0].period_id if board.rows else None
    return replace(key, period=period) if period is not None else None


def _page(
    request: HttpRequest,
    board_request: BoardRequest,
    entity: LegalEntity,
    form: CarriedForm,
    key: FactInForce | None,
    problem: str,
) -> HttpResponse:
    status = 422 if form.is_bound else 200
    context = {
        **board_request.layout("board"),
        "name": entity.name,
        "back": f"{reverse('entity', args=[entity.code])}?month={board_request.month:%Y-%m}#work",
        "month": month_and_year(board_request.month),
        "month_key": f"{board_request.month:%Y-%m}",
        "form": form,
        "problem": problem,
        "gone": False,
        "longest": LONGEST_REASON,
    }
    try:
        if key is None:
            raise BlockerReading.DoesNotExist
        reading = fact_in_force(board_request.person, entity, key)
    except BlockerReading.DoesNotExist:
        context["gone"] = True
        return render(request, "board/entity/carried.html", context, status=status)
    fact = fact_of(reading)
    today = local_date(board_request.now, zone_named(entity.zone))
    marks = list(marks_of(reading).select_related("by"))
    items = offered_items(fact, marks, today, request.POST.getlist("item"))
    last = last_day_to_carry(reading, today)
    context |= {
        "what": capitalised(shown_as(fact.kind, fact.part)),
        "count": counted(fact.kind, fact.part, fact.unit, fact.count or 0),
        "items": items[:MOST_ROWS],
        "more": max(0, len(items) - MOST_ROWS),
        "no_more": no_more_words(fact),
        "fact_key": request.POST.get("fact") or request.GET.get("fact", ""),
        "first_day": today.isoformat(),
        "last_day": last.isoformat(),
        "last_words": full_date(last),
        "with_units": any(each.units > 1 for each in fact.ids),
    }
    return render(request, "board/entity/carried.html", context, status=status)


def offered_items(
    fact: BlockerFact, marks: Sequence[CarriedItem], today: date, chosen: Sequence[str]
) -> list[OfferedItem]:
    """The items of a fact, those that are not carried yet first; each with its row where the fact has one."""
    rows: dict[str, FactItem] = {
        each.item_id: item
        for item, each in zip(fact.items, ids_of_items(fact), strict=True)
        if each is not None
    }
    held = {mark.item_id: mark for mark in map(_mark_of, marks)}
    found = [
        _offered(each, rows.get(each.item_id), held.get(each.item_id), fact, today, chosen)
        for each in fact.ids
    ]
    return sorted(found, key=lambda one: bool(one.carried))


def _offered(
    each: FactId,
    row: FactItem | None,
    mark: CarriedMark | None,
    fact: BlockerFact,
    today: date,
    chosen: Sequence[str],
) -> OfferedItem:
    value = item_value(each)
    return OfferedItem(
        value,
        row.number if row is not None else each.item_id,
        labels.short_date(row.on) if row is not None and row.on is not None else "",
        money(each.amount, (row.currency if row is not None else None) or fact.currency)
        if each.amount is not None
        else "",
        row.owner if row is not None else "",
        f"{each.units:,}",
        carried_words(mark) if mark is not None and in_force(mark, each, today) else "",
        value in chosen,
    )


def _mark_of(item: CarriedItem) -> CarriedMark:
    amount = item.amount.normalize() + 0 if item.amount is not None else None
    return CarriedMark(item.item, item.units, amount, item.until, item.reason, item.by.name or item.by.email)
