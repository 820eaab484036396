"""`manage.py scoreboard`, the operator's door."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.db_builders import SampleGroup
from tests.golden_files import assert_golden

pytestmark = pytest.mark.django_db
AT = "2026-06-12T12:00:00Z"


def scoreboard(*words: str) -> str:
    out = io.StringIO()
    call_command("scoreboard", *words, stdout=out)
    return out.getvalue()


def told(*words: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(scoreboard("--format", "json", "--as-of", AT, *words))
    return answer


def test_the_worked_example(meridian: SampleGroup) -> None:
    board = told("--month", "2026-05")
    assert board["group_closed"] is False
    assert board["headline"].startswith(
        "Not closed: 2 of 4 outstanding. EU DTC BV holds the group up, 3 days past"
    )
    assert board["furthest_behind"] == {"code": "NLDT", "days_late": 3}
    assert board["counts"]["alerting"] == 0
    rows = {
        each["code"]: (each["state"], each["level"], each["days_late"], each["due_on"])
        for each in board["entities"]
    }
    assert rows == {
        "UKHC": ("closed", "closed_on_time", 0, "2026-06-09"),
        "UKRT": ("closed", "closed_on_time", 0, "2026-06-09"),
        "USRT": ("on_hold", "late", 1, "2026-06-11"),
        "NLDT": ("open", "late", 3, "2026-06-09"),
    }


def test_the_month_is_the_latest_that_has_ended(meridian: SampleGroup) -> None:
    assert told()["month"] == "2026-05"


def test_one_group_and_those_below_it(meridian: SampleGroup) -> None:
    assert {each["code"] for each in told("--group", "UK")["entities"]} == {"UKHC", "UKRT"}
    assert len(told("--group", "MERIDIAN")["entities"]) == 4


def test_another_offset_names_the_same_instant(meridian: SampleGroup) -> None:
    here = scoreboard("--as-of", "2026-06-12T14:00:00+02:00", "--format", "json")
    assert json.loads(here) == told()


def test_csv_has_a_line_per_entity(meridian: SampleGroup) -> None:
    lines = list(csv.DictReader(io.StringIO(scoreboard("--format", "csv", "--as-of", AT), newline="")))
    assert [line["code"] for line in lines] == ["NLDT", "USRT", "UKHC", "UKRT"]


def test_the_table(meridian: SampleGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    text = scoreboard("--as-of", AT)
    assert "\x1b" not in text
    assert_golden("worked_example_command.txt", text)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--month", "May"), 'a month is written like "2026-05", not "May"'),
        (("--month", "2026-13"), "month"),
        (("--as-of", "yesterday"), "is not a moment; write it like"),
        (("--as-of", "2026-06-12T12:00:00"), "says no zone; write it like"),
        (("--group", "NOBODY"), 'no group has the code "NOBODY" (groups: MERIDIAN'),
    ],
)
def test_what_is_wrong_is_said_in_words(meridian: SampleGroup, words: tuple[str, ...], says: str) -> None:
    with pytest.raises(CommandError) as refused:
        scoreboard(*words)
    assert says in str(refused.value)


def test_nothing_to_show_is_said(db: None) -> None:
    assert "No entities to show." in scoreboard("--as-of", AT)


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", "○ Open"), ("ascii", "o Open")])
def test_a_terminal_that_knows_only_ascii_is_served(
    encoding: str, mark: str, meridian: SampleGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding, newline="")
    monkeypatch.setenv("COLUMNS", "120")
    call_command("scoreboard", "--as-of", AT, stdout=out)
    out.flush()
    assert mark in raw.getvalue().decode(encoding)


@pytest.mark.parametrize(
    ("no_color", "flag", "coloured"),
    [("", "--force-color", True), ("1", "--force-color", False), ("", "--no-color", False)],
)
def test_colour_is_refused_by_no_color(
    no_color: str, flag: str, coloured: bool, meridian: SampleGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    assert ("\x1b[" in scoreboard("--as-of", AT, flag)) is coloured


def test_the_command_answers_for_its_help_as_a_process() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "scoreboard", "--help"],
        capture_output=True,
        text=True,
        env=os.environ.copy(),
    )
    assert done.returncode == 0, done.stderr
    assert "--as-of" in done.stdout
