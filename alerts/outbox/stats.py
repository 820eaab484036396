"""Reads the state of each channel and counts its messages, for pages and commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from infra.fast_cursor import fetch_rows

_CHANNELS = """
WITH counted AS (
    SELECT channel AS name, count(*) FILTER (WHERE state IN ('waiting', 'sending')) AS waiting,
           count(*) FILTER (WHERE state = 'parked') AS parked
    FROM alerts_delivery WHERE state IN ('waiting', 'sending', 'parked') GROUP BY channel
)
SELECT name, coalesce(held, false),
       CASE WHEN paused_until > clock_timestamp() THEN paused_until - clock_timestamp() END,
       coalesce(words, ''), coalesce(waiting, 0), coalesce(parked, 0)
FROM alerts_channel FULL JOIN counted USING (name) ORDER BY name <> 'email', name
"""


@dataclass(frozen=True, slots=True)
class ChannelStats:
    """One channel: whether it is held or paused, its last error, and how many messages wait or have failed."""

    name: str
    held: bool = False
    paused_for: timedelta | None = None
    words: str = ""
    waiting: int = 0
    failed: int = 0


def channel_stats() -> Mapping[str, ChannelStats]:
    """The channels that were ever in trouble or have messages not sent, by name, mail first."""
    return {row[0]: ChannelStats(*row) for row in fetch_rows(_CHANNELS)}
