"""The form for an entity's deputy, who is notified while the owner is away."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from alerts.routing.recipients import load_audiences
from board.entity.forms import DeputyForm
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.forms import SeeOther, form_status, posted
from board.web.layout import layout_context
from entities.access import administered_entities
from entities.audit_trail import Verb, entity_object, record_act
from entities.models import LegalEntity, Person


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def deputy(request: HttpRequest, board_request: BoardRequest, code: str) -> HttpResponse:
    """The form for the deputy, and its submission; 404 for people who do not administer the entity."""
    board_request = resolve_request(board_request.person, {}, board_request.now)
    entity = (
        administered_entities(board_request.person)
        .select_related("owner", "deputy", "group")
        .filter(code=code)
        .first()
    )
    if entity is None:
        raise Http404
    options = _options(entity)
    form = DeputyForm(options, entity.deputy, posted(request))
    if not form.is_valid():
        return _page(request, board_request, entity, options, form)
    person: Person | None = form.cleaned_data["deputy"]
    with transaction.atomic():
        LegalEntity.objects.filter(pk=entity.pk).update(deputy=person)
        record_act(
            Verb.DEPUTY_SET,
            entity_object(entity),
            by=board_request.person,
            at=board_request.now,
            before={"deputy": entity.deputy.email if entity.deputy is not None else None},
            after={"deputy": person.email if person is not None else None},
        )
    text = f"{person.name or person.email} is the deputy" if person is not None else "Nobody is the deputy"
    messages.success(request, f"{text} of {entity.name} now.")
    return SeeOther(reverse("entity", args=[entity.code]))


def _options(entity: LegalEntity) -> list[Person]:
    """The people who may see the entity, except its owner."""
    audience = load_audiences([entity.pk])[entity.pk]
    people = Person.objects.filter(pk__in=audience.members | audience.superusers, is_active=True)
    return list(people.exclude(pk=entity.owner_id or 0).order_by("name", "email"))


def _page(
    request: HttpRequest,
    board_request: BoardRequest,
    entity: LegalEntity,
    options: list[Person],
    form: DeputyForm,
) -> HttpResponse:
    owner = entity.owner
    context = {
        **layout_context(board_request.person, "board", board_request.board()),
        "name": entity.name,
        "back": reverse("entity", args=[entity.code]),
        "owner": (owner.name or owner.email) if owner else "",
        "unseeing": _blind_deputy_name(entity, options),
        "form": form,
    }
    return render(request, "board/entity/deputy.html", context, status=form_status(form))


def _blind_deputy_name(entity: LegalEntity, options: list[Person]) -> str:
    """The name of a deputy who may not see the entity any more and so is not notified, else ""."""
    deputy = entity.deputy
    if deputy is None or deputy in options:
        return ""
    return deputy.name or deputy.email
