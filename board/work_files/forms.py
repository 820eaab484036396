"""The forms of files of unfinished work."""

from __future__ import annotations

from django import forms

from board.web.forms import one_message
from infra.table_files import MOST_BYTES


class UploadForm(forms.Form):
    """The file."""

    file = forms.FileField(
        allow_empty_file=True,
        error_messages={
            **one_message("Choose a workbook or a CSV file first."),
            "max_length": "The name of the file is too long. Shorten it.",
        },
        max_length=200,
    )

    def clean_file(self) -> object:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(
                f"The file is larger than {MOST_BYTES // 1024 // 1024} MB. Divide it."
            )
        return file


class SaveForm(forms.Form):
    """Save all rows, or the good ones, or discard the file."""

    save = forms.ChoiceField(choices=[(word, word) for word in ("all", "good", "discard")])
