"""Clocks of connections, kept by a trigger on the attempts: an old process beside the new schema keeps them too."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

# What their attempts say about the clocks of connections: three look-ups by index each, however many there are.
SAID = """
SELECT c.id AS connection_id, newest.started_at AS attempted_at, coalesce(newest.outcome = 'running', false) AS running,
       newest.retry_at, failed.in_a_row AS failed_in_a_row, good.started_at AS read_at
FROM {connections} c
LEFT JOIN LATERAL (SELECT started_at, retry_at, outcome FROM periods_syncattempt
                   WHERE connection_id = c.id ORDER BY id DESC LIMIT 1) newest ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS in_a_row FROM (
        SELECT bool_or(outcome IN ('ok', 'partial')) OVER (ORDER BY id DESC) AS read_since
        FROM (SELECT id, outcome FROM periods_syncattempt
              WHERE connection_id = c.id AND outcome <> 'running' ORDER BY id DESC LIMIT 12) recent) runs
    WHERE NOT read_since) failed ON true
LEFT JOIN LATERAL (SELECT started_at FROM periods_syncattempt
                   WHERE connection_id = c.id AND outcome IN ('ok', 'partial')
                   ORDER BY started_at DESC LIMIT 1) good ON true
"""
COLUMNS = "attempted_at, running, retry_at, failed_in_a_row, read_at"
AS_KEPT = ", ".join(f"clock.{column}" for column in COLUMNS.split(", "))
AS_SAID = ", ".join(f"said.{column}" for column in COLUMNS.split(", "))

# A clock is locked before the attempts are read, in a statement of its own: of two writers the second one then sees
# what the first has committed. No row is made for a deletion, which may be that of the whole connection.
FUNCTION = f"""
CREATE FUNCTION periods_set_connection_clock() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE it bigint;
BEGIN
    FOR it IN SELECT DISTINCT connection_id FROM changed ORDER BY connection_id LOOP
        IF TG_OP <> 'DELETE' THEN
            INSERT INTO periods_connectionclock (connection_id, running, failed_in_a_row) VALUES (it, false, 0)
            ON CONFLICT DO NOTHING;
        END IF;
        PERFORM FROM periods_connectionclock WHERE connection_id = it FOR UPDATE;
        UPDATE periods_connectionclock clock SET ({COLUMNS}) = ({AS_SAID})
        FROM ({SAID.format(connections="(SELECT it AS id)")}) said
        WHERE clock.connection_id = it AND ({AS_KEPT}) IS DISTINCT FROM ({AS_SAID});
    END LOOP;
    RETURN NULL;
END $$;
"""  # noqa: S608 - words of our own
FILL = (
    f"INSERT INTO periods_connectionclock (connection_id, {COLUMNS})"
    f" {SAID.format(connections='entities_connection')}"
)


def _trigger(event: str) -> migrations.RunSQL:
    name = f"periods_syncattempt_clock_{event.lower()}"
    transition = "OLD" if event == "DELETE" else "NEW"
    return migrations.RunSQL(
        f"CREATE TRIGGER {name} AFTER {event} ON periods_syncattempt REFERENCING {transition} TABLE AS changed"
        " FOR EACH STATEMENT EXECUTE FUNCTION periods_set_connection_clock()",
        f"DROP TRIGGER {name} ON periods_syncattempt",
    )


class Migration(migrations.Migration):
    dependencies = [("periods", "0005_news_of_names"), ("entities", "0001_initial")]
    operations = [
        migrations.AddIndex(
            model_name="syncattempt",
            index=models.Index(fields=["connection", "-id"], name="attempt_by_turn"),
        ),
        migrations.AddIndex(
            model_name="syncattempt",
            index=models.Index(
                fields=["connection", "-started_at"],
                condition=models.Q(outcome__in=["ok", "partial"]),
                name="attempt_that_read",
            ),
        ),
        migrations.CreateModel(
            name="ConnectionClock",
            fields=[
                (
                    "connection",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="clock",
                        serialize=False,
                        to="entities.connection",
                    ),
                ),
                ("attempted_at", models.DateTimeField(null=True)),
                ("running", models.BooleanField(default=False)),
                ("retry_at", models.DateTimeField(null=True)),
                ("failed_in_a_row", models.PositiveSmallIntegerField(default=0)),
                ("read_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION periods_set_connection_clock()"),
        *(_trigger(event) for event in ("INSERT", "UPDATE", "DELETE")),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        # Claims that a worker whose clock ran ahead has left would stop the work of right ones until then.
        migrations.RunSQL("DELETE FROM periods_claimedtick WHERE slot > now()", migrations.RunSQL.noop),
    ]
