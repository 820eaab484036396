"""Files of unfinished work that people send, and the inventory runs that they bring, which are appended only."""

from __future__ import annotations

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

REFUSE = """
CREATE TRIGGER inventory_run_stays BEFORE UPDATE OR DELETE ON worklist_inventoryrunfact
    FOR EACH ROW EXECUTE FUNCTION worklist_task_refuse();
CREATE TRIGGER inventory_run_stays_whole BEFORE TRUNCATE ON worklist_inventoryrunfact
    FOR EACH STATEMENT EXECUTE FUNCTION worklist_task_refuse();
ALTER TABLE worklist_inventoryrunfact ENABLE ALWAYS TRIGGER inventory_run_stays;
ALTER TABLE worklist_inventoryrunfact ENABLE ALWAYS TRIGGER inventory_run_stays_whole;
"""
ALLOW = """
DROP TRIGGER inventory_run_stays_whole ON worklist_inventoryrunfact;
DROP TRIGGER inventory_run_stays ON worklist_inventoryrunfact;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("entities", "0005_kinds_of_erp"),
        ("worklist", "0005_partner_positions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="InventoryRunFact",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("through", models.DateField()),
                ("kind", models.CharField(max_length=20)),
                ("status", models.CharField(max_length=20)),
                ("executed_at", models.DateTimeField(null=True)),
                ("reverses", models.DateField(null=True)),
                ("warnings", models.PositiveIntegerField(default=0)),
                ("voucher", models.CharField(blank=True, max_length=60)),
                ("source", models.CharField(max_length=300)),
                ("recorded_at", models.DateTimeField()),
                (
                    "entity",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="entities.legalentity",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["entity", "recorded_at"], name="inventory_run_by_entity")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["closing", "recalculation", "reversal"])),
                        name="inventory_run_kind_is_known_word",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["done", "running", "stopped", "reversed"])),
                        name="inventory_run_status_is_known_word",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "reversal"), ("reverses__isnull", False)),
                            models.Q(models.Q(("kind", "reversal"), _negated=True), ("reverses", None)),
                            _connector="OR",
                        ),
                        name="inventory_reversal_names_its_close",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WorkUpload",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=200)),
                ("sha256", models.CharField(max_length=64)),
                ("content", models.BinaryField(null=True)),
                ("at", models.DateTimeField()),
                ("saved_at", models.DateTimeField(null=True)),
                ("result", models.JSONField(null=True)),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("sha256__regex", "^[0-9a-f]{64}$")),
                        name="work_upload_has_a_digest",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("content__isnull", False), ("result__isnull", True), ("saved_at", None)
                            ),
                            models.Q(
                                ("content", None), ("result__isnull", False), ("saved_at__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="work_upload_waits_or_is_saved",
                    ),
                ],
            },
        ),
        migrations.RunSQL(REFUSE, ALLOW),
    ]
