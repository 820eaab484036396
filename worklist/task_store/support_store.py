"""Writes the support of close tasks: links to allowed hosts and files in Django's storage, withdrawn and restored."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection
from datetime import datetime
from pathlib import PurePosixPath
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery

from closing.close_tasks.task_acts import TaskActRefused
from closing.close_tasks.task_record import TaskStatus
from closing.close_tasks.task_templates import LinkKind
from closing.close_tasks.template_cells import parse_link
from entities.audit_trail import Verb, record_act
from entities.models import Person
from periods.board_cache.change_feed import nudge_after_commit
from worklist.models import CloseTask, TaskSupport, TaskSupportEvent
from worklist.task_store.task_acts_store import task_object, writable_task
from worklist.task_store.task_people import people_of_tasks

LARGEST_FILE = 10 * 1024 * 1024  # bytes
# What a browser or a desktop might run is left out: pages, pictures with scripts, programs, shortcuts.
FILE_TYPES = frozenset(
    {
        "csv",
        "doc",
        "docx",
        "eml",
        "gif",
        "jpeg",
        "jpg",
        "json",
        "msg",
        "ods",
        "odt",
        "pdf",
        "png",
        "ppt",
        "pptx",
    }
    | {"rtf", "tif", "tiff", "txt", "xls", "xlsb", "xlsm", "xlsx", "xml", "zip"}
)


class FileNotKept(Exception):
    """A file of a support cannot be given to anybody; the message is a sentence for people."""


@transaction.atomic
def add_link(
    by: Person, uid: UUID, label: str, url: str, at: datetime, *, allowed_hosts: Collection[str] | None
) -> TaskSupport:
    """Support a task with a link to an allowed host; raises TaskActRefused for another one.

    All functions here that write raise CloseTask.DoesNotExist for a task that the person does not see, and
    TaskNotAllowed for one that they only read.
    """
    task = writable_task(by, uid, at)
    try:
        link = parse_link(LinkKind.URL, url, allowed_hosts)
    except ValueError as error:
        words = str(error)
        raise TaskActRefused(f"{words[:1].upper()}{words[1:]}.") from None
    if link is None:
        raise TaskActRefused("Give the address of the link.")
    support = TaskSupport.objects.create(
        task=task, label=label.strip() or link.target[:200], url=link.target, by=by, at=at
    )
    record_act(Verb.TASK_SUPPORT_ADDED, task_object(task), at=at, by=by, after={"link": support.url})
    nudge_after_commit()
    return support


@transaction.atomic
def add_file(by: Person, uid: UUID, name: str, content: bytes, at: datetime) -> TaskSupport:
    """Support a task with a file of up to 10 MB, kept in Django's storage; raises TaskActRefused for another one."""
    task = writable_task(by, uid, at)
    label = file_name(name)
    if not content:
        raise TaskActRefused(f"“{label}” is empty: choose a file with content.")
    if len(content) > LARGEST_FILE:
        raise TaskActRefused(f"“{label}” is larger than 10 MB: add a link to it instead.")
    digest = hashlib.sha256(content).hexdigest()
    stored_as = default_storage.save(f"task-support/{task.uid}/{digest}", ContentFile(content))
    support = TaskSupport.objects.create(
        task=task,
        label=label,
        stored_as=stored_as,
        size=len(content),
        sha256=digest,
        by=by,
        at=at,
    )
    record_act(
        Verb.TASK_SUPPORT_ADDED,
        task_object(task),
        at=at,
        by=by,
        after={"file": support.label, "sha256": digest, "bytes": len(content)},
    )
    nudge_after_commit()
    return support


def file_name(name: str) -> str:
    """The last part of a file's name, up to 200 letters; raises TaskActRefused for one that hides its type."""
    last = PurePosixPath(name.replace("\\", "/")).name.strip().rstrip(".")
    if any(unicodedata.category(letter)[0] == "C" for letter in last):
        raise TaskActRefused(
            "The name of the file has invisible characters: rename the file, then add it again."
        )
    dot, ending = re.fullmatch(r".*?(\.?)([^.]*)", last, re.DOTALL).groups()  # type: ignore[union-attr]
    if not last or not dot or (last.startswith(".") and last.count(".") == 1):
        raise TaskActRefused(
            "The name of the file has no ending that says what it is: rename it, like balance.pdf."
        )
    if ending.casefold() not in FILE_TYPES:
        raise TaskActRefused(
            f"Files of the type .{ending[:20]} are not taken: add a PDF, a spreadsheet, a document, a picture, "
            "a mail, a text or a ZIP file."
        )
    return last[-200:]


def change_support(by: Person, support_uid: UUID, at: datetime, *, withdrawn: bool) -> TaskSupport:
    """Withdraw a support, or undo that, by who added it or administers the task's entity.

    A support of a task that is signed off stays. Raises TaskSupport.DoesNotExist, and TaskActRefused with a sentence.
    """
    support = support_of(by, support_uid)
    with transaction.atomic():
        task = writable_task(by, support.task.uid, at)
        support = support_of(by, support_uid)
        administers = by.pk in people_of_tasks(by, [task], at).of(task).may_assign
        if support.by_id != by.pk and not administers:
            raise TaskActRefused(
                "Only who added this support, or an administrator, withdraws or restores it."
            )
        if withdrawn and (task.status == TaskStatus.SIGNED_OFF.value or task.lapsed_on is not None):
            raise TaskActRefused(
                "This task is signed off, so its support stays: undo or return the task first."
            )
        if is_withdrawn(support) == withdrawn:
            raise TaskActRefused(
                "This support is withdrawn already." if withdrawn else "This support is not withdrawn."
            )
        TaskSupportEvent.objects.create(support=support, withdrawn=withdrawn, by=by, at=at)
        verb = Verb.TASK_SUPPORT_WITHDRAWN if withdrawn else Verb.TASK_SUPPORT_RESTORED
        record_act(verb, task_object(task), at=at, by=by, after={"support": support.label})
        nudge_after_commit()
    return support


def support_of(reader: Person, support_uid: UUID) -> TaskSupport:
    """A support of a task that the person sees; raises TaskSupport.DoesNotExist."""
    tasks = CloseTask.objects.visible_to(reader)
    return (
        with_state(TaskSupport.objects.filter(uid=support_uid, task__in=tasks)).select_related("task").get()
    )


def with_state(supports: QuerySet[TaskSupport]) -> QuerySet[TaskSupport]:
    """The supports, each with whether it is withdrawn (`is_withdrawn`)."""
    newest = TaskSupportEvent.objects.filter(support=OuterRef("pk")).order_by("-pk").values("withdrawn")[:1]
    return supports.annotate(now_withdrawn=Subquery(newest))


def is_withdrawn(support: TaskSupport) -> bool:
    """Whether a support of `with_state` is withdrawn."""
    return bool(getattr(support, "now_withdrawn"))  # noqa: B009 - an annotation


def file_content(support: TaskSupport) -> bytes:
    """The content of a file as it was added; raises FileNotKept where it is withdrawn, missing or changed."""
    if is_withdrawn(support):
        raise FileNotKept(f"“{support.label}” was withdrawn: restore it on the page of its task.")
    try:
        with default_storage.open(support.stored_as) as stored:
            content: bytes = stored.read(LARGEST_FILE + 1)
    except OSError:
        raise FileNotKept(
            f"“{support.label}” is not in the store of files: an administrator puts the backup of it back."
        ) from None
    if hashlib.sha256(content).hexdigest() != support.sha256:
        raise FileNotKept(
            f"What is stored of “{support.label}” is not the file that was added: its SHA-256 differs. "
            "An administrator puts the backup of it back."
        )
    return content
