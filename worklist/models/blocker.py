"""What the sources said of unfinished work, and the items that a person lets stand."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from entities.models import LegalEntity, Person
from periods.models import FiscalPeriod
from worklist.models.attempt import WorkAttempt


class BlockerReading(models.Model):
    """One blocker fact of an entity as a source gave it; a trigger refuses any change but its end, `superseded_at`.

    It is in force from `read_at` until `superseded_at` (null: still). `period` is null for work that belongs to no
    period. `count` is null where the source cannot show the work: never zero. A fact of intercompany balances is held
    by the entity whose code comes first; `partner` is the other one. `attempt` is null for a fact from a file, whose
    name is in `source` and whose moment is its `source_as_of`. `body` holds the rest of the fact.
    """

    entity = models.ForeignKey(LegalEntity, on_delete=models.PROTECT, related_name="blockers", db_index=False)
    partner = models.ForeignKey(
        LegalEntity, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    period = models.ForeignKey(
        FiscalPeriod, null=True, on_delete=models.PROTECT, related_name="blockers", db_index=False
    )
    partner_period = models.ForeignKey(
        FiscalPeriod, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=40)
    part = models.CharField(max_length=100, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    count = models.PositiveIntegerField(null=True)
    amount = models.DecimalField(max_digits=28, decimal_places=6, null=True)
    body = models.JSONField()
    source = models.CharField(max_length=200, blank=True)
    source_as_of = models.DateTimeField(null=True)
    attempt = models.ForeignKey(
        WorkAttempt, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    read_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["period", "read_at"], name="blocker_by_period"),
            models.Index(fields=["entity", "read_at"], name="blocker_by_entity"),
            models.Index(
                fields=["partner_period", "read_at"],
                condition=Q(partner_period__isnull=False),
                name="blocker_by_partner",
            ),
            models.Index(
                fields=["partner", "entity"],
                condition=Q(partner__isnull=False, superseded_at=None),
                name="blocker_pairs",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["entity", "period", "kind", "part", "currency"],
                condition=Q(superseded_at=None),
                nulls_distinct=False,
                name="blocker_one_in_force",
            ),
            models.CheckConstraint(
                condition=Q(superseded_at=None) | Q(superseded_at__gte=F("read_at")),
                name="blocker_ends_in_order",
            ),
            models.CheckConstraint(
                condition=Q(attempt__isnull=False, source="")
                | (Q(attempt=None, source_as_of__isnull=False) & ~Q(source="")),
                name="blocker_is_read_or_from_a_file",
            ),
        ]


class CarriedItem(models.Model):
    """An item of unfinished work that a person lets stand until a day, with a reason; ended by a person or its day.

    It holds the item as it was: one whose amount has changed, or that is gone, is no longer carried.
    """

    entity = models.ForeignKey(
        LegalEntity, on_delete=models.PROTECT, related_name="carried_items", db_index=False
    )
    period = models.ForeignKey(
        FiscalPeriod, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=40)
    part = models.CharField(max_length=100, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    item = models.CharField(max_length=200)
    units = models.PositiveIntegerField()
    amount = models.DecimalField(max_digits=28, decimal_places=6, null=True)
    until = models.DateField()
    reason = models.CharField(max_length=500)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["entity", "kind"], name="carried_by_entity")]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="carried_item_has_a_reason"),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("at")), name="carried_item_ends_in_order"
            ),
            models.UniqueConstraint(
                fields=["entity", "period", "kind", "part", "currency", "item"],
                condition=Q(ended_at=None),
                nulls_distinct=False,
                name="carried_item_once",
            ),
        ]
