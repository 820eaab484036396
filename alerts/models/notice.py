"""Notices, and the results of the nightly reconciliation that finds missing ones."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from closing.judging.notice_rules import NoticeKind
from entities.models import Connection, Group
from periods.models import FiscalPeriod, PolicyVersion, StateChange

NOTICE_KINDS = [(kind.value, kind.value) for kind in NoticeKind]


CONNECTION_NOTICES = Q(
    kind__in=[NoticeKind.STALE.value, NoticeKind.REFUSED.value, NoticeKind.READ_AGAIN.value]
)


GROUP_NOTICES = Q(kind=NoticeKind.GROUP_CLOSED.value)


class Notice(models.Model):
    """An event that recipients must be notified of, raised once, with the facts as they were at that moment.

    The row never changes. It is about a period, a connection (stale, refused, read_again) or a month of a group
    (group_closed). `episode` is that of the overrun or outage, and counts the closes of a group's month and the ends
    of a connection's trouble; a notice of a reopening names the `change` instead. `due_on` and `days_late` are a
    period's; for a group's close `days_late` is the number of working days from the end of the month.
    """

    kind = models.CharField(max_length=12, choices=[(kind.value, kind.value) for kind in NoticeKind])
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
                condition=~Q(kind=NoticeKind.REOPENED.value),
                name="notice_once_an_episode",
            ),
            models.UniqueConstraint(
                fields=["change"], condition=Q(kind=NoticeKind.REOPENED.value), name="notice_once_a_reopening"
            ),
            models.CheckConstraint(
                condition=Q(kind=NoticeKind.REOPENED.value, change__isnull=False)
                | (~Q(kind=NoticeKind.REOPENED.value) & Q(change=None)),
                name="notice_of_a_reopening_names_it",
            ),
            models.UniqueConstraint(fields=["connection", "kind", "episode"], name="notice_once_an_outage"),
            models.UniqueConstraint(
                fields=["group", "month", "kind", "episode"], name="notice_once_a_close_of_a_group"
            ),
            models.CheckConstraint(
                condition=(
                    CONNECTION_NOTICES & Q(connection__isnull=False, period=None, group=None, month=None)
                )
                | (GROUP_NOTICES & Q(connection=None, period=None, group__isnull=False, month__isnull=False))
                | (
                    ~(CONNECTION_NOTICES | GROUP_NOTICES)
                    & Q(connection=None, period__isnull=False, group=None, month=None)
                ),
                name="notice_is_about_one_thing",
            ),
        ]
        indexes = [models.Index(fields=["-raised_at"], name="notice_newest")]


class ProofRun(models.Model):
    """The result of one reconciliation (alerts.reconciliation): numbers compared, and each difference as text."""

    as_of = models.DateTimeField(unique=True)
    periods = models.PositiveIntegerField()
    expected = models.PositiveIntegerField()
    differences = models.JSONField(default=list)

    class Meta:
        ordering = ["-as_of"]


class NoticeCutoff(models.Model):
    """The moment before which notices may have been deleted (alerts.notice_retention): one row at most."""

    at = models.DateTimeField()
