"""Login and logout."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.views import LoginView, LogoutView
from django.http import (
    HttpRequest,
    HttpResponse,
)

from board.accounts.forms import LoginForm


class Login(LoginView):
    """Signs in by e-mail and password; redirects afterwards only to URLs of this site."""

    template_name = "board/accounts/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True


class Logout(LogoutView):
    """Ends the session (POST only) and makes the browser delete its cache, cookies and storage of this site."""

    next_page = str(settings.LOGOUT_REDIRECT_URL)

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        response: HttpResponse = super().post(request, *args, **kwargs)
        response["Clear-Site-Data"] = '"cache", "cookies", "storage"'
        return response
