"""Queries the events of the audit log that a person may see, a page at a time by key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Self

from django.db.models import BooleanField, Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL

from board.audit.event_filter import EventFilter
from board.web.board_query import InvalidQuery
from board.web.board_request import BoardRequest
from board.web.readers import AuditAccess
from closing.calendar.instants import end_of_day, start_of_day
from entities.models import LegalEntity, Person
from infra.models import AuditEvent

PAGE_SIZE = 50
MOST_COUNTED = 10_000  # events; above it the page says "more than"
_CURSOR_FORMAT = "%Y%m%dT%H%M%S.%f"


@dataclass(frozen=True, slots=True)
class EventKey:
    """The place of an event in the order of the page; events of one moment follow their ids."""

    at: datetime
    id: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key of a URL's parameter; raises InvalidQuery."""
        moment, _, number = text.partition("-")
        try:
            at = datetime.strptime(moment, _CURSOR_FORMAT).replace(tzinfo=UTC)
            if not number.isascii() or not number.isdigit() or int(number) >= 2**63:
                raise ValueError
        except ValueError:
            raise InvalidQuery(
                f"There is no page “{text[:40]}” of the audit log. Open its first page."
            ) from None
        return cls(at, int(number))

    def __str__(self) -> str:
        return f"{self.at.astimezone(UTC):{_CURSOR_FORMAT}}-{self.id}"


@dataclass(frozen=True, slots=True)
class EventPage:
    """The events of one page, newest first; the keys that the older and the newer page begin behind, if any."""

    events: Sequence[AuditEvent]
    older: EventKey | None
    newer: EventKey | None


def visible_events(access: AuditAccess) -> QuerySet[AuditEvent]:
    """The events whose group a person audits; those of the whole installation for `access.whole`.

    An event about an entity, or its policy, that has moved to a group elsewhere since is not among them.
    """
    if access.everything:
        return AuditEvent.objects.all()
    within = reduce(or_, (Q(scope__startswith=path) for path in access.paths))
    here = reduce(or_, (Q(group__path__startswith=path) for path in access.paths))
    elsewhere = LegalEntity.objects.filter(~here)
    code = OuterRef("object_id")
    return AuditEvent.objects.filter(
        within | Q(scope="") if access.whole else within,
        ~Q(Exists(elsewhere.filter(code=code)), object_kind="entity"),
        ~Q(Exists(elsewhere.filter(policy__code=code)), object_kind="policy"),
    )


def filtered_events(
    access: AuditAccess, filters: EventFilter, board_request: BoardRequest
) -> QuerySet[AuditEvent]:
    """The visible events that pass every filter, newest first; days are those of the reader's zone."""
    zone = board_request.reader.zone
    events = visible_events(access).filter(
        at__gte=start_of_day(filters.days.first, zone), at__lt=end_of_day(filters.days.last, zone)
    )
    if filters.verb:
        events = events.filter(verb=filters.verb)
    if filters.through:
        events = events.filter(through=filters.through)
    if filters.who:
        people = Person.objects.filter(Q(email__icontains=filters.who) | Q(name__icontains=filters.who))
        events = events.filter(Q(actor__icontains=filters.who) | Q(actor_id__in=people.values("pk")))
    if filters.object:
        events = events.filter(Q(object__icontains=filters.object) | Q(object_id__icontains=filters.object))
    return events.order_by("-at", "-id")


def event_page(
    events: QuerySet[AuditEvent], older_than: EventKey | None, newer_than: EventKey | None
) -> EventPage:
    """The page behind a key, or the first one; in at most two statements, whatever its depth."""
    if newer_than is not None and older_than is None:
        next_ones = list(_behind(events, ">", newer_than).order_by("at", "id")[: PAGE_SIZE + 1])
        if len(next_ones) > PAGE_SIZE:
            shown = next_ones[:PAGE_SIZE][::-1]
            return EventPage(shown, _key(shown[-1]), _key(shown[0]))
    behind = events if older_than is None else _behind(events, "<", older_than)
    shown = list(behind[: PAGE_SIZE + 1])
    more = len(shown) > PAGE_SIZE
    shown = shown[:PAGE_SIZE]
    return EventPage(
        shown,
        _key(shown[-1]) if more else None,
        None if older_than is None else _key(shown[0]) if shown else older_than,
    )


def count_events(events: QuerySet[AuditEvent]) -> int:
    """How many events there are, up to MOST_COUNTED + 1."""
    return events.order_by()[: MOST_COUNTED + 1].count()


def entity_codes_with_page(board_request: BoardRequest, events: Sequence[AuditEvent]) -> set[str]:
    """The codes of those entities among the objects that have a page for the person, in one query."""
    codes = {event.object_id for event in events if event.object_kind == "entity"}
    return set(board_request.entities().filter(code__in=codes).values_list("code", flat=True))


def _key(event: AuditEvent) -> EventKey:
    return EventKey(event.at, event.pk)


def _behind(events: QuerySet[AuditEvent], sign: str, key: EventKey) -> QuerySet[AuditEvent]:
    """Compares moment and id as one row, which the index on both answers at any depth."""
    statement = f"(infra_auditevent.at, infra_auditevent.id) {sign} (%s, %s)"
    return events.filter(RawSQL(statement, [key.at, key.id], output_field=BooleanField()))  # noqa: S611 - our own
