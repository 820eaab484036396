"""The forms of close tasks."""

from __future__ import annotations

from django import forms

from board.web.forms import LineField, PlainTextField, one_message
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


class BulkDoneForm(forms.Form):
    """The tasks that are ticked."""

    task = forms.TypedMultipleChoiceField(required=False)

    def __init__(self, data: object, offered: list[str]) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.fields["task"].choices = [(uid, uid) for uid in offered]  # type: ignore[attr-defined]
