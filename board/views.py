"""The screens and the way in and out; each shows one thing and writes nothing of the domain."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from board.asked import Asked, asking
from board.forms import LoginForm
from board.page import page, version
from board.people import wants_fragment
from board.shell import shell
from closing.days import month_and_year
from entities.models import Person


@require_safe
@asking
def scoreboard(request: HttpRequest, asked: Asked) -> HttpResponse:
    """The board of one month: a page, the fragment that a refresh swaps in, or 204 when nothing has changed."""
    board = asked.board()
    fragment = wants_fragment(request)
    if fragment and request.GET.get("seen") == version(board):
        return HttpResponse(status=204)
    shown = page(board, asked.reader)
    empty = None if board.rows else _nothing(asked.person, asked.entities().count(), asked.month)
    told = {
        "title": empty[0] if empty else shown.title,
        "page": shown,
        "poll": f"month={asked.month:%Y-%m}&" if asked.question.month is not None else "",
        "empty": empty,
        "htmx": fragment,
    }
    if fragment:
        return render(request, "board/_scoreboard.html", told)
    return render(request, "board/scoreboard.html", {**told, **shell(asked.person, "board", board)})


def _nothing(person: Person, visible: int, month: date) -> tuple[str, str]:
    """Why there is no row, and the next step."""
    if visible:
        active = f"None of your {visible} entities was" if visible > 1 else "Your entity was not"
        return f"Nobody closes {month_and_year(month)}", f"{active} active in that month."
    if person.is_superuser:
        return (
            "There are no entities yet",
            "Describe your group in a file and load it: manage.py load_group FILE.yaml",
        )
    return "You have no entities yet", "Ask an administrator to give you a role for a group or an entity."


class Login(LoginView):
    """E-mail and password; only addresses of our own are followed afterwards."""

    template_name = "login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True


class Logout(LogoutView):
    """Ends the session (POST only) and has the browser forget what it kept of us."""

    next_page = str(settings.LOGOUT_REDIRECT_URL)

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        response: HttpResponse = super().post(request, *args, **kwargs)
        response["Clear-Site-Data"] = '"cache", "cookies", "storage"'
        return response
