"""Overdue flags, overrun episodes, the notices they bring and the messages that tell of them."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q

from alerts.arrangements import AlertRules, Destination, EscalationStep, Habits, Silence, Subscription
from closing.judging.notices import Kind, Reason
from closing.judging.notification_schedule import Rhythm
from closing.judging.standing import Level
from entities.models import Connection, Group, Person
from periods.models import FiscalPeriod, PolicyVersion, StateChange

__all__ = [
    "AlertRules",
    "Destination",
    "EscalationStep",
    "Habits",
    "Silence",
    "Subscription",
]

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


class Outage(models.Model):
    """The episode in which a connection brings nothing new (`stale`) or is turned away (`refused`).

    One that ended less than two hours ago goes on when the trouble comes back (closing.judging.outages).
    """

    KINDS = (Kind.STALE.value, Kind.REFUSED.value)

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="outages")
    kind = models.CharField(max_length=12, choices=[(kind, kind) for kind in KINDS])
    episode = models.PositiveSmallIntegerField()
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "kind", "episode"], name="outage_episode_once"),
            models.UniqueConstraint(
                fields=["connection", "kind"], condition=Q(closed_at=None), name="outage_one_open"
            ),
            models.CheckConstraint(condition=Q(kind__in=["stale", "refused"]), name="outage_kind_is_known"),
        ]


OF_CONNECTIONS = Q(kind__in=[Kind.STALE.value, Kind.REFUSED.value])
OF_GROUPS = Q(kind=Kind.GROUP_CLOSED.value)


class Notice(models.Model):
    """Something that had to be told, decided once: what it was about and what was known when it was decided.

    Nothing of it changes later. It is about a period, a connection (stale, refused) or a month of a group
    (group_closed). `episode` is that of the overrun or outage, and counts the closes of a group's month; a notice of
    a reopening names the `change` instead. `due_on` and `days_late` are a period's; for a group's close `days_late`
    is how many working days it took from the end of the month.
    """

    kind = models.CharField(max_length=12, choices=[(kind.value, kind.value) for kind in Kind])
    period = models.ForeignKey(FiscalPeriod, null=True, on_delete=models.CASCADE, related_name="notices")
    connection = models.ForeignKey(Connection, null=True, on_delete=models.CASCADE, related_name="notices")
    group = models.ForeignKey(Group, null=True, on_delete=models.CASCADE, related_name="notices")
    month = models.DateField(null=True)
    episode = models.PositiveSmallIntegerField(default=0)
    step = models.PositiveSmallIntegerField(default=0)
    change = models.ForeignKey(StateChange, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=120)
    raised_at = models.DateTimeField()
    state = models.CharField(max_length=12, blank=True)
    days_late = models.PositiveIntegerField(default=0)
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
            models.UniqueConstraint(fields=["connection", "kind", "episode"], name="notice_once_an_outage"),
            models.UniqueConstraint(
                fields=["group", "month", "kind", "episode"], name="notice_once_a_close_of_a_group"
            ),
            models.CheckConstraint(
                condition=(OF_CONNECTIONS & Q(connection__isnull=False, period=None, group=None, month=None))
                | (OF_GROUPS & Q(connection=None, period=None, group__isnull=False, month__isnull=False))
                | (
                    ~(OF_CONNECTIONS | OF_GROUPS)
                    & Q(connection=None, period__isnull=False, group=None, month=None)
                ),
                name="notice_is_about_one_thing",
            ),
        ]
        indexes = [models.Index(fields=["-raised_at"], name="notice_newest")]


EMAIL = "email"


class Trouble(models.Model):
    """The time in which nothing could be sent by one channel; it is told of by another one, once.

    `refused` means that a person has to mend something: a wrong password, an address that is no more. It has no
    `destination` where it is about mail.
    """

    channel = models.CharField(max_length=20)
    destination = models.ForeignKey(Destination, null=True, on_delete=models.CASCADE, related_name="troubles")
    refused = models.BooleanField()
    words = models.TextField()
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["channel"], condition=Q(ended_at=None), name="trouble_one_open_of_a_channel"
            ),
        ]


class Delivery(models.Model):
    """One message to one person or destination, which tells of notices, or of our own `trouble` with a channel.

    It waits until `due_at`, is claimed until `lease_until` by one sender, whose `fence` no later claim shares, and is
    sent, cancelled because nothing in it was true any more, or parked because it cannot be sent. `channel` is the
    way that it takes (Channel), and `rhythm` says whether it is a digest.
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
    recipient = models.ForeignKey(Person, null=True, on_delete=models.CASCADE, related_name="deliveries")
    destination = models.ForeignKey(
        Destination, null=True, on_delete=models.CASCADE, related_name="deliveries"
    )
    channel = models.CharField(max_length=20, db_default=EMAIL)
    rhythm = models.CharField(
        max_length=8, choices=[(each.value, each.value) for each in Rhythm], db_default=Rhythm.AT_ONCE.value
    )
    notices = models.ManyToManyField(Notice, through="DeliveryLine", related_name="deliveries")
    trouble = models.ForeignKey(Trouble, null=True, on_delete=models.CASCADE, related_name="deliveries")
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

    @property
    def person(self) -> Person:
        """Whom it goes to; raises ValueError for a message to a destination."""
        if self.recipient is None:
            raise ValueError("it goes to a destination, which is no person")
        return self.recipient

    @property
    def to(self) -> str:
        """The name of whom or what it goes to."""
        if self.destination is not None:
            return self.destination.name
        return self.person.name or self.person.email

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
            models.CheckConstraint(
                condition=Q(recipient__isnull=False, destination=None)
                | Q(recipient=None, destination__isnull=False),
                name="delivery_goes_to_one",
            ),
            models.UniqueConstraint(fields=["trouble", "recipient"], name="delivery_of_trouble_once"),
            models.UniqueConstraint(
                fields=["trouble", "destination"], name="delivery_of_trouble_once_to_each_place"
            ),
        ]


class DeliveryLine(models.Model):
    """One notice in a message; `left_out` says why the message did not tell of it after all."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="lines")
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="lines")
    recipient = models.ForeignKey(Person, null=True, on_delete=models.CASCADE, related_name="+")
    destination = models.ForeignKey(Destination, null=True, on_delete=models.CASCADE, related_name="+")
    left_out = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notice", "recipient"], name="delivery_once_to_each"),
            models.UniqueConstraint(fields=["notice", "destination"], name="delivery_once_to_each_place"),
        ]
        indexes = [
            # What waits for the end of a silence: looked for by each evaluation, and nearly always nothing.
            models.Index(
                fields=["notice"], condition=Q(left_out=Reason.SILENCED.value), name="line_set_aside"
            ),
        ]


SET_ASIDE = Reason.SILENCED.value  # why a line is left out that will be told once the silence is over
REACHING = Q(left_out="", delivery__state__in=Delivery.REACHES) | Q(left_out=SET_ASIDE)  # sooner or later


class Channel(models.Model):
    """Whether messages may leave by one way, `email` or that of a destination.

    It is paused because the server refuses us, or does not answer. One that is `held` holds all of them, until
    somebody releases them.
    """

    name = models.CharField(max_length=20, primary_key=True)
    held = models.BooleanField(default=False)
    paused_until = models.DateTimeField(null=True)
    words = models.TextField(blank=True)


class EvaluationSpan(models.Model):
    """Evaluations that followed one another without a gap over alerts.watching.AWAY, by the database's clock.

    Only a finished evaluation moves `last`, in its own transaction. Rows are never deleted: there is one for each
    time that we were away, and past moments are explained from them.
    """

    first = models.DateTimeField()
    last = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["-first"], name="evaluation_span_newest")]
        constraints = [
            models.CheckConstraint(condition=Q(last__gte=F("first")), name="evaluation_span_in_order")
        ]


class Home(models.Model):
    """Where the database was when messages were last allowed to leave: one row at most (alerts.home)."""

    fingerprint = models.CharField(max_length=200)
    since = models.DateTimeField()


class ProofRun(models.Model):
    """What one nightly proof found (alerts.proof): how much it looked at, and each difference in words."""

    as_of = models.DateTimeField(unique=True)
    periods = models.PositiveIntegerField()
    expected = models.PositiveIntegerField()
    differences = models.JSONField(default=list)

    class Meta:
        ordering = ["-as_of"]
