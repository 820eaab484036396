"""A kind of notice is distinguished in its specification (alerts/notices) only; other code asks for that.

Who raises notices names the kinds that it raises, and the constraints of the database name theirs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from closing.judging.notice_rules import NoticeKind
from tests.guards.external_names import OURS, ROOT

SPECIFIED_IN = "alerts/notices/"
RAISERS = {
    "closing/judging/notice_rules.py",
    *("alerts/evaluate/run.py", "alerts/evaluate/reopenings.py", "alerts/evaluate/episodes.py"),
    *("alerts/evaluate/connection_outages.py", "alerts/evaluate/group_closes.py"),
    *("alerts/models/notice.py", "alerts/models/evaluation_state.py"),
    "alerts/reconciliation.py",  # the proof of alerts
    "board/notifications/alert_rules_page.py",  # whom an escalation reaches
}
IN_SQL = re.compile(rf"\bkind\s*(=|<>|IN)\s*\(?\s*'({'|'.join(NoticeKind)})'", re.I)


def modules() -> Iterator[tuple[str, ast.Module]]:
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(SPECIFIED_IN) and "/migrations/" not in name:
                yield name, ast.parse(Path(path).read_text(encoding="utf-8"))


def names_a_kind(node: ast.AST | None) -> bool:
    """Whether an expression contains a member of NoticeKind."""
    return node is not None and any(
        isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "NoticeKind"
        for each in ast.walk(node)
    )


def branches_by_kind(node: ast.AST) -> bool:
    """Whether a node is a match, or a dictionary, by kind of notice; or compares `kind` with a stored word."""
    match node:
        case ast.Match(cases=cases):
            return any(names_a_kind(case.pattern) for case in cases)
        case ast.Dict(keys=keys):
            return any(names_a_kind(key) for key in keys)
        case ast.Compare(left=ast.Attribute(attr="kind"), comparators=[ast.Constant(value=str(word))]):
            return word in set(NoticeKind) - {"stale", "refused"}  # those are kinds of outages too
    return False


def test_only_who_raises_a_kind_names_it() -> None:
    named = {name for name, tree in modules() if any(names_a_kind(node) for node in tree.body)}
    assert named <= RAISERS, f"ask spec_of(notice.kind) instead: {sorted(named - RAISERS)}"


def test_no_code_has_a_match_or_a_dictionary_by_kind() -> None:
    assert not {
        f"{name}:{getattr(node, 'lineno', 0)}"
        for name, tree in modules()
        for node in ast.walk(tree)
        if branches_by_kind(node)
    }


def test_no_statement_in_sql_names_a_kind_that_it_does_not_raise() -> None:
    named = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and IN_SQL.search(node.value)
    }
    assert named <= RAISERS


def test_the_guard_sees_what_it_forbids() -> None:
    for code in (
        "match kind:\n case NoticeKind.ALERT:\n  pass",
        "{NoticeKind.ALERT: 1}",
        "notice.kind == 'alert'",
    ):
        assert any(branches_by_kind(node) for node in ast.walk(ast.parse(code))), code
    assert IN_SQL.search("WHERE n.kind IN ('alert', 'late')")
