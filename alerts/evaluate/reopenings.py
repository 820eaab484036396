"""Reopenings: one notice for each period that is open again after it had been closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Exists, F, OuterRef, Subquery

from alerts.models import Notice
from alerts.routing.evaluation_context import EvaluationContext
from closing.calendar.instants import zone_named
from closing.facts.readings import PeriodType
from closing.judging.notice_rules import HOLD_DOWN, NoticeKind, NoticeReason
from closing.judging.standing import PeriodHistory, after_period_end, fold
from closing.judging.states import PeriodState
from periods.lookups import changes_by_period
from periods.models import PeriodDeadline, StateChange

LOOKBACK = timedelta(days=2)  # an older reopening is shown by the board only


def reopening_notices(context: EvaluationContext) -> list[Notice]:
    """An unsaved notice of each close that had lasted before it was undone, and is still undone.

    A permanent close that was undone has a notice of its own, whether it had lasted or is closed again: one of a
    period in HOLD_DOWN, however often it was undone in that time.
    """
    as_of = context.as_of
    due = PeriodDeadline.objects.filter(period=OuterRef("period"), current=True)
    reopenings = (
        StateChange.objects.filter(
            seen_at__gt=as_of - LOOKBACK,
            previous_state__in=["closed", "on_hold"],
            state__in=["open", "on_hold"],
            period__type=PeriodType.OPERATING.value,
            period__last_day__lte=as_of.astimezone(UTC).date(),  # it ended in the zone that is furthest ahead
        )
        .exclude(state=F("previous_state"))
        .exclude(Exists(Notice.objects.filter(change=OuterRef("pk"))))
        .order_by("seen_at", "pk")
        .annotate(
            entity=F("period__entity"),
            zone=F("period__entity__zone"),
            last_day=F("period__last_day"),
            state_now=F("period__state"),
            days_late=F("period__flag__days_late"),
            due_on=Subquery(due.values("due_on")[:1]),
            version=Subquery(due.values("policy_version")[:1]),
        )
    )
    rows: list[Any] = [  # not of an entity that was added while this evaluation runs
        row
        for row in reopenings
        if row.entity in context.entities
        and after_period_end(row.seen_at, row.last_day, zone_named(row.zone))
    ]
    if not rows:
        return []
    changes = changes_by_period(sorted({row.period_id for row in rows}), as_of)
    folded = {
        row.period_id: fold(changes[row.period_id], context.policies[row.entity].judging) for row in rows
    }
    notices = []
    for row in rows:
        closed = context.policies[row.entity].judging.counts_as_closed
        was, became, now = map(PeriodState, (row.previous_state, row.state, row.state_now))
        still_undone = closed(was) and not closed(became) and not closed(now)
        lasted = any(  # whatever else of it changed in that time
            undone_at == row.seen_at and undone_at - close.seen_at >= HOLD_DOWN
            for close, undone_at in folded[row.period_id].undone_closes
        )
        if still_undone and lasted:
            notices.append(_notice(NoticeReason.CLOSE_UNDONE, row, now, context, change_id=row.pk))
    return notices + _permanent_reopenings(rows, folded, context)


def _permanent_reopenings(
    rows: Sequence[Any], folded: Mapping[int, PeriodHistory], context: EvaluationContext
) -> list[Notice]:
    """The notices of permanent closes that were undone; `rows` are those of `reopening_notices`."""
    newest = {
        row.period_id: (row, times)
        for row in rows
        for times, undone_at in enumerate(_permanent_undone(folded[row.period_id], row), start=1)
        if undone_at == row.seen_at
    }
    if not newest:
        return []
    earlier = Notice.objects.filter(kind=NoticeKind.PERMANENT_REOPENED.value, period__in=newest)
    last = {notice.period_id: notice for notice in earlier.order_by("episode")}
    notices = []
    for period, (row, times) in newest.items():
        before = last.get(period)
        if before is None or (before.episode < times and context.as_of - before.raised_at >= HOLD_DOWN):
            became = PeriodState(row.state)
            notices.append(_notice(NoticeReason.PERMANENT_UNDONE, row, became, context, episode=times))
    return notices


def _notice(
    reason: NoticeReason, row: Any, state: PeriodState, context: EvaluationContext, **fields: int
) -> Notice:
    permanent, reading = reason is NoticeReason.PERMANENT_UNDONE, context.readings[row.entity]
    return Notice(
        kind=(NoticeKind.PERMANENT_REOPENED if permanent else NoticeKind.REOPENED).value,
        period_id=row.period_id,
        reason=reason.value,
        raised_at=context.as_of,
        state=state.value,
        days_late=row.days_late or 0,
        due_on=row.due_on,
        read_at=reading.read_at,
        fresh=reading.fresh,
        policy_version_id=row.version,
        **fields,
    )


def _permanent_undone(history: PeriodHistory, row: Any) -> list[datetime]:
    """The moments after a period's end at which its permanent close was seen undone, oldest first."""
    zone = zone_named(row.zone)
    return [at for at in history.permanent_undone if after_period_end(at, row.last_day, zone)]
