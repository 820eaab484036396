"""A question in words, for who is shown only a part: what is filtered, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from board.web import labels
from board.web.board_query import ORDERS, SHOW_FILTERS, BoardQuery
from closing.judging.standing import Level
from closing.judging.states import PeriodState
from closing.scoreboard.board import GroupNode


def labelled_filters(question: BoardQuery, groups: Sequence[GroupNode]) -> list[tuple[str, str]]:
    """Each filter as (label, value) in words; a group that is not among `groups` is named by its code."""
    names = {node.code: node.name for node in groups}
    told = [
        ("Show", SHOW_FILTERS[question.show] if question.show != "all" else ""),
        ("Search", f"“{question.q}”" if question.q else ""),
        ("State", labels.STATE_LABELS[PeriodState(question.state)] if question.state else ""),
        ("Against deadline", Level(question.level).value.replace("_", " ") if question.level else ""),
        ("Group", names.get(question.group, question.group)),
        ("Country", question.country),
        ("ERP", question.erp),
        ("Owner", question.owner),
    ]
    return [(label, value) for label, value in told if value]


def describe_filters(question: BoardQuery, groups: Sequence[GroupNode]) -> list[str]:
    """Each filter as "Owner: Amira Hale"."""
    return [f"{label}: {value}" for label, value in labelled_filters(question, groups)]


def describe_order(question: BoardQuery) -> str:
    """ "Furthest behind first"."""
    return f"{ORDERS[question.sort]}{' first' if question.sort == 'behind' else ''}"
