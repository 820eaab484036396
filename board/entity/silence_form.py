"""Whether an entity is silenced, and the form with which whoever works on it silences it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.urls import reverse

from alerts.routing.silences import LONGEST_REASON, MOST_DAYS
from board.web import labels
from board.web.board_request import BoardRequest
from closing.calendar.instants import local_date, zone_named
from closing.scoreboard.row import Row
from entities.models import LegalEntity


@dataclass(frozen=True, slots=True)
class SilenceCard:
    """What stands, and the form; `place` is empty for who may not silence it, and at a past moment.

    `lift_url` is empty where there is nothing to lift here: a group's silence is lifted as a whole, on `all_url`.
    """

    label: str
    of_group: bool
    target: str
    lift_url: str
    all_url: str
    first_day: str
    last_day: str
    until: str
    reason: str
    longest: int = LONGEST_REASON

    @property
    def has_content(self) -> bool:
        return bool(self.label or self.target)


def silence_card(row: Row, asked: BoardRequest, entity: LegalEntity, *, writes: bool) -> SilenceCard:
    """The silence of a row at the moment asked for; nothing is asked of the database."""
    quiet, may = row.silence, writes and not asked.past
    own = quiet if quiet is not None and not quiet.group else None
    today = local_date(asked.as_of, zone_named(entity.zone))
    return SilenceCard(
        label=labels.silenced(quiet) if quiet is not None else "",
        of_group=quiet is not None and own is None,
        target=f"entity:{entity.code}" if may else "",
        lift_url=reverse("lift_silence", args=[own.silence_id]) if own is not None and may else "",
        all_url=reverse("silences"),
        first_day=today.isoformat(),
        last_day=(today + timedelta(days=MOST_DAYS)).isoformat(),
        until=own.last_day.isoformat() if own is not None else "",
        reason=own.reason if own is not None else "",
    )
