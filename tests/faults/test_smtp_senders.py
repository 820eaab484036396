"""Several senders at one mail server: nobody sends what another is sending, and the provider's limit holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.outbox.queue import LEASE
from tests.closeboard.processes import poll_until
from tests.faults.outbox_helpers import (
    Senders,
    assert_all_arrived,
    count_unsent,
    raise_notice,
    save_due_messages,
    save_late_group,
)
from tests.faults.smtp_sink import Sink

pytestmark = [pytest.mark.fault, pytest.mark.slow]


def test_d6_nobody_else_claims_what_is_being_sent_slowly(
    live_database: str, live_stack_env: dict[str, str], smtp_sink: Sink, tmp_path: Path
) -> None:
    """Four senders, a server that takes 0.6 s a word (5 s a mail), a lease of 20 s: each message arrives once."""
    save_due_messages(raise_notice(save_late_group()), 8)
    smtp_sink.delay = 0.6
    env = live_stack_env | {"MAIL_URL": smtp_sink.url(), "MAILS_A_MINUTE": "0"}
    with Senders(env, tmp_path / "log", 20) as senders:
        for _ in range(4):
            senders.born()
        poll_until(lambda: not count_unsent(), 60, "everything is sent")
    assert_all_arrived(smtp_sink, 8, most_extra=0)


@pytest.mark.timeout(120)
def test_d7_four_senders_keep_the_rate_of_the_provider(
    live_database: str, live_stack_env: dict[str, str], smtp_sink: Sink, tmp_path: Path
) -> None:
    """30 a minute: in no 60 seconds, wherever they begin, does the server see more."""
    save_due_messages(raise_notice(save_late_group()), 60)
    env = live_stack_env | {"MAIL_URL": smtp_sink.url(), "MAILS_A_MINUTE": "30"}
    with Senders(env, tmp_path / "log", LEASE.total_seconds()) as senders:
        for _ in range(4):
            senders.born()
        poll_until(lambda: not count_unsent(), 100, "everything is sent")
    assert smtp_sink.most_in(60) == 30
    assert_all_arrived(smtp_sink, 60, most_extra=0)
