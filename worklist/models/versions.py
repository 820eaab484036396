"""What an entity has and does, and how its unfinished work is weighed: versions that are never rewritten."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from entities.models import Group, LegalEntity, Person


class ProfileVersion(models.Model):
    """The role of an entity and what it has, from a moment on; the newest version counts.

    `body` is a `closing.blockers.profile.EntityProfile` as JSON.
    """

    entity = models.ForeignKey(
        LegalEntity, on_delete=models.CASCADE, related_name="profile_versions", db_index=False
    )
    body = models.JSONField()
    set_at = models.DateTimeField()
    set_by = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entity", "set_at"], name="profile_once_per_moment")]


class BlockerPolicyVersion(models.Model):
    """How the unfinished work of a group or an entity is weighed, from a moment on; the newest version counts.

    `body` holds the choices of a `closing.blockers.weighing.BlockerPolicy` that are made here; the others come from
    the policy above (entity over group over parent).
    """

    group = models.ForeignKey(
        Group, null=True, on_delete=models.CASCADE, related_name="blocker_policies", db_index=False
    )
    entity = models.ForeignKey(
        LegalEntity, null=True, on_delete=models.CASCADE, related_name="blocker_policies", db_index=False
    )
    body = models.JSONField()
    set_at = models.DateTimeField()
    set_by = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(group=None, entity__isnull=False) | Q(group__isnull=False, entity=None),
                name="blocker_policy_of_group_or_entity",
            ),
            models.UniqueConstraint(
                fields=["group", "entity", "set_at"],
                nulls_distinct=False,
                name="blocker_policy_once_per_moment",
            ),
        ]
