"""Keeps a file that a person sent while they look at what it would change; then saves or discards it."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from entities.models import Person
from worklist.models import WorkUpload
from worklist.recording.work_file import ImportResult, SentFile, import_work, read_sent_file

KEPT_FOR = timedelta(days=1)


def keep_upload(by: Person, file: SentFile, at: datetime) -> WorkUpload:
    """Keep a file for a day; raises WorkFileRefused for one that cannot be read.

    Files that nobody saved within a day go.
    """
    read_sent_file(file)
    WorkUpload.objects.filter(saved_at=None, at__lt=at - KEPT_FOR).delete()
    return WorkUpload.objects.create(
        name=file.name[-200:], sha256=file.digest, content=file.content, by=by, at=at
    )


def file_of(upload: WorkUpload) -> SentFile:
    """The file of an upload that is not saved yet."""
    assert upload.content is not None  # a constraint of the table
    return SentFile(upload.name, bytes(upload.content))


@transaction.atomic
def save_upload(by: Person, uid: UUID, at: datetime, *, good_rows: bool) -> ImportResult | None:
    """Save the file; None if it is saved already. Raises WorkUpload.DoesNotExist and WorkFileRefused."""
    upload = WorkUpload.objects.select_for_update().get(uid=uid, by=by)
    if upload.saved_at is not None:
        return None
    result = import_work(by, file_of(upload), at, good_rows=good_rows)
    upload.content, upload.saved_at, upload.result = None, at, result.to_json()
    upload.save(update_fields=["content", "saved_at", "result"])
    return result


def discard_upload(by: Person, uid: UUID) -> bool:
    """Discard a file that is not saved; False if there is none."""
    deleted, _ = WorkUpload.objects.filter(uid=uid, by=by, saved_at=None).delete()
    return bool(deleted)
