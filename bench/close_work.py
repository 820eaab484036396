"""Unfinished work and close tasks for a seeded group: facts of all months, and tasks of the newest one."""

from __future__ import annotations

from dataclasses import replace

from bench import large_group
from bench.scratch_databases import execute, settle
from bench.web import somebody
from closing.close_tasks.task_templates import TaskLevel, TemplateSet
from entities.models import Group, Person, WorkCalendar
from worklist.models import CloseTask
from worklist.task_store.generate_tasks import generate_tasks
from worklist.task_store.role_holders import give_task_role
from worklist.template_store.templates_store import adopt_tasks, standard_templates

TASKS = 30  # of an entity
_KINDS = (
    *("unposted_journals", "recurring_due", "late_invoices", "subledger_not_transferred"),
    *("depreciation_not_posted", "inventory_not_closed", "costs_not_adjusted", "bank_not_reconciled"),
    *("intercompany_pending", "accrual_reversals", "approvals_waiting", "revaluation_not_run"),
)


def seed_facts() -> None:
    """Twelve kinds of facts for each seeded period: none left in all earlier months, some left in the newest.

    Each was read as 5 first. In the newest month one in three is left, one in ten is not readable.
    """
    execute(
        """
        INSERT INTO worklist_workattempt (connection_id, turn, started_at, finished_at, lease_until, outcome,
            pages, rows, changes, words)
        SELECT c.id, turn, moment + turn * interval '1 min', moment + turn * interval '1 min 5 s',
               moment + interval '3 min', 'ok', 8, 4000, 0, ''
        FROM entities_connection c, generate_series(0, 2) turn,
             generate_series(now() - interval '1 day', now() - interval '5 min', '30 min') moment
        """
    )
    execute(
        """
        INSERT INTO worklist_workspan (entity_id, connection_id, turn, kind, part, first_day, last_day,
            first_attempt_id, first_read_at)
        SELECT e.id, e.connection_id, kind.n %% 3, kind.word, '', '2020-01-01', '2030-12-31', a.id, a.started_at
        FROM entities_legalentity e, unnest(%(kinds)s::text[]) WITH ORDINALITY AS kind(word, n),
             LATERAL (SELECT id, started_at FROM worklist_workattempt WHERE turn = kind.n %% 3
                      ORDER BY started_at LIMIT 1) a
        """,
        kinds=list(_KINDS),
    )
    execute(
        """
        INSERT INTO worklist_blockerreading (entity_id, period_id, kind, part, currency, count, body, source,
            attempt_id, read_at, superseded_at)
        SELECT p.entity_id, p.id, kind.word, '', '', seen.count,
               jsonb_strip_nulls(jsonb_build_object('unit', 'items', 'coverage', jsonb_build_array('Set'),
                   'doubt', CASE WHEN seen.count IS NULL THEN 'not_published' END)),
               '', s.first_attempt_id, seen.at, seen.until
        FROM periods_fiscalperiod p
        CROSS JOIN unnest(%(kinds)s::text[]) WITH ORDINALITY AS kind(word, n)
        JOIN worklist_workspan s ON s.entity_id = p.entity_id AND s.kind = kind.word
        CROSS JOIN LATERAL (SELECT (hashint8(p.id * 100 + kind.n) & 2147483647) %% 30 AS luck) drawn
        CROSS JOIN LATERAL (
            SELECT 5 AS count, p.last_day + interval '1 day' AS at, p.last_day + interval '6 days' AS until
            UNION ALL SELECT CASE WHEN p.reporting_month < %(newest)s OR luck >= 13 THEN 0 WHEN luck < 3 THEN NULL
                             ELSE 7 * luck END, p.last_day + interval '6 days', NULL) seen
        ORDER BY p.last_day, p.entity_id
        """,
        kinds=list(_KINDS),
        newest=large_group.NEWEST,
    )
    settle("worklist_blockerreading", "worklist_workspan", "worklist_workattempt")


def seed_tasks() -> Person:
    """Thirty tasks of each entity for the newest month, half of them done; returns the owner of a country's tasks."""
    root = Group.objects.get(code="MERIDIAN")
    templates = _thirty()
    owners = [somebody(f"owner{number:02}@meridian.example") for number in range(20)]
    roles = sorted({task.owner_role for task in templates.month.tasks if task.owner_role})
    reviewers = sorted({task.reviewer_role for task in templates.month.tasks if task.reviewer_role})
    for number, owner in enumerate(owners):
        for role in roles:
            give_task_role(Group.objects.get(code=f"C{number:02}"), role, owner, large_group.AS_OF)
    for role in reviewers:
        give_task_role(root, role, owners[-1], large_group.AS_OF)
    england = WorkCalendar.objects.get(code="ENGLAND")
    adopt_tasks(root, england, "Europe/London", large_group.AS_OF, templates=templates)
    generate_tasks(large_group.AS_OF)
    execute(
        """
        UPDATE worklist_closetask SET status = CASE WHEN sign_off THEN 'signed_off' ELSE 'done' END,
            done_at = %(at)s, done_by_id = owner_id, changed_at = %(at)s
        WHERE (hashint8(id) & 2147483647) %% 2 = 0
        """,
        at=large_group.AS_OF,
    )
    settle("worklist_closetask")
    return owners[0]


def tasks() -> int:
    """How many tasks there are."""
    return CloseTask.objects.count()


def _thirty() -> TemplateSet:
    """Thirty of the standard month's tasks that a seeded entity has, the first and the last, and the group's."""
    month = standard_templates().month
    own = [
        task
        for task in month.tasks
        if task.level is TaskLevel.ENTITY
        and task.erp.admits("finops")
        and "operating" in task.applies_if.roles
    ]
    codes = {task.code for task in (*own[: TASKS - 6], *own[-6:])}
    kept = [task for task in month.tasks if task.code in codes or task.level is TaskLevel.GROUP]
    codes |= {task.code for task in kept}
    return TemplateSet(
        replace(
            month,
            tasks=tuple(
                replace(task, depends_on=tuple(one for one in task.depends_on if one.code in codes))
                for task in kept
            ),
        )
    )
