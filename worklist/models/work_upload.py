"""Files of unfinished work that people send, and the inventory runs that they bring."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from closing.blockers.inventory_runs import RunKind, RunStatus
from entities.models import LegalEntity, Person


class WorkUpload(models.Model):
    """A file that a person sent: its content until it is saved or a day has passed, then what saving it did.

    `result` is the JSON of a `worklist.recording.work_file.ImportResult`.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField(null=True)
    by = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    saved_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(sha256__regex="^[0-9a-f]{64}$"), name="work_upload_has_a_digest"
            ),
            models.CheckConstraint(
                condition=Q(content__isnull=False, saved_at=None, result__isnull=True)
                | Q(content=None, saved_at__isnull=False, result__isnull=False),
                name="work_upload_waits_or_is_saved",
            ),
        ]


class InventoryRunFact(models.Model):
    """What a source said of one run of the inventory close of an entity; a trigger refuses any change.

    The newest fact of a run counts. `source` names who brought it: "by file, Ann Controller".
    """

    entity = models.ForeignKey(LegalEntity, on_delete=models.PROTECT, related_name="+", db_index=False)
    through = models.DateField()
    kind = models.CharField(max_length=20)
    status = models.CharField(max_length=20)
    executed_at = models.DateTimeField(null=True)
    reverses = models.DateField(null=True)
    warnings = models.PositiveIntegerField(default=0)
    voucher = models.CharField(max_length=60, blank=True)
    source = models.CharField(max_length=300)
    recorded_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["entity", "recorded_at"], name="inventory_run_by_entity")]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in RunKind]),
                name="inventory_run_kind_is_known_word",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in RunStatus]),
                name="inventory_run_status_is_known_word",
            ),
            models.CheckConstraint(
                condition=Q(kind=RunKind.REVERSAL.value, reverses__isnull=False)
                | (~Q(kind=RunKind.REVERSAL.value) & Q(reverses=None)),
                name="inventory_reversal_names_its_close",
            ),
        ]
