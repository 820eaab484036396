"""Outages: connections that bring nothing new or are turned away, each told of once, whatever it reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Subquery

from alerts.evaluate.continuity import is_past_restart_grace
from alerts.models import Notice, Outage
from closing.calendar.instants import local_date, zone_named
from closing.judging.notice_rules import NoticeKind
from closing.judging.outages import OUTAGE_REASONS, SAME_OUTAGE_WITHIN, OutageInputs, has_outage
from entities.models import Connection, LegalEntity
from periods.models import SyncAttempt
from periods.snapshot.freshness import freshness

Outcome = SyncAttempt.Outcome


def raise_outages(as_of: datetime, since: datetime | None, silenced: Collection[int] = ()) -> list[Notice]:
    """Move the outages on to a moment, and write a notice of each open one that was not told of.

    One all of whose entities are silenced waits. `since` is when the evaluations began that have gone on until now.
    """
    looked = _looked(as_of, since)
    _move(looked, as_of)
    told = Notice.objects.filter(
        connection=OuterRef("connection"), kind=OuterRef("kind"), episode=OuterRef("episode")
    )
    untold = list(Outage.objects.filter(~Exists(told), closed_at=None, connection__in=looked).order_by("pk"))
    audible = _audible({each.connection_id for each in untold}, silenced)
    return Notice.objects.bulk_create(
        Notice(
            kind=each.kind,
            connection_id=each.connection_id,
            episode=each.episode,
            reason=OUTAGE_REASONS[NoticeKind(each.kind)].value,
            raised_at=as_of,
            read_at=looked[each.connection_id].oldest_reading,
            fresh=False,
        )
        for each in untold
        if each.connection_id in audible
    )


def _move(looked: Mapping[int, OutageInputs], as_of: datetime) -> None:
    last: dict[tuple[int, str], Outage] = {}
    for outage in Outage.objects.filter(connection__in=looked).order_by("episode"):
        last[outage.connection_id, outage.kind] = outage
    begun, moved = [], []
    for connection, how in looked.items():
        for kind in (NoticeKind.STALE, NoticeKind.REFUSED):
            before, now = last.get((connection, kind.value)), has_outage(kind, how, as_of)
            is_open = before is not None and before.closed_at is None
            if now is None or now == is_open:
                continue
            if before is not None and is_open:
                before.closed_at = as_of
                moved.append(before)
            elif before is not None and before.closed_at and as_of - before.closed_at < SAME_OUTAGE_WITHIN:
                before.closed_at = None
                moved.append(before)
            else:
                episode = 1 if before is None else before.episode + 1
                begun.append(
                    Outage(connection_id=connection, kind=kind.value, episode=episode, opened_at=as_of)
                )
    Outage.objects.bulk_update(moved, ["closed_at"])
    Outage.objects.bulk_create(begun)


def _looked(as_of: datetime, since: datetime | None) -> dict[int, OutageInputs]:
    """Every connection that is meant to be read, by its id."""
    ended = SyncAttempt.objects.filter(connection=OuterRef("pk"), started_at__lte=as_of).exclude(
        outcome=Outcome.RUNNING
    )
    first = SyncAttempt.objects.filter(connection=OuterRef("pk")).order_by("started_at")
    connections = Connection.objects.filter(paused=False).annotate(
        newest=Subquery(ended.order_by("-started_at", "-pk").values("outcome")[:1]),
        tried_since=Subquery(first.values("started_at")[:1]),
    )
    rows = list(connections.values_list("pk", "interval_seconds", "newest", "tried_since"))
    connection_of = _counting([pk for pk, *_ in rows], as_of)
    readings: dict[int | None, list[datetime | None]] = defaultdict(list)
    for entity, reading in freshness(sorted(connection_of), as_of).items():
        if (
            reading.read_at is not None or reading.read_error
        ):  # else it is new, and its first reading is under way
            readings[connection_of[entity]].append(reading.read_at)
    found = {}
    for pk, seconds, newest, tried_since in rows:
        interval = timedelta(seconds=seconds)
        found[pk] = OutageInputs(
            interval,
            readings[pk],
            tried_since,
            refused=newest == Outcome.REFUSED,
            read_succeeded=newest in SyncAttempt.READ_OUTCOMES,
            past_restart_grace=is_past_restart_grace(since, interval, as_of),
        )
    return found


def _counting(connections: Collection[int], as_of: datetime) -> dict[int, int]:
    """The entities of connections that count on their own local day, each with its connection."""
    entities = LegalEntity.objects.filter(connection__in=connections)
    found = {}
    for pk, connection, zone, first, last in entities.values_list(
        "pk", "connection", "zone", "active_from", "active_to"
    ):
        today = local_date(as_of, zone_named(zone))
        if (first is None or first <= today) and (last is None or last >= today):
            found[pk] = connection
    return found


def _audible(connections: Collection[int], silenced: Collection[int]) -> set[int | None]:
    """Those of the connections that read an entity which is not silenced."""
    entities = LegalEntity.objects.filter(connection__in=connections).exclude(pk__in=silenced)
    return set(entities.order_by().values_list("connection", flat=True).distinct())
