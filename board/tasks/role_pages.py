"""The roles of close tasks: who has which in each group and entity, those that nobody has first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from board.tasks.task_lines import names_of
from board.web.board_request import BoardRequest, board_view
from board.web.forms import LineField, SeeOther, bind_errors, one_message, posted
from closing.close_tasks.task_templates import TaskLevel
from closing.close_tasks.template_rows import rows_of_csv
from entities.access import Role, administered_entities, administered_groups, groups_with_role
from entities.models import Group, LegalEntity, Membership, Person, ancestor_paths
from worklist.models import TaskAdoption, TaskTemplate
from worklist.task_store.generate_tasks import members_of_adoptions
from worklist.task_store.role_holders import TaskRoleHolders, give_task_role, role_holders

_WRITE_THE_ROLE = "Write the role, as the templates name it, in at most 80 letters."
_NOBODY = "nobody"
_MOST_NAMED = 8  # entities without a holder, by name
_WORKING = (Role.FINANCE, Role.ADMINISTRATOR, Role.OWNER)


class TaskRoleForm(forms.Form):
    """A role, where it counts ("group:CODE" or "entity:CODE"), and the person by mail address, or "nobody"."""

    role = LineField(
        max_length=80,
        error_messages=one_message(_WRITE_THE_ROLE) | {"max_length": _WRITE_THE_ROLE},
    )
    where = forms.ChoiceField(error_messages=one_message("Choose a group or an entity that you administer."))
    person = forms.ChoiceField(
        error_messages=one_message("Choose somebody who works on the group, or nobody.")
    )


@dataclass(frozen=True, slots=True)
class RoleCard:
    """One role with who has it: of the groups, of entities of their own, and the entities where nobody does."""

    role: str
    holders: list[tuple[str, str]]
    missing: int
    named: str


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def task_roles(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """Every role that the newest templates name, and the form that gives one to a person."""
    person = board_request.person
    groups = list(groups_with_role(person, Q()))
    entities = list(board_request.entities().select_related("group").order_by("name"))
    members = members_of_adoptions()
    governing = {members[entity.pk] for entity in entities if entity.pk in members}
    adopted = TaskAdoption.objects.filter(Q(group__in=groups) | Q(group__in=governing))
    adoptions = list(adopted.select_related("group").order_by("group__path"))
    own_groups = list(administered_groups(person))
    own_entities = list(administered_entities(person).select_related("group").order_by("name"))
    places: dict[str, Group | LegalEntity] = {
        **{f"group:{group.code}": group for group in own_groups},
        **{f"entity:{entity.code}": entity for entity in own_entities},
    }
    if request.method == "POST" and not places:
        raise Http404
    people = workers(own_groups, own_entities) if places else []
    form = TaskRoleForm(posted(request), initial=_initial(request))
    form.fields["where"].choices = [(key, place.name) for key, place in places.items()]  # type: ignore[attr-defined]
    form.fields["person"].choices = [("", "Choose"), *people, (_NOBODY, "Nobody")]  # type: ignore[attr-defined]
    if form.is_bound and form.is_valid():
        with bind_errors(form):
            return _given(request, board_request, form, places)
    holders = role_holders()
    context = {
        **board_request.layout("tasks"),
        "month_key": f"{board_request.month:%Y-%m}",
        "kept": f"month={board_request.month:%Y-%m}",
        "here_is": "task_roles",
        "form": form,
        "administers": bool(places),
        "cards": _cards(adoptions, entities, members, {group.path: group for group in groups}, holders),
        "adopted": bool(adoptions),
    }
    status = 422 if form.is_bound else 200
    return render(request, "board/tasks/roles.html", context, status=status)


def _given(
    request: HttpRequest,
    board_request: BoardRequest,
    form: TaskRoleForm,
    places: Mapping[str, Group | LegalEntity],
) -> HttpResponse:
    where, role = places[form.cleaned_data["where"]], form.cleaned_data["role"]
    email = form.cleaned_data["person"]
    person = Person.objects.get(email=email) if email != _NOBODY else None
    changed = give_task_role(where, role, person, board_request.now, by=board_request.person)
    name = (person.name or person.email) if person is not None else "nobody"
    if changed:
        words = f"{role} of {where.name} is {name} now. Tasks that exist keep their owner."
        messages.success(request, words)
    else:
        messages.info(request, f"{role} of {where.name} was {name} already.")
    return SeeOther(reverse("task_roles"))


def _initial(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET.get(name, "")[:100] for name in ("role", "where")}


def _cards(
    adoptions: Sequence[TaskAdoption],
    entities: Sequence[LegalEntity],
    members: Mapping[int, int],
    groups: Mapping[str, Group],
    holders: TaskRoleHolders,
) -> list[RoleCard]:
    """The roles of these adoptions for the entities and groups that the reader sees, the most often missing first."""
    of_group: dict[int, list[LegalEntity]] = defaultdict(list)
    for entity in entities:
        if entity.pk in members:
            of_group[members[entity.pk]].append(entity)
    needed = _needed([adoption.group_id for adoption in adoptions])
    names = names_of({*holders.of_group.values(), *holders.of_entity.values()})
    seen = {entity.pk: entity for entity in entities}
    cards = []
    for role in sorted({role for role, _ in needed}):
        found, missing = [], []
        for adoption in adoptions:
            levels = needed.get((role, adoption.group_id))
            if levels is None:
                continue
            of_all = holders.holder(role, adoption.group.path)
            found.append((adoption.group.name, names.get(of_all or 0, "nobody")))
            if TaskLevel.GROUP.value in levels and of_all is None and adoption.group.path in groups:
                missing.append(f"{adoption.group.name} itself")
            if TaskLevel.ENTITY.value in levels:
                missing += [
                    entity.name
                    for entity in of_group[adoption.group_id]
                    if holders.holder(role, entity.group.path, entity.pk) is None
                ]
            found += [
                (groups[path].name, names.get(person, ""))
                for (path, each), person in sorted(holders.of_group.items())
                if each == role and path in groups and path.startswith(adoption.group.path)
                if path != adoption.group.path
            ]
        found += [
            (seen[entity_id].name, names.get(person, ""))
            for (entity_id, each), person in holders.of_entity.items()
            if each == role and entity_id in seen
        ]
        more = len(missing) - _MOST_NAMED
        named = ", ".join(missing[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        cards.append(RoleCard(role, found, len(missing), named))
    return sorted(cards, key=lambda card: (-card.missing, card.role))


def _needed(groups: Collection[int]) -> dict[tuple[str, int], set[str]]:
    """The roles that the newest templates of groups name, by role and group, with the levels of their tasks."""
    rows = TaskTemplate.objects.filter(group__in=groups).order_by("group_id", "kind", "-version")
    needed: dict[tuple[str, int], set[str]] = defaultdict(set)
    for row in rows.distinct("group_id", "kind"):
        for cells in rows_of_csv(row.rows):
            for role in filter(None, (cells.cell("ClosingRole"), cells.cell("ReviewerRole"))):
                needed[role, row.group_id].add(cells.cell("Level") or TaskLevel.ENTITY.value)
    return needed


def workers(groups: Collection[Group], entities: Collection[LegalEntity]) -> list[tuple[str, str]]:
    """The mail addresses and names of the people who work on these groups and entities, or on a group above."""
    paths = [group.path for group in groups] + [entity.group.path for entity in entities]
    above = {each for path in paths for each in ancestor_paths(path)}
    held = Q(entity__in=entities) | Q(group__in=groups) | Q(group__path__in=above)
    memberships = Membership.objects.filter(held, role__in=_WORKING, person__is_active=True)
    people = Person.objects.filter(pk__in=memberships.values("person")).order_by("name", "email")
    listed = people.values_list("email", "name")
    return [(email, f"{name} ({email})" if name else email) for email, name in listed]
