"""The forms of one entity: its deputy, and the remarks on its periods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django import forms

from board.web.forms import DayField, PlainTextField, one_message
from closing.facts.period_remarks import (
    MAX_REMARK_LENGTH,
    OVERDUE_REASON_LABELS,
    OverdueReason,
    RemarkKind,
)
from entities.models import Person
from periods.models import Remark
from periods.remarks import (
    acknowledge,
    add_note,
    edit_note,
    set_expected_close,
    set_overdue_reason,
    withdraw_note,
)


class _OfferedField(forms.TypedChoiceField):
    """A choice. In place of one that is not offered any more the saved one is shown, so that saving keeps it."""

    def bound_data(self, data: Any, initial: Any) -> Any:
        return data if not data or self.valid_value(data) else initial


class DeputyForm(forms.Form):
    """The deputy of an entity by e-mail address, or nobody."""

    def __init__(
        self, people: Sequence[Person], deputy: Person | None, data: Mapping[str, Any] | None
    ) -> None:
        super().__init__(data, initial={"deputy": deputy.email if deputy is not None else ""})
        self.fields["deputy"] = _OfferedField(
            choices=[(person.email, person.name or person.email) for person in people],
            coerce={person.email: person for person in people}.get,
            required=False,
            empty_value=None,
            error_messages=one_message("Choose somebody who may see the entity."),
        )


class RemarkForm(forms.Form):
    """A remark of any kind. `replaces` is the note to edit, or with `withdraw` to withdraw."""

    kind = forms.TypedChoiceField(
        choices=[(kind.value, kind.value) for kind in RemarkKind],
        coerce=RemarkKind,
        error_messages=one_message("The form is not complete. Reload the page and try again."),
    )
    month = PlainTextField(required=False)
    replaces = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        error_messages=one_message("There is no such note."),
    )
    withdraw = forms.BooleanField(required=False)
    reason = forms.TypedChoiceField(
        choices=[(reason.value, label) for reason, label in OVERDUE_REASON_LABELS.items()],
        coerce=OverdueReason,
        required=False,
        empty_value=None,
        error_messages=one_message("Choose a reason from the list."),
    )
    expected_on = DayField(required=False)
    text = PlainTextField(
        required=False,
        max_length=MAX_REMARK_LENGTH,
        error_messages={
            "max_length": "That is %(show_value)d letters long; the longest text has %(limit_value)d. Shorten it."
        },
    )

    @property
    def error(self) -> str:
        """The first error of all, or ""."""
        return next((str(error) for errors in self.errors.values() for error in errors), "")

    def clean(self) -> None:
        """Asks for what its kind of remark needs."""
        values, missing = self.cleaned_data, {}
        match values.get("kind"):
            case RemarkKind.OVERDUE_REASON:
                missing["reason"] = "Choose a reason from the list."
                if values.get("reason") is OverdueReason.OTHER:
                    missing["text"] = "Describe the other reason in a few words."
            case RemarkKind.EXPECTED_CLOSE:
                missing["expected_on"] = "Choose the day on which you expect to close."
            case RemarkKind.NOTE if not values.get("replaces"):
                missing["text"] = "Write the note first."
            case RemarkKind.NOTE if not values["withdraw"]:
                missing["text"] = "A note cannot be empty. To remove it, withdraw it."
        for name, message in missing.items():
            if name in values and not values[name]:
                self.add_error(name, message)

    def save(self, by: Person, code: str, month: date, at: datetime) -> Remark:
        """Saves the remark of a valid form; raises what the functions of `periods.remarks` raise."""
        values = self.cleaned_data
        text, note = values["text"], values["replaces"]
        match values["kind"]:
            case RemarkKind.OVERDUE_REASON:
                return set_overdue_reason(by, code, month, values["reason"], text, at)
            case RemarkKind.EXPECTED_CLOSE:
                return set_expected_close(by, code, month, values["expected_on"], text, at)
            case RemarkKind.ACKNOWLEDGEMENT:
                return acknowledge(by, code, month, text, at)
        if note is None:
            return add_note(by, code, month, text, at)
        return (
            withdraw_note(by, code, note, at) if values["withdraw"] else edit_note(by, code, note, text, at)
        )
