"""What publishing a template changes, and what keeps it from being published."""

from __future__ import annotations

from dataclasses import replace
from datetime import time

import pytest

from closing.close_tasks.due_offsets import DueOffset
from closing.close_tasks.task_templates import DependsOn, Reach, TaskSpec, TemplateSet
from closing.close_tasks.template_changes import TaskDifference, template_differences
from closing.close_tasks.template_findings import doubts, due_before_prerequisite, mistakes
from tests.closing.close_tasks.task_builders import row, standard_templates, template


def test_added_changed_moved_and_removed() -> None:
    a, b, c, d = (row(code) for code in "abcd")
    later = replace(b, due=DueOffset(9), owner_role="Controller", depends_on=(DependsOn("a"),))
    assert template_differences([a, b, c], [a, later, c]) == [
        TaskDifference(
            "b",
            b.title,
            "changed",
            ("due: WD+1 → WD+9", "waits for: nothing → a", "role: nothing → Controller"),
        )
    ]
    assert template_differences([a, b, c], [d, a, b]) == [
        TaskDifference("d", d.title, "added"),
        TaskDifference("c", c.title, "removed"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        ("abcd", "bcda", "a"),
        ("abcd", "dabc", "d"),
        ("abcd", "abcd", ""),
        ("abcd", "badc", "bd"),
        ("abc", "cx", ""),
    ],
)
def test_the_fewest_moves_are_named(before: str, after: str, moved: str) -> None:
    found = template_differences([row(code) for code in before], [row(code) for code in after])
    assert "".join(each.code for each in found if each.how == "moved") == moved


def findings(*tasks: TaskSpec) -> list[str]:
    templates = TemplateSet(template(*tasks))
    return [*mistakes(templates), *due_before_prerequisite(templates)]


def test_a_task_due_before_what_it_waits_for_is_found() -> None:
    first, second = row("a"), replace(row("b"), depends_on=(DependsOn("a"),))
    assert findings(replace(first, due=DueOffset(3)), replace(second, due=DueOffset(2))) == [
        "b is due WD+2, before a, which it waits for and which is due WD+3"
    ]
    noon = DueOffset(3, at=time(12))
    assert findings(replace(first, due=DueOffset(3)), replace(second, due=noon)) == [
        "b is due WD+3 12:00, before a, which it waits for and which is due WD+3"
    ]
    of_all = replace(second, due=noon, depends_on=(DependsOn("a", Reach.ALL),))
    assert findings(replace(first, due=DueOffset(3)), of_all) == []  # another zone
    assert (
        findings(replace(first, due=DueOffset(3)), replace(second, due=DueOffset(1, calendar_days=True)))
        == []
    )


def test_a_sign_off_needs_a_role() -> None:
    assert findings(replace(row("a"), sign_off=True)) == [
        "a is signed off by a second person: give the role that signs it off"
    ]


def test_the_standard_templates_have_no_finding() -> None:
    assert due_before_prerequisite(standard_templates()) == []


def test_doubts_do_not_keep_a_template_back() -> None:
    tasks = (
        replace(row("a"), owner_role=""),
        replace(row("b"), owner_role="CFO", reviewer_role="CFO", sign_off=True),
        replace(row("c"), owner_role="Clerk"),
    )
    assert doubts(TemplateSet(template(*tasks)), {"CFO"}) == [
        "a has no role: its tasks belong to nobody until somebody takes them over",
        "b is done and signed off by the role CFO: it takes two people",
        "Nobody has the role Clerk",
    ]
    assert doubts(TemplateSet(template(*tasks)), ())[-1] == "Nobody has the roles CFO and Clerk"
