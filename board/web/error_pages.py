"""Pages for addresses that do not exist and for what is refused, within the frame for people who are signed in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from board.web.layout import layout_context


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The page of an address that does not exist, or of an entity that the person may not see."""
    return _error_page(request, 404)


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The page of something that the person may not see or do."""
    return _error_page(request, 403)


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page of a form without a valid token: its page was open too long, or it is not of this site."""
    return _error_page(request, 403, "403_csrf.html")


def _error_page(request: HttpRequest, status: int, template: str = "") -> HttpResponse:
    """The page with the menu where a person is signed in; a plain page otherwise."""
    user = getattr(request, "user", None)  # absent where a middleware before the session refused the request
    if user is None or not user.is_authenticated:
        context: dict[str, object] = {"frame": "board/web/plain.html"}
    else:
        context = {"frame": "board/web/framed_error.html", **layout_context(user, "")}
    response = render(request, template or f"{status}.html", context, status=status)
    response["Cache-Control"] = "no-store"
    patch_vary_headers(response, ["Cookie"])
    return response
