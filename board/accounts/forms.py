"""The login form."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm


class LoginForm(AuthenticationForm):
    """E-mail and password; the error does not reveal which of the two is wrong."""

    error_messages = {
        "invalid_login": "This e-mail and password do not belong together. Capital letters count in the password.",
        "inactive": "This account is switched off. Ask an administrator.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        email, password = self.fields["username"], self.fields["password"]
        email.label, password.label = "E-mail", "Password"
        email.widget = forms.EmailInput(
            attrs={"autofocus": True, "autocomplete": "username", "maxlength": 254}
        )
        email.error_messages["required"] = "Type your e-mail address."
        password.error_messages["required"] = "Type your password."
