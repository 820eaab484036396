"""Absences: who stands in for whom in tasks and reviews, from which day to which."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from board.tasks.role_pages import workers
from board.web.board_request import BoardRequest, board_view
from board.web.forms import DayField, SeeOther, bind_errors, one_message, posted
from closing.calendar.date_phrases import weekday_and_date
from closing.calendar.instants import local_date
from entities.access import administered_entities, administered_groups, groups_with_role
from entities.models import LegalEntity, Membership, Person
from worklist.models import TaskAbsence
from worklist.task_store.role_holders import end_absence, set_absence


class AbsenceForm(forms.Form):
    """Who is away, who stands in, and the days, both included."""

    person = forms.ChoiceField(
        error_messages=one_message("Choose yourself or somebody whose work you administer.")
    )
    deputy = forms.ChoiceField(error_messages=one_message("Choose the deputy."))
    first_day = DayField(error_messages={"required": "Give the first day of the absence."})
    last_day = DayField(error_messages={"required": "Give the last day of the absence."})


@dataclass(frozen=True, slots=True)
class AbsenceLine:
    """One absence that is not over. `now`: it has begun."""

    pk: int
    person: str
    deputy: str
    days: str
    now: bool
    mine: bool


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def task_absences(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The absences of the people that the person may see to, and the form for one."""
    person = board_request.person
    people = people_seen_to(person)
    by_email = {each.email: each for each in people}
    form = AbsenceForm(posted(request), initial={"person": person.email})
    named = [(each.email, "Me" if each == person else _name(each)) for each in people]
    form.fields["person"].choices = named  # type: ignore[attr-defined]
    deputies = _deputies(person)
    form.fields["deputy"].choices = [("", "Choose"), *deputies]  # type: ignore[attr-defined]
    today = local_date(board_request.now, board_request.reader.zone)
    if form.is_bound and form.is_valid():
        values = form.cleaned_data
        if values["last_day"] < today:
            form.add_error("last_day", "These days are over.")
        else:
            with bind_errors(form):
                away = by_email[values["person"]]
                deputy = Person.objects.get(email=values["deputy"])
                absence = set_absence(
                    away, deputy, values["first_day"], values["last_day"], board_request.now, by=person
                )
                messages.success(
                    request,
                    f"{_name(deputy)} stands in for {_name(away)} from {weekday_and_date(absence.first_day)} "
                    f"to {weekday_and_date(absence.last_day)}.",
                    extra_tags=reverse("end_absence", args=[absence.pk]),
                )
                return SeeOther(reverse("task_absences"))
    rows = _seen_absences(person, people).filter(ended_at=None, last_day__gte=today)
    lines = [
        AbsenceLine(
            row.pk,
            _name(row.person),
            _name(row.deputy),
            f"{weekday_and_date(row.first_day)} to {weekday_and_date(row.last_day)}",
            row.first_day <= today,
            row.person in people,
        )
        for row in rows.select_related("person", "deputy").order_by("first_day", "person__name")
    ]
    context = {
        **board_request.layout("tasks"),
        "month_key": f"{board_request.month:%Y-%m}",
        "kept": f"month={board_request.month:%Y-%m}",
        "here_is": "task_absences",
        "form": form,
        "lines": lines,
        "several": len(people) > 1,
        "deputies": bool(deputies),
    }
    status = 422 if form.is_bound else 200
    return render(request, "board/tasks/absences.html", context, status=status)


@require_POST
@board_view
def absence_end(request: HttpRequest, board_request: BoardRequest, pk: int) -> HttpResponse:
    """Ends an absence; 404 for one of somebody else."""
    absences = TaskAbsence.objects.filter(pk=pk, person__in=people_seen_to(board_request.person))
    absence = absences.select_related("person", "deputy").first()
    if absence is None:
        raise Http404
    if end_absence(absence, board_request.now, by=board_request.person):
        messages.success(
            request, f"{_name(absence.deputy)} does not stand in for {_name(absence.person)} any more."
        )
    return SeeOther(reverse("task_absences"))


def people_seen_to(person: Person) -> list[Person]:
    """The person, and everybody with a role on what they administer; all people for superusers."""
    others = Person.objects.filter(is_active=True)
    if not person.is_superuser:
        held = Membership.objects.filter(
            Q(group__in=administered_groups(person)) | Q(entity__in=administered_entities(person))
        )
        others = others.filter(pk__in=held.values("person"))
    return [person, *others.exclude(pk=person.pk).order_by("name", "email")]


def _deputies(person: Person) -> list[tuple[str, str]]:
    """The people who work on what the person sees, by mail address."""
    groups = list(groups_with_role(person, Q()))
    entities = list(LegalEntity.objects.visible_to(person).select_related("group"))
    return workers(groups, entities)


def _seen_absences(person: Person, people: list[Person]) -> QuerySet[TaskAbsence]:
    """Those of these people, and those in which the person stands in."""
    return TaskAbsence.objects.filter(Q(person__in=people) | Q(deputy=person))


def _name(person: Person) -> str:
    return person.name or person.email
