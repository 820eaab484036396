"""Close tasks: templates, roles, tasks with their events, comments and support."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("entities", "0005_kinds_of_erp"),
        ("periods", "0011_deadline_near_on"),
        ("worklist", "0002_stay_and_topics"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="TaskTemplate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("month", "month"), ("quarter", "quarter"), ("year", "year")], max_length=10
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("name", models.CharField(max_length=100)),
                ("rows", models.TextField()),
                ("published_at", models.DateTimeField()),
                (
                    "group",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="task_templates",
                        to="entities.group",
                    ),
                ),
                (
                    "published_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CloseTask",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("month", models.DateField()),
                ("code", models.CharField(max_length=40)),
                ("position", models.PositiveSmallIntegerField()),
                ("title", models.CharField(max_length=300)),
                (
                    "areas",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60), default=list, size=None
                    ),
                ),
                ("depends_on", models.JSONField(default=list)),
                ("erp_check", models.TextField(blank=True)),
                ("sign_off", models.BooleanField(default=False)),
                ("owner_role", models.CharField(blank=True, max_length=100)),
                ("reviewer_role", models.CharField(blank=True, max_length=100)),
                ("link_kind", models.CharField(blank=True, max_length=20)),
                ("link_target", models.CharField(blank=True, max_length=1000)),
                ("hint", models.TextField(blank=True)),
                ("problem", models.TextField(blank=True)),
                ("as_generated", models.JSONField()),
                ("generated_at", models.DateTimeField()),
                ("round", models.PositiveSmallIntegerField(default=1)),
                ("due_on", models.DateField(null=True)),
                ("due_at", models.TimeField(null=True)),
                ("due_zone", models.CharField(blank=True, max_length=64)),
                ("due_label", models.CharField(blank=True, max_length=60)),
                ("due_words", models.TextField(blank=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("done", "done"),
                            ("returned", "returned"),
                            ("signed_off", "signed_off"),
                            ("not_needed", "not_needed"),
                        ],
                        default="open",
                        max_length=12,
                    ),
                ),
                ("reason", models.TextField(blank=True)),
                (
                    "touched_by",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                ("done_at", models.DateTimeField(null=True)),
                ("signed_at", models.DateTimeField(null=True)),
                ("confirmed_against_erp", models.BooleanField(default=False)),
                ("check_at_done", models.JSONField(null=True)),
                ("lapsed_on", models.DateField(null=True)),
                ("changed_at", models.DateTimeField()),
                (
                    "done_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "entity",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="close_tasks",
                        to="entities.legalentity",
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="close_tasks",
                        to="entities.group",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="close_tasks",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "period",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="close_tasks",
                        to="periods.fiscalperiod",
                    ),
                ),
                (
                    "signed_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="worklist.tasktemplate",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TaskAbsence",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_day", models.DateField()),
                ("last_day", models.DateField()),
                ("set_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "deputy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="stands_in_during",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="task_absences",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "set_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("person", models.F("deputy")), _negated=True),
                        name="absence_has_another_deputy",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("last_day__gte", models.F("first_day"))),
                        name="absence_days_in_order",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TaskAdoption",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("zone", models.CharField(max_length=64)),
                ("first_is", models.PositiveSmallIntegerField(default=1)),
                ("adopted_at", models.DateTimeField()),
                (
                    "adopted_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "calendar",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="entities.workcalendar",
                    ),
                ),
                (
                    "group",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="task_adoption",
                        to="entities.group",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("first_is__in", [0, 1])), name="adoption_counts_from_0_or_1"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("zone", ""), _negated=True), name="adoption_has_a_zone"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TaskComment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text", models.CharField(max_length=2000)),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="comments",
                        to="worklist.closetask",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("text", ""), _negated=True), name="task_comment_says_something"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TaskEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "verb",
                    models.CharField(
                        choices=[
                            ("done", "done"),
                            ("confirmed", "confirmed"),
                            ("undone", "undone"),
                            ("returned", "returned"),
                            ("signed", "signed"),
                            ("not_needed", "not_needed"),
                            ("needed", "needed"),
                            ("reassigned", "reassigned"),
                            ("lapsed", "lapsed"),
                            ("moved", "moved"),
                        ],
                        max_length=12,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("status_before", models.CharField(max_length=12)),
                ("status_after", models.CharField(max_length=12)),
                ("reason", models.TextField(blank=True)),
                ("check_result", models.JSONField(null=True)),
                ("details", models.JSONField(default=dict)),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="worklist.closetask",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["task", "at"], name="task_event_by_task")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "verb__in",
                                [
                                    "done",
                                    "confirmed",
                                    "undone",
                                    "returned",
                                    "signed",
                                    "not_needed",
                                    "needed",
                                    "reassigned",
                                    "lapsed",
                                    "moved",
                                ],
                            )
                        ),
                        name="task_event_verb_is_known_word",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TaskRoleHolder",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("role", models.CharField(max_length=100)),
                ("set_at", models.DateTimeField()),
                (
                    "entity",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="task_roles",
                        to="entities.legalentity",
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="task_roles",
                        to="entities.group",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="task_roles",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "set_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("entity__isnull", False), ("group", None)),
                            models.Q(("entity", None), ("group__isnull", False)),
                            _connector="OR",
                        ),
                        name="task_role_of_group_or_entity",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("role", ""), _negated=True), name="task_role_has_a_name"
                    ),
                    models.UniqueConstraint(
                        fields=("group", "entity", "role", "set_at"),
                        name="task_role_once_per_moment",
                        nulls_distinct=False,
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TaskSupport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("label", models.CharField(max_length=200)),
                ("url", models.URLField(blank=True, max_length=1000)),
                ("stored_as", models.CharField(blank=True, max_length=200)),
                ("size", models.PositiveIntegerField(null=True)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="support",
                        to="worklist.closetask",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("sha256", ""),
                                ("size", None),
                                ("stored_as", ""),
                                models.Q(("url", ""), _negated=True),
                            ),
                            models.Q(
                                ("sha256__regex", "^[0-9a-f]{64}$"),
                                ("size__isnull", False),
                                ("url", ""),
                                models.Q(("stored_as", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="task_support_is_link_or_file",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="tasktemplate",
            constraint=models.UniqueConstraint(
                fields=("group", "kind", "version"), name="template_version_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="tasktemplate",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["month", "quarter", "year"])),
                name="template_kind_is_known_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="tasktemplate",
            constraint=models.CheckConstraint(
                condition=models.Q(("version__gte", 1)), name="template_versions_begin_at_1"
            ),
        ),
        migrations.AddIndex(
            model_name="closetask",
            index=models.Index(fields=["month", "entity"], name="close_task_by_month"),
        ),
        migrations.AddIndex(
            model_name="closetask",
            index=models.Index(fields=["period"], name="close_task_by_period"),
        ),
        migrations.AddIndex(
            model_name="closetask",
            index=models.Index(
                condition=models.Q(("entity", None)), fields=["group", "month"], name="close_task_of_group"
            ),
        ),
        migrations.AddConstraint(
            model_name="closetask",
            constraint=models.UniqueConstraint(
                condition=models.Q(("group", None)),
                fields=("entity", "period", "round", "code"),
                name="close_task_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="closetask",
            constraint=models.UniqueConstraint(
                condition=models.Q(("entity", None)),
                fields=("group", "month", "round", "code"),
                name="close_task_of_group_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="closetask",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("entity__isnull", False), ("group", None), ("period__isnull", False)),
                    models.Q(("entity", None), ("group__isnull", False), ("period", None)),
                    _connector="OR",
                ),
                name="close_task_of_entity_or_group",
            ),
        ),
        migrations.AddConstraint(
            model_name="closetask",
            constraint=models.CheckConstraint(
                condition=models.Q(("month__day", 1)), name="close_task_month_is_a_first"
            ),
        ),
        migrations.AddConstraint(
            model_name="closetask",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["open", "done", "returned", "signed_off", "not_needed"])),
                name="close_task_status_is_known_word",
            ),
        ),
    ]
