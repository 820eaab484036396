"""The cells of a row: what is in the way in short and in full, what is not readable, and the bar of its tasks."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest

from board.web.blockers_cell import blockers_cell, work_in_short
from board.web.readers import Reader
from board.web.tasks_bar import tasks_bar
from closing.blockers.blocker_facts import Doubt
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.row_blockers import blockers_phrase
from closing.close_tasks.row_tasks import tasks_json, tasks_phrase
from closing.scoreboard.row import Row
from tests.board.blocked_rows import blocked_board, unfinished, with_tasks, with_work
from tests.builders import CLOSED, OPEN, WORKED_EXAMPLE_AT, reads_until_close, row, worked_example
from tests.golden_files import assert_golden
from tests.sample_entities import NLDT, UKHC

K = BlockerKind
LONDON = Reader.in_zone("Europe/London")
CLOSED_ROW = row(UKHC, *reads_until_close(UKHC, CLOSED, "2026-06-05 16:00"))
OPEN_ROW = row(NLDT, ("2026-06-12 11:00", OPEN))
UNREAD = [unfinished(kind, None) for kind in (K.INVENTORY_NOT_CLOSED, K.BANK_NOT_RECONCILED, K.RECURRING_DUE)]
HIDDEN = unfinished(
    K.UNPOSTED_DOCUMENTS, 0, part="customer_invoices", at_least=True, doubt=Doubt.RELEASED_LOOK_POSTED
)


def cell(of: Row, minutes: int = 0) -> str:
    return blockers_cell(of, WORKED_EXAMPLE_AT + timedelta(minutes=minutes), LONDON)


def items(html: str) -> list[str]:
    return [unescape(re.sub(r"<[^>]*>", "", item)) for item in re.findall(r"<li[^>]*>(.*?)</li>", html)]


def when(_: object) -> str:
    return "09:12"


def test_the_cells_of_a_blocked_board() -> None:
    cells = [blockers_cell(each, WORKED_EXAMPLE_AT, LONDON) for each in blocked_board().rows]
    assert_golden("blocked_cells.html", "\n".join(cells) + "\n")


def test_a_row_without_work_has_no_cell() -> None:
    assert cell(OPEN_ROW) == ""
    assert cell(with_work(OPEN_ROW, unfinished(K.UNPOSTED_JOURNALS, 0))) == ""
    assert work_in_short(OPEN_ROW).phrase == ""


def test_what_is_not_readable_is_one_mark_with_a_sentence_for_each_reason() -> None:
    of = with_work(CLOSED_ROW, *UNREAD, HIDDEN, source="Business Central")
    html = cell(of)
    assert html.count('class="blocker') == 1
    assert '<span class="unseen">4 not readable in full</span>' in html
    assert items(html) == [
        "unposted customer invoices: none seen; released but unposted ones look posted",
        "Business Central does not show recurring journals, inventory periods, bank reconciliations",
    ]
    assert "0" not in unescape(re.sub(r"<[^>]*>", "", html))


def test_the_mark_has_its_words_in_sight_only_while_the_entity_is_open() -> None:
    shown = with_work(OPEN_ROW, *UNREAD)
    assert 'class="blocker unsure"' in cell(shown)
    assert "</svg>3 not readable<" in cell(shown)
    assert work_in_short(shown).phrase == "3 not readable"
    assert work_in_short(with_work(CLOSED_ROW, *UNREAD)).phrase == ""
    assert blockers_phrase(with_work(CLOSED_ROW, *UNREAD), when) == (
        "not readable in full: recurring journals, inventory periods, bank reconciliations"
    )


def test_names_of_companies_are_text() -> None:
    hostile = replace(with_work(OPEN_ROW, unfinished(K.UNPOSTED_JOURNALS, 61)), code="<b>'\"&")
    assert "<b>" not in cell(hostile)
    assert "<b>'" not in tasks_bar(with_tasks(hostile, 1, 2), "month=2026-05")
    source = with_work(OPEN_ROW, unfinished(K.RECURRING_DUE, None), source="<i>Central</i>")
    assert "&lt;i&gt;Central&lt;/i&gt; does not show" in cell(source)


@pytest.mark.parametrize(
    ("done", "total", "not_needed", "late", "shown", "phrase"),
    [
        (23, 31, 0, {}, "23 of 31 tasks ", "23 of 31"),
        (28, 30, 2, {}, "28 of 30 tasks ", "28 of 30, 2 not needed"),
        (28, 30, 2, {"overdue": 1, "due_today": 2}, "28 of 30 tasks 1 overdue", None),
        (0, 0, 2, {}, "2 not needed ", "2 not needed"),
    ],
)
def test_the_bar_of_tasks(
    done: int, total: int, not_needed: int, late: dict[str, int], shown: str, phrase: str | None
) -> None:
    of = with_tasks(OPEN_ROW, done, total, not_needed, **late)
    html = tasks_bar(of, "month=2026-05")
    phrase = phrase or "28 of 30, 2 not needed; 1 overdue, 2 due today"
    assert tasks_phrase(of) == phrase
    assert f'title="Close tasks: {phrase}"' in html
    assert 'href="/entities/NLDT/tasks/?month=2026-05"' in html
    assert re.sub(r"<[^>]*>", "", html) == shown
    assert (
        tasks_json(of)
        == {
            "done": done,
            "total": total,
            "not_needed": not_needed,
            "overdue": 0,
            "due_today": 0,
        }
        | late
    )


def test_the_length_of_the_bar_is_the_part_that_is_done() -> None:
    widths = [
        re.search(r'class="length" width="(\d+)"', tasks_bar(with_tasks(OPEN_ROW, done, 30), ""))
        for done in (0, 15, 30)
    ]
    assert [width and width[1] for width in widths] == ["0", "30", "60"]
    assert tasks_bar(worked_example().rows[0], "") == ""
