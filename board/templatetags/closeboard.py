"""Template filters and tags: dates, units and states in the field's words."""

from __future__ import annotations

from django import template

register = template.Library()
