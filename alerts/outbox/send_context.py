"""What is true at the moment of sending: one look at the board serves the messages of a second, and no later one.

A message is judged by what was known less than a second before it left: nothing is told of an entity that had been
closed for a second when its message was claimed, nor to anybody who had lost sight of it (05-reliability A6, A10).
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection as database
from django.db.models import Prefetch

from alerts.evaluate.continuity import evaluating_since
from alerts.mail.message_lookups import MessageLookups, load_lookups
from alerts.models import Delivery, DeliveryLine, Destination
from alerts.outbox.queue import Claim
from alerts.routing.notice_scope import RowKey, RowKeysByNotice, row_keys_by_notice
from alerts.routing.recipients import EntityAudience, can_see, load_audiences
from closing.scoreboard.row import Row
from entities.models import LegalEntity, Person
from periods.snapshot.builder import take_snapshots

MAX_CONTEXT_AGE = 1.0  # seconds
PREFETCHED_MESSAGES = 200  # messages that are due, which are looked up together
MOST_LINES = 1_000  # of those
RESTART_GRACE = timedelta(minutes=15)  # back for so long, whoever cannot be read cannot be read


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look found, and when by this process's own clock."""

    taken: float
    as_of: datetime
    places: frozenset[RowKey]
    rows: dict[RowKey, Row]
    around: dict[int, EntityAudience]
    messages: dict[int, Delivery]
    told_of: RowKeysByNotice
    about: MessageLookups


class SendContext:
    """The rows of the board that messages tell of. `as_of` is the moment it is made; time goes on from there."""

    def __init__(self, as_of: datetime) -> None:
        self._began = as_of, time.monotonic()
        self._look: _Look | None = None

    def now(self) -> datetime:
        """The moment by the clock that was read at the door, however long sending has taken since."""
        as_of, began = self._began
        return as_of + timedelta(seconds=time.monotonic() - began)

    def message(self, held: Claim) -> Delivery:
        """The claimed message with its recipient and its lines, in the order in which they were raised."""
        look = self._look
        if look is None or time.monotonic() - look.taken > MAX_CONTEXT_AGE:
            self._look = look = _look(self.now(), [held.delivery_id])
        found = look.messages.get(held.delivery_id)
        # Lines are added until a message is claimed, so a look may have come before the last of them.
        if found is None or len(found.lines.all()) != held.lines:
            return load_messages([held.delivery_id])[held.delivery_id]
        return found

    def row_keys(self, message: Delivery) -> RowKeysByNotice:
        """What each notice of a message tells of, by the notice's id."""
        notices = [line.notice for line in message.lines.all()]
        look = self._look
        if look is not None and all(each.pk in look.told_of for each in notices):
            return {each.pk: look.told_of[each.pk] for each in notices}
        return row_keys_by_notice(notices)

    def rows(
        self, places: Collection[RowKey], reader: Person | Destination
    ) -> tuple[dict[RowKey, Row], datetime]:
        """The rows that this person may see, or that stand below this destination's group, and their moment."""
        look = self._look
        if (
            look is None
            or time.monotonic() - look.taken > MAX_CONTEXT_AGE
            or not look.places.issuperset(places)
        ):
            self._look = look = _look(self.now(), (), places)
        seen = {
            place: look.rows[place]
            for place in places
            if place in look.rows and can_see(reader, look.around[place[0]])
        }
        return seen, look.as_of

    @property
    def lookups(self) -> MessageLookups | None:
        """What mails say of the entities and people of the last look."""
        return self._look.about if self._look is not None else None

    def recently_restarted(self) -> bool:
        """Whether nothing was evaluated until a moment ago: then what is stale may be long out of date."""
        now = self.now()
        since = evaluating_since(now)
        return since is None or now - since < RESTART_GRACE


def _look(as_of: datetime, ids: Collection[int], also: Collection[RowKey] = ()) -> _Look:
    taken = time.monotonic()
    messages = load_messages([*ids, *_due_next()])
    told_of = row_keys_by_notice(line.notice for each in messages.values() for line in each.lines.all())
    places = frozenset(also).union(*told_of.values())
    entity_ids = {entity for entity, _ in places}
    entities = LegalEntity.objects.filter(pk__in=entity_ids)
    months = sorted({month for _, month in places})
    boards = take_snapshots(entities, months, as_of) if months else {}
    rows = {(row.entity_id, month): row for month, board in boards.items() for row in board.rows}
    people = {each.recipient_id for each in messages.values() if each.recipient_id is not None}
    known = load_lookups(entity_ids, people)
    return _Look(taken, as_of, places, rows, load_audiences(entity_ids), messages, told_of, known)


def _due_next() -> list[int]:
    """Messages that are about to be sent, by this process or another: a few hundred, or fewer long ones."""
    with database.cursor() as cursor:
        cursor.execute(
            """
            SELECT id FROM (
                SELECT due.id, sum(line.lines) OVER (ORDER BY due_at, due.id) AS lines
                FROM (SELECT id, due_at FROM alerts_delivery
                      WHERE state = 'waiting' AND due_at <= (SELECT clock_timestamp())
                      ORDER BY due_at, id LIMIT %s) due,
                     LATERAL (SELECT count(*) AS lines FROM alerts_deliveryline WHERE delivery_id = due.id) line
            ) ahead WHERE lines <= %s
            """,
            [PREFETCHED_MESSAGES, MOST_LINES],
        )
        return [pk for (pk,) in cursor.fetchall()]


def load_messages(ids: Collection[int]) -> dict[int, Delivery]:
    """Messages by id, each with its recipient and its lines in the order in which they were raised."""
    lines = DeliveryLine.objects.select_related(
        "notice__period__entity", "notice__connection", "notice__group"
    )
    in_order = Prefetch("lines", lines.order_by("notice__raised_at", "notice_id"))
    found = (
        Delivery.objects.filter(pk__in=ids)
        .select_related(
            "recipient", "destination__group", "destination__made_by", "trouble__destination__group"
        )
        .prefetch_related(in_order)
    )
    return {each.pk: each for each in found}
