"""Policies and the deadlines that follow from them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from closing.judging.standing import LatenessUnit
from entities.models import CODE_PATTERN, Group, LegalEntity, Person
from periods.models.period import FiscalPeriod


class DeadlinePolicy(models.Model):
    """The deadline policy of a group or an entity; its versions hold the choices."""

    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    group = models.OneToOneField(Group, null=True, on_delete=models.CASCADE, related_name="policy")
    entity = models.OneToOneField(LegalEntity, null=True, on_delete=models.CASCADE, related_name="policy")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(group=None, entity__isnull=False) | Q(group__isnull=False, entity=None),
                name="policy_of_group_or_entity",
            ),
            models.CheckConstraint(condition=Q(code__regex=CODE_PATTERN), name="policy_code_is_plain"),
        ]


class PolicyVersion(models.Model):
    """One version of a policy; a null field leaves the choice to the policy above (entity over group over parent).

    `n` counts working or calendar days after period end by `rule`; for `day_of_month` it is the day. The rule, its
    numbers, its counting and the cut-off go together: a version either has a rule or inherits all of it.
    """

    class Rule(models.TextChoices):
        WORKDAY = "workday", "Nth working day after period end"
        CALENDAR_DAY = "calendar_day", "Calendar days after period end"
        DAY_OF_MONTH = "day_of_month", "Fixed day of the next month"

    policy = models.ForeignKey(DeadlinePolicy, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    rule = models.CharField(max_length=20, choices=Rule, null=True)
    n = models.PositiveSmallIntegerField(null=True)
    n_quarter_end = models.PositiveSmallIntegerField(null=True)
    n_year_end = models.PositiveSmallIntegerField(null=True)
    first_is = models.PositiveSmallIntegerField(null=True)
    cut_off = models.TimeField(null=True)
    alert_after_days = models.PositiveSmallIntegerField(null=True)
    lateness_unit = models.CharField(
        max_length=20, choices=[(u.value, u.value) for u in LatenessUnit], null=True
    )
    on_hold_counts_as_closed = models.BooleanField(null=True)
    ledger_restricted_means_on_hold = models.BooleanField(null=True)
    overdue_reason_required = models.BooleanField(null=True)
    set_at = models.DateTimeField()
    set_by = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_once"),
            models.CheckConstraint(
                condition=Q(
                    rule=None, n=None, n_quarter_end=None, n_year_end=None, first_is=None, cut_off=None
                )
                | Q(rule__in=["workday", "calendar_day", "day_of_month"], n__isnull=False),
                name="policy_rule_has_its_number",
            ),
            models.CheckConstraint(
                condition=Q(first_is=None) | Q(first_is__in=[0, 1]), name="policy_counts_from_0_or_1"
            ),
            models.CheckConstraint(
                condition=~Q(rule="day_of_month") | Q(n__range=(1, 31)), name="policy_day_is_a_day"
            ),
            models.CheckConstraint(
                condition=Q(lateness_unit=None) | Q(lateness_unit__in=[u.value for u in LatenessUnit]),
                name="policy_unit_is_known_word",
            ),
        ]


class AgreedDate(models.Model):
    """A deadline agreed by hand for one entity and reporting month, with name and reason; the newest counts."""

    entity = models.ForeignKey(LegalEntity, on_delete=models.CASCADE, related_name="agreed_dates")
    reporting_month = models.DateField()
    due_on = models.DateField()
    cut_off = models.TimeField(null=True)
    reason = models.TextField()
    agreed_by = models.CharField(max_length=200)
    set_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(agreed_by=""), name="agreed_date_has_reason_and_name"
            ),
            models.CheckConstraint(condition=Q(reporting_month__day=1), name="agreed_month_is_a_first"),
        ]


class PeriodDeadline(models.Model):
    """The deadline set for a period from `set_at` on, with its explanation; a newer row replaces it.

    `extended`: an agreed date that ends later than the deadline by policy. `near_on` is the first day on which it is
    at most two working days ahead by the entity's close calendar; null where that was not worked out.
    """

    period = models.ForeignKey(FiscalPeriod, on_delete=models.CASCADE, related_name="deadlines")
    due_on = models.DateField()
    cut_off = models.TimeField(null=True)
    zone = models.CharField(max_length=64)
    label = models.CharField(max_length=40)
    explanation = models.TextField()
    policy_version = models.ForeignKey(PolicyVersion, null=True, on_delete=models.PROTECT, related_name="+")
    agreed_date = models.ForeignKey(AgreedDate, null=True, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
    current = models.BooleanField(default=True)
    extended = models.BooleanField(default=False, db_default=False)
    near_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["period"], condition=Q(current=True), name="deadline_one_current"
            ),
            models.UniqueConstraint(fields=["period", "set_at"], name="deadline_once_per_moment"),
            models.CheckConstraint(
                condition=Q(policy_version=None) ^ Q(agreed_date=None), name="deadline_by_policy_or_agreement"
            ),
        ]
