"""Builds the silence card: an entity's silence, and the form to silence it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.urls import reverse

from alerts.routing.silences import LONGEST_REASON, MAX_DAYS_AHEAD
from board.entity.page_data import PageData
from board.web import labels
from closing.calendar.instants import local_date, zone_named
from closing.scoreboard.row import Row


@dataclass(frozen=True, slots=True)
class SilenceCard:
    """The silence and its form; `target` is "" for people who may not silence, and at a past moment.

    `lift_url` is "" if there is no silence of the entity itself: a group's silence is lifted on `all_url`.
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


def silence_card(row: Row, data: PageData) -> SilenceCard:
    """The silence of a row at the moment of the request, without a query."""
    entity, board_request = data.entity, data.board_request
    silence, writable = row.silence, data.writes and not board_request.past
    own = silence if silence is not None and not silence.group else None
    today = local_date(board_request.as_of, zone_named(entity.zone))
    return SilenceCard(
        label=labels.silenced(silence) if silence is not None else "",
        of_group=silence is not None and own is None,
        target=f"entity:{entity.code}" if writable else "",
        lift_url=reverse("lift_silence", args=[own.silence_id]) if own is not None and writable else "",
        all_url=reverse("silences"),
        first_day=today.isoformat(),
        last_day=(today + timedelta(days=MAX_DAYS_AHEAD)).isoformat(),
        until=own.last_day.isoformat() if own is not None else "",
        reason=own.reason if own is not None else "",
    )
