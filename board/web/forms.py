"""Fields that the forms share, and the binding of a writer's refusal to the form that a person sent.

A field keeps what was typed: `value` is the typed text of a bound form, also where it could not be understood.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.utils.http import url_has_allowed_host_and_scheme

_QUOTED = 20  # letters of what was typed that an error repeats


def moment_in(text: str) -> datetime | None:
    """The moment in a hidden field or an address, in ISO 8601 with a zone; None for another text."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


@contextmanager
def bind_errors(form: forms.BaseForm) -> Iterator[None]:
    """Binds the ValidationError of a writer to the fields that it names; the code after the block shows the form."""
    try:
        yield
    except ValidationError as error:
        form.add_error(None, error)


class SeeOther(HttpResponseRedirect):
    """A redirect (303) after an accepted form, so that a reload does not send the form again."""

    status_code = 303


def posted(request: HttpRequest) -> QueryDict | None:
    """The data of a form that was sent; None for a page that is looked at."""
    return request.POST if request.method == "POST" else None


def form_status(form: forms.BaseForm) -> int:
    """The status of a page with a form: 422 with one that was sent and refused."""
    return 422 if form.is_bound else 200


class _ParsedField(forms.Field):
    """A value in one spelling; its error may quote what was typed as %(typed)s."""

    def parse(self, text: str) -> object:
        """The value of a text that is not blank; raises ValueError for another spelling."""
        raise NotImplementedError

    def to_python(self, value: object) -> object:
        text = str(value or "").strip()
        try:
            return self.parse(text) if text else None
        except ValueError:
            typed = {"typed": text[:_QUOTED]}
            raise ValidationError(self.error_messages["invalid"], code="invalid", params=typed) from None

    def prepare_value(self, value: object) -> object:
        return "" if value is None else str(value)


class DayField(_ParsedField):
    """A day, written like 2026-06-18."""

    default_error_messages = {"invalid": "“%(typed)s” is not a date. Write it like 2026-06-18."}

    def parse(self, text: str) -> date:
        return date.fromisoformat(text)


class ClockField(_ParsedField):
    """A time of day in hours and minutes, written like 08:00."""

    default_error_messages = {"invalid": "“%(typed)s” is not a time. Write it like 08:00."}

    def parse(self, text: str) -> time:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None)

    def prepare_value(self, value: object) -> object:
        return f"{value:%H:%M}" if isinstance(value, time) else super().prepare_value(value)


class DaysField(_ParsedField):
    """A number of days, in up to four digits."""

    default_error_messages = {"invalid": "“%(typed)s” is not a number of days."}

    def parse(self, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 4):
            raise ValueError
        return int(text)


class PlainTextField(forms.CharField):
    """A text without the characters that PostgreSQL cannot store; its line ends are single characters."""

    def to_python(self, value: object) -> str:
        return super().to_python(str(value or "").replace("\r\n", "\n").replace("\0", "")) or ""

    def prepare_value(self, value: object) -> object:
        return "" if value is None else value


class LineField(PlainTextField):
    """A text on one line: no control characters, single spaces."""

    def to_python(self, value: object) -> str:
        plain = (
            " " if unicodedata.category(letter) in {"Cc", "Cs"} else letter for letter in str(value or "")
        )
        return " ".join("".join(plain).split())


class ReturnForm(forms.Form):
    """The page to return to after a form, in the first of these fields that names one of this site."""

    back = PlainTextField(required=False)
    next = PlainTextField(required=False)

    def path(self, default: str) -> str:
        """The path to return to with its query, or `default`."""
        self.full_clean()
        for path in self.cleaned_data.values():
            if path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None):
                return str(path)
        return default


class SwitchForm(forms.Form):
    """A button that switches something on with "yes", and off with any other value, under one of these names."""

    on = PlainTextField(required=False)
    start = PlainTextField(required=False)

    def says_yes(self) -> bool:
        self.full_clean()
        return "yes" in self.cleaned_data.values()


def one_message(text: str) -> dict[str, str]:
    """The error messages of a field that says the same whatever is wrong."""
    return dict.fromkeys(("required", "invalid", "invalid_choice", "min_value", "max_value"), text)
