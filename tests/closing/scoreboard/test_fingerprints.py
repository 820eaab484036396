"""The fingerprint by which a board knows that it has changed (01-domain 1.5)."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest

from closing.facts.finops_facts import FinopsFacts
from closing.scoreboard.board import BoardWarning, Scoreboard, board_fingerprint
from tests.closing.core_builders import (
    EU_DTC,
    EU_DTC_STORY,
    MAY,
    ON_HOLD,
    board,
    deadline_on,
    row,
    utc,
    worked_example,
)

TEMPLATE = row(EU_DTC, EU_DTC_STORY, deadline_on("2026-06-09", "Europe/Amsterdam"), "2026-06-12 12:00")


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
