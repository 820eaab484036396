"""Attempts to read, their coverage and gaps, and the newest of each connection."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from closing.facts.readings import GapReason
from entities.models import Connection, LegalEntity


class ReadAttempt(models.Model):
    """One attempt to read a connection; its id, given at the start, is the fence: older readings never replace newer.

    `started_at` is the moment of the reading. While running it is the connection's lease, until `lease_until` (the
    database's clock). `words` describes an error in a sentence; `retry_at` is when the ERP asked to retry, if it did.
    """

    class Outcome(models.TextChoices):
        RUNNING = "running", "Running"
        OK = "ok", "Read"
        PARTIAL = "partial", "Read in part"
        UNAVAILABLE = "unavailable", "Unavailable"
        REFUSED = "refused", "Refused"
        MISREAD = "misread", "Not understood"
        ABANDONED = "abandoned", "Abandoned"

    READ_OUTCOMES: ClassVar[list[str]] = [Outcome.OK.value, Outcome.PARTIAL.value]

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField()
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.RUNNING)
    http_status = models.PositiveSmallIntegerField(null=True)
    pages = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    changes = models.PositiveIntegerField(default=0)
    words = models.TextField(blank=True)
    retry_at = models.DateTimeField(null=True)
    clock_skew_seconds = models.IntegerField(null=True)

    class Meta:
        abstract = True


class SyncAttempt(ReadAttempt):
    """One attempt to read the periods of a connection."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="attempts")

    class Meta:
        indexes = [
            models.Index(fields=["connection", "-started_at"], name="attempt_by_connection"),
            models.Index(fields=["connection", "-id"], name="attempt_by_turn"),
            # Of a connection that has failed for months, the newest good read lies behind all these failures.
            models.Index(
                fields=["connection", "-started_at"],
                condition=Q(outcome__in=["ok", "partial"]),
                name="attempt_that_read",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=Q(outcome="running"),
                name="attempt_one_running_per_connection",
            ),
            models.CheckConstraint(
                condition=Q(outcome="running", finished_at=None)
                | (~Q(outcome="running") & Q(finished_at__isnull=False)),
                name="attempt_finished_unless_running",
            ),
        ]


class ConnectionClock(models.Model):
    """The times of a connection's attempts, for pacing; a trigger on the attempts writes it (ADR 0017).

    `attempted_at`, `running` and `retry_at` are those of the newest attempt, by id. `failed_in_a_row` counts finished
    attempts since the last good one, up to 12. `read_at` is the latest start of a good attempt. The trigger is in
    migration 0006. Not in Connection, where any write is a change event for all rows of its entities.
    """

    connection = models.OneToOneField(
        Connection, primary_key=True, on_delete=models.CASCADE, related_name="clock"
    )
    attempted_at = models.DateTimeField(null=True)
    running = models.BooleanField(default=False)
    retry_at = models.DateTimeField(null=True)
    failed_in_a_row = models.PositiveSmallIntegerField(default=0)
    read_at = models.DateTimeField(null=True)
    # Attempts that started earlier may be packed (`PackedAttempts`); null: none is.
    packed_until = models.DateTimeField(null=True)


class PackedAttempts(models.Model):
    """Old attempts of a connection that started on one day, in UTC, and were alike; each keeps its times.

    `periods.packing` moves finished attempts here (ADR 0027). `started`, `took` (in microseconds) and `retry_at` have
    one element for each attempt; `retry_at` is null where the ERP did not ask to retry. `gaps` maps the id of an
    entity to the reason and words of its SyncGap. `content` is the MD5 of everything but the times.
    """

    # `packed_once_a_day` begins with it.
    connection = models.ForeignKey(
        Connection, on_delete=models.CASCADE, related_name="packed_attempts", db_index=False
    )
    day = models.DateField()
    content = models.UUIDField()
    outcome = models.CharField(max_length=12, choices=SyncAttempt.Outcome)
    pages = models.PositiveIntegerField()
    rows = models.PositiveIntegerField()
    words = models.TextField(blank=True)
    gaps = models.JSONField(null=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    started = ArrayField(models.DateTimeField())
    took = ArrayField(models.IntegerField())
    retry_at = ArrayField(models.DateTimeField(), null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["connection", "-day"],
                condition=Q(outcome__in=["ok", "partial"]),
                name="packed_that_read",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["connection", "day", "content"], name="packed_once_a_day"),
            models.CheckConstraint(condition=Q(last_at__gte=F("first_at")), name="packed_in_order"),
        ]


class SyncGap(models.Model):
    """An entity that an otherwise good attempt did not read, and why."""

    attempt = models.ForeignKey(SyncAttempt, on_delete=models.CASCADE, related_name="gaps")
    entity = models.ForeignKey(LegalEntity, on_delete=models.CASCADE, related_name="sync_gaps")
    reason = models.CharField(max_length=20, choices=[(r.value, r.value) for r in GapReason])
    words = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["attempt", "entity"], name="gap_once_per_attempt")]


class ReadSpan(models.Model):
    """A run of good attempts of one connection that all read this entity: the times of its readings as an interval.

    While the run goes on, `last_attempt` is null and the entity's last reading is the connection's last good attempt,
    so that an uneventful read writes no row per entity (ADR 0004).
    """

    entity = models.ForeignKey(LegalEntity, on_delete=models.CASCADE, related_name="read_spans")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    first_attempt = models.ForeignKey(SyncAttempt, on_delete=models.CASCADE, related_name="+")
    first_read_at = models.DateTimeField()
    last_attempt = models.ForeignKey(SyncAttempt, null=True, on_delete=models.CASCADE, related_name="+")
    last_read_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["entity", "-first_read_at"], name="readspan_by_entity")]
        constraints = [
            models.UniqueConstraint(
                fields=["entity"], condition=Q(last_attempt=None), name="readspan_one_open"
            ),
            models.CheckConstraint(
                condition=Q(last_attempt=None, last_read_at=None)
                | Q(last_attempt__isnull=False, last_read_at__gte=F("first_read_at")),
                name="readspan_ends_in_order",
            ),
        ]
