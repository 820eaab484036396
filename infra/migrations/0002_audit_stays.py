"""Audit events and seals are added only; an event gets its seal once, and retention alone deletes events."""

from __future__ import annotations

from django.db import migrations

REFUSE = """
CREATE FUNCTION infra_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is never changed (% of % refused)', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION infra_auditevent_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.seal IS NULL AND NEW.seal IS NOT NULL
            AND to_jsonb(NEW) - 'seal' = to_jsonb(OLD) - 'seal' THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' AND OLD.seal IS NOT NULL
            AND current_setting('closeboard.audit_retention', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log is never changed (% of event % refused)', TG_OP, OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER auditevent_stays BEFORE UPDATE OR DELETE ON infra_auditevent
    FOR EACH ROW EXECUTE FUNCTION infra_auditevent_stays();
CREATE TRIGGER auditevent_stays_whole BEFORE TRUNCATE ON infra_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION infra_audit_refuse();
CREATE TRIGGER auditseal_stays BEFORE UPDATE OR DELETE ON infra_auditseal
    FOR EACH ROW EXECUTE FUNCTION infra_audit_refuse();
CREATE TRIGGER auditseal_stays_whole BEFORE TRUNCATE ON infra_auditseal
    FOR EACH STATEMENT EXECUTE FUNCTION infra_audit_refuse();
ALTER TABLE infra_auditevent ENABLE ALWAYS TRIGGER auditevent_stays;
ALTER TABLE infra_auditevent ENABLE ALWAYS TRIGGER auditevent_stays_whole;
ALTER TABLE infra_auditseal ENABLE ALWAYS TRIGGER auditseal_stays;
ALTER TABLE infra_auditseal ENABLE ALWAYS TRIGGER auditseal_stays_whole;
"""
ALLOW = """
DROP TRIGGER auditseal_stays_whole ON infra_auditseal;
DROP TRIGGER auditseal_stays ON infra_auditseal;
DROP TRIGGER auditevent_stays_whole ON infra_auditevent;
DROP TRIGGER auditevent_stays ON infra_auditevent;
DROP FUNCTION infra_auditevent_stays();
DROP FUNCTION infra_audit_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("infra", "0001_audit")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
