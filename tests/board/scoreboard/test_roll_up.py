"""The roll-up of a heading: what is in the way of its entities, never hidden by a total, as links to their rows."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from html import unescape

import pytest

from board.scoreboard.screen import BoardScreen
from board.web.board_query import BoardQuery
from board.web.readers import Reader
from closing.blockers.blocker_kinds import BlockerKind
from closing.scoreboard.board import Scoreboard
from tests.board.blocked_rows import blocked_board, board_with, unfinished
from tests.builders import worked_example
from tests.golden_files import assert_golden

K = BlockerKind
LONDON = Reader.in_zone("Europe/London")


def headings(board: Scoreboard, query: BoardQuery | None = None) -> dict[str, str]:
    """The roll-up of each heading, by its name."""
    screen = BoardScreen(board, query or BoardQuery(), LONDON)
    return {section.name: screen.sums(section) for section in screen.sections}


def marks(html: str) -> list[str]:
    spans = re.findall(r'<span class="blocker[^"]*">(.*?)</span>(?=[ <])', html)
    return [unescape(re.sub(r"<[^>]*>", "", span)) for span in spans]


def items(html: str) -> list[str]:
    return [unescape(re.sub(r"<[^>]*>", "", item)) for item in re.findall(r"<li[^>]*>(.*?)</li>", html)]


def links(html: str) -> list[str]:
    return [unescape(url) for url in re.findall(r'<a href="([^"]*)"', html)]


def test_the_headings_of_a_blocked_board() -> None:
    assert_golden("blocked_headings.html", "\n".join(headings(blocked_board()).values()) + "\n")


def test_a_board_without_work_has_no_roll_up_of_it() -> None:
    assert not any("blockers" in html for html in headings(worked_example()).values())


def test_groups_add_up_and_what_is_not_readable_is_never_hidden() -> None:
    board = board_with(
        {
            "NLDT": [unfinished(K.UNPOSTED_JOURNALS, 61), unfinished(K.BANK_NOT_RECONCILED, 0)],
            "UKHC": [unfinished(K.UNPOSTED_JOURNALS, None), unfinished(K.BANK_NOT_RECONCILED, None)],
            "UKRT": [unfinished(K.UNPOSTED_JOURNALS, 4)],
        }
    )
    holding = replace(
        board, rows=[replace(row, group="MERIDIAN") if row.code == "USRT" else row for row in board.rows]
    )
    whole = headings(holding)["Meridian Group"]
    assert marks(whole) == ["at least 65 lines not posted", "1 not readable in full"]
    assert items(whole) == [
        "at least 65 lines not posted; not readable for 1 entity",
        "none seen, not readable for 1 entity: bank reconciliations",
    ]


@pytest.mark.parametrize(
    ("query", "name", "address"),
    [
        (BoardQuery(), "United Kingdom", "/?blocked=intercompany_imbalance&group=UK"),
        (
            BoardQuery(by="owner", show="late", q="bv", sort="name"),
            "Sanne de Wit",
            "/?blocked=unposted_journals&owner=Sanne+de+Wit&by=owner&sort=name",
        ),
        (BoardQuery(by="erp"), "meridian-prod", "/?blocked=unposted_journals&erp=meridian-prod&by=erp"),
    ],
)
def test_a_sum_leads_to_its_rows_whatever_the_filters_of_the_board(
    query: BoardQuery, name: str, address: str
) -> None:
    html = headings(blocked_board(), query)[name]
    assert links(html)[0] == address


def test_a_filter_changes_no_sum_and_rows_without_a_name_have_no_link() -> None:
    assert (
        headings(blocked_board(), BoardQuery(show="late"))["Americas"]
        == headings(blocked_board())["Americas"]
    )
    board = blocked_board()
    nobody = replace(board, rows=[replace(row, owner="") for row in board.rows])
    html = headings(nobody, BoardQuery(by="owner"))["Nobody"]
    assert marks(html)[0] == "at least 68 lines not posted"
    assert links(html) == []


def test_a_past_board_keeps_its_moment_in_the_links() -> None:
    query = BoardQuery(month=blocked_board().month, at=date(2026, 6, 12))
    assert links(headings(blocked_board(), query)["Americas"]) == [
        "/?month=2026-05&at=2026-06-12&blocked=unposted_journals&group=AMERICAS"
    ]
