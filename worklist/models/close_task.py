"""Close tasks, the events that change them, their comments and their support."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from closing.close_tasks.task_record import TaskStatus, TaskVerb
from entities.access import groups_with_role
from entities.models import Group, LegalEntity, Person
from periods.models import FiscalPeriod
from worklist.models.task_template import TaskTemplate

STATUSES = [status.value for status in TaskStatus]


class CloseTaskQuerySet(models.QuerySet["CloseTask"]):
    """Close tasks, by the access of a person."""

    def visible_to(self, person: Person | AnonymousUser) -> CloseTaskQuerySet:
        """The tasks of the entities and groups of a person's memberships, and of those below; all for superusers."""
        entities = LegalEntity.objects.visible_to(person)
        return self.filter(Q(entity__in=entities) | Q(group__in=groups_with_role(person, Q())))


class CloseTask(models.Model):
    """A task of an entity's period, or of a group's month, with what its events have made of it.

    The columns up to `generated_at` are those of its draft; `as_generated` keeps its first round, owner and due date,
    so that the events up to a past moment give the task as it was (`closing.close_tasks.task_record.replay`). The
    columns from `status` on are the newest such result, for lists. `depends_on` are pairs of
    code and reach, `erp_check` is the cell of a template.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # `close_task_once` begins with it.
    entity = models.ForeignKey(
        LegalEntity, null=True, on_delete=models.PROTECT, related_name="close_tasks", db_index=False
    )
    group = models.ForeignKey(
        Group, null=True, on_delete=models.PROTECT, related_name="close_tasks", db_index=False
    )
    period = models.ForeignKey(
        FiscalPeriod, null=True, on_delete=models.PROTECT, related_name="close_tasks", db_index=False
    )
    month = models.DateField()
    code = models.CharField(max_length=40)
    template = models.ForeignKey(TaskTemplate, on_delete=models.PROTECT, related_name="+", db_index=False)
    position = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=300)
    areas = ArrayField(models.CharField(max_length=60), default=list)
    depends_on = models.JSONField(default=list)
    erp_check = models.TextField(blank=True)
    sign_off = models.BooleanField(default=False)
    owner_role = models.CharField(max_length=100, blank=True)
    reviewer_role = models.CharField(max_length=100, blank=True)
    link_kind = models.CharField(max_length=20, blank=True)
    link_target = models.CharField(max_length=1000, blank=True)
    hint = models.TextField(blank=True)
    problem = models.TextField(blank=True)
    as_generated = models.JSONField()
    generated_at = models.DateTimeField()

    round = models.PositiveSmallIntegerField(default=1)
    due_on = models.DateField(null=True)
    due_at = models.TimeField(null=True)
    due_zone = models.CharField(max_length=64, blank=True)
    due_label = models.CharField(max_length=60, blank=True)
    due_words = models.TextField(blank=True)
    owner = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="close_tasks")
    status = models.CharField(
        max_length=12, choices=[(word, word) for word in STATUSES], default=TaskStatus.OPEN.value
    )
    reason = models.TextField(blank=True)
    touched_by = ArrayField(models.BigIntegerField(), default=list)
    done_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    done_at = models.DateTimeField(null=True)
    signed_by = models.ForeignKey(
        Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    signed_at = models.DateTimeField(null=True)
    confirmed_against_erp = models.BooleanField(default=False)
    check_at_done = models.JSONField(null=True)
    lapsed_on = models.DateField(null=True)
    changed_at = models.DateTimeField()

    objects = CloseTaskQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["month", "entity"], name="close_task_by_month"),
            models.Index(fields=["period"], name="close_task_by_period"),
            models.Index(fields=["group", "month"], condition=Q(entity=None), name="close_task_of_group"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["entity", "period", "round", "code"],
                condition=Q(group=None),
                name="close_task_once",
            ),
            models.UniqueConstraint(
                fields=["group", "month", "round", "code"],
                condition=Q(entity=None),
                name="close_task_of_group_once",
            ),
            models.CheckConstraint(
                condition=Q(entity__isnull=False, period__isnull=False, group=None)
                | Q(entity=None, period=None, group__isnull=False),
                name="close_task_of_entity_or_group",
            ),
            models.CheckConstraint(condition=Q(month__day=1), name="close_task_month_is_a_first"),
            models.CheckConstraint(condition=Q(status__in=STATUSES), name="close_task_status_is_known_word"),
        ]

    @property
    def holder(self) -> LegalEntity | Group:
        """The entity or the group whose task it is."""
        holder = self.entity or self.group
        assert holder is not None  # a constraint of the table
        return holder


class TaskEvent(models.Model):
    """One act on a close task; a trigger refuses any change.

    `details` holds what few events have: the new due date, round and day of a reopened period.
    """

    task = models.ForeignKey(CloseTask, on_delete=models.PROTECT, related_name="events", db_index=False)
    verb = models.CharField(max_length=12, choices=[(verb.value, verb.value) for verb in TaskVerb])
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()
    status_before = models.CharField(max_length=12)
    status_after = models.CharField(max_length=12)
    reason = models.TextField(blank=True)
    check_result = models.JSONField(null=True)
    owner = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    details = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["task", "at"], name="task_event_by_task")]
        constraints = [
            models.CheckConstraint(
                condition=Q(verb__in=[verb.value for verb in TaskVerb]), name="task_event_verb_is_known_word"
            )
        ]


class TaskComment(models.Model):
    """A remark of a person on a close task, plain text; a trigger refuses any change."""

    task = models.ForeignKey(CloseTask, on_delete=models.PROTECT, related_name="comments")
    text = models.CharField(max_length=2000)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(text=""), name="task_comment_says_something")]


class TaskSupport(models.Model):
    """A link or a file that supports a close task; a trigger refuses any change.

    A file has its name in Django's storage, its size in bytes and its SHA-256 in hexadecimal digits.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    task = models.ForeignKey(CloseTask, on_delete=models.PROTECT, related_name="support")
    label = models.CharField(max_length=200)
    url = models.URLField(max_length=1000, blank=True)
    stored_as = models.CharField(max_length=200, blank=True)
    size = models.PositiveIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(Q(stored_as="", sha256="", size=None) & ~Q(url=""))
                | (Q(url="", sha256__regex="^[0-9a-f]{64}$", size__isnull=False) & ~Q(stored_as="")),
                name="task_support_is_link_or_file",
            )
        ]


class TaskSupportEvent(models.Model):
    """One withdrawal of a support, or its undoing; the newest counts. A trigger refuses any change.

    A withdrawn file stays in storage.
    """

    support = models.ForeignKey(TaskSupport, on_delete=models.PROTECT, related_name="events")
    withdrawn = models.BooleanField()
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()
