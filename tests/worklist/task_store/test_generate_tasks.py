"""Generation of close tasks: when, for whom, once, and from which version of the templates."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from closing.close_tasks.task_templates import TaskSpec, TemplateSet
from entities.models import Connection, LegalEntity, WorkCalendar
from infra.models import AuditEvent
from periods.deadline_setting import set_deadlines
from periods.models import PeriodDeadline
from periods.snapshot.builder import take_snapshot
from tests.builders import MAY, utc
from tests.periods.model_builders import LONG_AGO, top_group
from tests.worklist.close_task_builders import adopt, generate, give_roles, person, record, task_of
from worklist.models import CloseTask, ProfileVersion, TaskAdoption, TaskTemplate
from worklist.task_store.generate_tasks import generate_tasks
from worklist.template_store.templates_store import (
    adopt_tasks,
    publish_templates,
    published_templates,
    standard_templates,
)

pytestmark = pytest.mark.django_db


def codes_of(holder: str) -> set[str]:
    return set(CloseTask.objects.filter(entity__code=holder, month=MAY).values_list("code", flat=True))


def test_an_adopted_group_has_the_standard_templates_as_version_1(source: Connection) -> None:
    adopt()
    adopt("2026-05-02 08:00")
    assert [(row.kind, row.version) for row in TaskTemplate.objects.order_by("kind")] == [
        ("month", 1),
        ("quarter", 1),
        ("year", 1),
    ]
    assert published_templates(top_group().pk).templates == standard_templates()


def test_the_tasks_of_may_are_generated_from_friday_15_may_on(source: Connection) -> None:
    """The golden dates of England (08-blockers-and-tasks 9.2)."""
    adopt()
    generate("2026-05-14 22:59")
    assert not codes_of("UKRT")
    generate("2026-05-14 23:00")  # midnight in London
    assert "open" in codes_of("UKRT")
    due = {code: record(code, "UKRT").due for code in ("open", "ic-inv", "rec", "inv-close", "gl-rev")}
    assert {code: each.due_on if each else None for code, each in due.items()} == {
        "open": date(2026, 5, 28),
        "ic-inv": date(2026, 5, 29),
        "rec": date(2026, 6, 1),
        "inv-close": date(2026, 6, 3),
        "gl-rev": date(2026, 6, 8),
    }


def test_a_later_adoption_makes_the_tasks_of_the_close_that_runs(source: Connection) -> None:
    adopt("2026-06-03 10:00")
    generate("2026-06-03 09:59")
    assert not CloseTask.objects.exists()
    generate("2026-06-03 10:00")
    assert set(CloseTask.objects.values_list("month", flat=True)) == {MAY}


@pytest.mark.parametrize(
    ("column", "day", "counts"),
    [
        ("active_to", 31, True),
        ("active_to", 30, False),
        ("active_from", 31, True),
        ("active_from", 32, False),
    ],
)
def test_boards_deadlines_and_tasks_count_the_same_entities(
    source: Connection, column: str, day: int, counts: bool
) -> None:
    """An entity has May to close if it is active on 31 May."""
    entity = LegalEntity.objects.filter(code="NLDT")
    entity.update(**{column: date(2026, 5, 1) + timedelta(days=day - 1)})
    PeriodDeadline.objects.all().delete()
    set_deadlines(None, utc("2026-06-01 07:00"))
    adopt()
    generate()
    board = take_snapshot(LegalEntity.objects.all(), MAY, utc("2026-06-01 08:00"))
    assert ("NLDT" in {row.code for row in board.rows}) is counts
    assert ("open" in codes_of("NLDT")) is counts
    deadlines = PeriodDeadline.objects.filter(period__entity__code="NLDT", period__reporting_month=MAY)
    assert deadlines.exists() is counts


def test_months_before_the_first_one_of_the_group_have_no_tasks(source: Connection) -> None:
    adopt()
    TaskAdoption.objects.update(from_month=date(2026, 6, 1))
    generate("2026-06-20 08:00")
    assert set(CloseTask.objects.values_list("month", flat=True)) == {date(2026, 6, 1)}


def test_two_runs_make_one_set(source: Connection) -> None:
    adopt()
    first = generate_tasks(utc("2026-06-01 07:30"))
    assert first.tasks == CloseTask.objects.count() > 100
    assert generate_tasks(utc("2026-06-01 07:45")).tasks == 0


def test_the_profile_says_which_tasks_an_entity_has(source: Connection) -> None:
    nldt = LegalEntity.objects.get(code="NLDT")
    ProfileVersion.objects.create(
        entity=nldt, body={"role": "operating", "inventory": False}, set_at=LONG_AGO
    )
    adopt()
    generate()
    assert "inv-close" in codes_of("UKRT")
    assert "inv-close" not in codes_of("NLDT")
    waits = {each.code for each in record("lock-sub").depends_on}
    assert "inv-log" not in waits
    assert "prj" in waits  # what inv-log waited for through its own


def test_a_role_names_the_owner_and_a_missing_one_names_nobody(source: Connection) -> None:
    adopt()
    give_roles(person("Anna Owner"), person("Rita Reviewer"), ["Controller"])
    generate()
    assert task_of("open").owner is not None
    assert task_of("rec").owner is None


def test_a_later_version_holds_for_closes_not_yet_generated(source: Connection) -> None:
    adopt()
    generate()
    standard = standard_templates()
    rows = tuple(task for task in standard.month.tasks if task.code != "lease")
    fewer = TemplateSet(
        replace(standard.month, tasks=tuple(_without(task, "lease") for task in rows)),
        standard.quarter,
        standard.year,
    )
    (row,) = publish_templates(top_group(), fewer, utc("2026-06-05 09:00"))
    assert (row.kind, row.version) == ("month", 2)
    generate("2026-06-08 09:00")
    assert "lease" in codes_of("UKRT")
    assert publish_templates(top_group(), fewer, utc("2026-06-06 09:00")) == []
    assert AuditEvent.objects.filter(verb="task_template.published").count() == 4


def _without(task: TaskSpec, code: str) -> TaskSpec:
    return replace(task, depends_on=tuple(each for each in task.depends_on if each.code != code))


def test_a_published_version_is_never_changed(source: Connection) -> None:
    adopt()
    for statement in ("UPDATE worklist_tasktemplate SET name = 'x'", "DELETE FROM worklist_tasktemplate"):
        with (
            pytest.raises(DatabaseError, match="never updated"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_the_group_has_its_tasks_once_a_month(source: Connection) -> None:
    adopt()
    generate()
    of_group = CloseTask.objects.filter(group__code="MERIDIAN", month=MAY)
    assert set(of_group.values_list("code", flat=True)) == {"cons", "fs"}
    waits = record("cons", "MERIDIAN").depends_on
    assert {(each.code, each.reach.value) for each in waits} == {("hold", "all"), ("elim", "all")}


def test_generation_takes_the_same_statements_for_any_number_of_entities(source: Connection) -> None:
    adopt()
    with CaptureQueriesContext(connection) as of_four:
        generate("2026-05-20 08:00")
    LegalEntity.objects.filter(code__in=["USRT", "UKHC"]).update(active_to=date(2026, 1, 31))
    with CaptureQueriesContext(connection) as of_two:
        generate("2026-06-20 08:00")
    assert len(of_two) <= len(of_four) <= 20


def test_the_command_adopts_and_generates(source: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    assert WorkCalendar.objects.filter(code="ENGLAND").exists()
    call_command("adopt_tasks", "MERIDIAN", "--calendar", "ENGLAND", "--templates", "month", "quarter")
    printed = capsys.readouterr().out
    assert "tasks generated for" in printed
    assert (
        "Nobody has the role Controller in NLDT, UKHC, UKRT and USRT: its tasks there have no owner."
        in printed
    )
    assert sorted(TaskTemplate.objects.values_list("kind", flat=True)) == ["month", "quarter"]


def test_the_command_refuses_a_month_that_is_none(source: Connection) -> None:
    with pytest.raises(CommandError, match="soon"):
        call_command("adopt_tasks", "MERIDIAN", calendar="ENGLAND", from_month="soon")
    call_command("adopt_tasks", "MERIDIAN", calendar="ENGLAND", from_month="2026-06")
    assert TaskAdoption.objects.get().from_month == date(2026, 6, 1)


def test_a_nearer_group_with_tasks_takes_its_entities(source: Connection) -> None:
    adopt()
    group = LegalEntity.objects.get(code="NLDT").group
    adopt_tasks(group, WorkCalendar.objects.get(code="ENGLAND"), "Europe/London", utc("2026-05-01 08:00"))
    generate()
    templates = CloseTask.objects.filter(entity__code="NLDT").values_list("template__group", flat=True)
    assert set(templates) == {group.pk}
