"""The board as senders see it: one read serves the messages of one second, and no later ones.

A message is checked against data read less than a second before it leaves: it reports no entity that had been closed
for a second when it was claimed, and reaches nobody who could no longer see the entity (05-reliability A6, A10).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Prefetch

from alerts.evaluate.continuity import evaluating_since
from alerts.mail.message_lookups import MessageLookups, load_lookups
from alerts.models import Delivery, DeliveryLine, Destination
from alerts.outbox.queue import Claim
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.notice_scope import RowKey, RowKeysByNotice, row_keys_by_notice
from alerts.routing.recipients import EntityAudience, can_see, load_audiences
from closing.blockers.row_blockers import BLOCKERS
from closing.scoreboard.row import REMARKS, SILENCE, Row
from entities.models import LegalEntity, Person
from infra.fast_cursor import fetch_rows
from periods.snapshot.annotations import foreign_entities, redacted
from periods.snapshot.builder import take_unredacted

MAX_CONTEXT_AGE = 1.0  # seconds
PREFETCHED_MESSAGES = 200  # due messages that are loaded together
MOST_LINES = 1_000  # of the prefetched messages together
RESTART_GRACE = timedelta(minutes=15)  # an entity still stale this long after a restart cannot be read


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The data of one read of the board; `loaded_at` is by this process's own monotonic clock."""

    loaded_at: float
    as_of: datetime
    keys: frozenset[RowKey]
    rows: dict[RowKey, Row]
    audiences: dict[int, EntityAudience]
    messages: dict[int, Delivery]
    keys_by_notice: RowKeysByNotice
    lookups: MessageLookups


class SendContext:
    """The rows of the board that messages report. `as_of` is the moment it is made; time goes on from there."""

    def __init__(self, as_of: datetime) -> None:
        self._start = as_of, time.monotonic()
        self._loaded: _Loaded | None = None

    def now(self) -> datetime:
        """`as_of` plus the time that sending has taken since."""
        as_of, began = self._start
        return as_of + timedelta(seconds=time.monotonic() - began)

    def message(self, claim: Claim) -> Delivery:
        """The claimed message with its recipient and its lines, in the order in which they were raised."""
        message = self._newest([claim.delivery_id]).messages.get(claim.delivery_id)
        # Lines are added until a message is claimed, so it may have been loaded before the last of them.
        if message is None or len(message.lines.all()) != claim.lines:
            return load_messages([claim.delivery_id])[claim.delivery_id]
        return message

    def row_keys(self, message: Delivery) -> RowKeysByNotice:
        """The row keys of each notice of a message, by the notice's id."""
        notices = [line.notice for line in message.lines.all()]
        loaded = self._loaded
        if loaded is not None and all(notice.pk in loaded.keys_by_notice for notice in notices):
            return {notice.pk: loaded.keys_by_notice[notice.pk] for notice in notices}
        return row_keys_by_notice(notices)

    def rows(
        self, keys: Collection[RowKey], reader: Person | Destination
    ) -> tuple[dict[RowKey, Row], datetime]:
        """The rows that this person may see, or that stand below this destination's group, and their moment."""
        loaded = self._newest((), keys)
        visible = {
            key: _as_seen(loaded.rows[key], reader, loaded.audiences)
            for key in keys
            if key in loaded.rows and can_see(reader, loaded.audiences[key[0]])
        }
        return visible, loaded.as_of

    def _newest(self, ids: Collection[int], keys: Collection[RowKey] = ()) -> _Loaded:
        """The data of less than MAX_CONTEXT_AGE ago with these rows; loaded anew it also holds these messages."""
        loaded = self._loaded
        if (
            loaded is None
            or time.monotonic() - loaded.loaded_at > MAX_CONTEXT_AGE
            or not loaded.keys.issuperset(keys)
        ):
            self._loaded = loaded = _load(self.now(), ids, keys)
        return loaded

    @property
    def lookups(self) -> MessageLookups | None:
        """The lookups for composing mails, of the entities and people loaded last."""
        return self._loaded.lookups if self._loaded is not None else None

    def recently_restarted(self) -> bool:
        """Whether evaluations began only within RESTART_GRACE: a stale reading may then be long out of date."""
        now = self.now()
        since = evaluating_since(EvaluationContext(now))
        return since is None or now - since < RESTART_GRACE


def _as_seen(row: Row, reader: Person | Destination, audiences: Mapping[int, EntityAudience]) -> Row:
    """The row without what its annotations say of entities that the reader may not see."""
    foreign = foreign_entities(row)
    if not foreign:
        return row
    return redacted(row, frozenset(pk for pk in foreign if can_see(reader, audiences[pk])))


def _load(as_of: datetime, ids: Collection[int], more_keys: Collection[RowKey] = ()) -> _Loaded:
    loaded_at = time.monotonic()
    messages = load_messages([*ids, *_due_next()])
    keys_by_notice = row_keys_by_notice(line.notice for row in messages.values() for line in row.lines.all())
    keys = frozenset(more_keys).union(*keys_by_notice.values())
    entity_ids = {entity for entity, _ in keys}
    entities = LegalEntity.objects.filter(pk__in=entity_ids)
    months = sorted({month for _, month in keys})
    rows: dict[RowKey, Row] = {}
    if months:
        taken = take_unredacted(entities, months, as_of, annotations=(REMARKS, SILENCE, BLOCKERS))
        rows = {(row.entity_id, month): row for month, board in taken.boards.items() for row in board.rows}
    foreign = frozenset().union(*(foreign_entities(row) for row in rows.values()))
    people = {message.recipient_id for message in messages.values() if message.recipient_id is not None}
    lookups, audiences = load_lookups(entity_ids, people), load_audiences(entity_ids | foreign)
    return _Loaded(loaded_at, as_of, keys, rows, audiences, messages, keys_by_notice, lookups)


def _due_next() -> list[int]:
    """Ids of messages that this process or another is about to send: a few hundred, or fewer long ones."""
    rows = fetch_rows(
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
    return [pk for (pk,) in rows]


def load_messages(ids: Collection[int]) -> dict[int, Delivery]:
    """Messages by id, each with its recipient and its lines in the order in which they were raised."""
    lines = DeliveryLine.objects.select_related(
        "notice__period__entity", "notice__connection", "notice__group"
    )
    in_order = Prefetch("lines", lines.order_by("notice__raised_at", "notice_id"))
    messages = (
        Delivery.objects.filter(pk__in=ids)
        .select_related(
            "recipient", "destination__group", "destination__made_by", "trouble__destination__group"
        )
        .prefetch_related(in_order)
    )
    return {message.pk: message for message in messages}
