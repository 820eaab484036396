"""What is true at the moment of sending: one look at the board serves the messages of a second, and no later one.

A message is judged by what was known less than a second before it left: nothing is told of an entity that had been
closed for a second when its message was claimed, nor to anybody who had lost sight of it (05-reliability A6, A10).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection as database

from alerts.raising import watching_since
from alerts.recipients import Around, people_around
from closing.scoreboard import Row
from entities.models import LegalEntity, Person
from periods.snapshot import take_snapshots

HOLDS_FOR = 1.0  # seconds
LOOKS_AHEAD = 200  # messages that are due, whose entities are looked up together
SETTLED_AFTER = timedelta(minutes=15)  # back for so long, whoever cannot be read cannot be read

Place = tuple[int, date]  # an entity and a reporting month


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look found, and when by this process's own clock."""

    taken: float
    as_of: datetime
    places: frozenset[Place]
    rows: dict[Place, Row]
    around: dict[int, Around]


class Truth:
    """The rows of the board that messages tell of. `as_of` is the moment it is made; time goes on from there."""

    def __init__(self, as_of: datetime) -> None:
        self._began = as_of, time.monotonic()
        self._look: _Look | None = None

    def now(self) -> datetime:
        """The moment by the clock that was read at the door, however long sending has taken since."""
        as_of, began = self._began
        return as_of + timedelta(seconds=time.monotonic() - began)

    def rows(self, places: Collection[Place], person: Person) -> tuple[dict[Place, Row], datetime]:
        """The rows that this person may see, and the moment they are of."""
        look = self._look
        if look is None or time.monotonic() - look.taken > HOLDS_FOR or not look.places.issuperset(places):
            self._look = look = self._taken(places)
        if not person.is_active:
            return {}, look.as_of
        seen = {
            place: look.rows[place]
            for place in places
            if place in look.rows and (person.is_superuser or person.pk in look.around[place[0]].everybody)
        }
        return seen, look.as_of

    def just_back(self) -> bool:
        """Whether nothing was evaluated until a moment ago: then what is stale may be long out of date."""
        now = self.now()
        since = watching_since(now)
        return since is None or now - since < SETTLED_AFTER

    def _taken(self, wanted: Iterable[Place]) -> _Look:
        places = frozenset(wanted) | self._of_what_is_due()
        taken, as_of = time.monotonic(), self.now()
        entities = LegalEntity.objects.filter(pk__in={entity for entity, _ in places})
        boards = take_snapshots(entities, sorted({month for _, month in places}), as_of)
        rows = {(row.entity_id, month): row for month, board in boards.items() for row in board.rows}
        return _Look(taken, as_of, places, rows, people_around({entity for entity, _ in places}))

    def _of_what_is_due(self) -> frozenset[Place]:
        with database.cursor() as cursor:
            cursor.execute(
                """
                SELECT DISTINCT period.entity_id, period.reporting_month
                FROM (SELECT id FROM alerts_delivery WHERE state = 'waiting' AND due_at <= clock_timestamp()
                      ORDER BY due_at, id LIMIT %s) due
                JOIN alerts_deliveryline line ON line.delivery_id = due.id
                JOIN alerts_notice notice ON notice.id = line.notice_id
                JOIN periods_fiscalperiod period ON period.id = notice.period_id
                """,
                [LOOKS_AHEAD],
            )
            return frozenset(cursor.fetchall())
