"""Outages of connections that are stale or refused; each causes one notice, however many entities it reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db.models import Exists, Max, OuterRef, Subquery

from alerts.evaluate.continuity import is_past_restart_grace
from alerts.models import CONNECTION_NOTICES, Notice, Outage
from closing.calendar.instants import local_date, zone_named
from closing.judging.notice_rules import HOLD_DOWN, NoticeKind, NoticeReason
from closing.judging.outages import OUTAGE_REASONS, SAME_OUTAGE_WITHIN, OutageInputs, has_outage
from entities.models import Connection, LegalEntity
from periods.models import SyncAttempt
from periods.snapshot.freshness import freshness

Outcome = SyncAttempt.Outcome
END_IS_NEWS = timedelta(days=2)  # an earlier end is shown by the board only


def raise_outages(as_of: datetime, since: datetime | None, silenced: Collection[int] = ()) -> list[Notice]:
    """Open and close outages as of a moment, and write a notice of each open one that has none.

    An outage whose entities are all silenced waits. `since` is the start of the current run of evaluations.
    """
    inputs = _outage_inputs(as_of, since)
    last = _update_outages(inputs, as_of)
    notices = Notice.objects.filter(
        connection=OuterRef("connection"), kind=OuterRef("kind"), episode=OuterRef("episode")
    )
    due = list(Outage.objects.filter(~Exists(notices), closed_at=None, connection__in=inputs).order_by("pk"))
    audible = _audible({outage.connection_id for outage in due}, silenced)
    raised = [
        Notice(
            kind=outage.kind,
            connection_id=outage.connection_id,
            episode=outage.episode,
            reason=_reason(NoticeKind(outage.kind), inputs[outage.connection_id], as_of).value,
            raised_at=as_of,
            read_at=inputs[outage.connection_id].oldest_reading,
            fresh=False,
        )
        for outage in due
        if outage.connection_id in audible
    ]
    return Notice.objects.bulk_create([*raised, *_ends_of_trouble(last, inputs, as_of)])


def _reason(kind: NoticeKind, inputs: OutageInputs, as_of: datetime) -> NoticeReason:
    if kind is NoticeKind.STALE and inputs.is_partly_read(as_of):
        return NoticeReason.PARTLY_READ
    return OUTAGE_REASONS[kind]


def _update_outages(inputs: Mapping[int, OutageInputs], as_of: datetime) -> dict[tuple[int, str], Outage]:
    """Open and close outages; returns the last one of each connection and kind."""
    last: dict[tuple[int, str], Outage] = {}
    for outage in Outage.objects.filter(connection__in=inputs).order_by("episode"):
        last[outage.connection_id, outage.kind] = outage
    opened, changed = [], []
    ended_at = _ends_reported(
        {
            pk
            for (pk, _), outage in last.items()
            if outage.closed_at and as_of - outage.closed_at < SAME_OUTAGE_WITHIN
        }
    )
    for connection, current in inputs.items():
        for kind in (NoticeKind.STALE, NoticeKind.REFUSED):
            before, now = last.get((connection, kind.value)), has_outage(kind, current, as_of)
            is_open = before is not None and before.closed_at is None
            if now is None or now == is_open:
                continue
            if before is not None and is_open:
                before.closed_at = as_of
                changed.append(before)
            elif (
                before is not None
                and before.closed_at
                and as_of - before.closed_at < SAME_OUTAGE_WITHIN
                and ended_at.get(connection, before.opened_at) < before.closed_at
            ):
                before.closed_at = None
                changed.append(before)
            else:
                episode = 1 if before is None else before.episode + 1
                outage = Outage(connection_id=connection, kind=kind.value, episode=episode, opened_at=as_of)
                opened.append(outage)
                last[connection, kind.value] = outage
    Outage.objects.bulk_update(changed, ["closed_at"])
    Outage.objects.bulk_create(opened)
    return last


def _ends_reported(connections: Collection[int]) -> dict[int | None, datetime]:
    """When the end of each connection's trouble was last reported."""
    if not connections:
        return {}
    notices = Notice.objects.filter(kind=NoticeKind.READ_AGAIN.value, connection__in=connections).order_by()
    return dict(notices.values_list("connection").annotate(Max("raised_at")))


def _ends_of_trouble(
    last: Mapping[tuple[int, str], Outage], inputs: Mapping[int, OutageInputs], as_of: datetime
) -> list[Notice]:
    """A notice of each connection whose trouble was reported and has ended: the next one is then a new outage."""
    outages: dict[int, list[Outage]] = defaultdict(list)
    for (connection, _), outage in last.items():
        outages[connection].append(outage)
    ended = {pk for pk, own in outages.items() if _has_ended(own, inputs[pk], as_of)}
    if not ended:
        return []
    notices = Notice.objects.filter(CONNECTION_NOTICES, connection__in=ended).order_by("raised_at", "pk")
    reported: dict[int | None, int] = defaultdict(int)
    pending: set[int | None] = set()
    for connection_id, kind in notices.values_list("connection", "kind"):
        if kind == NoticeKind.READ_AGAIN.value:
            reported[connection_id] += 1
            pending.discard(connection_id)
        else:
            pending.add(connection_id)
    return [
        Notice(
            kind=NoticeKind.READ_AGAIN.value,
            connection_id=pk,
            episode=reported[pk] + 1,
            reason=NoticeReason.TROUBLE_ENDED.value,
            raised_at=as_of,
            read_at=inputs[pk].oldest_reading,
            fresh=True,
        )
        for pk in sorted(ended)
        if pk in pending
    ]


def _has_ended(outages: Collection[Outage], inputs: OutageInputs, as_of: datetime) -> bool:
    """Whether a connection's outages ended lately, and it has been read anew since, or long enough ago."""
    closed = [outage.closed_at for outage in outages if outage.closed_at is not None]
    read_at = inputs.oldest_reading
    if len(closed) < len(outages) or read_at is None:
        return False
    since = as_of - max(closed)
    return HOLD_DOWN <= since < END_IS_NEWS and (read_at > max(closed) or since >= SAME_OUTAGE_WITHIN)


def _outage_inputs(as_of: datetime, since: datetime | None) -> dict[int, OutageInputs]:
    """The inputs of every connection that is not paused, by its id."""
    ended = SyncAttempt.objects.filter(connection=OuterRef("pk"), started_at__lte=as_of).exclude(
        outcome=Outcome.RUNNING
    )
    first = SyncAttempt.objects.filter(connection=OuterRef("pk")).order_by("started_at")
    connections = Connection.objects.filter(paused=False).annotate(
        newest=Subquery(ended.order_by("-started_at", "-pk").values("outcome")[:1]),
        tried_since=Subquery(first.values("started_at")[:1]),
    )
    rows = list(connections.values_list("pk", "interval_seconds", "newest", "tried_since"))
    connection_of = _active_entities([pk for pk, *_ in rows], as_of)
    readings: dict[int | None, list[datetime | None]] = defaultdict(list)
    for entity, reading in freshness(sorted(connection_of), as_of).items():
        if reading.read_at is not None or reading.read_error:  # else new, and its first reading is under way
            readings[connection_of[entity]].append(reading.read_at)
    inputs = {}
    for pk, seconds, newest, tried_since in rows:
        interval = timedelta(seconds=seconds)
        inputs[pk] = OutageInputs(
            interval,
            readings[pk],
            tried_since,
            refused=newest == Outcome.REFUSED,
            read_succeeded=newest in SyncAttempt.READ_OUTCOMES,
            past_restart_grace=is_past_restart_grace(since, interval, as_of),
        )
    return inputs


def _active_entities(connections: Collection[int], as_of: datetime) -> dict[int, int]:
    """The entities of connections that are active on their own local day, each with its connection."""
    entities = LegalEntity.objects.filter(connection__in=connections)
    connection_of = {}
    for pk, connection, zone, first, last in entities.values_list(
        "pk", "connection", "zone", "active_from", "active_to"
    ):
        today = local_date(as_of, zone_named(zone))
        if (first is None or first <= today) and (last is None or last >= today):
            connection_of[pk] = connection
    return connection_of


def _audible(connections: Collection[int], silenced: Collection[int]) -> set[int | None]:
    """The connections that read at least one entity which is not silenced."""
    entities = LegalEntity.objects.filter(connection__in=connections).exclude(pk__in=silenced)
    return set(entities.order_by().values_list("connection", flat=True).distinct())
