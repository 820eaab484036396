"""Scenarios: the state at an instant, replay by setting the clock back, loops, and the demo on any day."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.app import build
from simulator.run import running
from simulator.world.calendars import calendar
from simulator.world.scenarios import FOLDER, BadScenario, load
from simulator.world.story import PeriodKey, Story
from simulator.world.times import instant, month_of, span, when
from tests.hypothesis_profiles import examples
from tests.simulator.erp_clients import Erps

START = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def states(story: Story, now: datetime, month: tuple[int, int]) -> dict[str, str | None]:
    """The word each ledger has for a month; None where there is no row."""
    world = story.at(now)
    found: dict[str, str | None] = {}
    for company in story.finops:
        period = story.period(company, "", month)
        assert period is not None
        state = world.states.get((company.code, period.key))
        word = state.status if state else story.base_status(period)
        found[company.code] = word if company.status_rows else None
    return found


@pytest.mark.parametrize(
    ("now", "ukhc", "ukrt", "usrt", "nldt"),
    [
        ("2026-06-01T12:00:00Z", "Open", "Open", "Open", "Open"),
        ("2026-06-05T15:59:59Z", "Open", "Open", "Open", "Open"),
        ("2026-06-05T16:00:00Z", "Closed", "Open", "Open", "Open"),
        ("2026-06-08T14:59:59Z", "Closed", "Open", "Open", "Open"),
        ("2026-06-08T18:00:00Z", "Closed", "Closed", "Open", "Open"),
        ("2026-06-10T18:59:59Z", "Closed", "Closed", "Open", "Open"),
        ("2026-06-10T22:00:00Z", "Closed", "Closed", "OnHold", "Open"),
        ("2026-06-12T12:00:00Z", "Closed", "Closed", "OnHold", "Open"),
        ("2026-06-18T15:00:00Z", "Closed", "Closed", "OnHold", "Closed"),
    ],
)
def test_worked_example_at_each_instant(
    erps: Erps, now: str, ukhc: str, ukrt: str, usrt: str, nldt: str
) -> None:
    erps.sim.set_clock(now)
    assert erps.may() == {"UKHC": ukhc, "UKRT": ukrt, "USRT": usrt, "NLDT": nldt}


def test_before_may_all_is_closed_and_after_it_open(erps: Erps) -> None:
    rows = erps.rows(
        "/data/LedgerFiscalPeriodsV2?cross-company=true&$filter=YearName eq '2026' and LedgerName eq 'NLDT'"
    )
    words = {row["PeriodName"]: row["PeriodStatus"] for row in rows}
    assert [words[f"Period {number}"] for number in range(1, 7)] == ["Closed"] * 4 + ["Open"] * 2
    assert words["Period 0"] == "Closed"
    assert words["Period 13"] == "Open"


def test_setting_the_clock_back_replays(erps: Erps) -> None:
    seen = {}
    instants = [f"2026-06-{day:02}T18:00:00Z" for day in range(1, 20)]
    for now in instants:
        erps.sim.set_clock(now)
        seen[now] = erps.may()
    for now in reversed(instants):
        erps.sim.set_clock(now)
        assert erps.may() == seen[now]


def test_what_is_set_happens_at_the_clock_and_not_before(erps: Erps) -> None:
    erps.sim.set_state("NLDT", period="2026-05", status="Closed")
    assert erps.may()["NLDT"] == "Closed"
    erps.sim.set_clock("2026-06-12T11:59:59Z")
    assert erps.may()["NLDT"] == "Open"
    erps.sim.set_clock("2026-06-13T00:00:00Z")
    erps.sim.set_state("NLDT", period="2026/Period 5", status="Open")
    assert erps.may()["NLDT"] == "Open"
    erps.sim.clear()
    erps.sim.set_clock("2026-06-19T00:00:00Z")
    assert erps.may()["NLDT"] == "Closed"  # the script's own close on 18 June


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"company": "NOPE", "period": "2026-05", "status": "Open"}, "no company 'NOPE'"),
        ({"company": "NLDT", "period": "2019-05", "status": "Open"}, "no period '2019-05'"),
        ({"company": "NLDT", "period": "May", "status": "Open"}, "no period 'May'|not a month"),
        ({"company": "NLDT", "period": "2026-05"}, "`status` or `access`"),
        ({"company": "ESIB"}, "allow_posting_from"),
        ({"period": "2026-05"}, "'company' is missing"),
    ],
)
def test_control_says_what_is_wrong(erps: Erps, wish: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        erps.sim.call("PUT", "state", wish)


def test_control_lists_what_there_is(erps: Erps) -> None:
    known = erps.sim.call("GET", "")
    assert known["finops"] == ["UKHC", "UKRT", "USRT", "NLDT"]
    assert "POST /_control/reset" in known["routes"]
    assert erps.sim.call("GET", "clock")["frozen"] is True
    erps.sim.set_clock(None)
    assert erps.sim.call("GET", "clock")["frozen"] is False
    assert erps.sim.call("GET", "state")["windows"]["ESIB"]["allow_posting_from"] == "2026-06-01"
    for path, value in (
        ("clock", {"now": "yesterday"}),
        ("profile", {"period_set": "V3"}),
        ("profile", {"nope": 1}),
    ):
        with pytest.raises(ValueError, match=r"."):
            erps.sim.call("PUT", path, value)
    with pytest.raises(ValueError, match="no such control"):
        erps.sim.call("GET", "nothing")


def test_log_knows_who_asked_for_what_and_no_token(erps: Erps) -> None:
    erps.fo("/data/LegalEntities?$top=1")
    log = erps.sim.log()
    entry = log["requests"][-1]
    assert (entry["method"], entry["path"], entry["query"], entry["status"], entry["bearer"]) == (
        "GET",
        "/data/LegalEntities",
        "$top=1",
        200,
        True,
    )
    assert entry["principal"].endswith(" finops")
    text = json.dumps(log)
    assert erps.token(erps.sim.url) not in text
    assert "client_secret" not in text
    erps.sim.clear()
    assert erps.sim.requests() == []


# names of instants


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-06-05T16:00:00Z", "2026-06-05T16:00:00+00:00"),
        ("2026-06-05 17:00 Europe/London", "2026-06-05T16:00:00+00:00"),
        ("month_end + 5d 17:00 Europe/London", "2026-06-05T16:00:00+00:00"),
        ("month_end + 5w 17:00 Europe/London", "2026-06-05T16:00:00+00:00"),
        ("month_end + 6w 17:00 Europe/London", "2026-06-08T16:00:00+00:00"),
        ("start + 40s", "2026-11-20T09:30:40+00:00"),
        ("start - 2h", "2026-11-20T07:30:00+00:00"),
        ("start", "2026-11-20T09:30:00+00:00"),
    ],
)
def test_instants_by_name(text: str, wanted: str) -> None:
    assert when(text, start=START, month=(2026, 5)) == datetime.fromisoformat(wanted)


def test_months_and_spans_by_name() -> None:
    assert month_of("latest", START) == (2026, 10)
    assert month_of("latest - 10", START) == (2025, 12)
    assert month_of("latest + 3", START) == (2027, 1)
    assert span("1.5h") == timedelta(minutes=90)
    for text in ("2026-13", "May", "latest * 2"):
        with pytest.raises(ValueError, match="not a month"):
            month_of(text, START)
    with pytest.raises(ValueError, match="no offset"):
        instant("2026-06-12T12:00:00")


# files


def test_scenario_may_be_a_json_file_of_ones_own(tmp_path: Path) -> None:
    told = {
        "finops": {
            "calendars": {"Retail": {"from": 2026, "to": 2026, "weeks": "4-4-5"}},
            "companies": [{"code": "UKRT", "name": "UK Retail Ltd"}],
        },
        "events": [
            {"at": "2026-06-05T16:00:00Z", "company": "UKRT", "period": "2026-05", "status": "OnHold"}
        ],
    }
    path = tmp_path / "own.json"
    path.write_text(json.dumps(told))
    story = load(str(path), START)
    periods = [period for period in story.calendars["Retail"] if period.type == "Operating"]
    assert [(period.last - period.first).days + 1 for period in periods] == [28, 28, 35] * 3 + [
        28,
        28,
        42,
    ]  # 53 weeks
    assert states(story, instant("2026-06-06T00:00:00Z"), (2026, 5)) == {"UKRT": "OnHold"}
    (touched,) = story.at(instant("2026-06-06T00:00:00Z")).states
    assert touched == ("UKRT", PeriodKey("2026", "Period 5"))


@given(st.integers(1990, 2060))
def test_weeks_fill_a_year_without_gap(year: int) -> None:
    periods = calendar(
        "Retail", {"from": year, "to": year + 1, "weeks": "5-4-4", "special_periods": False}, START
    )
    for before, after in pairwise(periods):
        assert after.first - before.last == timedelta(days=1)
    assert abs((periods[0].first - date(year, 1, 1)).days) <= 3


SOON = """\
finops: {calendars: {A: {}}, companies: [{code: X, name: X}]}
events: [{at: soon, company: X, period: latest, status: Open}]
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "not readable"),
        ("- 1", "a mapping is expected"),
        ("finops: {companies: [{code: X}]}", "'calendar|missing|name"),
        ("finops: {calendars: {A: {}}, companies: [{code: X, name: X, calendar: B}]}", "calendar 'B'"),
        ("events: [{at: 2026-06-05T16:00:00Z, company: X, period: 2026-05, status: Open}]", "company 'X'"),
        (
            SOON,
            "soon",
        ),
        ("profile: {period_set: V9}", "period_set"),
    ],
)
def test_bad_scenario_says_why(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises((BadScenario, ValueError), match=words):
        build(str(path))


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BadScenario, match=r"demo.*worked_example.*fleet:N"):
        load("nothing", START)


# the demo


DAYS = [
    "2026-11-20T09:30:00+00:00",
    "2026-12-01T00:30:00+00:00",
    "2026-12-31T23:59:00+00:00",
    "2027-01-01T06:00:00+00:00",
    "2028-02-29T12:00:00+00:00",
    "2028-03-31T05:00:00+00:00",
]


@pytest.mark.parametrize("day", DAYS)
def test_demo_shows_every_state_on_any_day(day: str) -> None:
    start = datetime.fromisoformat(day)
    story = load("demo", start)
    shown = states(story, start, month_of("latest", start))
    assert set(shown.values()) == {"Open", "OnHold", "Closed", None}
    windows = story.at(start).windows
    assert len({window.allowed_from for window in windows.values()}) >= 3  # closed, still open, never limited
    assert [company.code for company in story.bc if company.access == "forbidden"] == ["MXSA"]
    assert len(story.finops) == 8
    months = [period for period in story.calendars["Fiscal"] if period.type == "Operating"]
    assert (start.date() - months[0].first).days > 700
    assert (months[-1].last - start.date()).days >= 365 - 31


@pytest.mark.slow
@examples(25)
@given(st.integers(0, 8 * 365 * 24 * 60))
def test_demo_keeps_changing_after_start_up(minutes: int) -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    story = load("demo", start)
    versions = [story.version(start + timedelta(seconds=second)) for second in range(30, 700)]
    unchanged, longest = 0, 0
    for before, after in pairwise(versions):
        unchanged = 0 if before != after else unchanged + 1
        longest = max(longest, unchanged)
    assert longest <= 60
    month = month_of("latest", start)
    words = [
        states(story, start + timedelta(seconds=second), month)["UKWS"] for second in (0, 35, 95, 300, 335)
    ]
    assert words == ["Open", "OnHold", "Closed", "Open", "OnHold"]


def test_demo_tells_the_same_past_whenever_it_is_started() -> None:
    today, next_month = load("demo", START), load("demo", START + timedelta(days=40))
    for back in range(60, 700, 13):
        now = START - timedelta(days=back)
        for month in ((2025, 3), (2025, 12), (2026, 6), (2026, 8)):
            assert states(today, now, month) == states(next_month, now, month)
        assert today.at(now).windows.keys() == next_month.at(now).windows.keys()


def test_demo_months_are_mostly_closed_in_time_and_the_dutch_are_last() -> None:
    story = load("demo", START)
    took: dict[str, list[int]] = {}
    for change in story.changes:
        if change.status == "Closed" and change.period is not None:
            period = story.periods_by_key["Fiscal"][change.period]
            if period.type == "Operating" and period.last < START.date() - timedelta(days=60):
                took.setdefault(change.company, []).append((change.at.date() - period.last).days)
    assert all(min(days) >= 1 for days in took.values())
    average = {code: sum(days) / len(days) for code, days in took.items()}
    assert max(average, key=lambda code: average[code]) == "NLDT"
    assert sum(day <= 9 for days in took.values() for day in days) >= 0.7 * sum(
        len(days) for days in took.values()
    )


def test_demo_is_served(tmp_path: Path) -> None:
    with running("demo") as sim:
        erps = Erps(sim)
        rows = erps.rows("/data/LedgerFiscalPeriodsV2?cross-company=true")
        assert "USHQ" not in {row["LedgerName"] for row in rows}
        assert {row["LedgerAccessLevel"] for row in rows if row["LedgerName"] == "UKWS"} == {"All", "User"}
        companies = {row["name"]: row["id"] for row in erps.bc("/companies").json()["value"]}
        assert erps.bc(f"/companies({companies['México SA']})/generalLedgerSetup").status_code == 403
        assert erps.bc(f"/companies({companies['Canada Ltd']})/generalLedgerSetup").status_code == 200
        sim.set_clock((datetime.now(UTC) - timedelta(days=200)).isoformat())
        before = erps.rows("/data/LedgerFiscalPeriodsV2?cross-company=true")
        assert sum(row["PeriodStatus"] == "Closed" for row in before) < sum(
            row["PeriodStatus"] == "Closed" for row in rows
        )
        erps.http.close()


def test_every_scenario_that_ships_can_be_played() -> None:
    for path in FOLDER.glob("*.yaml"):
        assert build(path.stem).story.name == path.stem
