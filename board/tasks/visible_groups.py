"""The groups whose own close tasks a person sees."""

from __future__ import annotations

from django.db.models import Q

from entities.access import groups_with_role
from entities.models import Person


def visible_groups(person: Person) -> frozenset[int]:
    """Their ids; one query, and none for a superuser, who sees all."""
    if person.is_superuser:
        return frozenset()
    return frozenset(groups_with_role(person, Q()).values_list("pk", flat=True))
