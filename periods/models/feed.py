"""The change feed that triggers write, and the ticks that workers claim."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now


class News(models.Model):
    """A change to something that a board shows; triggers add these rows, see periods.board_cache.change_feed.

    `kind` is one of KINDS or the topic of an annotation; `ids` are entities, connections or people by `kind`, null
    for all; `txid` is the transaction that made the change.
    """

    KINDS: ClassVar[list[str]] = ["rows", "places", "read", "access"]

    kind = models.CharField(max_length=8)
    ids = ArrayField(models.BigIntegerField(), null=True)
    txid = models.BigIntegerField(db_default=RawSQL("pg_current_xact_id()::text::bigint", []))
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["txid"], name="news_by_transaction"),
            models.Index(fields=["at"], name="news_by_age"),
        ]


class ClaimedTick(models.Model):
    """A claimed tick of the schedule: the guard against two beats and redelivered messages."""

    name = models.CharField(max_length=40)
    slot = models.DateTimeField()
    claimed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "slot"], name="tick_claimed_once")]
