"""The worked example (01-domain 1.8) through the real doors: simulator, group file, sync, scoreboard, page."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from entities.models import Person
from periods.models import StateChange, SyncAttempt
from simulator.run import Running

pytestmark = pytest.mark.django_db
INSTANTS = (
    "2026-06-01T12:00:00Z",
    "2026-06-05T18:00:00Z",
    "2026-06-08T18:00:00Z",
    "2026-06-10T22:00:00Z",
    "2026-06-12T12:00:00Z",
)
TWELFTH = INSTANTS[-1]


def sync(simulator: Running, instant: str) -> str:
    simulator.set_clock(instant)
    told = StringIO()
    call_command("sync", "--as-of", instant, stdout=told)
    call_command("evaluate", "--as-of", instant, stdout=StringIO())
    return told.getvalue()


def scoreboard(as_of: str = TWELFTH) -> dict[str, Any]:
    told = StringIO()
    call_command("scoreboard", "--month", "2026-05", "--as-of", as_of, "--format", "json", stdout=told)
    return json.loads(told.getvalue())  # type: ignore[no-any-return]


def rows(board: dict[str, Any]) -> dict[str, tuple[str, str, int]]:
    return {row["code"]: (row["state"], row["level"], row["days_late"]) for row in board["entities"]}


def test_the_worked_example(loaded_group: Running, client: Client) -> None:
    for instant in INSTANTS:
        assert "meridian-finops: read, " in sync(loaded_group, instant)

    def twelfth_of_june() -> None:
        board = scoreboard()
        assert rows(board) == {
            "UKHC": ("closed", "closed_on_time", 0),
            "UKRT": ("closed", "closed_on_time", 0),
            "USRT": ("on_hold", "late", 1),
            "NLDT": ("open", "late", 3),
        }
        assert board["group_closed"] is False
        assert board["furthest_behind"] == {"code": "NLDT", "days_late": 3}
        counts = board["counts"]
        assert (counts["entities"], counts["closed"], counts["on_hold"], counts["open"]) == (4, 2, 1, 1)
        assert (counts["late"], counts["alerting"], counts["stale"]) == (2, 0, 0)
        assert board["headline"] == (
            "Not closed: 2 of 4 outstanding. EU DTC BV holds the group up, 3 days past its 9 June deadline."
        )
        closed = {row["code"]: row["first_closed_on"] for row in board["entities"] if row["first_closed_on"]}
        assert closed == {"UKHC": "2026-06-05", "UKRT": "2026-06-08"}

    twelfth_of_june()
    sync(loaded_group, "2026-06-14T12:00:00Z")
    assert rows(scoreboard("2026-06-14T12:00:00Z"))["NLDT"] == ("open", "late", 5)
    sync(loaded_group, "2026-06-15T12:00:00Z")
    board = scoreboard("2026-06-15T12:00:00Z")
    assert rows(board)["NLDT"] == ("open", "alerting", 6)
    assert (board["counts"]["late"], board["counts"]["alerting"]) == (1, 1)
    twelfth_of_june()

    client.force_login(Person.objects.get(email="owner@meridian.example"))
    page = client.get("/", {"month": "2026-05"})
    assert page.status_code == 200
    for name in ("UK HoldCo", "UK Retail Ltd", "US Retail Inc", "EU DTC BV"):
        assert name in page.content.decode()


def test_a_single_first_look_cannot_date_a_close(loaded_group: Running) -> None:
    sync(loaded_group, TWELFTH)
    found = rows(scoreboard())
    assert found["UKHC"] == found["UKRT"] == ("closed", "closed_date_unknown", 0)
    assert found["USRT"] == ("on_hold", "late", 1)
    assert found["NLDT"] == ("open", "late", 3)


def test_a_history_loaded_later_proves_clean(loaded_group: Running) -> None:
    """EU DTC BV crossed the alert line on 15 June and closed on 18 June: all of it was read today."""
    for instant in (*INSTANTS, *(f"2026-06-{day}T12:00:00Z" for day in range(13, 20))):
        sync(loaded_group, instant)
    told = StringIO()
    call_command("prove_alerts", stdout=told)
    assert "0 alerts had to exist: all of them do." in told.getvalue()


def test_a_second_sync_of_the_same_moment_changes_nothing(loaded_group: Running) -> None:
    sync(loaded_group, TWELFTH)
    changes = StateChange.objects.count()
    assert "0 changes" in sync(loaded_group, TWELFTH)
    assert StateChange.objects.count() == changes


def test_reading_backwards_is_refused_in_words(loaded_group: Running) -> None:
    sync(loaded_group, TWELFTH)
    told = StringIO()
    with pytest.raises(CommandError, match="Not read: meridian-finops"):
        call_command("sync", "--as-of", INSTANTS[0], stderr=told)
    assert "already read for 2026-06-12 12:00:00 UTC" in told.getvalue()


def test_a_source_that_is_away_changes_nothing_and_says_so(loaded_group: Running) -> None:
    sync(loaded_group, INSTANTS[0])
    before = scoreboard(INSTANTS[0])["entities"]
    loaded_group.fault("status", status=503, match="/data")
    told = StringIO()
    with pytest.raises(CommandError, match="The states shown are those of the last good read"):
        call_command("sync", "--as-of", "2026-06-01T12:05:00Z", stdout=told)
    loaded_group.clear()
    assert SyncAttempt.objects.latest("id").outcome == "unavailable"
    assert "unavailable" in told.getvalue()
    assert scoreboard("2026-06-01T12:05:00Z")["entities"] == before


def test_unknown_connections_are_named(loaded_group: Running) -> None:
    with pytest.raises(CommandError, match=r"No connection is called nowhere\. There are: meridian-finops"):
        call_command("sync", "nowhere")
