"""The origin of acts that come in by HTTP, for the audit log."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now

from entities.audit_trail import person_actor
from entities.models import Person
from infra.audit.origin import Actor, Origin, acting

NOBODY = Actor("unknown", "not signed in")


class AuditOriginMiddleware:
    """Gives each request an id, and its acts the person who is signed in, the address and the moment."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD", "OPTIONS"):  # these change nothing
            return self.get_response(request)
        origin = Origin(
            "page",
            lambda: person_actor(request.user) if isinstance(request.user, Person) else NOBODY,
            now(),
            request_id=uuid4().hex,
            address=request.META.get("REMOTE_ADDR", ""),
        )
        with acting(origin):
            return self.get_response(request)
