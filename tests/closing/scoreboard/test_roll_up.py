"""Sub-boards per group, and the digest by which a board knows that it has changed (01-domain 1.5)."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest

from closing.facts.finops_facts import FinopsFacts
from closing.scoreboard.board import BoardWarning, GroupNode, Scoreboard, roll_up
from closing.scoreboard.fingerprints import board_fingerprint
from closing.scoreboard.headline import headline
from closing.scoreboard.row import Row
from tests.closing.core_builders import (
    EU_DTC,
    EU_DTC_STORY,
    MAY,
    ON_HOLD,
    UK_HOLDCO,
    UK_HOLDCO_STORY,
    US_RETAIL,
    Entity,
    board,
    deadline_on,
    row,
    utc,
    worked_example,
)

TEMPLATE = row(EU_DTC, EU_DTC_STORY, deadline_on("2026-06-09", "Europe/Amsterdam"), "2026-06-12 12:00")


def closed_row(entity: Entity) -> Row:
    return row(entity, UK_HOLDCO_STORY, deadline_on("2026-06-09", entity.zone), "2026-06-12 12:00")


def test_each_group_answers_for_what_stands_below_it() -> None:
    example = worked_example()
    boards = roll_up(example)
    assert {code: [r.code for r in b.rows] for code, b in boards.items()} == {
        "GROUP": ["NLDT", "USRT", "UKHC", "UKRT"],
        "EMEA": ["NLDT", "UKHC", "UKRT"],
        "UK": ["UKHC", "UKRT"],
        "EU": ["NLDT"],
        "US": ["USRT"],
    }
    assert {code: b.closed for code, b in boards.items()} == {
        "GROUP": False,
        "EMEA": False,
        "UK": True,
        "EU": False,
        "US": False,
    }
    assert headline(boards["UK"]) == "Group closed on 8 June, 1 day early."
    assert [node.code for node in boards["EMEA"].groups] == ["EMEA", "UK", "EU"]
    assert boards["GROUP"].counts == example.counts


def test_a_group_that_is_its_own_ancestor_does_no_harm() -> None:
    circle = (
        GroupNode("UK", "UK", "EMEA"),
        GroupNode("EMEA", "Europe", "UK"),
        GroupNode("US", "US", "US"),
        GroupNode("SHOPS", "Shops", "UK"),  # hangs on the circle without being part of it
    )
    rows = closed_row(UK_HOLDCO), closed_row(US_RETAIL)
    boards = roll_up(board(*rows, groups=circle))
    assert {code: [r.code for r in b.rows] for code, b in boards.items()} == {
        "UK": ["UKHC"],
        "EMEA": ["UKHC"],
        "US": ["USRT"],
        "SHOPS": [],
    }


def test_a_row_of_a_group_nobody_described_still_has_its_board() -> None:
    boards = roll_up(board(closed_row(UK_HOLDCO), groups=()))
    assert [r.code for r in boards["UK"].rows] == ["UKHC"]


def test_warnings_follow_their_entity() -> None:
    example = worked_example()
    reopened = BoardWarning("reopened", "UKHC", "April 2026 is open again")
    general = BoardWarning("calendar", "", "the England calendar ends in 30 days")
    boards = roll_up(replace_board(example, warnings=(reopened, general)))
    assert list(boards["UK"].warnings) == [reopened, general]
    assert list(boards["US"].warnings) == [general]


# --- digest


def replace_board(told: Scoreboard, **changes: Any) -> Scoreboard:
    values = {f.name: getattr(told, f.name) for f in fields(Scoreboard) if f.init}
    return Scoreboard(**{**values, **changes})


def test_the_digest_does_not_know_what_time_it_is() -> None:
    # The same is said at noon and at one o'clock, though everything has been read again.
    noon, one = worked_example("2026-06-12 12:00"), worked_example("2026-06-12 13:00")
    assert noon.rows[0].read_at != one.rows[0].read_at
    assert board_fingerprint(noon) == board_fingerprint(one)
    assert board_fingerprint(noon) != board_fingerprint(worked_example("2026-06-13 12:00"))
    assert len(board_fingerprint(noon)) == 16


def test_the_digest_does_not_depend_on_the_order_of_a_mapping() -> None:
    facts = FinopsFacts("Open", {"Ledger": "All", "Vend": "None"})
    turned = FinopsFacts("Open", {"Vend": "None", "Ledger": "All"})
    assert board_fingerprint(board(replace(TEMPLATE, native_facts=facts))) == board_fingerprint(
        board(replace(TEMPLATE, native_facts=turned))
    )


def test_the_digest_tells_when_an_old_reading_was_made() -> None:
    stale = replace(TEMPLATE, fresh=False)
    again = replace(stale, read_at=utc("2026-06-12 11:00"))
    assert board_fingerprint(board(stale)) != board_fingerprint(board(again))


@pytest.mark.parametrize(
    "change",
    [
        {"state": ON_HOLD},
        {"because": "another reason"},
        {"fresh": False},
        {"counts_as_closed": True},
        {"deadline": deadline_on("2026-06-10", "Europe/Amsterdam")},
        {"deadline": None},
        {"standing": replace(TEMPLATE.standing, days_late=4)},
        {"standing": replace(TEMPLATE.standing, reopened=True)},
        {"standing": replace(TEMPLATE.standing, unconfirmed=True)},
        {"native_facts": FinopsFacts("Open")},
        {"owner": "Sam Vos"},
        {"alert_after_days": 3},
        {"read_error": "no access to this company"},
        {"missing_since": utc("2026-06-11 12:00")},
        {"seen_between": (None, utc("2026-06-11 12:00"))},
        {"name": "EU DTC B.V."},
        {"span": None},
        {"span": replace(MAY, first=date(2026, 5, 2))},
    ],
)
def test_the_digest_changes_with_whatever_the_board_says(change: dict[str, Any]) -> None:
    assert board_fingerprint(board(TEMPLATE)) != board_fingerprint(board(replace(TEMPLATE, **change)))


def test_the_digest_knows_warnings_groups_and_month() -> None:
    example = worked_example()
    assert board_fingerprint(example) != board_fingerprint(
        replace_board(example, warnings=(BoardWarning("reopened", "UKHC", "April"),))
    )
    assert board_fingerprint(example) != board_fingerprint(replace_board(example, groups=()))
    assert board_fingerprint(example) != board_fingerprint(replace_board(example, month=date(2026, 4, 1)))
