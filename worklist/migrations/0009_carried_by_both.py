"""An item of counterparties that is carried on purpose counts for both of them, so both hear of it."""

from __future__ import annotations

from django.db import migrations

OWN = "SELECT entity_id FROM changed"
BOTH = (
    "SELECT entity_id FROM changed UNION SELECT e.id FROM changed c JOIN entities_legalentity e"
    " ON c.kind = ''intercompany_imbalance'' AND e.code = ANY(string_to_array(c.part, ''/''))"
)
TABLES = {
    "INSERT": "NEW TABLE AS changed",
    "UPDATE": "OLD TABLE AS before NEW TABLE AS changed",
    "DELETE": "OLD TABLE AS changed",
}


def _replaced(event: str, whom: str) -> str:
    name = f"worklist_carrieditem_blockers_{event.lower()}"
    return (
        f"DROP TRIGGER {name} ON worklist_carrieditem;"
        f" CREATE TRIGGER {name} AFTER {event} ON worklist_carrieditem REFERENCING {TABLES[event]}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION periods_tell_of_some('blockers', '{whom}')"
    )


class Migration(migrations.Migration):
    dependencies = [("worklist", "0008_template_drafts")]
    operations = [migrations.RunSQL(_replaced(event, BOTH), _replaced(event, OWN)) for event in TABLES]
