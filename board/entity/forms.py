"""The forms of one entity: its deputy, and the remarks on its periods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from entities.models import Person


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
