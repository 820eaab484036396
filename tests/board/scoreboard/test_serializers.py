"""The scoreboard told as JSON, as CSV and in a terminal."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from board.scoreboard.serializers import COUNTS, as_json, as_table, board_csv_lines
from closing.judging.standing import JudgingPolicy
from tests.builders import (
    CLOSED,
    FROM_JUNE,
    NOT_UNDERSTOOD,
    ON_HOLD,
    OPEN,
    WORKED_EXAMPLE_AT,
    reads_until_close,
    row,
    scoreboard_of,
    utc,
    worked_example,
)
from tests.golden_files import assert_golden
from tests.sample_entities import NLDT, UKHC, UKRT, USRT


def entities(told: dict[str, object]) -> list[dict[str, Any]]:
    found = told["entities"]
    assert isinstance(found, list)
    return found


def test_the_worked_example_as_json() -> None:
    told = as_json(worked_example())
    assert_golden("worked_example.json", json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    assert told["group_closed"] is False
    assert told["furthest_behind"] == {"code": "NLDT", "days_late": 3}


def test_the_public_shape_has_exactly_the_agreed_names() -> None:
    told = as_json(worked_example())
    assert list(told) == [
        "month",
        "as_of",
        "group_closed",
        "headline",
        "furthest_behind",
        "counts",
        "entities",
    ]
    assert tuple(told["counts"]) == COUNTS  # type: ignore[arg-type]
    first = entities(told)[0]
    names = (
        "code name group state because native due_on deadline_explanation days_late lateness_unit level "
        "first_closed_on reopened fresh read_at expected_on overdue_reason reason_missing acknowledged"
        " permanent_reopenings blockers tasks"
    )
    assert list(first) == names.split()


def test_a_group_that_nobody_can_judge_is_neither_closed_nor_open() -> None:
    told = as_json(scoreboard_of([row(UKHC)]))
    assert (told["group_closed"], told["furthest_behind"]) == (None, None)
    (entity,) = entities(told)
    assert (entity["state"], entity["native"], entity["read_at"], entity["fresh"]) == (
        "unknown",
        None,
        None,
        False,
    )


def test_a_closed_group_says_so() -> None:
    told = as_json(scoreboard_of([row(UKHC, *reads_until_close(UKHC, CLOSED, "2026-06-05 16:00"))]))
    assert told["group_closed"] is True
    assert told["furthest_behind"] is None


def test_native_facts_stay_word_for_word() -> None:
    told = as_json(scoreboard_of([row(UKHC, ("2026-06-02 12:00", FROM_JUNE))]))
    (entity,) = entities(told)
    assert entity["native"]["allowed_from"] == "2026-06-01"
    assert entity["because"] == "posting allowed only from 1 June 2026"


def test_the_worked_example_in_a_terminal() -> None:
    assert_golden("worked_example.txt", as_table(worked_example(), width=120))
    assert_golden("worked_example_ascii.txt", as_table(worked_example(), width=80, unicode=False))
    assert as_table(worked_example(), width=120, unicode=False).isascii()


def test_a_terminal_shows_what_is_not_sure() -> None:
    seen_late = (("2026-06-08 12:00", OPEN), ("2026-06-11 12:00", CLOSED))
    reopened = (("2026-06-01 12:00", OPEN), ("2026-06-08 12:00", CLOSED), ("2026-06-12 10:00", OPEN))
    text = as_table(
        scoreboard_of(
            [
                row(UKHC, *seen_late),
                row(UKRT, *reads_until_close(UKRT, CLOSED, "2026-06-08 15:00"), read_at="2026-06-12 09:12"),
                row(USRT, ("2026-06-12 11:58", NOT_UNDERSTOOD)),
                row(NLDT, *reopened),
            ]
        ),
        width=160,
    )
    assert_golden("unsure.txt", text)
    assert "perhaps on time · closed between 8 and 11 June" in text
    assert "Closed, not read since 09:12" in text
    assert "Open, reopened" in text


def test_columns_line_up_whatever_the_letters() -> None:
    names = ("Ibérica SL", "日本支社 株式会社", "Cafe\u0301 GmbH", "Plain Ltd")
    rows = [
        replace(row(UKHC, ("2026-06-02 12:00", OPEN)), name=name, code=f"E{at}")
        for at, name in enumerate(names)
    ]
    lines = as_table(scoreboard_of(rows), width=140).splitlines()[5:]
    assert len(lines) == len(names)
    shown = [line.split("○")[0].replace("\u0301", "") for line in lines]
    # Eight wide characters take eight columns more than they count.
    assert len({len(text) + (8 if "日" in text else 0) for text in shown}) == 1


def test_a_name_cannot_steer_the_terminal() -> None:
    evil = replace(row(UKHC, ("2026-06-02 12:00", OPEN)), name="\x1b[2JUK\u202eHoldCo\r\n")
    text = as_table(scoreboard_of([evil]), width=120)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\r" not in text


def test_colour_only_when_asked() -> None:
    assert "\x1b[" not in as_table(worked_example(), 120)
    assert "\x1b[" in as_table(worked_example(), 120, colour=True)


def test_on_hold_counting_as_closed_is_printed() -> None:
    policy = JudgingPolicy(on_hold_counts_as_closed=True)
    assert "On hold counts as closed." in as_table(worked_example(policy=policy), 120)
    assert "On hold counts as closed" not in as_table(worked_example(), 120)


@pytest.mark.parametrize("width", [20, 60, 80, 100, 200])
def test_any_width_is_served(width: int) -> None:
    assert "EU DTC BV" in as_table(worked_example(), width)


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠", "  ="])
def test_a_spreadsheet_runs_nothing_of_ours(first: str) -> None:
    evil = replace(row(UKHC, ("2026-06-02 12:00", OPEN)), name=f"{first}cmd|'/c calc'!A1")
    (line,) = csv.DictReader(io.StringIO("".join(board_csv_lines(scoreboard_of([evil]))), newline=""))
    assert line["name"] == f"'{first}cmd|'/c calc'!A1"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
def test_csv_gives_back_any_name(name: str) -> None:
    odd = replace(row(UKHC, ("2026-06-02 12:00", ON_HOLD)), name=name)
    lines = list(csv.DictReader(io.StringIO("".join(board_csv_lines(scoreboard_of([odd]))), newline="")))
    assert [line["name"].removeprefix("'") for line in lines] == [name.removeprefix("'")]


def test_csv_says_what_the_json_says() -> None:
    told = as_json(worked_example())
    text = "".join(board_csv_lines(worked_example()))
    assert text.count("\r\n") == 5
    for line, entity in zip(csv.DictReader(io.StringIO(text, newline="")), entities(told), strict=True):
        assert line["code"] == entity["code"]
        assert line["days_late"] == str(entity["days_late"])
        assert line["level"] == entity["level"]


def test_a_stale_row_is_said_to_be_so_everywhere() -> None:
    stale = row(UKHC, *reads_until_close(UKHC, CLOSED, "2026-06-05 16:00"), read_at="2026-06-12 09:12")
    old = scoreboard_of([stale], as_of=WORKED_EXAMPLE_AT + timedelta(hours=1))
    assert as_json(old)["group_closed"] is None
    assert as_json(old)["counts"]["stale"] == 1  # type: ignore[index]
    assert "Closed, not read since 09:12" in as_table(old, 160)
    assert utc("2026-06-12 09:12") == stale.read_at
