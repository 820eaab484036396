"""State changes are appended only: not even raw SQL updates, deletes or truncates them."""

from __future__ import annotations

from django.db import migrations

REFUSE = """
CREATE FUNCTION periods_statechange_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'state changes are never updated or deleted (% refused)', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER statechange_stays BEFORE UPDATE OR DELETE ON periods_statechange
    FOR EACH ROW EXECUTE FUNCTION periods_statechange_refuse();
CREATE TRIGGER statechange_stays_whole BEFORE TRUNCATE ON periods_statechange
    FOR EACH STATEMENT EXECUTE FUNCTION periods_statechange_refuse();
ALTER TABLE periods_statechange ENABLE ALWAYS TRIGGER statechange_stays;
ALTER TABLE periods_statechange ENABLE ALWAYS TRIGGER statechange_stays_whole;
"""
ALLOW = """
DROP TRIGGER statechange_stays_whole ON periods_statechange;
DROP TRIGGER statechange_stays ON periods_statechange;
DROP FUNCTION periods_statechange_refuse();
"""
# Fences and facts are read on every sync: the period row is rewritten in place where its page has room.
ROOM = "ALTER TABLE periods_fiscalperiod SET (fillfactor = 85)"
NO_ROOM = "ALTER TABLE periods_fiscalperiod RESET (fillfactor)"


class Migration(migrations.Migration):
    dependencies = [("periods", "0001_initial")]
    operations = [migrations.RunSQL(REFUSE, ALLOW), migrations.RunSQL(ROOM, NO_ROOM)]
