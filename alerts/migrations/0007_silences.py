"""News of silences, so that open boards show them; what waits for the end of one; where the database lives."""

from __future__ import annotations

from django.db import migrations, models

COVERED = (
    "SELECT e.id FROM changed s LEFT JOIN entities_group g ON g.id = s.group_id"
    " CROSS JOIN entities_legalentity e JOIN entities_group own ON own.id = e.group_id"
    " WHERE e.id = s.entity_id OR starts_with(own.path, g.path)"
)


def _trigger(event: str) -> migrations.RunSQL:
    tables = {
        "insert": "NEW TABLE AS changed",
        "update": "NEW TABLE AS changed",
        "delete": "OLD TABLE AS changed",
    }[event]
    name = f"alerts_silence_rows_{event}"
    return migrations.RunSQL(
        f"CREATE TRIGGER {name} AFTER {event} ON alerts_silence REFERENCING {tables}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION periods_tell_of_some('rows', '{COVERED}')",
        f"DROP TRIGGER {name} ON alerts_silence",
    )


class Migration(migrations.Migration):
    dependencies = [("alerts", "0006_channels"), ("periods", "0005_news_of_names")]
    operations = [
        migrations.CreateModel(
            name="Home",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("fingerprint", models.CharField(max_length=200)),
                ("since", models.DateTimeField()),
            ],
        ),
        migrations.AddIndex(
            model_name="deliveryline",
            index=models.Index(
                fields=["notice"], condition=models.Q(left_out="waits: silenced"), name="line_set_aside"
            ),
        ),
        *(_trigger(event) for event in ("insert", "update", "delete")),
    ]
