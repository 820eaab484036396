"""The forms of one entity: its deputy, and the remarks on its periods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from board.web.forms import DayField, PlainTextField
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
        self, people: Sequence[Person], deputy: Person | None, data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(data, initial={"deputy": deputy.email if deputy is not None else ""})
        self.fields["deputy"] = _OfferedField(
            choices=[(person.email, person.name or person.email) for person in people],
            coerce={person.email: person for person in people}.get,
            required=False,
            empty_value=None,
            error_messages={"invalid_choice": "Choose somebody who may see the entity."},
        )


def _text_field(required: str = "") -> PlainTextField:
    return PlainTextField(
        max_length=MAX_REMARK_LENGTH,
        required=bool(required),
        error_messages={
            "required": required,
            "max_length": "That is %(show_value)d letters long; the longest text has %(limit_value)d. Shorten it.",
        },
    )


def _note_field() -> forms.IntegerField:
    codes = ("required", "invalid", "min_value", "max_value")
    return forms.IntegerField(
        min_value=1, max_value=2**63 - 1, error_messages=dict.fromkeys(codes, "There is no such note.")
    )


class RemarkForm(forms.Form):
    """The text of a remark and its month; by itself the form of no kind of remark, which is never valid."""

    kind: ClassVar[RemarkKind | None] = None
    month = PlainTextField(required=False)
    text = _text_field()

    @property
    def error(self) -> str:
        """The first error of all, or ""."""
        return next((str(error) for errors in self.errors.values() for error in errors), "")

    @property
    def note_id(self) -> int | None:
        """The note to edit or withdraw."""
        return self.cleaned_data.get("replaces") if self.is_bound else None

    def clean(self) -> None:
        if self.kind is None:
            raise ValidationError("The form is not complete. Reload the page and try again.")

    def save(self, by: Person, code: str, month: date, at: datetime) -> Remark:
        """Saves the remark of a valid form; raises what the functions of `periods.remarks` raise."""
        raise NotImplementedError


class NoteForm(RemarkForm):
    """A new note."""

    kind = RemarkKind.NOTE
    text = _text_field("Write the note first.")

    def save(self, by: Person, code: str, month: date, at: datetime) -> Remark:
        return add_note(by, code, month, self.cleaned_data["text"], at)


class NoteEditForm(RemarkForm):
    """Another wording of a note."""

    kind = RemarkKind.NOTE
    replaces = _note_field()
    text = _text_field("A note cannot be empty. To remove it, withdraw it.")

    def save(self, by: Person, code: str, month: date, at: datetime) -> Remark:
        return edit_note(by, code, self.cleaned_data["replaces"], self.cleaned_data["text"], at)


class NoteWithdrawalForm(RemarkForm):
    """The withdrawal of a note."""

    kind = RemarkKind.NOTE
    replaces = _note_field()

    def save(self, by: Person, code: str, month: date, at: datetime) -> Remark:
        return withdraw_note(by, code, self.cleaned_data["replaces"], at)


class OverdueReasonForm(RemarkForm):
    """The reason why a period is overdue; "other" needs a text."""

    kind = RemarkKind.OVERDUE_REASON
    reason = forms.TypedChoiceField(
        choices=[(reason.value, label) for reason, label in OVERDUE_REASON_LABELS.items()],
        coerce=OverdueReason,
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose a reason from the list."),
    )

    def clean(self) -> None:
        values = self.cleaned_data
        if values.get("reason") is OverdueReason.OTHER and values.get("text") == "":
            raise ValidationError({"text": "Describe the other reason in a few words."})

    def save(self, by: Person, code: str, month: date, at: datetime) -> Remark:
        values = self.cleaned_data
        return set_overdue_reason(by, code, month, values["reason"], values["text"], at)


class ExpectedCloseForm(RemarkForm):
    """The day on which a period is expected to close."""

    kind = RemarkKind.EXPECTED_CLOSE
    expected_on = DayField(error_messages={"required": "Choose the day on which you expect to close."})

    def save(self, by: Person, code: str, month: date, at: datetime) -> Remark:
        values = self.cleaned_data
        return set_expected_close(by, code, month, values["expected_on"], values["text"], at)


class AcknowledgementForm(RemarkForm):
    """The takeover of an overdue period."""

    kind = RemarkKind.ACKNOWLEDGEMENT

    def save(self, by: Person, code: str, month: date, at: datetime) -> Remark:
        return acknowledge(by, code, month, self.cleaned_data["text"], at)


class _RemarkKindForm(forms.Form):
    """The inputs that tell which form of a remark was sent."""

    kind = PlainTextField(required=False)
    replaces = PlainTextField(required=False)
    withdraw = PlainTextField(required=False)


def remark_form(data: Mapping[str, Any]) -> RemarkForm:
    """The form of the kind of remark that was sent; a RemarkForm itself for none that exists."""
    sent = _RemarkKindForm(data)
    sent.full_clean()
    if sent.cleaned_data["kind"] == RemarkKind.NOTE.value and sent.cleaned_data["replaces"]:
        return NoteWithdrawalForm(data) if sent.cleaned_data["withdraw"] else NoteEditForm(data)
    return _FORMS.get(sent.cleaned_data["kind"], RemarkForm)(data)


_FORMS: Mapping[str, type[RemarkForm]] = {
    RemarkKind.NOTE.value: NoteForm,
    RemarkKind.OVERDUE_REASON.value: OverdueReasonForm,
    RemarkKind.EXPECTED_CLOSE.value: ExpectedCloseForm,
    RemarkKind.ACKNOWLEDGEMENT.value: AcknowledgementForm,
}
