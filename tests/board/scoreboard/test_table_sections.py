"""Headings over the rows: every row stands under one of them, roll-ups add up, and folds are kept as they were."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from board.scoreboard.table_sections import FOLD_THRESHOLD, BoardSection, Folds, sections
from board.web.board_query import GROUPINGS, SHOW_FILTERS, BoardQuery
from board.web.filters import filter_board
from closing.judging.standing import JudgingPolicy
from closing.scoreboard.board import GroupNode, Scoreboard
from closing.scoreboard.row import Row, is_closed
from tests.builders import CLOSED, ON_HOLD, OPEN, reads_until_close, row, scoreboard_of, worked_example
from tests.hypothesis_profiles import examples
from tests.sample_entities import GROUPS, NLDT, TWELVE_ENTITIES, UKHC, UKRT, USRT

TREE = (*GROUPS, GroupNode("NORDICS", "Nordics", "EUROPE"), GroupNode("BALTICS", "Baltics", "NORDICS"))


def names(of: Scoreboard, by: str = "group") -> list[str]:
    return [each.name for each in sections(of, by)]


def test_the_group_furthest_behind_comes_first() -> None:
    found = sections(worked_example(), "group")
    assert [(each.name, each.closed, each.entities, each.behind) for each in found] == [
        ("Continental Europe", 0, 1, "furthest behind +3d"),
        ("Americas", 0, 1, "furthest behind +1d"),
        ("United Kingdom", 2, 2, ""),
    ]


def test_by_owner_erp_and_nothing() -> None:
    of = worked_example()
    assert names(of, "owner") == ["Sanne de Wit", "Dana Whitfield", "Amira Hale"]
    assert names(of, "erp") == ["meridian-prod"]
    assert names(of, "none") == [""]
    nobody = scoreboard_of([replace(each, owner="", connection="") for each in of.rows])
    assert (names(nobody, "owner"), names(nobody, "erp")) == (["Nobody"], ["No ERP"])


def test_without_a_row_there_is_no_heading() -> None:
    assert [sections(scoreboard_of([]), by) for by in GROUPINGS] == [[], [], [], []]


def test_a_group_that_only_holds_another_one_is_named_in_it() -> None:
    rows = [
        replace(row(NLDT, *reads_until_close(NLDT, None)), group="BALTICS"),
        row(UKHC, *reads_until_close(UKHC, CLOSED, "2026-06-05 16:00")),
    ]
    found = sections(scoreboard_of(rows, groups=TREE), "group")
    assert [(each.key, each.name, each.depth) for each in found] == [
        ("BALTICS", "Continental Europe › Nordics › Baltics", 0),
        ("UK", "United Kingdom", 0),
    ]


def test_what_is_not_confirmed_is_counted_as_it_was_when_last_read_and_the_heading_says_so() -> None:
    stale = row(UKHC, *reads_until_close(UKHC, CLOSED, "2026-06-05 16:00"), read_at="2026-06-12 09:12")
    held = row(
        UKRT,
        *reads_until_close(UKRT, ON_HOLD, "2026-06-05 16:00"),
        policy=JudgingPolicy(on_hold_counts_as_closed=True),
    )
    other = row(USRT, ("2026-06-12 11:00", OPEN))
    found = {each.key: each for each in sections(scoreboard_of([stale, held, other]), "group")}
    assert (found["UK"].closed, found["UK"].entities) == (2, 2)
    assert found["UK"].closed_phrase == "closed when last read"
    assert found["UK"].note == "1 on hold counted as closed, 1 not read"
    assert found["AMERICAS"].closed_phrase == "closed"


@st.composite
def boards(draw: st.DrawFn) -> Scoreboard:
    rows: list[Row] = []
    for who in TWELVE_ENTITIES:
        if not draw(st.booleans()):
            continue
        reads = draw(
            st.sampled_from(
                (reads_until_close(who, None), reads_until_close(who, CLOSED, "2026-06-05 16:00"), ())
            )
        )
        age = draw(st.sampled_from(("2026-06-12 11:58", "2026-06-12 09:12")))
        made = row(who, *reads, read_at=age)
        group = draw(st.sampled_from([who.group, *(node.code for node in TREE)]))
        rows.append(replace(made, group=group, owner=draw(st.sampled_from((who.owner, "", "Zoë")))))
    return scoreboard_of(rows, groups=TREE)


@examples(150)
@given(boards(), st.sampled_from(sorted(GROUPINGS)))
def test_every_row_stands_under_one_heading_and_roll_ups_add_up(of: Scoreboard, by: str) -> None:
    found = sections(of, by)
    assert sorted(each.code for section in found for each in section.rows) == sorted(
        each.code for each in of.rows
    )
    keys = [section.key for section in found]
    assert len(set(keys)) == len(keys)
    for at, section in enumerate(found):
        assert set(section.above) <= set(keys[:at]), "a heading stands below those it belongs to"
        below = [each for each in found if section.key in (each.key, *each.above)]
        rows = [each for part in below for each in part.rows]
        if section.name:
            assert section.entities == len(rows)
            assert section.closed == sum(map(is_closed, rows))
        assert found[at : at + len(below)] == below, "what belongs to a heading follows it without a gap"


@examples(100)
@given(boards(), st.sampled_from(sorted(GROUPINGS)), st.sampled_from(sorted(SHOW_FILTERS)))
def test_sums_add_up_and_no_filter_changes_them(of: Scoreboard, by: str, show: str) -> None:
    roots = [section for section in sections(of, by) if section.name and not section.above]
    if roots:
        assert sum(section.closed for section in roots) + of.counts.outstanding == of.counts.entities
        assert sum(section.entities for section in roots) == of.counts.entities
    whole = {section.key: roll_up_of(section) for section in sections(of, by)}
    filtered = sections(filter_board(of, BoardQuery(show=show)), by, of)
    for section in filtered:
        assert roll_up_of(section) == whole[section.key]


def roll_up_of(section: BoardSection) -> tuple[object, ...]:
    """All that a heading says of its group."""
    return section.closed, section.entities, section.closed_phrase, section.note, section.behind, section.tone


# --- folds ----------------------------------------------------------------------------------------------------------

KEYS = st.text("ABCdef019-_", min_size=1, max_size=12)


@given(st.sets(KEYS), st.sets(KEYS))
def test_folds_are_remembered_as_they_were(folded: set[str], opened: set[str]) -> None:
    folds = Folds(frozenset(folded), frozenset(opened))
    assert Folds.from_text(folds.text) == folds


@given(st.text(max_size=3000))
def test_any_cookie_is_some_folds(text: str) -> None:
    folds = Folds.from_text(text)
    assert all(len(key) <= 40 for key in folds.folded | folds.opened)
    assert Folds.from_text(folds.text) == folds


@pytest.mark.parametrize(("rows", "shut"), [(FOLD_THRESHOLD, False), (FOLD_THRESHOLD + 1, True)])
def test_headings_of_a_large_board_start_folded(rows: int, shut: bool) -> None:
    uk = BoardSection("UK", "United Kingdom", 0, (), ())
    assert Folds().shut(uk, rows) is shut
    opened = Folds().toggled("UK", fold=False)
    assert not opened.shut(uk, rows)
    folded = opened.toggled("UK", fold=True)
    assert folded.shut(uk, rows)
    assert "UK" not in folded.opened
    assert not Folds().shut(replace(uk, name=""), FOLD_THRESHOLD + 1), (
        "rows without a heading cannot be folded away"
    )


@pytest.mark.parametrize("key", ["", "a" * 41, "a b", "a.b", "a~b", "<b>", "ä/ö"])
def test_what_is_no_key_folds_nothing(key: str) -> None:
    assert Folds().toggled(key, fold=True) == Folds()
