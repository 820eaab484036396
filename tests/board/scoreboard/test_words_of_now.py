"""Words relative to now are made from the moment of the page, never from the last reading (01-domain 1.6)."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.builders import utc

pytestmark = pytest.mark.django_db
PAGES = (
    "/?month=2026-05",
    "/matrix/?month=2026-05",
    "/calendar/?month=2026-05",
    "/entities/NLDT/?month=2026-05",
)
TODAY = re.compile(r"\b(due today|today, |late today|of today|Due today)", re.ASCII)


def page(client: Client, monkeypatch: pytest.MonkeyPatch, at: str, url: str = PAGES[0]) -> str:
    monkeypatch.setattr("board.web.board_request.now", lambda: utc(at))
    html = client.get(url).content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.split("<main", 1)[1].split("<footer", 1)[0]))


def test_a_deadline_that_passed_since_the_last_reading(
    rosa_since_silence: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = page(rosa_since_silence, monkeypatch, "2026-06-10 09:00")
    assert "was due Tue 9 Jun" in told
    assert "not read since Mon 8 Jun 21:00" in told


def test_a_deadline_of_today_was_read_ahead_of(
    rosa_since_silence: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = page(rosa_since_silence, monkeypatch, "2026-06-09 09:00")
    assert "due today" in told
    assert "due in 1d" not in told


@pytest.mark.parametrize("url", PAGES)
def test_nothing_is_due_today_that_was_due_before(
    rosa_since_silence: Client, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    for at in ("2026-06-10 09:00", "2026-06-12 09:00", "2026-06-20 09:00"):
        assert TODAY.findall(page(rosa_since_silence, monkeypatch, at, url)) == []


def test_a_kept_board_changes_at_midnight_without_a_reading(
    rosa_since_silence: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The midnight of each entity: Amsterdam's comes an hour before London's, where the reader is."""
    assert "due in 1d" in page(rosa_since_silence, monkeypatch, "2026-06-08 21:30")
    assert page(rosa_since_silence, monkeypatch, "2026-06-09 21:30").count("due today") >= 3
    assert page(rosa_since_silence, monkeypatch, "2026-06-09 22:30").count("was due Tue 9 Jun") == 1
    assert page(rosa_since_silence, monkeypatch, "2026-06-09 23:30").count("was due Tue 9 Jun") == 3
