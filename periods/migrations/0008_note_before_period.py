"""A note may name an entity and a reporting month instead of a period: there is none before the first reading."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

TELL = """
CREATE TRIGGER periods_remark_entity_insert AFTER INSERT ON periods_remark REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION periods_tell_of_some('rows', 'SELECT entity_id FROM changed')
"""


class Migration(migrations.Migration):
    """Additive: an older process writes remarks of periods, and reads no others."""

    dependencies = [("entities", "0004_holiday_categories"), ("periods", "0007_agreed_dates")]

    operations = [
        migrations.AddField(
            "remark",
            "entity",
            models.ForeignKey(
                "entities.legalentity",
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
            ),
        ),
        migrations.AddField("remark", "reporting_month", models.DateField(null=True)),
        migrations.AlterField(
            "remark",
            "period",
            models.ForeignKey(
                "periods.fiscalperiod",
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="remarks",
            ),
        ),
        migrations.AddIndex(
            "remark",
            models.Index(
                condition=Q(period=None), fields=["entity", "reporting_month"], name="remark_without_period"
            ),
        ),
        migrations.AddConstraint(
            "remark",
            models.CheckConstraint(
                condition=Q(period__isnull=False, entity=None, reporting_month=None)
                | Q(kind="note", period=None, entity__isnull=False, reporting_month__isnull=False),
                name="remark_is_of_a_period_or_month",
            ),
        ),
        migrations.RunSQL(TELL, "DROP TRIGGER periods_remark_entity_insert ON periods_remark"),
    ]
