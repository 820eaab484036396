"""The forms of the login and of saved views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from board.accounts.saved_views_menu import own_parameters, view_query, view_querystring
from board.web.board_query import InvalidQuery
from board.web.forms import LineField, PlainTextField
from board.web.layout import SCREENS
from entities.view_store import MAX_VIEW_NAME_LENGTH


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


class RenameViewForm(forms.Form):
    """The name of a saved view; `view_id` is that of the view, 0 for a new one."""

    name = LineField(
        max_length=MAX_VIEW_NAME_LENGTH,
        error_messages={
            "required": "A view needs a name, such as “EU late”.",
            "max_length": "The name is %(show_value)d letters long; %(limit_value)d are the most.",
        },
    )

    def __init__(self, data: Mapping[str, Any], view_id: int = 0) -> None:
        super().__init__(data)
        self.view_id = view_id


class SaveViewForm(RenameViewForm):
    """A view of a screen to save under a name: its query string, and what of it to keep.

    `cleaned_data["query"]` is canonical, in the zone of the reader.
    """

    screen = forms.ChoiceField(choices=[(screen, label) for screen, (label, _) in SCREENS.items()])
    query = PlainTextField(required=False)
    keep_month = forms.BooleanField(required=False)
    keep_moment = forms.BooleanField(required=False)
    start = forms.BooleanField(required=False)
    replace = forms.BooleanField(required=False)

    def __init__(self, data: Mapping[str, Any], zone: ZoneInfo) -> None:
        super().__init__(data)
        self._zone = zone

    def clean(self) -> None:
        values = self.cleaned_data
        if "screen" in values:
            try:
                query = view_query(values["query"], self._zone)
                own = own_parameters(values["screen"], values["query"])
            except InvalidQuery as error:
                raise ValidationError({"query": str(error)}) from None
            month = query.month if values["keep_month"] else None
            at = query.at if values["keep_moment"] else None
            values["query"] = view_querystring(query.replace(month=month, at=at), own)

    @property
    def problem(self) -> str:
        """The first error, that of the query before others."""
        return str(min(self.errors.items(), key=lambda item: item[0] != "query")[1][0])

    @property
    def taken(self) -> bool:
        """Whether another view has the name."""
        return self.has_error("name", code="taken")

    @property
    def kept(self) -> Sequence[tuple[str, str]]:
        """The other inputs as they were sent; empty if no other name would help."""
        names = ("screen", "query", "back", "keep_month", "keep_moment", "start")
        return (
            [] if "query" in self.errors else [(name, self.data[name]) for name in names if name in self.data]
        )
