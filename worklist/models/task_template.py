"""Templates of close tasks with their versions, the groups that use them, and the people of their roles."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from closing.close_tasks.task_templates import TemplateKind
from entities.models import Group, LegalEntity, Person, WorkCalendar


class TaskAdoption(models.Model):
    """A group that has close tasks, with the calendar and zone of the tasks of its own months.

    Its entities are those below it that have no nearer group with tasks. `first_is` is the number, 0 or 1, of the
    first working day after period end. Months before `from_month` get no tasks.
    """

    group = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="task_adoption")
    calendar = models.ForeignKey(WorkCalendar, on_delete=models.PROTECT, related_name="+", db_index=False)
    zone = models.CharField(max_length=64)
    first_is = models.PositiveSmallIntegerField(default=1)
    from_month = models.DateField(null=True)
    adopted_at = models.DateTimeField()
    adopted_by = models.ForeignKey(
        Person, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(first_is__in=[0, 1]), name="adoption_counts_from_0_or_1"),
            models.CheckConstraint(condition=~Q(zone=""), name="adoption_has_a_zone"),
            models.CheckConstraint(
                condition=Q(from_month=None) | Q(from_month__day=1), name="adoption_month_is_a_first"
            ),
        ]


class TaskTemplate(models.Model):
    """A published version of a group's template for one kind of period end; a trigger refuses any change.

    `rows` are its tasks as `closing.close_tasks.template_export.template_csv` writes them.
    """

    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="task_templates", db_index=False)
    kind = models.CharField(max_length=10, choices=[(kind.value, kind.value) for kind in TemplateKind])
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=100)
    rows = models.TextField()
    published_at = models.DateTimeField()
    published_by = models.ForeignKey(
        Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "kind", "version"], name="template_version_once"),
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in TemplateKind]),
                name="template_kind_is_known_word",
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="template_versions_begin_at_1"),
        ]


class TaskTemplateDraft(models.Model):
    """The next version of a group's template while administrators work on it: one open draft of each kind.

    `rows` are as those of `TaskTemplate`, whether or not a period end could work with them. `base_version` is the
    published version that it began with, 0 without one. Each change counts `revision` up, so that a form says which
    one it was made from. A draft is open until it is withdrawn or published.
    """

    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="task_drafts", db_index=False)
    kind = models.CharField(max_length=10, choices=[(kind.value, kind.value) for kind in TemplateKind])
    name = models.CharField(max_length=100)
    rows = models.TextField()
    base_version = models.PositiveIntegerField(default=0)
    revision = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField()
    changed_by = models.ForeignKey(
        Person, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    withdrawn_at = models.DateTimeField(null=True)
    published_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["group", "kind"],
                condition=Q(withdrawn_at=None, published_at=None),
                name="template_draft_one_open",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in TemplateKind]),
                name="template_draft_kind_is_known_word",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None) | Q(published_at=None), name="template_draft_ends_once"
            ),
        ]


class TaskRoleHolder(models.Model):
    """Who has a role of close tasks in a group or an entity, from a moment on; the newest version counts.

    Without a person the role is that of the group above. A role of an entity is looked up there first, then in the
    groups above it, the nearest first.
    """

    group = models.ForeignKey(
        Group, null=True, on_delete=models.CASCADE, related_name="task_roles", db_index=False
    )
    entity = models.ForeignKey(
        LegalEntity, null=True, on_delete=models.CASCADE, related_name="task_roles", db_index=False
    )
    role = models.CharField(max_length=100)
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="task_roles")
    set_at = models.DateTimeField()
    set_by = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(group=None, entity__isnull=False) | Q(group__isnull=False, entity=None),
                name="task_role_of_group_or_entity",
            ),
            models.CheckConstraint(condition=~Q(role=""), name="task_role_has_a_name"),
            models.UniqueConstraint(
                fields=["group", "entity", "role", "set_at"],
                nulls_distinct=False,
                name="task_role_once_per_moment",
            ),
        ]


class TaskAbsence(models.Model):
    """Days on which a deputy stands in for a person: in their tasks and in their reviews."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="task_absences")
    deputy = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="stands_in_during")
    first_day = models.DateField()
    last_day = models.DateField()
    set_at = models.DateTimeField()
    set_by = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(person=F("deputy")), name="absence_has_another_deputy"),
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="absence_days_in_order"),
        ]
