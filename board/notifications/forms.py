"""The forms of silences, notification preferences, alert policies and destinations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404

from alerts.routing.silences import LONGEST_REASON, SilenceTarget, silenceable_groups
from board.web.board_request import BoardRequest
from board.web.forms import DayField, LineField, PlainTextField
from entities.models import Group


class SilenceForm(forms.Form):
    """An entity ("entity:NLDT") or group ("group:UK"), the last day of its silence, and the reason."""

    place = PlainTextField(error_messages={"required": "Choose what to silence: an entity or a whole group."})
    last_day = DayField(error_messages={"required": "Choose the last day of the silence."})
    reason = LineField(
        max_length=LONGEST_REASON,
        error_messages={
            "required": "Give a reason in a few words: it is shown wherever the silence is.",
            "max_length": "That is %(show_value)d letters long; the longest is %(limit_value)d.",
        },
    )

    def __init__(
        self,
        board_request: BoardRequest,
        data: Mapping[str, Any] | None = None,
        *,
        place: str = "",
    ) -> None:
        super().__init__(data, initial={"place": place})
        self._board_request = board_request

    def clean_place(self) -> SilenceTarget:
        """The entity or group; raises Http404 if the person may not see it."""
        kind, _, code = self.cleaned_data["place"].partition(":")
        if not code:
            raise ValidationError(self.fields["place"].error_messages["required"])
        entities = self._board_request.entities()
        if kind == "entity" and (entity := entities.filter(code=code).first()) is not None:
            return entity
        if kind == "group" and (group := Group.objects.filter(code=code).first()) is not None:
            may_silence = silenceable_groups(self._board_request.person).filter(pk=group.pk).exists()
            if may_silence or entities.filter(group__path__startswith=group.path).exists():
                return group
        raise Http404
