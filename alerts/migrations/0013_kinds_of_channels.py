"""Kinds of channels are those that the settings install; the database names none of them."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0012_notice_cutoff")]
    operations = [
        migrations.RemoveConstraint(model_name="destination", name="destination_kind_is_known"),
        migrations.AlterField(model_name="destination", name="kind", field=models.CharField(max_length=10)),
    ]
