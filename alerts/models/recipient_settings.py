"""The notification settings of people and groups."""

from __future__ import annotations

from datetime import time

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from alerts.models.notice import NOTICE_KINDS
from closing.judging.notification_schedule import Cadence
from entities.models import Group, Membership, Person, WorkCalendar

DEFAULT_DIGEST_TIME = time(8)


class Subscription(models.Model):
    """The cadence that a person chose for a kind of notice instead of the default."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="subscriptions")
    kind = models.CharField(max_length=12, choices=NOTICE_KINDS)
    rhythm = models.CharField(max_length=8, choices=[(cadence.value, cadence.value) for cadence in Cadence])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "kind"], name="subscription_once_a_kind"),
        ]


class Habits(models.Model):
    """When a person receives mail, by the clock of their own zone; a person without a row has the defaults.

    The digest comes at `digest_at`, the weekly one on `digest_weekday` (Monday 0). Between `quiet_from` and
    `quiet_until` nothing is sent, nor on the days off of `calendar` where `rests_on_days_off`. From `away_from` to
    `away_until`, both included, their deputies receive their notices.
    """

    person = models.OneToOneField(Person, on_delete=models.CASCADE, primary_key=True, related_name="habits")
    digest_at = models.TimeField(default=DEFAULT_DIGEST_TIME)
    digest_weekday = models.PositiveSmallIntegerField(default=0)
    quiet_from = models.TimeField(null=True)
    quiet_until = models.TimeField(null=True)
    calendar = models.ForeignKey(WorkCalendar, null=True, on_delete=models.SET_NULL, related_name="+")
    rests_on_days_off = models.BooleanField(default=False)
    away_from = models.DateField(null=True)
    away_until = models.DateField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(digest_weekday__lte=6), name="habits_weekday_is_a_day"),
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | (Q(quiet_from__isnull=False, quiet_until__isnull=False) & ~Q(quiet_from=F("quiet_until"))),
                name="habits_quiet_hours_have_both_ends",
            ),
            models.CheckConstraint(
                condition=Q(away_from=None, away_until=None)
                | Q(away_from__isnull=False, away_until__gte=F("away_from")),
                name="habits_away_in_order",
            ),
        ]


class AlertRules(models.Model):
    """The alert rules of a group; where one is empty, that of the nearest group above applies.

    `due_soon_days` is how many working days before a deadline its notice is due. With `alerts_in_digest` its people
    may have alerts and reopenings in a digest.
    """

    group = models.OneToOneField(
        Group, on_delete=models.CASCADE, primary_key=True, related_name="alert_rules"
    )
    due_soon_days = models.PositiveSmallIntegerField(null=True)
    alerts_in_digest = models.BooleanField(null=True)


class EscalationStep(models.Model):
    """One step of a group's escalation: after so many days late, these roles and people become recipients too.

    The steps of the nearest group that has any apply, numbered from 1 with rising days.
    """

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="escalation_steps")
    step = models.PositiveSmallIntegerField()
    after_days = models.PositiveSmallIntegerField()
    roles = ArrayField(models.CharField(max_length=20, choices=Membership.Role), default=list)
    people = models.ManyToManyField(Person, related_name="+")

    class Meta:
        ordering = ["group", "step"]
        constraints = [
            models.UniqueConstraint(fields=["group", "step"], name="escalation_step_once"),
            models.UniqueConstraint(fields=["group", "after_days"], name="escalation_days_once"),
            models.CheckConstraint(condition=Q(step__gte=1), name="escalation_steps_from_1"),
        ]
