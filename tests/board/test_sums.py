"""Sums on the pages: outstanding and closed make up all entities, and a filter changes no group's own fraction."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client

from tests.board.reports.matrix_html import fractions
from tests.settable_clock import SettableClock

FILTERS = ("show=late", "show=stale", "q=dtc", "state=closed")
_BOARD = r'id="sum-([^"]+)"><span class="fraction"><b>(\d+)</b>/(\d+) (closed[^<]*)'
_CALENDAR = r'id="part-([^"]+)".*?<span class="fraction"><b>(\d+)</b>/(\d+) (closed[^<]*)'
Fractions = dict[str, tuple[int, int, str]]


def told(client: Client, path: str, query: str, pattern: str) -> Fractions:
    """What each heading of a page says of its group."""
    text = client.get(f"{path}?{query}").content.decode()
    found = re.findall(pattern, text, re.S)
    return {key: (int(closed), int(entities), words) for key, closed, entities, words in found}


def outstanding(client: Client) -> tuple[int, int]:
    found = re.search(r"<h2>Not closed: (\d+) of (\d+) outstanding", client.get("/").content.decode())
    assert found is not None
    return int(found[1]), int(found[2])


@pytest.mark.parametrize("hours", [0, 3], ids=["as read", "none fresh"])
def test_outstanding_and_closed_make_up_all_entities(
    rosa_in_busy_group: Client, clock: SettableClock, hours: int
) -> None:
    """Ibérica SL is stale, Ireland Operations too and was closed when last read; hours later all are stale."""
    open_ones, entities = outstanding(rosa_in_busy_group)
    clock.at += timedelta(hours=hours)
    for path, pattern in (("/", _BOARD), ("/calendar/", _CALENDAR)):
        for by in ("group", "erp", "owner"):
            groups = told(rosa_in_busy_group, path, f"by={by}", pattern).values()
            assert sum(total for _, total, _ in groups) == entities
            assert sum(closed for closed, _, _ in groups) == entities - open_ones, (path, by)
    total = re.search(r"<tfoot>.*</tfoot>", rosa_in_busy_group.get("/matrix/").content.decode(), re.S)
    assert total is not None
    assert re.findall(r'aria-hidden="true">([^<]*)<', total[0])[-1] == f"{entities - open_ones}/{entities}"


def test_a_filter_changes_no_groups_own_fraction(rosa_in_busy_group: Client) -> None:
    """The Late filter leaves three late entities under Continental Europe, of which two of five are closed."""
    for path, pattern in (("/", _BOARD), ("/calendar/", _CALENDAR)):
        for by in ("group", "owner"):
            whole = told(rosa_in_busy_group, path, f"by={by}", pattern)
            for query in FILTERS:
                shown = told(rosa_in_busy_group, path, f"by={by}&{query}", pattern)
                assert shown, (path, query)
                assert shown == {key: whole[key] for key in shown}, (path, query)
    matrix = rosa_in_busy_group.get("/matrix/").content.decode()
    total = r"<tfoot>.*</tfoot>"
    for query in FILTERS:
        filtered = rosa_in_busy_group.get(f"/matrix/?{query}").content.decode()
        keys = re.findall(r'id="part-(\w+)"', filtered)
        assert keys
        for key in keys:
            assert fractions(filtered, key) == fractions(matrix, key)
        assert set(re.findall(total, filtered, re.S)) <= set(re.findall(total, matrix, re.S))


def test_a_filter_changes_no_fraction_on_the_wall(rosa_in_busy_group: Client) -> None:
    text = rosa_in_busy_group.get("/wall/?show=outstanding&screen=2").content.decode()
    board = told(rosa_in_busy_group, "/", "", _BOARD)
    walls = re.findall(r"<h2><span>([^<]+)</span><span class=\"fraction\"><b>(\d+)</b>/(\d+)", text)
    for _, closed, entities in walls:
        assert (int(closed), int(entities)) in {(one, all_) for one, all_, _ in board.values()}
