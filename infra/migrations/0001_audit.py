"""The audit log: events, their seals, and refused acts that are still counted."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("sealed_at", models.DateTimeField()),
                ("first_id", models.BigIntegerField()),
                ("last_id", models.BigIntegerField()),
                ("events", models.IntegerField()),
                ("root", models.CharField(max_length=64)),
                ("previous", models.CharField(max_length=64)),
                ("digest", models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("verb", models.CharField(max_length=60)),
                ("actor_kind", models.CharField(max_length=10)),
                ("actor_id", models.BigIntegerField(null=True)),
                ("actor", models.CharField(max_length=255)),
                ("through", models.CharField(max_length=20)),
                ("object_kind", models.CharField(max_length=40)),
                ("object_id", models.CharField(blank=True, max_length=100)),
                ("object", models.CharField(blank=True, max_length=255)),
                ("scope", models.CharField(blank=True, max_length=1000)),
                ("before", models.JSONField(null=True)),
                ("after", models.JSONField(null=True)),
                ("reason", models.TextField(blank=True)),
                ("request_id", models.CharField(blank=True, max_length=40)),
                ("address", models.CharField(blank=True, max_length=45)),
                ("digest", models.CharField(max_length=64)),
                ("seal", models.BigIntegerField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["at", "id"], name="audit_by_moment"),
                    models.Index(fields=["actor_id", "at"], name="audit_by_actor"),
                    models.Index(fields=["verb", "at"], name="audit_by_verb"),
                    models.Index(fields=["seal", "id"], name="audit_by_seal"),
                    models.Index(condition=models.Q(("seal", None)), fields=["id"], name="audit_unsealed"),
                ],
            },
        ),
        migrations.CreateModel(
            name="RefusedAct",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("verb", models.CharField(max_length=60)),
                ("account_id", models.BigIntegerField(null=True)),
                ("account", models.CharField(max_length=255)),
                ("address", models.CharField(blank=True, max_length=45)),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("times", models.IntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("verb", "account_id", "address"),
                        name="refused_act_counted_once",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
    ]
