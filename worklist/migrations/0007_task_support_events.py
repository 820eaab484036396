"""Withdrawals of support are events, appended only."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

STAYS = """
CREATE TRIGGER task_support_event_stays BEFORE UPDATE OR DELETE ON worklist_tasksupportevent
    FOR EACH ROW EXECUTE FUNCTION worklist_task_refuse();
CREATE TRIGGER task_support_event_stays_whole BEFORE TRUNCATE ON worklist_tasksupportevent
    FOR EACH STATEMENT EXECUTE FUNCTION worklist_task_refuse();
ALTER TABLE worklist_tasksupportevent ENABLE ALWAYS TRIGGER task_support_event_stays;
ALTER TABLE worklist_tasksupportevent ENABLE ALWAYS TRIGGER task_support_event_stays_whole;
"""
CHANGES = """
DROP TRIGGER task_support_event_stays_whole ON worklist_tasksupportevent;
DROP TRIGGER task_support_event_stays ON worklist_tasksupportevent;
"""


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("worklist", "0006_inventory_runs"),
    ]
    operations = [
        migrations.CreateModel(
            name="TaskSupportEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("withdrawn", models.BooleanField()),
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
                    "support",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="worklist.tasksupport",
                    ),
                ),
            ],
        ),
        migrations.RunSQL(STAYS, CHANGES),
    ]
