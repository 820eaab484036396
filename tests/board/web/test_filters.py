"""Filters, chips and orders over the worked example, and what they must never do to a count."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from board.scoreboard.table_sections import Folds, sections
from board.web.board_query import ORDERS, SHOW_FILTERS, BoardQuery
from board.web.filters import chips, filter_board, matching_rows
from closing.scoreboard.board import Scoreboard
from tests.builders import CLOSED, OPEN, reads_until_close, row, scoreboard_of, worked_example
from tests.sample_entities import NLDT, UKHC, UKRT


def codes(scoreboard: Scoreboard, **asked: str) -> list[str]:
    return [each.code for each in matching_rows(scoreboard, BoardQuery(**asked))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["NLDT", "USRT", "UKHC", "UKRT"]),
        ({"q": "retail"}, ["USRT", "UKRT"]),
        ({"q": "ukhc"}, ["UKHC"]),
        ({"q": "HALE"}, ["UKHC", "UKRT"]),
        ({"show": "outstanding"}, ["NLDT", "USRT"]),
        ({"show": "late"}, ["NLDT", "USRT"]),
        ({"show": "alerting"}, []),
        ({"state": "closed"}, ["UKHC", "UKRT"]),
        ({"level": "closed_on_time"}, ["UKHC", "UKRT"]),
        ({"country": "US"}, ["USRT"]),
        ({"group": "MERIDIAN"}, ["NLDT", "USRT", "UKHC", "UKRT"]),
        ({"group": "UK"}, ["UKHC", "UKRT"]),
        ({"group": "NOBODY"}, []),
        ({"owner": "Sanne de Wit"}, ["NLDT"]),
        ({"erp": "meridian-prod", "show": "late", "q": "us"}, ["USRT"]),
        ({"sort": "name"}, ["NLDT", "UKHC", "UKRT", "USRT"]),
        ({"sort": "deadline"}, ["NLDT", "UKHC", "UKRT", "USRT"]),
        ({"sort": "state"}, ["USRT", "NLDT", "UKHC", "UKRT"]),
    ],
)
def test_each_filter_and_order(asked: dict[str, str], found: list[str]) -> None:
    assert codes(worked_example(), **asked) == found


def test_what_was_never_read_or_has_no_deadline_has_a_place_in_every_order() -> None:
    rows = [row(UKHC), row(UKRT, ("2026-06-12 11:00", OPEN), due=None), row(NLDT, ("2026-06-12 11:00", OPEN))]
    for order in ORDERS:
        assert sorted(codes(scoreboard_of(rows), sort=order)) == ["NLDT", "UKHC", "UKRT"]
    assert codes(scoreboard_of(rows), sort="read")[0] == "UKHC"
    assert codes(scoreboard_of(rows), sort="deadline")[-1] == "UKRT"


def test_stale_rows_have_a_chip_of_their_own() -> None:
    stale = row(UKHC, *reads_until_close(UKHC, CLOSED, "2026-06-05 16:00"), read_at="2026-06-12 09:12")
    of = scoreboard_of([stale, row(NLDT, ("2026-06-12 11:00", OPEN))])
    assert codes(of, show="stale") == ["UKHC"]
    assert codes(of, show="outstanding") == ["NLDT"]  # it was closed when last read


@given(
    show=st.sampled_from(list(SHOW_FILTERS)),
    q=st.sampled_from(["", "uk", "retail", "zzz"]),
    group=st.sampled_from(["", "UK", "EUROPE"]),
)
def test_a_chip_shows_as_many_rows_as_it_counts(show: str, q: str, group: str) -> None:
    of, asked = worked_example(), BoardQuery(q=q, group=group, show=show)
    for chip in chips(of, asked):
        assert chip.count == len(matching_rows(of, asked.replace(show=chip.show)))
        assert chip.chosen == (chip.show == show)
    assert chips(of, asked) == chips(of, asked.replace(sort="name", by="none"))


def test_a_narrowed_board_counts_only_what_it_shows_and_warns_only_of_it() -> None:
    of = filter_board(worked_example(), BoardQuery(group="UK"))
    assert (of.counts.entities, of.counts.closed, of.closed) == (2, 2, True)
    assert filter_board(worked_example(), BoardQuery()).rows == worked_example().rows


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("group", ["Continental Europe", "Americas", "United Kingdom"]),
        ("erp", ["meridian-prod"]),
        ("owner", ["Sanne de Wit", "Dana Whitfield", "Amira Hale"]),
        ("none", [""]),
    ],
)
def test_groupings_keep_every_row_once_in_its_order(by: str, names: list[str]) -> None:
    of = worked_example()
    found = sections(of, by)
    assert [section.name for section in found] == names
    assert sorted(each.code for section in found for each in section.rows) == ["NLDT", "UKHC", "UKRT", "USRT"]


def test_nobody_and_no_erp_are_called_so() -> None:
    alone = scoreboard_of([replace(row(UKHC), owner="", connection="")])
    assert [section.name for section in sections(alone, "owner")] == ["Nobody"]
    assert [section.name for section in sections(alone, "erp")] == ["No ERP"]
    assert sections(scoreboard_of([]), "group") == []


def test_folds_are_remembered_and_a_big_board_starts_folded() -> None:
    (section,) = sections(scoreboard_of([row(UKHC)]), "group")
    folds = Folds()
    assert not folds.shut(section, 300)
    assert folds.shut(section, 301)
    assert folds.toggled("UK", fold=True).shut(section, 4)
    opened = folds.toggled("UK", fold=False)
    assert not opened.shut(section, 5000)
    for each in (folds, opened, opened.toggled("EU-2", fold=True)):
        assert Folds.from_text(each.text) == each


@pytest.mark.parametrize("text", ["", "~", "<b>~\0", "x" * 5000, "~~~", "..;--~'"])
def test_a_cookie_of_somebody_elses_making_does_no_harm(text: str) -> None:
    assert Folds.from_text(Folds.from_text(text).text) == Folds.from_text(text)
    assert Folds().toggled("no such key!", fold=True) == Folds()
