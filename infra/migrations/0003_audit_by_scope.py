"""An index for people who read the audit log of a group: without it their page reads every event of the period."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("infra", "0002_audit_stays")]
    operations = [
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(
                fields=["scope", "at"],
                name="audit_by_scope",
                opclasses=["varchar_pattern_ops", "timestamptz_ops"],
            ),
        )
    ]
