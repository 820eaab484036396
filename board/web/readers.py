"""Who is signed in: the door that asks for it, and what the page says about them."""

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
from entities.models import Membership, Person

View = Callable[..., HttpResponse]


@dataclass(frozen=True, slots=True)
class PersonMenu:
    """What the person's menu shows."""

    name: str
    email: str
    initials: str
    roles: str
    zone_name: str


def wants_fragment(request: HttpRequest) -> bool:
    """The one place that decides: htmx asked, and not to restore its history, which needs a whole page."""
    htmx = request.htmx  # type: ignore[attr-defined]
    return bool(htmx) and not htmx.history_restore_request


def signed_in(view: View) -> View:
    """Lets only signed-in people in, and keeps what they see out of every cache.

    A page is sent to the login and back. An htmx request is told to load the login as a page, since it would
    otherwise swap the login into the board (02-architecture 2.6).
    """

    @wraps(view)
    def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            response = view(request, *args, **kwargs)
        elif request.htmx:  # type: ignore[attr-defined]
            where = request.htmx.current_url_abs_path or settings.LOGIN_REDIRECT_URL  # type: ignore[attr-defined]
            response = HttpResponseClientRedirect(redirect_to_login(where).url)
        else:
            response = redirect_to_login(_wanted(request))
        response["Cache-Control"] = "no-store"
        patch_vary_headers(response, ["HX-Request", "Cookie"])
        return response

    return door


def _wanted(request: HttpRequest) -> str:
    """Where the login leads: to the page that was asked for, or to the start page if none was or a form was sent."""
    page = request.get_full_path()
    return page if request.method in {"GET", "HEAD"} and page != "/" else settings.LOGIN_REDIRECT_URL


def person_menu(person: Person) -> PersonMenu:
    """The signed-in person for the menu."""
    if person.is_superuser:
        roles = "Superuser: sees everything"
    else:
        held = {text.partition(":")[0] for text in memberships_of(person)}
        roles = ", ".join(role.label for role in Membership.Role if role.value in held) or "none yet"
    _, zone_name = labels.reader_zone(person.zone)
    name = person.name or person.email
    return PersonMenu(name, person.email, labels.initials(name), roles, zone_name)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks: the zone of the times shown, and what to call it."""

    zone: ZoneInfo
    zone_name: str

    @classmethod
    def in_zone(cls, name: str) -> Reader:
        """A reader in a zone; in UTC when the name is no zone."""
        return cls(*labels.reader_zone(name))


def may_send_test(person: Person) -> bool:
    """Whether somebody administers a group or an entity, or everything."""
    held = {text.partition(":")[0] for text in memberships_of(person)}
    return person.is_superuser or Membership.Role.ADMINISTRATOR.value in held


def administers_a_group(person: Person) -> bool:
    """Whether somebody administers a group, or everything."""
    held = (text.split(":") for text in memberships_of(person))
    return person.is_superuser or any(
        role == Membership.Role.ADMINISTRATOR and path for role, path, *_ in held
    )
