"""Which tasks a period has, and what they wait for once rows that do not apply have gone (08 9.1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.close_tasks.generation import (
    TaskDraft,
    TaskKey,
    not_yet_generated,
    tasks_for_entity,
    tasks_for_group,
)
from closing.close_tasks.task_record import task_of_draft
from closing.close_tasks.task_templates import (
    AppliesIf,
    DependsOn,
    ErpRule,
    Reach,
    TaskLevel,
    TaskSpec,
    TemplateKind,
    TemplateSet,
)
from closing.close_tasks.template_findings import mistakes
from tests.closing.close_tasks.task_builders import (
    EMEA,
    entity,
    index,
    period,
    row,
    standard_templates,
    template,
)
from tests.closing.core_builders import ENGLAND

NOT_HERE = ErpRule(only=frozenset({"business_central"}))
QUARTER_END = period("2026-06-30", quarter_end=True)
YEAR_END = period("2026-06-30", year_end=True)


def _drafts(*rows: TaskSpec, **changes: Any) -> dict[str, TaskDraft]:
    drafts = tasks_for_entity(TemplateSet(template(*rows)), entity(**changes), period())
    return {draft.key.code: draft for draft in drafts}


def _waits(draft: TaskDraft) -> list[tuple[str, Reach]]:
    return [(each.code, each.reach) for each in draft.spec.depends_on]


def test_a_month_has_month_rows_a_quarter_end_and_a_year_end_have_more() -> None:
    templates = TemplateSet(
        template(row("m"), row("x")),
        template(row("q"), replace(row("x"), title="Quarterly"), kind=TemplateKind.QUARTER, version=7),
        template(row("y"), replace(row("x"), title="Yearly"), kind=TemplateKind.YEAR),
    )
    found = {
        end.key + str(end.year_end): [
            (draft.key.code, draft.title, draft.template, draft.version)
            for draft in tasks_for_entity(templates, entity(), end)
        ]
        for end in (period(), QUARTER_END, YEAR_END)
    }
    assert found == {
        "2026-05False": [("m", "M", "Month", 1), ("x", "X", "Month", 1)],
        "2026-06False": [("m", "M", "Month", 1), ("x", "Quarterly", "Quarter", 7), ("q", "Q", "Quarter", 7)],
        "2026-06True": [
            ("m", "M", "Month", 1),
            ("x", "Yearly", "Year", 1),
            ("q", "Q", "Quarter", 7),
            ("y", "Y", "Year", 1),
        ],
    }


def test_a_template_stands_in_the_place_of_its_kind() -> None:
    with pytest.raises(ValueError, match="is for a quarter, not for a month"):
        TemplateSet(template(kind=TemplateKind.QUARTER))


def test_a_row_that_is_left_out_passes_on_what_it_waited_for() -> None:
    drafts = _drafts(
        row("a"),
        row("b", "a", erp=NOT_HERE),
        row("c", "b", applies_if=AppliesIf(frozenset({"dormant"}))),
        row("d", "c"),
    )
    assert list(drafts) == ["a", "d"]
    assert _waits(drafts["d"]) == [("a", Reach.SAME)]


def test_rows_of_other_period_ends_pass_on_too() -> None:
    templates = TemplateSet(
        template(row("a"), row("c", "b, late")),
        template(row("b", "a"), kind=TemplateKind.QUARTER),
        template(row("late", "a"), kind=TemplateKind.YEAR),
    )
    assert mistakes(templates) == []
    month = tasks_for_entity(templates, entity(), period())
    assert [each.code for each in month[1].spec.depends_on] == ["a"]
    quarter = tasks_for_entity(templates, entity(), QUARTER_END)
    assert [each.code for each in quarter[1].spec.depends_on] == ["b", "a"]


def test_of_partners_and_of_all_stay_since_members_without_the_task_count_as_satisfied() -> None:
    drafts = _drafts(row("a", erp=NOT_HERE), row("b", "of partners: a; of all: a"))
    assert _waits(drafts["b"]) == [("a", Reach.PARTNERS), ("a", Reach.ALL)]


def test_an_entity_waits_for_a_task_of_its_group_or_for_what_that_would_wait_for() -> None:
    rows = (row("hold"), row("cons", "hold of all", level=TaskLevel.GROUP), row("audit", "cons"))
    assert _waits(_drafts(*rows)["audit"]) == [("cons", Reach.GROUP)]
    assert _waits(_drafts(*rows, close_group="")["audit"]) == [("hold", Reach.ALL)]


def test_a_group_has_its_own_rows_alone() -> None:
    templates = TemplateSet(
        template(
            row("hold"),
            row("cons", "hold of all", level=TaskLevel.GROUP),
            row("fs", "cons", level=TaskLevel.GROUP),
        )
    )
    drafts = tasks_for_group(templates, EMEA, period())
    assert [str(draft.key) for draft in drafts] == ["group/EMEA/2026-05/1/cons", "group/EMEA/2026-05/1/fs"]
    assert _waits(drafts[1]) == [("cons", Reach.SAME)]


def test_a_row_of_another_group_is_left_out_and_passes_on() -> None:
    here, there = (AppliesIf(groups=frozenset({code})) for code in ("emea", "APAC"))
    rows = [
        row("hold"),
        row("cons", "hold of all", level=TaskLevel.GROUP, applies_if=there),
        row("fs", "cons", level=TaskLevel.GROUP, applies_if=here),
        row("audit", "cons, fs"),
    ]
    templates = TemplateSet(template(*rows))
    (draft,) = tasks_for_group(templates, EMEA, period())
    assert (draft.key.code, _waits(draft)) == ("fs", [("hold", Reach.ALL)])
    assert _waits(_drafts(*rows)["audit"]) == [("hold", Reach.ALL), ("fs", Reach.GROUP)]
    assert mistakes(templates) == []


@pytest.mark.parametrize(
    ("rule", "applies"),
    [
        (AppliesIf(entities=frozenset({"ukrt"})), True),
        (AppliesIf(entities=frozenset({"other"})), False),
        (AppliesIf(groups=frozenset({"group"})), True),
        (AppliesIf(groups=frozenset({"APAC"})), False),
        (AppliesIf(entities=frozenset({"other"}), groups=frozenset({"EMEA"})), True),
        (AppliesIf(needs=frozenset({"vat", "payroll"})), True),
    ],
)
def test_named_entities_groups_and_profiles(rule: AppliesIf, applies: bool) -> None:
    assert ("a" in _drafts(row("a", applies_if=rule))) is applies


def test_everything_that_is_asked_of_a_profile_must_be_there() -> None:
    asks = row("a", applies_if=AppliesIf(needs=frozenset({"vat", "payroll"})))
    assert not _drafts(asks, has=frozenset({"vat"}))


def test_a_year_without_holidays_leaves_the_due_date_out_and_says_so() -> None:
    december = period("2026-12-31")
    (draft,) = tasks_for_entity(TemplateSet(template(row("a"))), entity(calendar=ENGLAND), december)
    assert (draft.due, draft.problem) == (None, "no due date: the England calendar has no holidays for 2027")


def test_tasks_are_generated_once_whatever_the_templates_say_later() -> None:
    first = tasks_for_entity(TemplateSet(template(row("a"))), entity(), period())
    existing = {draft.key for draft in first}
    later = tasks_for_entity(TemplateSet(template(row("a"), row("b"))), entity(), period())
    assert not_yet_generated(first, set()) == first
    assert not_yet_generated(later, existing) == ()
    other = tasks_for_entity(TemplateSet(template(row("a"))), entity("EUDTC"), period())
    assert not_yet_generated(other, existing) == other


def test_generation_has_one_outcome() -> None:
    again = [tasks_for_entity(standard_templates(), entity(), YEAR_END) for _ in range(2)]
    assert again[0] == again[1]
    assert str(again[0][0].key) == "entity/UKRT/2026-06/1/open"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row("a", "b")], "a waits for b, and no template has that task"),
        ([row("a", "b"), row("b", "a")], "a, b wait for each other in a circle"),
        ([row("a", "a")], "a wait for each other in a circle"),
        ([row("a", "b of all"), row("b", "of partners: a")], "a, b wait for each other in a circle"),
        ([row("a"), row("g", "a", level=TaskLevel.GROUP)], 'g is a task of the group: write "a of all"'),
        (
            [row("a"), row("g", "a of partners", level=TaskLevel.GROUP)],
            'g is a task of the group, which has no counterparties: write "a of all"',
        ),
        (
            [row("a", "g of all"), row("g", level=TaskLevel.GROUP)],
            'g is a task of the group: write "g" without "of all"',
        ),
        (
            [row("g", level=TaskLevel.GROUP, erp=NOT_HERE)],
            "g is a task of the group, which has no ERP: leave the ERP blank",
        ),
        (
            [row("g", level=TaskLevel.GROUP, applies_if=AppliesIf(needs=frozenset({"vat"})))],
            'g is a task of the group, which has no profile: it applies to all groups, or "group ..."',
        ),
    ],
)
def test_mistakes_of_templates(rows: list[TaskSpec], words: str) -> None:
    assert mistakes(TemplateSet(template(*rows))) == [words]


def test_two_circles_are_two_mistakes() -> None:
    rows = [row("a", "b"), row("b", "a"), row("c", "d"), row("d", "c"), row("e", "a, c")]
    assert mistakes(TemplateSet(template(*rows))) == [
        "a, b wait for each other in a circle",
        "c, d wait for each other in a circle",
    ]


def test_generation_refuses_what_no_template_has() -> None:
    with pytest.raises(ValueError, match="a waits for b, and no template has that task"):
        _drafts(row("a", "b"))


@st.composite
def _templates(draw: st.DrawFn) -> TemplateSet:
    """Templates in which each row waits for earlier rows only."""
    rows: dict[TemplateKind, list[TaskSpec]] = {kind: [] for kind in TemplateKind}
    codes: list[str] = []
    for number in range(draw(st.integers(1, 12))):
        code = f"t{number}"
        after = draw(st.lists(st.sampled_from(codes), unique=True, max_size=3)) if codes else []
        reach = st.sampled_from([Reach.SAME, Reach.SAME, Reach.PARTNERS, Reach.ALL])
        rows[draw(st.sampled_from(TemplateKind))].append(
            replace(
                row(code, due=number + 1),
                erp=draw(st.sampled_from([ErpRule(), NOT_HERE])),
                applies_if=AppliesIf(needs=draw(st.frozensets(st.sampled_from(["vat", "payroll"])))),
                depends_on=tuple(DependsOn(each, draw(reach)) for each in after),
            )
        )
        codes.append(code)
    month, quarter, year = (template(*rows[kind], kind=kind) for kind in TemplateKind)
    return TemplateSet(month, quarter, year)


@given(
    templates=_templates(),
    has=st.lists(st.frozensets(st.sampled_from(["vat", "payroll"])), min_size=1, max_size=3),
    quarter_end=st.booleans(),
    year_end=st.booleans(),
)
def test_rows_that_are_left_out_make_no_circle_and_lose_no_order(
    templates: TemplateSet, has: list[frozenset[str]], quarter_end: bool, year_end: bool
) -> None:
    assert mistakes(templates) == []
    end = period(quarter_end=quarter_end, year_end=year_end)
    codes = [f"E{number}" for number in range(len(has))]
    drafts = [
        draft
        for code, flags in zip(codes, has, strict=True)
        for draft in tasks_for_entity(templates, entity(code, has=flags), end)
    ]
    tasks = index([task_of_draft(draft) for draft in drafts], partners=dict.fromkeys(codes, codes))
    for task in tasks:
        earlier = [each.task for each in tasks.prerequisites(task)]
        assert all(int(each.key.code[1:]) < int(task.key.code[1:]) for each in earlier)
        assert tasks.due_too_early(task) == []
    for draft in drafts:
        assert _reachable(draft.key, drafts) == {
            code
            for code in _all_before(draft.key.code, templates)
            if any(other.key == replace(draft.key, code=code) for other in drafts)
        }


def _all_before(code: str, templates: TemplateSet) -> set[str]:
    """The codes before a task by plain dependencies, whether or not they apply."""
    found: set[str] = set()
    ahead = [code]
    while ahead:
        task = templates.row_anywhere(ahead.pop())
        for each in task.depends_on if task else ():
            if each.reach is Reach.SAME and each.code not in found:
                found.add(each.code)
                ahead.append(each.code)
    return found


def _reachable(key: TaskKey, drafts: list[TaskDraft]) -> set[str]:
    """The codes before a task by the plain dependencies of the drafts of its entity."""
    by_code = {draft.key.code: draft for draft in drafts if draft.key.holder == key.holder}
    found: set[str] = set()
    ahead = [key.code]
    while ahead:
        for each in by_code[ahead.pop()].spec.depends_on:
            if each.reach is Reach.SAME and each.code not in found:
                found.add(each.code)
                ahead.append(each.code)
    return found


def test_a_period_of_28_days_keeps_its_own_key() -> None:
    weeks = replace(period("2026-05-24"), key="2026-P5", month=date(2026, 5, 1))
    (draft,) = tasks_for_entity(TemplateSet(template(row("a"))), entity(), weeks)
    assert draft.key == TaskKey(TaskLevel.ENTITY, "UKRT", "2026-P5", 1, "a")
    assert draft.due is not None
    assert draft.due.due_on == date(2026, 5, 26)  # 25 May is a holiday
