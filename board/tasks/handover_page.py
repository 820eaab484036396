"""The handover of somebody who leaves: their open tasks, reviews and roles, and the successor who gets them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import quote

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from board.tasks.absence_page import people_seen_to
from board.tasks.role_pages import workers
from board.web.board_request import BoardRequest, board_view
from board.web.forms import LineField, SeeOther, bind_errors, one_message, posted
from board.web.labels import counted
from closing.calendar.date_phrases import month_and_year
from entities.access import administered_entities, administered_groups
from entities.models import Person
from worklist.models import CloseTask
from worklist.task_store.handover import HandedOver, deactivate_person, hand_over, open_work

_MOST_TITLES = 40
_MOST_STAYED = 10  # sentences about what stayed


class HandoverForm(forms.Form):
    """The successor by mail address, a reason, and whether the person signs in no more."""

    successor = forms.ChoiceField(required=False, error_messages=one_message("Choose the successor."))
    reason = LineField(required=False, max_length=500)
    end_access = forms.BooleanField(required=False)


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def task_handover(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The work of the person that the address names, and its handover; 404 for people who administer nothing."""
    by, at = board_request.person, board_request.now
    people = [each for each in people_seen_to(by) if each != by]
    groups, entities = list(administered_groups(by)), list(administered_entities(by).select_related("group"))
    if not groups and not entities:
        raise Http404
    email = request.GET.get("person", "")
    person = next((each for each in people if each.email == email), None)
    if email and person is None:
        raise Http404
    form = HandoverForm(posted(request))
    offered = [each for each in workers(groups, entities) if each[0] != email]
    form.fields["successor"].choices = [("", "Choose"), *offered]  # type: ignore[attr-defined]
    if person is not None and form.is_bound and form.is_valid():
        with bind_errors(form):
            return _handed_over(request, board_request, person, form)
    work = open_work(person, at) if person is not None else None
    context = {
        **board_request.layout("tasks"),
        "month_key": f"{board_request.month:%Y-%m}",
        "people": [(each.email, _name(each)) for each in people],
        "leaver": person,
        "name": _name(person) if person is not None else "",
        "form": form,
        "has_work": bool(work),
        "tasks": _titles(work.tasks) if work else [],
        "reviews": _titles(work.reviews) if work else [],
        "task_count": len(work.tasks) if work else 0,
        "review_count": len(work.reviews) if work else 0,
        "roles": [(held.role, held.where.name) for held in work.roles] if work else [],
        "stands_in": [_name(absence.person) for absence in work.stands_in] if work else [],
        "superuser": by.is_superuser,
    }
    return render(request, "board/tasks/handover.html", context, status=422 if form.is_bound else 200)


def _handed_over(
    request: HttpRequest, board_request: BoardRequest, person: Person, form: HandoverForm
) -> HttpResponse:
    values, by, at = form.cleaned_data, board_request.person, board_request.now
    result: HandedOver | None = None
    with transaction.atomic():
        if values["successor"]:
            successor = Person.objects.get(email=values["successor"])
            result = hand_over(person, successor, at, by=by, reason=values["reason"])
        elif not values["end_access"]:
            raise forms.ValidationError({"successor": "Choose the successor."})
        if values["end_access"]:
            deactivate_person(person, at, by=by)
    if result is not None:
        parts = [counted(result.tasks, "task", "tasks"), counted(result.roles, "role", "roles")]
        what = " and ".join(part for part in parts if part) or "nothing"
        messages.success(request, f"{_name(successor)} has got {what} of {_name(person)}.")
        for words in result.stayed[:_MOST_STAYED]:
            messages.warning(request, words)
        if len(result.stayed) > _MOST_STAYED:
            messages.warning(request, f"{len(result.stayed) - _MOST_STAYED} more stayed where they are.")
    if values["end_access"]:
        messages.success(request, f"{_name(person)} cannot sign in any more.")
        return SeeOther(reverse("task_handover"))
    return SeeOther(f"{reverse('task_handover')}?person={quote(person.email)}")


def _titles(tasks: Sequence[CloseTask]) -> list[tuple[str, str, int]]:
    """Tasks by title and month with their number."""
    count = Counter((task.title, month_and_year(task.month)) for task in tasks)
    return [(title, month, number) for (title, month), number in count.items()][:_MOST_TITLES]


def _name(person: Person) -> str:
    return person.name or person.email
