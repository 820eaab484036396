"""Login and logout."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.db import transaction
from django.http import (
    HttpRequest,
    HttpResponse,
)
from django.utils.timezone import now

from board.accounts.forms import LoginForm
from entities.audit_trail import Verb, person_object, record_act
from entities.models import Person
from infra.audit.refused_acts import count_refusal


class Login(LoginView):
    """Signs in by e-mail and password; redirects afterwards only to URLs of this site."""

    template_name = "board/accounts/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    @transaction.atomic
    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        person = form.get_user()
        record_act(Verb.SIGNED_IN, person_object(person), by=person)
        return super().form_valid(form)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        # Somebody may have typed a password for the account: only accounts that exist are named.
        email = form.cleaned_data.get("username", "").strip().lower()
        person = Person.objects.filter(email=email).first()
        account_id = person.pk if person is not None else None
        account = person.name or person.email if person is not None else "unknown account"
        count_refusal(Verb.SIGN_IN_REFUSED.value, account_id, account, now())
        return super().form_invalid(form)


class Logout(LogoutView):
    """Ends the session (POST only) and makes the browser delete its cache, cookies and storage of this site."""

    next_page = str(settings.LOGOUT_REDIRECT_URL)

    @transaction.atomic
    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if isinstance(request.user, Person):
            record_act(Verb.SIGNED_OUT, person_object(request.user), by=request.user)
        response: HttpResponse = super().post(request, *args, **kwargs)
        response["Clear-Site-Data"] = '"cache", "cookies", "storage"'
        return response
