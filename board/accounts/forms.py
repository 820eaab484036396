"""The login form, in our words."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm


class LoginForm(AuthenticationForm):
    """E-mail and password; what is wrong is said in a sentence that does not tell which of the two it was."""

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
