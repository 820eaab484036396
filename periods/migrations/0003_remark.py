"""Remarks are appended only, as state changes are; a policy may ask for the reason of a late period."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

KINDS = ["note", "overdue_reason", "expected_close", "acknowledgement"]
REASONS = [
    "waiting_for_another_entity",
    "erp_problem",
    "late_invoices",
    "bank_or_statement_missing",
    "people_away",
    "audit_adjustment",
    "inventory_close",
    "other",
]
REFUSE = """
CREATE FUNCTION periods_remark_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'remarks are never updated or deleted (% refused)', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER remark_stays BEFORE UPDATE OR DELETE ON periods_remark
    FOR EACH ROW EXECUTE FUNCTION periods_remark_refuse();
CREATE TRIGGER remark_stays_whole BEFORE TRUNCATE ON periods_remark
    FOR EACH STATEMENT EXECUTE FUNCTION periods_remark_refuse();
ALTER TABLE periods_remark ENABLE ALWAYS TRIGGER remark_stays;
ALTER TABLE periods_remark ENABLE ALWAYS TRIGGER remark_stays_whole;
"""
ALLOW = """
DROP TRIGGER remark_stays_whole ON periods_remark;
DROP TRIGGER remark_stays ON periods_remark;
DROP FUNCTION periods_remark_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("periods", "0002_state_changes_stay"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("policyversion", "overdue_reason_required", models.BooleanField(null=True)),
        migrations.CreateModel(
            name="Remark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(choices=[(k, k) for k in KINDS], max_length=16)),
                ("text", models.CharField(blank=True, max_length=2000)),
                ("reason", models.CharField(blank=True, choices=[(r, r) for r in REASONS], max_length=30)),
                ("expected_on", models.DateField(null=True)),
                ("at", models.DateTimeField()),
                ("withdrawn", models.BooleanField(default=False)),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="remarks",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "period",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="remarks",
                        to="periods.fiscalperiod",
                    ),
                ),
                (
                    "replaces",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replaced_by",
                        to="periods.remark",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["period", "at"], name="remark_by_period")],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(kind="note", reason="", expected_on=None)
                        | Q(kind="overdue_reason", reason__in=REASONS, expected_on=None, replaces=None)
                        | Q(kind="expected_close", reason="", expected_on__isnull=False, replaces=None)
                        | Q(kind="acknowledgement", reason="", expected_on=None, replaces=None),
                        name="remark_says_what_its_kind_says",
                    ),
                    models.CheckConstraint(
                        condition=Q(withdrawn=False) | Q(kind="note", text="", replaces__isnull=False),
                        name="remark_withdrawn_is_of_a_note",
                    ),
                    models.CheckConstraint(
                        condition=~Q(kind="note", text="", withdrawn=False), name="remark_note_has_text"
                    ),
                ],
            },
        ),
        migrations.RunSQL(REFUSE, ALLOW),
    ]
