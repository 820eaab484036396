"""A person's name stands on boards also where they said something about a period, not only as an owner."""

from __future__ import annotations

from django.db import migrations

RENAMED = (
    "WITH renamed AS (SELECT c.id FROM changed c JOIN before b USING (id)"
    " WHERE (b.name, b.email) IS DISTINCT FROM (c.name, c.email))"
    " SELECT e.id FROM renamed JOIN entities_legalentity e ON e.owner_id = renamed.id"
    " UNION SELECT p.entity_id FROM renamed JOIN periods_remark r ON r.by_id = renamed.id"
    " JOIN periods_fiscalperiod p ON p.id = r.period_id"
)
ONLY_OWNERS = (
    "SELECT e.id FROM changed c JOIN before b USING (id) JOIN entities_legalentity e ON e.owner_id = c.id"
    " WHERE b.name IS DISTINCT FROM c.name"
)


def _trigger(whom: str) -> str:
    return (
        "CREATE OR REPLACE TRIGGER entities_person_rows_update AFTER UPDATE ON entities_person"
        " REFERENCING OLD TABLE AS before NEW TABLE AS changed"
        f" FOR EACH STATEMENT EXECUTE FUNCTION periods_tell_of_some('rows', '{whom}')"
    )


class Migration(migrations.Migration):
    dependencies = [("periods", "0004_news")]
    operations = [migrations.RunSQL(_trigger(RENAMED), _trigger(ONLY_OWNERS))]
