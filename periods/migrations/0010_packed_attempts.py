"""A table for old attempts packed by day, and since when those of a connection are rows (docs/adr/0027)."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("entities", "0004_holiday_categories"),
        ("periods", "0009_topics"),
    ]

    operations = [
        migrations.AddField(
            model_name="connectionclock",
            name="packed_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="PackedAttempts",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("content", models.UUIDField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("ok", "Read"),
                            ("partial", "Read in part"),
                            ("unavailable", "Unavailable"),
                            ("refused", "Refused"),
                            ("misread", "Not understood"),
                            ("abandoned", "Abandoned"),
                        ],
                        max_length=12,
                    ),
                ),
                ("pages", models.PositiveIntegerField()),
                ("rows", models.PositiveIntegerField()),
                ("words", models.TextField(blank=True)),
                ("gaps", models.JSONField(null=True)),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                (
                    "started",
                    django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(), size=None),
                ),
                (
                    "took",
                    django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None),
                ),
                (
                    "retry_at",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.DateTimeField(), null=True, size=None
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="packed_attempts",
                        to="entities.connection",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("outcome__in", ["ok", "partial"])),
                        fields=["connection", "-day"],
                        name="packed_that_read",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("connection", "day", "content"), name="packed_once_a_day"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("last_at__gte", models.F("first_at"))), name="packed_in_order"
                    ),
                ],
            },
        ),
    ]
