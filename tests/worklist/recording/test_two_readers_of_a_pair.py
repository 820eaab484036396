"""Both sides of a pair are stored at the same time: the reader that comes second compares with both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from entities.models import Connection, LegalEntity
from tests.builders import utc
from tests.threads import at_once
from tests.worklist.position_reads import (
    balance,
    finish_read,
    positions_read,
    rates_of_may,
    without_foreign_currency,
    words_in_force,
)
from worklist.models import WorkAttempt

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("live_database")]
NIGHT = "2026-06-12 03:10"


def test_no_side_is_lost_when_both_arrive_at_once(live_database: str, source: Connection) -> None:
    rates_of_may()
    without_foreign_currency("UKRT", "NLDT")
    other = Connection.objects.create(name="other", kind="finops", base_url="http://127.0.0.1:9100")
    LegalEntity.objects.filter(code="NLDT").update(connection=other)
    for round_ in range(8):
        amount = 127_000 + 1_000 * round_
        reads = [
            read_of(source, round_, "UKRT", "NLDT", f"-{108_000 + round_}"),
            read_of(other, round_, "NLDT", "UKRT", f"{amount}"),
        ]
        at_once(*reads)
        apart = amount - (108_000 + round_) * 1.17
        assert ("NLDT/UKRT", "EUR", 1, f"{apart:.2f}", None) in words_in_force()


def read_of(source: Connection, round_: int, entity: str, partner: str, claim: str) -> Callable[[], None]:
    """A read that began in its minute, to be recorded."""
    started_at = utc("2026-06-12 08:00") + timedelta(minutes=round_)
    attempt = WorkAttempt.objects.create(
        connection=source, turn=3, started_at=started_at, lease_until=started_at + timedelta(minutes=3)
    )
    return lambda: finish_read(attempt, positions_read(balance(entity, partner, claim, NIGHT)))
