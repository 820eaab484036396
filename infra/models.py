"""The tables of the audit log."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class AuditEvent(models.Model):
    """One act of somebody or of a program; a row is added by the act's own transaction and never changed.

    `actor_id` is the id of a person and no foreign key, so that the event outlives the person; `actor` is their name
    at that time. `scope` is the path of the group that the object belongs to, "" for the whole installation. `digest`
    is the SHA-256 of the canonical JSON of the columns before it. `seal` is the number of the AuditSeal, given once.
    """

    at = models.DateTimeField()
    verb = models.CharField(max_length=60)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=255)
    through = models.CharField(max_length=20)
    object_kind = models.CharField(max_length=40)
    object_id = models.CharField(max_length=100, blank=True)
    object = models.CharField(max_length=255, blank=True)
    scope = models.CharField(max_length=1000, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)
    request_id = models.CharField(max_length=40, blank=True)
    address = models.CharField(max_length=45, blank=True)
    digest = models.CharField(max_length=64)
    seal = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["at", "id"], name="audit_by_moment"),
            models.Index(fields=["actor_id", "at"], name="audit_by_actor"),
            models.Index(fields=["verb", "at"], name="audit_by_verb"),
            # Of a group and all below it, by the beginning of the path, in any collation of the database.
            models.Index(
                fields=["scope", "at"],
                name="audit_by_scope",
                opclasses=["varchar_pattern_ops", "timestamptz_ops"],
            ),
            models.Index(fields=["seal", "id"], name="audit_by_seal"),
            models.Index(fields=["id"], name="audit_unsealed", condition=Q(seal=None)),
        ]


class AuditSeal(models.Model):
    """A batch of events that one sealer sealed: the chain runs over these rows.

    `root` is the SHA-256 over the ids and digests of the events, `previous` the digest of the seal before, `digest`
    the SHA-256 of the canonical JSON of the columns before it.
    """

    number = models.BigIntegerField(primary_key=True)
    sealed_at = models.DateTimeField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    events = models.IntegerField()
    root = models.CharField(max_length=64)
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)


class RefusedAct(models.Model):
    """Refused acts of one account from one address that are counted until they become an event."""

    verb = models.CharField(max_length=60)
    account_id = models.BigIntegerField(null=True)
    account = models.CharField(max_length=255)
    address = models.CharField(max_length=45, blank=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    times = models.IntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["verb", "account_id", "address"],
                name="refused_act_counted_once",
                nulls_distinct=False,
            )
        ]
