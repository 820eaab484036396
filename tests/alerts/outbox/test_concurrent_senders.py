"""Several senders at the outbox at once, each with a connection of its own."""

from __future__ import annotations

import threading

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from alerts.models import Delivery
from alerts.outbox import queue as outbox
from tests.faults.outbox_helpers import raise_notice, save_due_messages, save_late_group

pytestmark = pytest.mark.fault


def claimed_by(threads: int) -> list[int]:
    """Let so many threads claim until nothing is left; the messages of all claims."""
    found: list[int] = []
    start = threading.Barrier(threads)

    def run() -> None:
        try:
            start.wait()
            while held := outbox.claim_mail():
                found.append(held.delivery_id)
        finally:
            connection.close()

    started = [threading.Thread(target=run) for _ in range(threads)]
    for one in started:
        one.start()
    for one in started:
        one.join()
    return found


@pytest.mark.parametrize("a_minute", [0, 100_000])
def test_four_senders_never_hold_the_same_message(
    live_database: str, settings: Settings, a_minute: int
) -> None:
    settings.MAILS_LEAVE, settings.MAILS_A_MINUTE = True, a_minute
    rows = save_due_messages(raise_notice(save_late_group()), 400)
    found = claimed_by(4)
    assert len(found) == len(set(found)) == len(rows)
    assert set(Delivery.objects.values_list("fence", flat=True)) == {1}


def test_four_senders_keep_the_rate_exactly(live_database: str, settings: Settings) -> None:
    """D7: not one more than 30, though all four look at the same moment."""
    settings.MAILS_LEAVE, settings.MAILS_A_MINUTE = True, 30
    save_due_messages(raise_notice(save_late_group()), 200)
    assert len(claimed_by(4)) == 30
