"""Who is told in the owner's place while the owner is away: named by whoever administers the entity."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from alerts.routing.recipients import load_audiences
from board.door import memberships_of
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.layout import layout_context
from board.web.redirects import SeeOther
from entities.access import administered_entities
from entities.models import LegalEntity, Membership, Person


def may_appoint_deputy(person: Person, entity: LegalEntity) -> bool:
    """Whether somebody administers an entity, by what the door knows of them; asks nothing of the database."""
    for held in memberships_of(person):
        role, path, of_entity = held.split(":")
        if role == Membership.Role.ADMINISTRATOR.value and (
            of_entity == str(entity.pk) or (path and entity.group.path.startswith(path))
        ):
            return True
    return person.is_superuser


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def deputy(request: HttpRequest, asked: BoardRequest, code: str) -> HttpResponse:
    """Ask who the deputy is to be, and keep it; 404 for who does not administer the entity."""
    asked = resolve_request(asked.person, {}, asked.now)
    found = (
        administered_entities(asked.person)
        .select_related("owner", "deputy", "group")
        .filter(code=code)
        .first()
    )
    if found is None:
        raise Http404
    options = _options(found)
    if request.method != "POST":
        return _page(request, asked, found, options)
    chosen = request.POST.get("deputy", "")
    person = next((each for each in options if each.email == chosen), None)
    if chosen and person is None:
        problem = "Choose somebody who may see the entity."
        return _page(request, asked, found, options, problem=problem, status=422)
    LegalEntity.objects.filter(pk=found.pk).update(deputy=person)
    who = f"{person.name or person.email} is the deputy" if person is not None else "Nobody is the deputy"
    done = f"{who} of {found.name} now."
    messages.success(request, done)
    return SeeOther(reverse("entity", args=[found.code]))


def _options(entity: LegalEntity) -> list[Person]:
    """Those who may see the entity, but for its owner."""
    around = load_audiences([entity.pk])[entity.pk]
    people = Person.objects.filter(pk__in=around.members | around.superusers, is_active=True)
    return list(people.exclude(pk=entity.owner_id or 0).order_by("name", "email"))


def _page(
    request: HttpRequest,
    asked: BoardRequest,
    entity: LegalEntity,
    options: list[Person],
    *,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    owner = entity.owner
    told = {
        **layout_context(asked.person, "board", asked.board()),
        "name": entity.name,
        "back": reverse("entity", args=[entity.code]),
        "owner": (owner.name or owner.email) if owner else "",
        "options": [(each.email, each.name or each.email, each.pk == entity.deputy_id) for each in options],
        "unseeing": _unseeing(entity, options),
        "problem": problem,
    }
    return render(request, "board/entity/deputy.html", told, status=status)


def _unseeing(entity: LegalEntity, options: list[Person]) -> str:
    """The name of a deputy who may not see the entity any more, and so is not told."""
    deputy = entity.deputy
    if deputy is None or deputy in options:
        return ""
    return deputy.name or deputy.email
