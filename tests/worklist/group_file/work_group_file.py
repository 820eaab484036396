"""The small group file of the loading tests with profiles, policies of unfinished work and close tasks."""

from __future__ import annotations

from django.apps import apps

from tests.periods.group_file.sample_group_file import changed

_GROUP = "    name: Meridian Group\n"
_PERSON = "    roles: [{role: owner, entity: UKHC}, {role: finance, group: UK}]\n"
_ENTITY = "    erp_id: ukhc\n"
PROFILE = "    profile: {role: holding, has: [foreign currency, intercompany, VAT]}\n"
BLOCKERS_OF_ENTITY = "    blockers: {inventory_close_needed: no}\n"
BLOCKERS = """\
    blockers:
      unposted_warn_above: 40
      accruals_warn_above: 8
      inventory_close_needed: yes
      tolerance: {least: 2.00, percent: 0.2, most: 500.00}
      kinds:
        bank_not_reconciled: not tracked
        late_invoices: no
"""
TASK_ROLES = """\
    task_roles:
      - {group: MERIDIAN, roles: [Controller, Group controller]}
      - {entity: UKHC, roles: [General ledger accountant]}
"""
ABSENCES = """\
    absences:
      - {first_day: 2026-06-15, last_day: 2026-06-26, deputy: Rosa.Bell@meridian.example}
  - email: rosa.bell@meridian.example
    name: Rosa Bell
"""
TASKS = """\
tasks:
  - group: MERIDIAN
    calendar: ENGLAND
    zone: Europe/London
    from_month: 2026-05
    templates: [month, quarter]
"""
CLOSING_RATES = """\
closing_rates:
  - {group: MERIDIAN, month: 2026-05, rates: {GBP/USD: 1.275, GBP/EUR: 1.17}}
"""


def work_file() -> str:
    """The file, with every section and key of `worklist`."""
    text = changed(_GROUP, _GROUP + BLOCKERS)
    text = changed(_PERSON, _PERSON + TASK_ROLES + ABSENCES, text=text)
    text = changed(_ENTITY, _ENTITY + PROFILE + BLOCKERS_OF_ENTITY, text=text)
    return text + TASKS + CLOSING_RATES


def work_rows() -> dict[str, int]:
    """The number of rows of each table of `worklist`, and of audit events."""
    models = [*apps.get_app_config("worklist").get_models(), apps.get_model("infra", "AuditEvent")]
    return {model._meta.label: model._default_manager.count() for model in models}
