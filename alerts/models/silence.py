"""Silences of entities and groups."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from entities.models import Group, LegalEntity, Person


class Silence(models.Model):
    """A silence of an entity, or of a group and all below it: only its reopenings are reported until `last_day` ends.

    `last_day` is the last silent day in the entity's own zone. A lifted silence applied until `lifted_at`.
    """

    entity = models.ForeignKey(LegalEntity, null=True, on_delete=models.CASCADE, related_name="silences")
    group = models.ForeignKey(Group, null=True, on_delete=models.CASCADE, related_name="silences")
    last_day = models.DateField()
    reason = models.CharField(max_length=500)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-made_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(entity=None, group__isnull=False) | Q(entity__isnull=False, group=None),
                name="silence_of_entity_or_group",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="silence_has_a_reason"),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by=None)
                | Q(lifted_at__gte=F("made_at"), lifted_by__isnull=False),
                name="silence_lifted_by_somebody",
            ),
        ]
