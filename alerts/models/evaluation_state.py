"""The results of evaluations: overdue flags, overruns and outages, and the spans in which evaluations ran."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from closing.judging.notice_rules import NoticeKind
from closing.judging.standing import Level
from entities.models import Connection
from periods.models import FiscalPeriod

# The levels that an evaluation distinguishes; whether a close was on time is judged where it is shown.
FLAG_LEVELS = [*(level.value for level in Level if not level.value.startswith("closed_")), "closed"]


class OverdueFlag(models.Model):
    """The result of the last evaluation of one period that has ended; written only when it differs.

    A period that was closed at every evaluation has no row: it was never overdue.
    """

    period = models.OneToOneField(
        FiscalPeriod, on_delete=models.CASCADE, primary_key=True, related_name="flag"
    )
    level = models.CharField(max_length=12, choices=[(level, level) for level in FLAG_LEVELS])
    days_late = models.PositiveIntegerField(default=0)
    since = models.DateTimeField()  # when this level was first evaluated

    class Meta:
        indexes = [models.Index(fields=["period"], condition=~Q(level="closed"), name="flag_not_closed")]
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
    """The episode in which a connection has no new reading (`stale`) or its ERP refuses access (`refused`).

    One that ended less than two hours ago goes on when the trouble comes back (closing.judging.notice_rules).
    """

    KINDS = (NoticeKind.STALE.value, NoticeKind.REFUSED.value)

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="outages")
    kind = models.CharField(max_length=12, choices=[(kind, kind) for kind in KINDS])
    episode = models.PositiveSmallIntegerField()
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        # The open ones and those that ended lately, which each evaluation reads.
        indexes = [models.Index(fields=["closed_at"], name="outage_by_end")]
        constraints = [
            models.UniqueConstraint(fields=["connection", "kind", "episode"], name="outage_episode_once"),
            models.UniqueConstraint(
                fields=["connection", "kind"], condition=Q(closed_at=None), name="outage_one_open"
            ),
            models.CheckConstraint(condition=Q(kind__in=["stale", "refused"]), name="outage_kind_is_known"),
        ]


class EvaluationSpan(models.Model):
    """Evaluations that followed one another without a gap over MAX_EVALUATION_GAP, by the database's clock.

    Only a finished evaluation moves `last`, in its own transaction. Rows are never deleted: there is one after each
    interruption, and past moments are explained from them.
    """

    first = models.DateTimeField()
    last = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["-first"], name="evaluation_span_newest")]
        constraints = [
            models.CheckConstraint(condition=Q(last__gte=F("first")), name="evaluation_span_in_order")
        ]
