"""The outbox: messages, their lines, and the state of each channel."""

from __future__ import annotations

import uuid
from enum import StrEnum

from django.db import models
from django.db.models import Q

from alerts.models.destination import Destination
from alerts.models.notice import Notice
from closing.judging.notice_rules import NoticeReason
from closing.judging.notification_schedule import Cadence
from entities.models import Person

EMAIL = "email"
# How the stored text of an error begins: a reply of the mail server, no answer, no token to sign in with.
REPLY_WORDS = "The mail server said"
NO_ANSWER = ("The mail server does not answer", "The mail server hung up")
NO_SIGN_IN = "No token to sign in to the mail server"


class LineReason(StrEnum):
    """Why a message was sent without a line, as stored in `DeliveryLine.left_out`."""

    NOT_VISIBLE = "its recipient may not see the entity any more"
    OUTSIDE_GROUP = "its destination does not hear of the entity any more"
    DESTINATION_DISABLED = "its destination was switched off before it was sent"
    DESTINATION_REMOVED = "its destination was removed before it was sent"
    SILENCED = NoticeReason.SILENCED.value
    CLOSED_SINCE = "closed before it was sent"
    CLOSED_NO_MORE = "not closed any more when it was to be sent"
    NOT_LATE = "not late any more when it was to be sent: its deadline was moved"
    NOT_SOON = "not due soon any more when it was to be sent: its deadline was moved"
    HAS_A_DEADLINE = "a deadline was set before it was sent"
    READ_AGAIN = "read again before it was sent"
    NOT_READ_ANY_MORE = "not read any more when it was to be sent"
    RECIPIENT_UNSUBSCRIBED = "its recipient has switched this off"


class MessageReason(StrEnum):
    """Why a message was cancelled, waits or failed, beside the reasons of its lines; in `Delivery.words`."""

    TROUBLE_OVER = "over before it was told"
    LINES_MOVED = "what it held is told in another message"
    NO_TASK_DUE = "no task waits for its recipient any more"
    AWAITS_READING = "waits for a reading: we have just come back, and the last one is stale"
    NO_ADDRESS = "its recipient has no mail address"
    SENDERS_DIED = "6 senders in a row ended while they worked on it"


class Trouble(models.Model):
    """The time in which nothing could be sent by one channel; it is reported once, by another channel.

    `refused` means that a person has to mend something: a wrong password, an address that no longer exists. It has
    no `destination` where it is about mail.
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
    """One message to one person or destination, about notices, or about the `trouble` of a channel.

    It waits until `due_at`, is claimed until `lease_until` by one sender, whose `fence` no later claim
    shares, and is sent, cancelled because nothing in it was true any more, or parked because it cannot be sent.
    `channel` names the Channel that sends it, and `rhythm` says whether it is a digest. `message_id` is fixed
    when the row is created: each copy that a crash may cause on the wire carries the same.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        CANCELLED = "cancelled", "Not needed any more"
        PARKED = "parked", "Cannot be sent"

    # The message has reached its recipient, or will.
    REACHING_STATES = (State.WAITING.value, State.SENDING.value, State.SENT.value)

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    recipient = models.ForeignKey(Person, null=True, on_delete=models.CASCADE, related_name="deliveries")
    destination = models.ForeignKey(
        Destination, null=True, on_delete=models.CASCADE, related_name="deliveries"
    )
    channel = models.CharField(max_length=20, db_default=EMAIL)
    rhythm = models.CharField(
        max_length=8,
        choices=[(cadence.value, cadence.value) for cadence in Cadence],
        db_default=Cadence.IMMEDIATE.value,
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
    # Claims in a row whose sender died.
    abandoned = models.PositiveSmallIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)  # sent, cancelled or parked
    words = models.TextField(blank=True)  # the server's reply, or why it was cancelled or parked

    @property
    def person(self) -> Person:
        """The recipient; raises ValueError for a message to a destination."""
        if self.recipient is None:
            raise ValueError("it goes to a destination, which is no person")
        return self.recipient

    @property
    def place(self) -> Destination:
        """The destination; raises ValueError for a message to a person."""
        if self.destination is None:
            raise ValueError("it goes to a person, who is no destination")
        return self.destination

    @property
    def to(self) -> str:
        """The name of the recipient or destination."""
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
            # The messages sent lately, and those being sent: counted before each message.
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
    """One notice in a message; `left_out` says why the message was sent without it."""

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
            # The lines that wait for the end of a silence: each evaluation looks for them, and rarely finds any.
            models.Index(
                fields=["notice"], condition=Q(left_out=LineReason.SILENCED.value), name="line_set_aside"
            ),
        ]


# The line has reached its recipient, or will.
REACHES_RECIPIENT = Q(left_out="", delivery__state__in=Delivery.REACHING_STATES) | Q(
    left_out=LineReason.SILENCED.value
)


class Channel(models.Model):
    """Whether messages may be sent by one channel, `email` or that of a destination.

    It is paused because the server refuses us, or does not answer. A `held` channel holds all of them, until
    an administrator releases them.
    """

    name = models.CharField(max_length=20, primary_key=True)
    held = models.BooleanField(default=False)
    paused_until = models.DateTimeField(null=True)
    words = models.TextField(blank=True)


class Home(models.Model):
    """The fingerprint of the database that sends messages: one row at most (`alerts.outbox.restore_guard`)."""

    fingerprint = models.CharField(max_length=200)
    since = models.DateTimeField()
