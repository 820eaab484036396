"""The forms of close tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any

from django import forms

from board.web.forms import ClockField, DayField, LineField, PlainTextField, one_message
from closing.close_tasks.second_rounds import ReopeningReason
from closing.close_tasks.task_acts import TaskAct

LONGEST_REASON = 500  # letters
LONGEST_COMMENT = 2_000


class TaskActForm(forms.Form):
    """An act with its reason."""

    act = forms.ChoiceField(
        choices=[(act.value, act.value) for act in TaskAct],
        error_messages=one_message("Choose what to do with the task."),
    )
    reason = LineField(required=False, max_length=LONGEST_REASON)


class OwnerForm(forms.Form):
    """The new owner of a task, by mail address; blank takes the task over."""

    owner = LineField(required=False, max_length=254)
    reason = LineField(required=False, max_length=LONGEST_REASON)


class CommentForm(forms.Form):
    """A comment, plain text."""

    text = PlainTextField(max_length=LONGEST_COMMENT, error_messages=one_message("Write a comment first."))


class SupportForm(forms.Form):
    """A link with its name."""

    label = LineField(required=False, max_length=200)
    url = LineField(max_length=1_000, error_messages=one_message("Give the address of the link."))


class FileForm(forms.Form):
    """A file from the person's computer; the store says what is wrong with it."""

    file = forms.FileField(
        allow_empty_file=True, max_length=None, error_messages=one_message("Choose a file first.")
    )


class ReopeningForm(forms.Form):
    """Why a period was reopened, and the new due date and time of each code of its second round."""

    reason = forms.ChoiceField(
        choices=[("", "Choose"), *((reason.value, reason.value.capitalize()) for reason in ReopeningReason)],
        error_messages=one_message("Choose why the period was reopened."),
    )
    words = LineField(
        max_length=LONGEST_REASON,
        error_messages={
            "required": "Say in words why the period is reopened.",
            "max_length": "That is %(show_value)d letters long; the longest reason has %(limit_value)d.",
        },
    )

    def __init__(self, codes: Sequence[str], data: Mapping[str, Any] | None) -> None:
        super().__init__(data)
        self.codes = codes
        for code in codes:
            self.fields[f"due-{code}"] = DayField(
                error_messages={"required": "Give the new due date."}, label="New due date"
            )
            self.fields[f"at-{code}"] = ClockField(required=False)

    def due_dates(self) -> dict[str, tuple[date, time | None]]:
        """The due dates of a valid form by code."""
        return {
            code: (self.cleaned_data[f"due-{code}"], self.cleaned_data[f"at-{code}"]) for code in self.codes
        }


class BulkDoneForm(forms.Form):
    """The tasks that are ticked."""

    task = forms.TypedMultipleChoiceField(required=False)

    def __init__(self, data: object, offered: list[str]) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.fields["task"].choices = [(uid, uid) for uid in offered]  # type: ignore[attr-defined]
