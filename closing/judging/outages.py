"""When a connection to an ERP is in trouble that people must hear of (05-reliability I2, E1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from closing.judging.notice_rules import NoticeKind, NoticeReason

OUTAGE_AFTER = timedelta(minutes=30)  # or three intervals, where a connection is read that seldom
SAME_OUTAGE_WITHIN = timedelta(hours=2)  # trouble that comes back so soon is the same trouble


@dataclass(frozen=True, slots=True)
class OutageInputs:
    """How reading a connection has gone.

    `readings` holds the last reading of each entity that counts, None for one that was never read, and
    `first_attempt_at` the first attempt. `refused` says that the newest attempt that ended was turned away, `read`
    that it brought something. `settled` says that we have been back for long enough to say that no reading comes.
    """

    interval: timedelta
    readings: Sequence[datetime | None]
    first_attempt_at: datetime | None
    refused: bool
    read_succeeded: bool
    past_restart_grace: bool

    @property
    def oldest_reading(self) -> datetime | None:
        """The oldest of the readings; None where one was never read, or there are none."""
        known = [each for each in self.readings if each is not None]
        return min(known) if known and len(known) == len(self.readings) else None


def has_outage(kind: NoticeKind, looked: OutageInputs, as_of: datetime) -> bool | None:
    """Whether there is trouble of this kind now; None where nobody can tell, so that whatever was known stays."""
    if kind is NoticeKind.REFUSED:
        return True if looked.refused else False if looked.read_succeeded or not looked.readings else None
    if not looked.readings:
        return False
    since = looked.first_attempt_at if None in looked.readings else looked.oldest_reading
    if since is None or as_of - since <= max(OUTAGE_AFTER, 3 * looked.interval):
        return False
    return True if looked.past_restart_grace else None


OUTAGE_REASONS = {NoticeKind.STALE: NoticeReason.NO_READING, NoticeKind.REFUSED: NoticeReason.ACCESS_REFUSED}
