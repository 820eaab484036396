"""Changes to the tree of groups."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Concat, Substr

from entities.models import Group

MAX_GROUP_PATH_LENGTH = 1000


class InvalidGroup(ValueError):
    """A group cannot stand where it was to stand in the tree; the text says why."""


@transaction.atomic
def save_group(code: str, name: str, parent: Group | None) -> Group:
    """Create or change the group with this code, and update the paths of all groups below it.

    Raises InvalidGroup, and changes nothing, if the group would stand below itself or the tree grows too deep.
    """
    old = Group.objects.select_for_update().filter(code=code).first()
    above = Group.objects.only("path").get(pk=parent.pk).path if parent else ""
    if old and parent and above.startswith(old.path):
        raise InvalidGroup(f"group {code} cannot stand below {parent.code}, which stands below {code} itself")
    path = f"{above}{code}/"
    if len(path) > MAX_GROUP_PATH_LENGTH:
        raise InvalidGroup(f"group {code} stands too deep in the tree")
    if old is None:
        return Group.objects.create(code=code, name=name, parent=parent, path=path)
    if old.path != path:
        below = Group.objects.filter(path__startswith=old.path)
        below.update(path=Concat(Value(path), Substr("path", len(old.path) + 1)))
    old.name, old.parent, old.path = name, parent, path
    old.save()
    return old
