"""The signed-in person: the view decorator that requires a login, the menu, and their permissions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect

from board.door import memberships_of
from board.web import labels
from entities.models import LegalEntity, Membership, Person

View = Callable[..., HttpResponse]


_WRITING_ROLES = frozenset({Membership.Role.FINANCE.value, Membership.Role.ADMINISTRATOR.value})


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx sent the request, except to restore its history, which needs a whole page."""
    htmx = request.htmx  # type: ignore[attr-defined]
    return bool(htmx) and not htmx.history_restore_request


def signed_in(view: View) -> View:
    """Requires a login and keeps the response out of every cache.

    A page request is redirected to the login and back. An htmx request loads the login as a page, since it would
    otherwise swap the login into the board (02-architecture 2.6).
    """

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            response = view(request, *args, **kwargs)
        elif request.htmx:  # type: ignore[attr-defined]
            page = request.htmx.current_url_abs_path or settings.LOGIN_REDIRECT_URL  # type: ignore[attr-defined]
            response = HttpResponseClientRedirect(redirect_to_login(page).url)
        else:
            response = redirect_to_login(_page_after_login(request))
        response["Cache-Control"] = "no-store"
        patch_vary_headers(response, ["HX-Request", "Cookie"])
        return response

    return wrapper


def _page_after_login(request: HttpRequest) -> str:
    """The page after the login: the requested page, or the start page for "/" and for a submitted form."""
    page = request.get_full_path()
    return page if request.method in {"GET", "HEAD"} and page != "/" else settings.LOGIN_REDIRECT_URL


def person_menu(person: Person) -> dict[str, str]:
    """The values of the menu of the signed-in person."""
    if person.is_superuser:
        roles = "Superuser: sees everything"
    else:
        roles_held = {membership.partition(":")[0] for membership in memberships_of(person)}
        roles = ", ".join(role.label for role in Membership.Role if role.value in roles_held) or "none yet"
    _, zone_name = labels.reader_zone(person.zone)
    name = person.name or person.email
    initials = labels.initials(name)
    return {"name": name, "email": person.email, "initials": initials, "roles": roles, "zone_name": zone_name}


@dataclass(frozen=True, slots=True)
class Reader:
    """The time zone that a reader sees times in, with its display name."""

    zone: ZoneInfo
    zone_name: str

    @classmethod
    def in_zone(cls, name: str) -> Reader:
        """A reader in a zone; in UTC if the name is no zone."""
        return cls(*labels.reader_zone(name))


def may_send_test(person: Person) -> bool:
    """Whether the person administers a group or an entity, or is a superuser."""
    roles_held = {membership.partition(":")[0] for membership in memberships_of(person)}
    return person.is_superuser or Membership.Role.ADMINISTRATOR.value in roles_held


def administers_a_group(person: Person) -> bool:
    """Whether the person administers a group, or is a superuser."""
    memberships = (membership.split(":") for membership in memberships_of(person))
    return person.is_superuser or any(
        role == Membership.Role.ADMINISTRATOR and path for role, path, *_ in memberships
    )


def may_send_work(person: Person) -> bool:
    """Whether the person may write on any entity, as a role or as the owner of one, or is a superuser."""
    memberships = (membership.split(":") for membership in memberships_of(person))
    return person.is_superuser or any(
        role in _WRITING_ROLES or (role == Membership.Role.OWNER and bool(entity))
        for role, _, entity in memberships
    )


@dataclass(frozen=True, slots=True)
class AuditAccess:
    """The part of the audit log that a person may read: the events of these group paths and all below them.

    `whole` adds the events of the whole installation, and of people, which have no group; `everything` is a
    superuser's.
    """

    paths: tuple[str, ...]
    whole: bool
    everything: bool = False


def audit_access(person: Person) -> AuditAccess | None:
    """What the person may read of the audit log; None unless they administer or audit a group, or are a superuser."""
    if person.is_superuser:
        return AuditAccess((), whole=True, everything=True)
    memberships = (membership.split(":") for membership in memberships_of(person))
    readers = {Membership.Role.ADMINISTRATOR.value, Membership.Role.AUDITOR.value}
    paths = tuple(sorted({path for role, path, *_ in memberships if role in readers and path}))
    return AuditAccess(paths, whole=any(path.count("/") == 1 for path in paths)) if paths else None


def administers(person: Person, entity: LegalEntity) -> bool:
    """Whether the person administers the entity, by their loaded memberships, without a query."""
    for membership in memberships_of(person):
        role, path, entity_id = membership.split(":")
        if role == Membership.Role.ADMINISTRATOR.value and (
            entity_id == str(entity.pk) or (path and entity.group.path.startswith(path))
        ):
            return True
    return person.is_superuser
