"""Drafts of templates of close tasks, and the month from which a group has tasks."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("entities", "0005_kinds_of_erp"),
        ("worklist", "0007_task_support_events"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="TaskTemplateDraft",
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
                ("name", models.CharField(max_length=100)),
                ("rows", models.TextField()),
                ("base_version", models.PositiveIntegerField(default=0)),
                ("revision", models.PositiveIntegerField(default=1)),
                ("changed_at", models.DateTimeField()),
                ("withdrawn_at", models.DateTimeField(null=True)),
                ("published_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="taskadoption",
            name="from_month",
            field=models.DateField(null=True),
        ),
        migrations.AddConstraint(
            model_name="taskadoption",
            constraint=models.CheckConstraint(
                condition=models.Q(("from_month", None), ("from_month__day", 1), _connector="OR"),
                name="adoption_month_is_a_first",
            ),
        ),
        migrations.AddField(
            model_name="tasktemplatedraft",
            name="changed_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="tasktemplatedraft",
            name="group",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="task_drafts",
                to="entities.group",
            ),
        ),
        migrations.AddConstraint(
            model_name="tasktemplatedraft",
            constraint=models.UniqueConstraint(
                condition=models.Q(("published_at", None), ("withdrawn_at", None)),
                fields=("group", "kind"),
                name="template_draft_one_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="tasktemplatedraft",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["month", "quarter", "year"])),
                name="template_draft_kind_is_known_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="tasktemplatedraft",
            constraint=models.CheckConstraint(
                condition=models.Q(("withdrawn_at", None), ("published_at", None), _connector="OR"),
                name="template_draft_ends_once",
            ),
        ),
    ]
