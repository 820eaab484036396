"""Balances with partners as sources stated them, and the closing rates by which they are compared."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from closing.blockers.intercompany import PositionSide
from entities.models import Group, LegalEntity, Person
from worklist.models.attempt import WorkAttempt

SIDES = [side.value for side in PositionSide]


class PartnerPosition(models.Model):
    """A balance of an entity with one partner at the end of a reporting month; only its end may change.

    The columns are those of `closing.blockers.intercompany.Position`. It is in force from `read_at` until
    `superseded_at` (null: still). `as_of` is null for a balance of the moment of reading. `attempt` is null for a
    position from a file, whose name is in `source`.
    """

    entity = models.ForeignKey(LegalEntity, on_delete=models.PROTECT, related_name="+", db_index=False)
    partner = models.ForeignKey(LegalEntity, on_delete=models.PROTECT, related_name="+", db_index=False)
    month = models.DateField()
    side = models.CharField(max_length=8, choices=[(side, side) for side in SIDES])
    currency = models.CharField(max_length=3, blank=True)
    amount = models.DecimalField(max_digits=28, decimal_places=6, null=True)
    functional_currency = models.CharField(max_length=3, blank=True)
    functional_amount = models.DecimalField(max_digits=28, decimal_places=6, null=True)
    accounts = ArrayField(models.CharField(max_length=100), default=list)
    as_of = models.DateTimeField(null=True)
    source = models.CharField(max_length=200, blank=True)
    attempt = models.ForeignKey(
        WorkAttempt, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    read_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["partner", "month"], name="position_by_partner"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["entity", "month", "partner", "side", "currency"],
                condition=Q(superseded_at=None),
                name="position_one_in_force",
            ),
            models.CheckConstraint(condition=Q(month__day=1), name="position_month_is_a_first"),
            models.CheckConstraint(condition=Q(side__in=SIDES), name="position_side_is_known_word"),
            models.CheckConstraint(condition=~Q(entity=F("partner")), name="position_has_two_entities"),
            models.CheckConstraint(
                condition=Q(superseded_at=None) | Q(superseded_at__gte=F("read_at")),
                name="position_ends_in_order",
            ),
            models.CheckConstraint(
                condition=Q(attempt__isnull=False, source="")
                | (Q(attempt=None, as_of__isnull=False) & ~Q(source="")),
                name="position_is_read_or_from_a_file",
            ),
        ]


class PartnerListing(models.Model):
    """What an ERP said of an entity's partners in a reporting month besides its positions; only its end may change.

    `partners` has the ids of all partners that are set up, `lacking` [id of a partner, side] for each side without an
    account. `in_full`: the source lists every balance, so that one that is missing is 0. `doubt` says why no balance
    is shown.
    """

    entity = models.ForeignKey(LegalEntity, on_delete=models.PROTECT, related_name="+", db_index=False)
    month = models.DateField()
    partners = ArrayField(models.BigIntegerField(), default=list)
    lacking = models.JSONField(default=list)
    in_full = models.BooleanField(default=False)
    doubt = models.CharField(max_length=40, blank=True)
    attempt = models.ForeignKey(WorkAttempt, on_delete=models.PROTECT, related_name="+", db_index=False)
    read_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["entity", "month"], condition=Q(superseded_at=None), name="partners_one_in_force"
            ),
            models.CheckConstraint(condition=Q(month__day=1), name="partners_month_is_a_first"),
            models.CheckConstraint(
                condition=Q(superseded_at=None) | Q(superseded_at__gte=F("read_at")),
                name="partners_end_in_order",
            ),
        ]


class ClosingRate(models.Model):
    """A rate of a group at the end of a reporting month: 1 `base` is `rate` `quote`; the newest one counts.

    A trigger refuses any change. `set_by` is null for the group file, `source` names where the rate came from.
    """

    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="closing_rates", db_index=False)
    month = models.DateField()
    base = models.CharField(max_length=3)
    quote = models.CharField(max_length=3)
    rate = models.DecimalField(max_digits=24, decimal_places=12)
    source = models.CharField(max_length=200, blank=True)
    set_at = models.DateTimeField()
    set_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["group", "month", "base", "quote", "set_at"], name="rate_once_per_moment"
            ),
            models.CheckConstraint(condition=Q(month__day=1), name="rate_month_is_a_first"),
            models.CheckConstraint(condition=Q(rate__gt=0), name="rate_is_above_zero"),
            models.CheckConstraint(condition=~Q(base=F("quote")), name="rate_has_two_currencies"),
        ]
