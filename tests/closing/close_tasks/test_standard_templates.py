"""The templates that ship: complete, in order, and without circles for every kind of entity (08 9.3)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from closing.close_tasks.generation import ClosePeriod, tasks_for_entity
from closing.close_tasks.prerequisites import TaskIndex
from closing.close_tasks.task_record import TaskRecord, task_of_draft
from closing.close_tasks.task_templates import (
    ENTITY_ROLES,
    PROFILE_FLAGS,
    TaskLevel,
    TemplateKind,
    title_for,
)
from closing.close_tasks.template_findings import mistakes
from closing.close_tasks.template_rows import rows_of_csv, templates_of_rows
from tests.closing.close_tasks.task_builders import (
    FOLDER,
    drafted,
    entity,
    group_tasks,
    index,
    period,
    standard_codes,
    standard_templates,
)

ENDS = [
    period("2026-05-31"),
    period("2026-06-30", quarter_end=True),
    period("2026-09-30", quarter_end=True, year_end=True),
]
PROFILES = [PROFILE_FLAGS, frozenset(), *(PROFILE_FLAGS - {flag} for flag in sorted(PROFILE_FLAGS))]


@pytest.mark.parametrize("kind", TemplateKind)
def test_each_row_can_be_taken(kind: TemplateKind) -> None:
    rows = rows_of_csv((FOLDER / f"{kind}.csv").read_text(encoding="utf-8"))
    (read,) = templates_of_rows(rows, other_codes=standard_codes())
    assert read.problems == ()
    assert len(read.tasks) == len(rows) == {"month": 52, "quarter": 4, "year": 5}[kind]


def test_no_circle_and_no_unknown_code() -> None:
    assert mistakes(standard_templates()) == []


def test_each_task_has_an_area_and_an_owner_and_each_sign_off_a_reviewer() -> None:
    templates = standard_templates()
    for row in templates.rows(year_end=True).values():
        assert row.spec.areas, row.spec.code
        assert row.spec.owner_role, row.spec.code
        assert bool(row.spec.reviewer_role) is row.spec.sign_off, row.spec.code
        assert row.spec.owner_role != row.spec.reviewer_role, row.spec.code


def _cases() -> Iterator[tuple[str, str, frozenset[str]]]:
    """Each ERP that a row names, one that none names and none, with each role and profile."""
    return product(["finops", "business_central", "odoo", ""], sorted(ENTITY_ROLES), PROFILES)


def _circle(tasks: list[TaskRecord], month: TaskIndex) -> bool:
    """Whether some of these tasks wait for themselves: taking away what waits for nothing leaves them over."""
    left = {task.key: {each.task.key for each in month.prerequisites(task)} for task in tasks}
    while free := [key for key, awaited in left.items() if not awaited & left.keys()]:
        for key in free:
            del left[key]
    return bool(left)


@pytest.mark.parametrize("end", ENDS, ids=["month", "quarter", "year"])
def test_no_circle_and_nothing_due_before_its_prerequisites_for_any_entity(end: ClosePeriod) -> None:
    """Every entity waits for all others: partners and members of one group, on one calendar."""
    tasks = group_tasks(end)
    codes = []
    for number, (erp, role, has) in enumerate(_cases()):
        holder = entity(f"E{number}", erp=erp, role=role, has=has)
        codes.append(holder.code)
        tasks += [task_of_draft(draft) for draft in tasks_for_entity(standard_templates(), holder, end)]
    near = {code: {codes[(n + 1) % len(codes)], codes[(n * 7) % len(codes)]} for n, code in enumerate(codes)}
    month = TaskIndex(
        tasks, partners=near, members={"EMEA": codes}, close_groups=dict.fromkeys(codes, "EMEA")
    )
    assert all(task.due is not None for task in tasks)
    assert [warning for task in tasks for warning in month.due_too_early(task)] == []
    assert not _circle(tasks, month)


@pytest.mark.parametrize(
    ("changes", "has", "has_not"),
    [
        (
            {},
            {"ap-rcpt", "inv-close", "lock-sub", "gl-fx", "hold"},
            {"inv-adj", "dorm", "elim", "cons", "tax"},
        ),
        ({"erp": "business_central"}, {"inv-adj", "inv-gl", "inv-per"}, {"inv-close", "lock-sub", "gl-fx"}),
        ({"erp": "odoo"}, {"gl-fx", "ar-post"}, {"inv-adj", "inv-close", "lock-sub"}),
        ({"erp": ""}, {"gl-fx", "ar-post"}, {"inv-adj", "inv-close", "lock-sub"}),
        (
            {"has": frozenset()},
            {"ar-post", "gl-post"},
            {"ic", "ic-inv", "fx-rate", "pay", "vat", "fa-dep", "prj"},
        ),
        ({"role": "holding"}, {"gl-post", "hold"}, {"dorm", "elim"}),
    ],
)
def test_the_tasks_of_kinds_of_entities(changes: dict[str, object], has: set[str], has_not: set[str]) -> None:
    codes = drafted(**changes).keys()
    assert has <= codes
    assert not has_not & codes


@pytest.mark.parametrize(
    ("role", "codes"),
    [
        ("dormant", ["hold", "dorm"]),
        ("elimination", ["elim", "elim-hold"]),
        ("consolidation", ["elim", "elim-hold"]),
    ],
)
def test_entities_that_do_not_operate_have_two_tasks(role: str, codes: list[str]) -> None:
    tasks = drafted(role=role)
    assert list(tasks) == codes


def test_a_dormant_entity_is_held_once_it_has_confirmed_that_nothing_was_posted() -> None:
    tasks = drafted(role="dormant")
    assert [each.task.key.code for each in index(tasks.values()).prerequisites(tasks["hold"])] == ["dorm"]


def test_the_group_consolidates_and_reports() -> None:
    assert [(each.key.code, each.key.level, each.sign_off) for each in group_tasks()] == [
        ("cons", TaskLevel.GROUP, True),
        ("fs", TaskLevel.GROUP, True),
    ]


@pytest.mark.parametrize(
    ("code", "erp", "title"),
    [
        ("fa-dep", "business_central", "Post depreciation (calculate it with report 5692 first)"),
        ("fa-dep", "finops", "Post depreciation"),
        ("hold", "business_central", "Set the period On hold or close it (move Allow Posting From)"),
        ("hold", "finops", "Set the period On hold or close it"),
        ("inv-adj", "business_central", "Adjust Cost - Item Entries (report 795)"),
    ],
)
def test_words_of_business_central_stand_in_its_entities_alone(code: str, erp: str, title: str) -> None:
    assert drafted(erp=erp)[code].title == title


def test_a_title_without_words_of_an_erp_stays() -> None:
    assert title_for("Close (twice)", "business_central") == "Close (twice)"
