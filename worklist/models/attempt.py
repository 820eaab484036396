"""Attempts to read unfinished work, and the runs of good attempts that read one part of it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from entities.models import Connection, LegalEntity
from periods.models import ReadAttempt


class WorkAttempt(ReadAttempt):
    """One attempt to read unfinished work of a connection's entities.

    A source whose parts need more requests than one attempt may make reads them in turns: `turn` is the number of the
    turn, from 0 on (08-blockers-and-tasks 11).
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="work_attempts")
    turn = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        indexes = [
            models.Index(fields=["connection", "-started_at"], name="work_attempt_by_connection"),
            models.Index(
                fields=["connection", "turn", "-started_at"],
                condition=Q(outcome__in=["ok", "partial"]),
                name="work_attempt_that_read",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=Q(outcome="running"),
                name="work_attempt_one_running",
            ),
            models.CheckConstraint(
                condition=Q(outcome="running", finished_at=None)
                | (~Q(outcome="running") & Q(finished_at__isnull=False)),
                name="work_attempt_finished_unless_running",
            ),
        ]


class WorkSpan(models.Model):
    """A run of good attempts of one connection that all read this part of an entity's work, for these days.

    `first_day` and `last_day` are the days of the periods that were read. While the run goes on, `last_attempt` is
    null and the part's last reading is the connection's last good attempt of this turn, so that a read without
    changes writes no row (ADR 0004).
    """

    entity = models.ForeignKey(LegalEntity, on_delete=models.CASCADE, related_name="+", db_index=False)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    turn = models.PositiveSmallIntegerField(default=0, db_default=0)
    kind = models.CharField(max_length=40)
    part = models.CharField(max_length=100, blank=True)
    first_day = models.DateField()
    last_day = models.DateField()
    first_attempt = models.ForeignKey(WorkAttempt, on_delete=models.CASCADE, related_name="+", db_index=False)
    first_read_at = models.DateTimeField()
    last_attempt = models.ForeignKey(
        WorkAttempt, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    last_read_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["entity", "kind", "part", "-first_read_at"], name="workspan_by_part"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["entity", "kind", "part"], condition=Q(last_attempt=None), name="workspan_one_open"
            ),
            models.CheckConstraint(
                condition=Q(last_attempt=None, last_read_at=None)
                | Q(last_attempt__isnull=False, last_read_at__gte=F("first_read_at")),
                name="workspan_ends_in_order",
            ),
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="workspan_days_in_order"),
        ]
