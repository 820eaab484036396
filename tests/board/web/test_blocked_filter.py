"""The filter "blocked by": what it shows and counts on the board, in the queue, in files and in saved views."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from board.web.board_query import BLOCKED_FILTERS, BoardQuery, InvalidQuery, parse_query
from board.web.controls import filter_form, no_match_message
from board.web.filters import blocked_counts, filter_board, matching_rows
from board.web.query_phrasing import describe_filters
from closing.scoreboard.board import Scoreboard
from tests.board.blocked_rows import blocked_board
from tests.builders import worked_example


def codes(board: Scoreboard, **asked: str) -> list[str]:
    return [row.code for row in matching_rows(board, BoardQuery(**asked))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("blocked", "found"),
    [
        ("anything", ["NLDT", "USRT", "UKRT"]),
        ("unposted_journals", ["NLDT", "USRT"]),
        ("intercompany_imbalance", ["NLDT", "UKRT"]),
        ("inventory_not_closed", ["NLDT"]),
        ("recurring_due", []),
        ("not_readable", ["NLDT", "UKHC"]),
    ],
)
def test_each_kind_shows_the_rows_that_it_is_in_the_way_of(blocked: str, found: list[str]) -> None:
    board = blocked_board()
    assert codes(board, blocked=blocked) == found
    assert blocked_counts(board, BoardQuery()).get(blocked, 0) == len(found)


@given(
    show=st.sampled_from(["all", "outstanding", "late"]),
    group=st.sampled_from(["", "UK", "EUROPE"]),
    chosen=st.sampled_from(["", *BLOCKED_FILTERS]),
)
def test_a_choice_shows_as_many_rows_as_it_counts(show: str, group: str, chosen: str) -> None:
    board, query = blocked_board(), BoardQuery(show=show, group=group, blocked=chosen)
    for value, count in blocked_counts(board, query).items():
        assert count == len(matching_rows(board, query.replace(blocked=value)))


def test_the_form_offers_what_some_row_has_with_counts_in_the_order_of_the_board() -> None:
    form = filter_form(blocked_board(), BoardQuery(group="UK", blocked="anything"))
    (field,) = [each for each in form.first if each.name == "blocked"]
    assert field.label == "Blocked by"
    assert [(label, chosen) for _, label, chosen in field.options] == [
        ("All", False),
        ("Anything (1)", True),
        ("Unposted journal lines (0)", False),
        ("Intercompany balances (1)", False),
        ("Inventory periods (0)", False),
        ("Not readable in full (1)", False),
    ]
    assert "blocked" not in {each.name for each in filter_form(worked_example(), BoardQuery()).first}
    kept = filter_form(worked_example(), BoardQuery(blocked="anything")).first
    assert [each.options for each in kept if each.name == "blocked"] == [
        [("", "All", False), ("anything", "Anything (0)", True)]
    ]


def test_it_is_a_parameter_of_the_address_and_has_one_name_everywhere() -> None:
    query = BoardQuery(blocked="unposted_journals", group="UK")
    assert query.querystring() == "blocked=unposted_journals&group=UK"
    assert query.is_filtered
    assert describe_filters(query, ()) == ["Blocked by: unposted journal lines", "Group: UK"]
    with pytest.raises(InvalidQuery, match="no kind of unfinished work “zzz”; there are anything, unposted_"):
        parse_query({"blocked": "zzz"}, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("blocked", "message"),
    [
        ("anything", "Nothing is in the way of any entity."),
        ("not_readable", "Everything could be read in full."),
        ("recurring_due", "This is in the way of no entity."),
    ],
)
def test_no_row_is_said_in_words(blocked: str, message: str) -> None:
    assert no_match_message(worked_example(), BoardQuery(blocked=blocked))[0] == message


def test_a_filtered_board_counts_only_what_it_shows() -> None:
    board = filter_board(blocked_board(), BoardQuery(blocked="inventory_not_closed"))
    assert (board.counts.entities, board.counts.outstanding) == (1, 1)


@pytest.mark.django_db
def test_every_screen_and_file_with_filters_takes_it(blocked_client: Client) -> None:
    address = "blocked=inventory_not_closed"
    page = blocked_client.get(f"/?{address}").content.decode()
    assert re.findall(r'<tr id="row-(\w+)"', page) == ["NLDT"]
    text = blocked_client.get(f"/export/board.csv?{address}").getvalue().decode("utf-8-sig")
    assert [line["code"] for line in csv.DictReader(io.StringIO(text, newline=""))] == ["NLDT"]
    matrix = blocked_client.get(f"/matrix/?{address}").content.decode()
    assert re.findall(r'<tr id="row-(\w+)"', matrix) == ["NLDT"]
    text = blocked_client.get(f"/export/matrix.csv?{address}").getvalue().decode("utf-8-sig")
    assert {line["code"] for line in csv.DictReader(io.StringIO(text, newline=""))} == {"NLDT"}
    calendar = blocked_client.get(f"/calendar/?{address}").content.decode()
    assert ("EU DTC BV" in calendar, "US Retail Inc" in calendar) == (True, False)
    wall = unescape(blocked_client.get(f"/wall/?{address}").content.decode())
    assert "<span>Blocked by: inventory periods</span>" in wall
    assert "Not closed: 2 of 4 outstanding" in wall


@pytest.mark.django_db
def test_the_queue_counts_overdue_entities(blocked_client: Client) -> None:
    page = blocked_client.get("/past-deadline/?blocked=inventory_not_closed").content.decode()
    options = dict(re.findall(r'<option value="(\w*)"[^>]*>([^<]*)<', page))
    assert options["anything"] == "Anything (1)"  # UK Retail Ltd is closed
    assert options["inventory_not_closed"] == "Inventory periods (1)"
    assert "1 of 2 overdue entities shown" in page
    assert "Only Blocked by: inventory periods" in page


@pytest.mark.django_db
def test_a_saved_view_keeps_it(blocked_client: Client) -> None:
    blocked_client.post(
        "/views/save/", {"name": "Without close", "screen": "board", "query": "blocked=inventory_not_closed"}
    )
    assert "Blocked by: inventory periods" in blocked_client.get("/views/").content.decode()
