"""The pages of past moments keep their bytes when the reads they were made of are packed (ADR 0027)."""

from __future__ import annotations

import random
import re
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from entities.models import Person
from periods.models import PackedAttempts
from periods.packing import pack_attempts
from tests.board.page_client import signed_in
from tests.periods.read_history import ReadHistory
from tests.settable_clock import SettableClock

PAGES = ("scoreboard", "matrix", "calendar", "past_deadline", "alerts")
TOKEN = re.compile(rb'(?<=name="csrfmiddlewaretoken" value=")[A-Za-z0-9]{64}')


def pages(browser: Client, at: datetime, codes: list[str]) -> dict[str, bytes]:
    """The bytes of each page as of a moment, and of the pages of entities, by address."""
    addresses = [reverse(name) for name in PAGES] + [reverse("entity", args=[code]) for code in codes]
    found = {}
    for address in addresses:
        response = browser.get(f"{address}?at={at:%Y-%m-%dT%H:%M}&month=2026-05")
        assert response.status_code == 200, address
        found[address] = TOKEN.sub(b"", response.content)
    return found


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(2))
def test_pages_of_past_moments_keep_their_bytes(seed: int, clock: SettableClock) -> None:
    history = ReadHistory(random.Random(seed))
    begun = history.now
    history.live(history.now + timedelta(days=15))
    clock.at = history.now
    browser = signed_in(Person.objects.create_superuser("root@meridian.test", "a long enough password"))
    codes = list(history.group.entities)[::3]
    ago = (history.now - begun).total_seconds() / 60
    moments = [begun + timedelta(minutes=history.chance.randrange(int(ago))) for _ in range(10)]
    before = {at: pages(browser, at, codes) for at in moments}
    assert any(b"times" in page for shown in before.values() for page in shown.values())
    assert pack_attempts(history.now, keep=timedelta(days=2)) > 30
    assert PackedAttempts.objects.exists()
    for at in moments:
        after = pages(browser, at, codes)
        for address, page in before[at].items():
            assert after[address] == page, (at, address)
