"""Published templates, events, comments and support of tasks are appended only; tasks write to the change feed.

A task counts for its entity's row, and by its ERP check for the weight of the blockers there and at counterparties.
"""

from __future__ import annotations

from django.db import migrations

APPENDED_ONLY = (
    ("worklist_tasktemplate", "task_template_stays"),
    ("worklist_taskevent", "task_event_stays"),
    ("worklist_taskcomment", "task_comment_stays"),
    ("worklist_tasksupport", "task_support_stays"),
)
REFUSE = """
CREATE FUNCTION worklist_task_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never updated or deleted (% refused)', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
""" + "".join(
    f"""
CREATE TRIGGER {name} BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION worklist_task_refuse();
CREATE TRIGGER {name}_whole BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION worklist_task_refuse();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name};
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}_whole;
"""
    for table, name in APPENDED_ONLY
)
ALLOW = (
    "".join(
        f"DROP TRIGGER {name}_whole ON {table}; DROP TRIGGER {name} ON {table}; "
        for table, name in APPENDED_ONLY
    )
    + "DROP FUNCTION worklist_task_refuse();"
)

OWN = "SELECT entity_id FROM changed"
OF_TASK = "SELECT t.entity_id FROM changed c JOIN worklist_closetask t ON t.id = c.task_id"


def _with_partners(changed: str) -> str:
    """These entities, and the other company of each two that trade with each other."""
    return (
        f"WITH pairs(id) AS ({changed}) SELECT id FROM pairs"  # noqa: S608 - words of our own
        " UNION SELECT r.partner_id FROM pairs JOIN worklist_blockerreading r"
        " ON r.entity_id = pairs.id AND r.partner_id IS NOT NULL AND r.superseded_at IS NULL"
        " UNION SELECT r.entity_id FROM pairs JOIN worklist_blockerreading r"
        " ON r.partner_id = pairs.id AND r.superseded_at IS NULL"
    )


# table, events, topic, entities concerned
EVENTS = [
    ("worklist_closetask", "INSERT UPDATE DELETE", "tasks", OWN),
    ("worklist_taskevent", "INSERT", "tasks", OF_TASK),
    ("worklist_closetask", "INSERT UPDATE DELETE", "blockers", _with_partners(OWN)),
    ("worklist_taskevent", "INSERT", "blockers", _with_partners(OF_TASK)),
]


def _trigger(table: str, event: str, topic: str, whom: str) -> migrations.RunSQL:
    tables = {
        "INSERT": "NEW TABLE AS changed",
        "UPDATE": "NEW TABLE AS changed",
        "DELETE": "OLD TABLE AS changed",
    }[event]
    name = f"{table}_{topic}_{event.lower()}"
    return migrations.RunSQL(
        f"CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {tables}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION periods_tell_of_some('{topic}', '{whom}')",
        f"DROP TRIGGER {name} ON {table}",
    )


class Migration(migrations.Migration):
    dependencies = [("worklist", "0003_close_tasks"), ("periods", "0009_topics")]
    operations = [
        migrations.RunSQL(REFUSE, ALLOW),
        *(
            _trigger(table, event, topic, whom)
            for table, events, topic, whom in EVENTS
            for event in events.split()
        ),
    ]
