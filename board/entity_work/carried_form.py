"""The form that carries items of unfinished work on purpose, and the fields that name a fact and its items."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from django import forms
from django.core.exceptions import ValidationError

from board.web.forms import DayField, LineField, one_message
from closing.blockers.blocker_facts import FactId
from closing.blockers.blocker_kinds import BlockerKind
from worklist.recording.carried_items import LONGEST_REASON, FactInForce

_UNDATED = "undated"
_NO_SUCH_FACT = "Nothing of this is in the way any more. Go back to the page of the entity."
_NO_SUCH_ITEM = "One of these items is unknown. Reload the page and choose again."
_MOST_UNITS = 2**31 - 1


class FactField(forms.Field):
    """A fact of the page's period: kind, part, currency and "undated", with bars between (`work_card.fact_key`)."""

    def to_python(self, value: object) -> FactInForce | None:
        """The fact without its period, which the view knows; `period` is 0 for one of a period."""
        if not value:
            return None
        kind, *rest = str(value)[:200].replace("\0", "").split("|")
        if kind not in set(BlockerKind) or len(rest) != 3 or rest[2] not in ("", _UNDATED):
            raise ValidationError(_NO_SUCH_FACT, code="invalid")
        return FactInForce(BlockerKind(kind), rest[0], rest[1], None if rest[2] else 0)


class ItemsField(forms.MultipleChoiceField):
    """Items as the page has shown them: units, amount and id (`work_items.item_value`)."""

    default_error_messages = {"required": "Choose at least one item.", "invalid_choice": _NO_SUCH_ITEM}

    def valid_value(self, value: str) -> bool:
        return _item(value) is not None

    def clean(self, value: object) -> list[FactId]:
        """The items as (id, units, amount)."""
        return [item for text in super().clean(value) if (item := _item(text)) is not None]


def _item(text: str) -> FactId | None:
    units, _, rest = text.partition("|")
    amount, bar, item_id = rest.partition("|")
    if not bar or not item_id or "\0" in item_id or not (units.isascii() and units.isdigit()):
        return None
    if len(units) > 10 or int(units) > _MOST_UNITS:
        return None
    try:
        value = Decimal(amount) if amount else None
    except InvalidOperation:
        return None
    return FactId(item_id[:200], int(units), value) if value is None or value.is_finite() else None


class CarriedForm(forms.Form):
    """The items of a fact, the day until which they are carried, and the reason."""

    fact = FactField(error_messages=one_message(_NO_SUCH_FACT))
    item = ItemsField()
    until = DayField(error_messages={"required": "Choose the day until which they are carried."})
    reason = LineField(
        max_length=LONGEST_REASON,
        error_messages={
            "required": "Give the reason why they are carried.",
            "max_length": f"Give a reason of at most {LONGEST_REASON} letters.",
        },
    )


class EndCarriedForm(forms.Form):
    """Items, by id, that are not carried on purpose any more."""

    fact = FactField(error_messages=one_message(_NO_SUCH_FACT))
    item = LineField(max_length=200, error_messages=one_message(_NO_SUCH_ITEM))
