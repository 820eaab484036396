"""The journal templates of Business Central that a connection reads; ADR 0034."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("entities", "0005_kinds_of_erp")]

    operations = [
        migrations.AddField(
            model_name="connection",
            name="journal_templates",
            field=ArrayField(models.CharField(max_length=10), db_default=[], default=list, size=None),
        ),
    ]
