"""News of what boards show, written by the database itself: no writer can forget to (docs/adr/0011)."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models
from django.db.models.expressions import RawSQL

# Statement triggers look at all rows that a statement touched at once; a statement that touched none is no news.
FUNCTIONS = """
CREATE FUNCTION periods_tell_of_some() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE them bigint[];
BEGIN
    EXECUTE format('SELECT array_agg(DISTINCT id) FROM (%s) told(id) WHERE id IS NOT NULL', TG_ARGV[1]) INTO them;
    IF them IS NOT NULL THEN
        INSERT INTO periods_news (kind, ids) VALUES (TG_ARGV[0], them);
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION periods_tell_of_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM changed) THEN
        INSERT INTO periods_news (kind, ids) VALUES (TG_ARGV[0], NULL);
    END IF;
    RETURN NULL;
END $$;
"""
NO_FUNCTIONS = "DROP FUNCTION periods_tell_of_some(); DROP FUNCTION periods_tell_of_all();"

OF_PERIOD = "SELECT p.entity_id FROM changed JOIN periods_fiscalperiod p ON p.id = changed.period_id"
FINISHED = "SELECT connection_id FROM changed WHERE outcome <> ''running''"
JUST_FINISHED = (
    "SELECT c.connection_id FROM changed c JOIN before b USING (id)"
    " WHERE b.outcome = ''running'' AND c.outcome <> ''running''"
)
RENAMED = (
    "SELECT e.id FROM changed c JOIN before b USING (id) JOIN entities_legalentity e ON e.owner_id = c.id"
)
LET_IN_OR_OUT = (
    "SELECT c.id FROM changed c JOIN before b USING (id)"
    " WHERE (b.is_active, b.is_superuser, b.password) IS DISTINCT FROM (c.is_active, c.is_superuser, c.password)"
)
# table, events, kind of news, whom it is about ("" for everybody)
ROWS = [
    ("periods_fiscalperiod", "INSERT UPDATE", "rows", "SELECT entity_id FROM changed"),
    ("periods_statechange", "INSERT", "rows", OF_PERIOD),
    ("periods_perioddeadline", "INSERT UPDATE", "rows", OF_PERIOD),
    ("periods_remark", "INSERT", "rows", OF_PERIOD),
    ("periods_deadlinepolicy", "INSERT UPDATE DELETE", "rows", ""),
    ("periods_policyversion", "INSERT UPDATE DELETE", "rows", ""),
    ("periods_syncattempt", "INSERT", "read", FINISHED),
    ("periods_syncattempt", "UPDATE", "read", JUST_FINISHED),
    ("entities_legalentity", "INSERT UPDATE DELETE", "places", "SELECT id FROM changed"),
    ("entities_group", "INSERT UPDATE DELETE", "places", ""),
    ("entities_workcalendar", "INSERT UPDATE DELETE", "rows", ""),
    ("entities_calendarday", "INSERT UPDATE DELETE", "rows", ""),
    (
        "entities_connection",
        "UPDATE",
        "rows",
        "SELECT e.id FROM changed c JOIN entities_legalentity e ON e.connection_id = c.id",
    ),
    ("entities_person", "UPDATE", "rows", f"{RENAMED} WHERE b.name IS DISTINCT FROM c.name"),
    ("entities_person", "UPDATE", "access", LET_IN_OR_OUT),
    ("entities_membership", "INSERT UPDATE DELETE", "access", "SELECT person_id FROM changed"),
]


def _triggers() -> list[migrations.RunSQL]:
    made = []
    for table, events, kind, whom in ROWS:
        for event in events.split():
            name = f"{table}_{kind}_{event.lower()}"
            tables = {
                "INSERT": "NEW TABLE AS changed",
                "UPDATE": "OLD TABLE AS before NEW TABLE AS changed",
                "DELETE": "OLD TABLE AS changed",
            }[event]
            call = f"periods_tell_of_some('{kind}', '{whom}')" if whom else f"periods_tell_of_all('{kind}')"
            made.append(
                migrations.RunSQL(
                    f"CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {tables}"
                    f" FOR EACH STATEMENT EXECUTE FUNCTION {call}",
                    f"DROP TRIGGER {name} ON {table}",
                )
            )
    return made


class Migration(migrations.Migration):
    dependencies = [("periods", "0003_remark"), ("entities", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="News",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("rows", "rows"),
                            ("places", "places"),
                            ("read", "read"),
                            ("access", "access"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), null=True, size=None
                    ),
                ),
                ("txid", models.BigIntegerField(db_default=RawSQL("pg_current_xact_id()::text::bigint", []))),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [
                    models.Index(fields=["txid"], name="news_by_transaction"),
                    models.Index(fields=["at"], name="news_by_age"),
                ],
            },
        ),
        migrations.RunSQL(FUNCTIONS, NO_FUNCTIONS),
        *_triggers(),
    ]
