"""Template tags and filters: icons, and mapping look-ups with a default."""

from __future__ import annotations

from collections.abc import Mapping

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of the sheet in _icons.html; decoration only, since the text beside it says the same."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="#icon-{}"/></svg>', name)


@register.filter
def get(mapping: Mapping[str, object], key: str) -> object:
    """The value of a key, or "": a form has no error for most of its fields."""
    return mapping.get(key, "")
