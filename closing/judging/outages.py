"""Decides whether a connection to an ERP has an outage (05-reliability I2, E1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from closing.judging.notice_rules import NoticeKind

OUTAGE_AFTER = timedelta(minutes=30)  # or three intervals of a connection that is read less often
SAME_OUTAGE_WITHIN = timedelta(hours=2)  # an outage that comes back so soon is the same outage


@dataclass(frozen=True, slots=True)
class OutageInputs:
    """The results of reading a connection.

    `readings` holds the last reading of each entity that counts, None for one that was never read, and
    `first_attempt_at` the first attempt. `refused`: the newest finished attempt was refused access; `read_succeeded`:
    it was read. `past_restart_grace`: we have been back long enough to conclude that no reading comes.
    """

    interval: timedelta
    readings: Sequence[datetime | None]
    first_attempt_at: datetime | None
    refused: bool
    read_succeeded: bool
    past_restart_grace: bool

    @property
    def oldest_reading(self) -> datetime | None:
        """The oldest of the readings; None if an entity was never read, or there are none."""
        moments = [moment for moment in self.readings if moment is not None]
        return min(moments) if moments and len(moments) == len(self.readings) else None

    @property
    def longest_silence(self) -> timedelta:
        """How old a reading may grow before its connection has an outage."""
        return max(OUTAGE_AFTER, 3 * self.interval)

    def is_partly_read(self, as_of: datetime) -> bool:
        """Whether some entity was read lately: then the trouble is that of the others, not of the connection."""
        moments = [moment for moment in self.readings if moment is not None]
        return bool(moments) and as_of - max(moments) <= self.longest_silence


def has_outage(kind: NoticeKind, inputs: OutageInputs, as_of: datetime) -> bool | None:
    """Whether there is an outage of this kind now; None if that is not known, so that the earlier result stays."""
    if kind is NoticeKind.REFUSED:
        return True if inputs.refused else False if inputs.read_succeeded or not inputs.readings else None
    if not inputs.readings:
        return False
    since = inputs.first_attempt_at if None in inputs.readings else inputs.oldest_reading
    if since is None or as_of - since <= inputs.longest_silence:
        return False
    return True if inputs.past_restart_grace else None
