"""Kinds of ERP register themselves (closing.facts), so the table holds no list of them; ADR 0022."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("entities", "0004_holiday_categories")]

    operations = [
        migrations.RemoveConstraint(model_name="connection", name="connection_kind_is_known"),
        migrations.AlterField(model_name="connection", name="kind", field=models.CharField(max_length=20)),
    ]
