"""An agreed date says whether it extended a deadline, and tells boards of itself: it may be what is expected."""

from __future__ import annotations

from django.db import migrations, models

CALL = "periods_tell_of_some('rows', 'SELECT entity_id FROM changed')"


def _trigger(event: str) -> migrations.RunSQL:
    name = f"periods_agreeddate_rows_{event.lower()}"
    tables = {
        "INSERT": "NEW TABLE AS changed",
        "UPDATE": "OLD TABLE AS before NEW TABLE AS changed",
        "DELETE": "OLD TABLE AS changed",
    }[event]
    return migrations.RunSQL(
        f"CREATE TRIGGER {name} AFTER {event} ON periods_agreeddate REFERENCING {tables}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {CALL}",
        f"DROP TRIGGER {name} ON periods_agreeddate",
    )


class Migration(migrations.Migration):
    dependencies = [("periods", "0006_connection_clock")]
    operations = [
        migrations.AddField(
            model_name="perioddeadline",
            name="extended",
            field=models.BooleanField(default=False, db_default=False),
        ),
        *map(_trigger, ("INSERT", "UPDATE", "DELETE")),
    ]
