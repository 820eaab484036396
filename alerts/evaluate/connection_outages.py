"""Outages of connections that are stale or refused; each causes one notice, however many entities it reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db.models import Max, Q

from alerts.evaluate.continuity import is_past_restart_grace
from alerts.models import Notice, Outage
from alerts.routing.evaluation_context import EvaluatedEntity, EvaluationContext
from closing.calendar.instants import local_date, zone_named
from closing.judging.notice_rules import (
    HOLD_DOWN,
    SAME_OUTAGE_WITHIN,
    NoticeKind,
    NoticeReason,
    OutageInputs,
    has_outage,
)
from periods.models import SyncAttempt

Outcome = SyncAttempt.Outcome
Outages = dict[tuple[int, str], Outage]  # the last recent one of each connection and kind
LastNotices = Mapping[tuple[int, str], Notice]  # the last one about each connection by its kind
END_IS_NEWS = timedelta(days=2)  # an earlier end is shown by the board only


def outage_notices(context: EvaluationContext) -> list[Notice]:
    """Open and close outages; returns an unsaved notice of each open one that has none, and of each end of trouble.

    An outage whose entities are all silenced waits.
    """
    inputs, as_of = _outage_inputs(context), context.as_of
    news = Q(closed_at=None) | Q(closed_at__gt=as_of - END_IS_NEWS)
    outages = Outage.objects.filter(news, connection__in=inputs).order_by("episode")
    last = {(outage.connection_id, outage.kind): outage for outage in outages}
    notices = _last_notices({connection for connection, _ in last})
    _update_outages(last, notices, inputs, as_of)
    due = [
        outage
        for key, outage in last.items()
        if outage.closed_at is None and (key not in notices or notices[key].episode != outage.episode)
    ]
    audible = {
        entity.connection for pk, entity in context.entities.items() if due and pk not in context.silences
    }
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
        for outage in sorted(due, key=lambda outage: outage.pk)
        if outage.connection_id in audible
    ]
    return [*raised, *_ends_of_trouble(last, notices, inputs, as_of)]


def _reason(kind: NoticeKind, inputs: OutageInputs, as_of: datetime) -> NoticeReason:
    if kind is NoticeKind.STALE and inputs.is_partly_read(as_of):
        return NoticeReason.PARTLY_READ
    return NoticeReason.ACCESS_REFUSED if kind is NoticeKind.REFUSED else NoticeReason.NO_READING


def _update_outages(
    last: Outages, notices: LastNotices, inputs: Mapping[int, OutageInputs], as_of: datetime
) -> None:
    """Open and close outages, here and in the table; `last` then holds the new ones."""
    opened, changed = [], []
    for connection, current in inputs.items():
        end = notices.get((connection, NoticeKind.READ_AGAIN.value))
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
                and (end is None or end.raised_at < before.closed_at)
            ):
                before.closed_at = None
                changed.append(before)
            else:
                outage = Outage(connection_id=connection, kind=kind.value, opened_at=as_of)
                opened.append(outage)
                last[connection, kind.value] = outage
    Outage.objects.bulk_update(changed, ["closed_at"])
    _number(opened)
    Outage.objects.bulk_create(opened)


def _number(opened: Collection[Outage]) -> None:
    """Give each new outage the number after that of the last one of its connection and kind."""
    if not opened:
        return
    earlier = Outage.objects.filter(connection__in={outage.connection_id for outage in opened}).order_by()
    numbers = {
        (connection, kind): number
        for connection, kind, number in earlier.values_list("connection", "kind").annotate(Max("episode"))
    }
    for outage in opened:
        outage.episode = numbers.get((outage.connection_id, outage.kind), 0) + 1


def _last_notices(connections: Collection[int]) -> LastNotices:
    """The last notice of each kind about each connection, found by index however many there are."""
    if not connections:
        return {}
    notices = Notice.objects.raw(
        """
        SELECT notice.* FROM unnest(%s::bigint[]) AS connection(id) CROSS JOIN unnest(%s::text[]) AS kind(name)
        CROSS JOIN LATERAL (SELECT * FROM alerts_notice WHERE connection_id = connection.id AND kind = kind.name
                            ORDER BY episode DESC LIMIT 1) notice
        """,
        [list(connections), [*Outage.KINDS, NoticeKind.READ_AGAIN.value]],
    )
    return {(notice.connection_id or 0, notice.kind): notice for notice in notices}


def _ends_of_trouble(
    last: Outages, notices: LastNotices, inputs: Mapping[int, OutageInputs], as_of: datetime
) -> list[Notice]:
    """A notice of each connection whose trouble was reported and has ended: the next one is then a new outage."""
    outages: dict[int, list[Outage]] = defaultdict(list)
    for (connection, _), outage in last.items():
        outages[connection].append(outage)
    ends = []
    for pk, own in sorted(outages.items()):
        end = notices.get((pk, NoticeKind.READ_AGAIN.value))
        reported = [notices[pk, kind] for kind in Outage.KINDS if (pk, kind) in notices]
        if end is not None:
            reported = [row for row in reported if (row.raised_at, row.pk) > (end.raised_at, end.pk)]
        if reported and _has_ended(own, inputs[pk], as_of):
            ends.append(
                Notice(
                    kind=NoticeKind.READ_AGAIN.value,
                    connection_id=pk,
                    episode=end.episode + 1 if end is not None else 1,
                    reason=NoticeReason.TROUBLE_ENDED.value,
                    raised_at=as_of,
                    read_at=inputs[pk].oldest_reading,
                    fresh=True,
                )
            )
    return ends


def _has_ended(outages: Collection[Outage], inputs: OutageInputs, as_of: datetime) -> bool:
    """Whether a connection's outages ended lately, and it has been read anew since, or long enough ago."""
    closed = [outage.closed_at for outage in outages if outage.closed_at is not None]
    read_at = inputs.oldest_reading
    if len(closed) < len(outages) or read_at is None:
        return False
    since = as_of - max(closed)
    return HOLD_DOWN <= since < END_IS_NEWS and (read_at > max(closed) or since >= SAME_OUTAGE_WITHIN)


def _outage_inputs(context: EvaluationContext) -> dict[int, OutageInputs]:
    """The inputs of every connection that is not paused, by its id."""
    readings: dict[int | None, list[datetime | None]] = defaultdict(list)
    for pk, entity in context.entities.items():
        reading = context.readings[pk]
        # One that was neither read nor failed is new, and its first reading is under way.
        if (reading.read_at is not None or reading.read_error) and _is_active(entity, context.as_of):
            readings[entity.connection].append(reading.read_at)
    return {
        pk: OutageInputs(
            row.interval,
            readings[pk],
            row.first_attempt_at,
            refused=row.outcome == Outcome.REFUSED,
            read_succeeded=row.outcome in SyncAttempt.READ_OUTCOMES,
            past_restart_grace=is_past_restart_grace(context, row.interval),
        )
        for pk, row in context.connections.items()
        if not row.paused
    }


def _is_active(entity: EvaluatedEntity, as_of: datetime) -> bool:
    today = local_date(as_of, zone_named(entity.zone))
    return (entity.active_from is None or entity.active_from <= today) and (
        entity.active_to is None or entity.active_to >= today
    )
