"""Blocker readings are appended only, but for their end; what boards show of them writes events to the change feed."""

from __future__ import annotations

from django.db import migrations

REFUSE = """
CREATE FUNCTION worklist_blocker_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.superseded_at IS NULL AND NEW.superseded_at IS NOT NULL
       AND to_jsonb(NEW) - 'superseded_at' = to_jsonb(OLD) - 'superseded_at' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'blocker readings are never updated or deleted (% refused)', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER blocker_stays BEFORE UPDATE OR DELETE ON worklist_blockerreading
    FOR EACH ROW EXECUTE FUNCTION worklist_blocker_refuse();
CREATE TRIGGER blocker_stays_whole BEFORE TRUNCATE ON worklist_blockerreading
    FOR EACH STATEMENT EXECUTE FUNCTION worklist_blocker_refuse();
ALTER TABLE worklist_blockerreading ENABLE ALWAYS TRIGGER blocker_stays;
ALTER TABLE worklist_blockerreading ENABLE ALWAYS TRIGGER blocker_stays_whole;
"""
ALLOW = """
DROP TRIGGER blocker_stays_whole ON worklist_blockerreading;
DROP TRIGGER blocker_stays ON worklist_blockerreading;
DROP FUNCTION worklist_blocker_refuse();
"""

OWN = "SELECT entity_id FROM changed"
BOTH = "SELECT unnest(ARRAY[entity_id, partner_id]) FROM changed"
OF_CONNECTION = "SELECT e.id FROM changed c JOIN entities_legalentity e ON e.connection_id = c.connection_id"
FINISHED = f"{OF_CONNECTION} WHERE c.outcome <> ''running''"
JUST_FINISHED = (
    "SELECT e.id FROM changed c JOIN before b USING (id) JOIN entities_legalentity e"
    " ON e.connection_id = c.connection_id WHERE b.outcome = ''running'' AND c.outcome <> ''running''"
)
BELOW = (
    "SELECT e.id FROM changed c LEFT JOIN entities_group g ON g.id = c.group_id"
    " CROSS JOIN entities_legalentity e JOIN entities_group own ON own.id = e.group_id"
    " WHERE e.id = c.entity_id OR starts_with(own.path, g.path)"
)


OF_PAIRS = (
    "SELECT r.partner_id FROM pairs JOIN worklist_blockerreading r"
    " ON r.entity_id = pairs.id AND r.partner_id IS NOT NULL AND r.superseded_at IS NULL"
    " UNION SELECT r.entity_id FROM pairs JOIN worklist_blockerreading r"
    " ON r.partner_id = pairs.id AND r.superseded_at IS NULL"
)


# A deadline that moves, and a name, also count for the other company of each two that trade with each other.
def _partners(changed: str) -> str:
    return f"WITH pairs AS ({changed}) {OF_PAIRS}"


PARTNERS = _partners(
    "SELECT DISTINCT p.entity_id AS id FROM changed c JOIN periods_fiscalperiod p ON p.id = c.period_id"
)
RENAMED_PARTNER = _partners(
    "SELECT c.id FROM changed c JOIN before b USING (id) WHERE (b.name, b.code) IS DISTINCT FROM (c.name, c.code)"
)
# The name of the person who lets an item stand.
RENAMED_PERSON = (
    "SELECT i.entity_id FROM changed c JOIN before b USING (id) JOIN worklist_carrieditem i ON i.by_id = c.id"
    " WHERE b.name IS DISTINCT FROM c.name"
)
# table, events, entities concerned
EVENTS = [
    ("worklist_blockerreading", "INSERT UPDATE", BOTH),
    ("worklist_workattempt", "INSERT", FINISHED),
    ("worklist_workattempt", "UPDATE", JUST_FINISHED),
    ("worklist_workspan", "INSERT UPDATE DELETE", OWN),
    ("worklist_carrieditem", "INSERT UPDATE DELETE", OWN),
    ("worklist_profileversion", "INSERT UPDATE DELETE", OWN),
    ("worklist_blockerpolicyversion", "INSERT UPDATE DELETE", BELOW),
    ("periods_perioddeadline", "INSERT UPDATE", PARTNERS),
    ("entities_legalentity", "UPDATE", RENAMED_PARTNER),
    ("entities_person", "UPDATE", RENAMED_PERSON),
]


def _trigger(table: str, event: str, whom: str) -> migrations.RunSQL:
    tables = {
        "INSERT": "NEW TABLE AS changed",
        "UPDATE": "OLD TABLE AS before NEW TABLE AS changed",
        "DELETE": "OLD TABLE AS changed",
    }[event]
    name = f"{table}_blockers_{event.lower()}"
    return migrations.RunSQL(
        f"CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {tables}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION periods_tell_of_some('blockers', '{whom}')",
        f"DROP TRIGGER {name} ON {table}",
    )


class Migration(migrations.Migration):
    dependencies = [("worklist", "0001_initial"), ("periods", "0010_packed_attempts")]
    operations = [
        migrations.RunSQL(REFUSE, ALLOW),
        *(_trigger(table, event, whom) for table, events, whom in EVENTS for event in events.split()),
    ]
