"""Spans of evaluations that have finished, in place of the ticks that were claimed before them (ADR 0017)."""

from __future__ import annotations

from django.db import migrations, models

# Before this migration a claimed tick counted as an evaluation. Those ahead of the database's clock were none.
SPANS_OF_TICKS = """
INSERT INTO alerts_evaluationspan (first, last)
SELECT min(slot), max(slot)
FROM (SELECT slot, count(*) FILTER (WHERE begins) OVER (ORDER BY slot) AS span
      FROM (SELECT slot, slot - lag(slot) OVER (ORDER BY slot) > interval '5 minutes' AS begins
            FROM periods_claimedtick WHERE name = 'evaluate' AND slot <= now()) ticks) spans
GROUP BY span ORDER BY span
"""


class Migration(migrations.Migration):
    dependencies = [("alerts", "0007_silences"), ("periods", "0006_connection_clock")]
    operations = [
        migrations.CreateModel(
            name="EvaluationSpan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first", models.DateTimeField()),
                ("last", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["-first"], name="evaluation_span_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("last__gte", models.F("first"))), name="evaluation_span_in_order"
                    )
                ],
            },
        ),
        migrations.RunSQL(SPANS_OF_TICKS, migrations.RunSQL.noop),
    ]
