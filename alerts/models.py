"""Overdue flags, overrun episodes, the notices they bring and the messages that tell of them."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q

from closing.notices import Kind
from closing.standing import Level
from entities.models import Person
from periods.models import FiscalPeriod, PolicyVersion, StateChange

# What an evaluation tells apart; how a close was timed is judged where it is shown.
FLAG_LEVELS = [
    level.value
    for level in (
        Level.NOT_DUE,
        Level.DUE_TODAY,
        Level.LATE,
        Level.ALERTING,
        Level.NO_DEADLINE,
        Level.UNKNOWN,
    )
] + ["closed"]


class OverdueFlag(models.Model):
    """The outcome of the last evaluation of one period that has ended; written only when it differs.

    A period that was closed whenever it was evaluated has no row: nothing was ever overdue.
    """

    period = models.OneToOneField(
        FiscalPeriod, on_delete=models.CASCADE, primary_key=True, related_name="flag"
    )
    level = models.CharField(max_length=12, choices=[(level, level) for level in FLAG_LEVELS])
    days_late = models.PositiveIntegerField(default=0)
    since = models.DateTimeField()  # when this level was first evaluated

    class Meta:
        indexes = [
            models.Index(
                fields=["period"], condition=~Q(level="closed"), name="flag_not_closed"
            )  # evaluating
        ]
        constraints = [
            models.CheckConstraint(condition=Q(level__in=FLAG_LEVELS), name="flag_level_is_known_word")
        ]


class Overrun(models.Model):
    """The episode from the day a period became later than allowed until it is closed; a reopening begins another."""

    period = models.ForeignKey(FiscalPeriod, on_delete=models.CASCADE, related_name="overruns")
    episode = models.PositiveSmallIntegerField()
    opened_at = models.DateTimeField()
    crossed_line_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    worst_days_late = models.PositiveIntegerField(default=0)
    after_reopening = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["period", "episode"], name="overrun_episode_once"),
            models.UniqueConstraint(fields=["period"], condition=Q(closed_at=None), name="overrun_one_open"),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(closed_at__gte=F("opened_at")),
                name="overrun_closes_after_it_opened",
            ),
        ]


class Notice(models.Model):
    """Something that had to be told, decided once: what it was about and what was known when it was decided.

    Nothing of it changes later. `episode` is that of the overrun; a notice of a reopening names the `change` instead.
    """

    kind = models.CharField(max_length=12, choices=[(kind.value, kind.value) for kind in Kind])
    period = models.ForeignKey(FiscalPeriod, on_delete=models.CASCADE, related_name="notices")
    episode = models.PositiveSmallIntegerField(default=0)
    step = models.PositiveSmallIntegerField(default=0)
    change = models.ForeignKey(StateChange, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=120)
    raised_at = models.DateTimeField()
    state = models.CharField(max_length=12)
    days_late = models.PositiveIntegerField()
    due_on = models.DateField(null=True)
    read_at = models.DateTimeField(null=True)
    fresh = models.BooleanField()
    policy_version = models.ForeignKey(PolicyVersion, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-raised_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["period", "kind", "episode", "step"],
                condition=~Q(kind=Kind.REOPENED.value),
                name="notice_once_an_episode",
            ),
            models.UniqueConstraint(
                fields=["change"], condition=Q(kind=Kind.REOPENED.value), name="notice_once_a_reopening"
            ),
            models.CheckConstraint(
                condition=Q(kind=Kind.REOPENED.value, change__isnull=False)
                | (~Q(kind=Kind.REOPENED.value) & Q(change=None)),
                name="notice_of_a_reopening_names_it",
            ),
        ]
        indexes = [models.Index(fields=["-raised_at"], name="notice_newest")]


class Delivery(models.Model):
    """One message to one recipient, which tells of one notice or of many.

    It waits until `due_at`, is claimed until `lease_until` by one sender, whose `fence` no later claim shares, and is
    sent, cancelled because nothing in it was true any more, or parked because it cannot be sent.
    `message_id` is fixed when the row is made: each copy that a crash may cause on the wire is known for the same.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        CANCELLED = "cancelled", "Not needed any more"
        PARKED = "parked", "Cannot be sent"

    REACHES = (State.WAITING.value, State.SENDING.value, State.SENT.value)  # its recipient, sooner or later

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    recipient = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="deliveries")
    notices = models.ManyToManyField(Notice, through="DeliveryLine", related_name="deliveries")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    made_at = models.DateTimeField()
    due_at = models.DateTimeField()
    message_id = models.CharField(max_length=300, unique=True)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    abandoned = models.PositiveSmallIntegerField(
        default=0
    )  # claims in a row that their sender did not live to end
    ended_at = models.DateTimeField(null=True)  # sent, cancelled or parked
    words = models.TextField(blank=True)  # what the server said, or why it was cancelled or parked

    class Meta:
        ordering = ["-made_at", "-id"]
        indexes = [
            models.Index(
                fields=["due_at", "id"], condition=Q(state__in=["waiting", "sending"]), name="delivery_unsent"
            ),
            models.Index(fields=["recipient", "-due_at"], name="delivery_last_to"),
            # What the server was given lately, and is being given: counted before each message.
            models.Index(fields=["ended_at"], condition=Q(state="sent"), name="delivery_sent"),
            models.Index(fields=["lease_until"], condition=Q(state="sending"), name="delivery_in_hand"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="sending", lease_until__isnull=False)
                | (~Q(state="sending") & Q(lease_until=None)),
                name="delivery_sending_has_a_lease",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "sending"], ended_at=None)
                | (~Q(state__in=["waiting", "sending"]) & Q(ended_at__isnull=False)),
                name="delivery_ends_once",
            ),
        ]


class DeliveryLine(models.Model):
    """One notice in a message; `left_out` says why the message did not tell of it after all."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="lines")
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="lines")
    recipient = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")
    left_out = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notice", "recipient"], name="delivery_once_to_each"),
        ]


class Channel(models.Model):
    """Whether messages may leave: `held` until somebody releases it, or paused because the server refuses us."""

    name = models.CharField(max_length=20, primary_key=True)
    held = models.BooleanField(default=False)
    paused_until = models.DateTimeField(null=True)
    words = models.TextField(blank=True)


class ProofRun(models.Model):
    """What one nightly proof found (alerts.proof): how much it looked at, and each difference in words."""

    as_of = models.DateTimeField(unique=True)
    periods = models.PositiveIntegerField()
    expected = models.PositiveIntegerField()
    differences = models.JSONField(default=list)

    class Meta:
        ordering = ["-as_of"]
