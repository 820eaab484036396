"""Silences of entities and groups."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from entities.models import Group, LegalEntity, Person


class Silence(models.Model):
    """An entity, or a group and all below it, of which nothing but reopenings is told until a day has passed there.

    `last_day` is the last silent day in the entity's own zone. One that was lifted counted until then.
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
