"""Events of remarks get a topic of their own, so that a cached board reads only the remarks again."""

from __future__ import annotations

from django.db import migrations, models

OF_PERIOD = "SELECT p.entity_id FROM changed JOIN periods_fiscalperiod p ON p.id = changed.period_id"


def _trigger(kind: str) -> str:
    return (
        f"CREATE TRIGGER periods_remark_{kind}_insert AFTER INSERT ON periods_remark REFERENCING NEW TABLE AS changed"
        f" FOR EACH STATEMENT EXECUTE FUNCTION periods_tell_of_some('{kind}', '{OF_PERIOD}')"
    )


def _replaced(old: str, new: str) -> str:
    return f"DROP TRIGGER periods_remark_{old}_insert ON periods_remark; {_trigger(new)}"


class Migration(migrations.Migration):
    dependencies = [("periods", "0008_note_before_period")]
    operations = [
        migrations.AlterField("news", "kind", models.CharField(max_length=8)),
        migrations.RunSQL(_replaced("rows", "remarks"), _replaced("remarks", "rows")),
    ]
