"""Events of silences get a topic of their own; a new name of the person who silenced is such an event too."""

from __future__ import annotations

from django.db import migrations

COVERED = (
    "SELECT e.id FROM changed s LEFT JOIN entities_group g ON g.id = s.group_id"
    " CROSS JOIN entities_legalentity e JOIN entities_group own ON own.id = e.group_id"
    " WHERE e.id = s.entity_id OR starts_with(own.path, g.path)"
)
BY_RENAMED = (
    "WITH renamed AS (SELECT c.id FROM changed c JOIN before b USING (id)"
    " WHERE (b.name, b.email) IS DISTINCT FROM (c.name, c.email))"
    " SELECT e.id FROM renamed JOIN alerts_silence s ON s.by_id = renamed.id AND s.lifted_at IS NULL"
    " LEFT JOIN entities_group g ON g.id = s.group_id"
    " CROSS JOIN entities_legalentity e JOIN entities_group own ON own.id = e.group_id"
    " WHERE e.id = s.entity_id OR starts_with(own.path, g.path)"
)


def _trigger(kind: str, event: str) -> str:
    changed = "OLD TABLE" if event == "delete" else "NEW TABLE"
    return (
        f"CREATE TRIGGER alerts_silence_{kind}_{event} AFTER {event} ON alerts_silence"
        f" REFERENCING {changed} AS changed"
        f" FOR EACH STATEMENT EXECUTE FUNCTION periods_tell_of_some('{kind}', '{COVERED}')"
    )


def _replaced(old: str, new: str, event: str) -> str:
    return f"DROP TRIGGER alerts_silence_{old}_{event} ON alerts_silence; {_trigger(new, event)}"


class Migration(migrations.Migration):
    dependencies = [("alerts", "0010_ends_of_trouble"), ("periods", "0009_topics")]
    operations = [
        *(
            migrations.RunSQL(_replaced("rows", "silences", event), _replaced("silences", "rows", event))
            for event in ("insert", "update", "delete")
        ),
        migrations.RunSQL(
            "CREATE TRIGGER entities_person_silences_update AFTER UPDATE ON entities_person"
            " REFERENCING OLD TABLE AS before NEW TABLE AS changed"
            f" FOR EACH STATEMENT EXECUTE FUNCTION periods_tell_of_some('silences', '{BY_RENAMED}')",
            "DROP TRIGGER entities_person_silences_update ON entities_person",
        ),
    ]
