"""What people have arranged: who wants to hear of what and when, silences, destinations, and the rules of a group."""

from __future__ import annotations

import uuid
from datetime import time

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from closing.judging.notices import Kind
from closing.judging.notification_schedule import Rhythm
from entities.models import Group, LegalEntity, Membership, Person, WorkCalendar
from infra.secrets import seal, unseal

_KINDS = [(kind.value, kind.value) for kind in Kind]
DIGEST_AT = time(8)


class Subscription(models.Model):
    """How soon a person wants to hear of a kind of notice, where they have chosen otherwise than usual."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="subscriptions")
    kind = models.CharField(max_length=12, choices=_KINDS)
    rhythm = models.CharField(max_length=8, choices=[(each.value, each.value) for each in Rhythm])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "kind"], name="subscription_once_a_kind"),
        ]


class Habits(models.Model):
    """When a person reads mail, by the clock of their own zone; whoever has no row has the defaults.

    The digest comes at `digest_at`, the weekly one on `digest_weekday` (Monday 0). Between `quiet_from` and
    `quiet_until` nothing is sent, nor on the days off of `calendar` where `rests_on_days_off`. From `away_from` to
    `away_until`, both included, deputies are told in their place.
    """

    person = models.OneToOneField(Person, on_delete=models.CASCADE, primary_key=True, related_name="habits")
    digest_at = models.TimeField(default=DIGEST_AT)
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
    """What a group has agreed about being told; where it says nothing, the nearest group above counts.

    `due_soon_days` is how many working days before a deadline it is told of. With `alerts_in_digest` its people may
    have alerts and reopenings in a digest.
    """

    group = models.OneToOneField(
        Group, on_delete=models.CASCADE, primary_key=True, related_name="alert_rules"
    )
    due_soon_days = models.PositiveSmallIntegerField(null=True)
    alerts_in_digest = models.BooleanField(null=True)


class EscalationStep(models.Model):
    """One step of a group's escalation: after so many days late, these roles and these people hear as well.

    The steps of the nearest group that has any count, numbered from 1 with rising days.
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


class Destination(models.Model):
    """A place that is told beside people: a Teams or Slack channel, or a program that takes signed webhooks.

    It hears of the entities of one group. The address is a secret, as whoever knows it can post there. One that was
    removed stays for the history of what it was told, without address and secret.
    """

    class Kind(models.TextChoices):
        TEAMS = "teams", "Microsoft Teams"
        SLACK = "slack", "Slack"
        WEBHOOK = "webhook", "Signed webhook"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=Kind)
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="destinations")
    kinds = ArrayField(models.CharField(max_length=12, choices=_KINDS), default=list)
    sealed_url = models.BinaryField()
    host = models.CharField(max_length=255)  # the part of the address that may be shown
    sealed_secret = models.BinaryField(default=b"")
    enabled = models.BooleanField(default=True)
    made_by = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["group", "name"],
                name="destination_name_once_in_a_group",
                condition=Q(removed_at=None),
            ),
            models.CheckConstraint(
                condition=Q(removed_at=None) | Q(enabled=False), name="destination_removed_is_off"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["teams", "slack", "webhook"]), name="destination_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def channel(self) -> str:
        """The name of its way out in the outbox."""
        return f"place-{self.pk}"

    @property
    def url(self) -> str:
        """The address in clear; raises SecretUnreadable when no key of the ring opens it."""
        return unseal(bytes(self.sealed_url), bound_to=f"destination/{self.uid}/url")

    @url.setter
    def url(self, clear: str) -> None:
        self.sealed_url = seal(clear, bound_to=f"destination/{self.uid}/url")

    @property
    def secret(self) -> str:
        """The key that webhooks are signed with, in clear; raises SecretUnreadable."""
        return unseal(bytes(self.sealed_secret), bound_to=f"destination/{self.uid}/secret")

    @secret.setter
    def secret(self, clear: str) -> None:
        self.sealed_secret = seal(clear, bound_to=f"destination/{self.uid}/secret")
