"""Reopenings: one notice for each period that is open again after it had been closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
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
            due_on=Subquery(due.values("due_on")[:1]),
            version=Subquery(due.values("policy_version")[:1]),
        )
        .values_list(
            "pk",
            "period",
            "period__entity",
            "previous_state",
            "state",
            "period__state",
            "period__flag__days_late",
            "due_on",
            "version",
            "seen_at",
            "period__last_day",
            "period__entity__zone",
        )
    )
    rows = [  # not of an entity that was added while this evaluation runs
        row
        for row in reopenings
        if row[2] in context.entities and after_period_end(row[9], row[10], zone_named(row[11]))
    ]
    if not rows:
        return []
    changes = changes_by_period(sorted({row[1] for row in rows}), as_of)
    folded = {row[1]: fold(changes[row[1]], context.policies[row[2]].judging) for row in rows}
    notices = []
    for change, period, entity, was, became, state, days_late, due_on, version, seen_at, *_ in rows:
        closed, reading = context.policies[entity].judging.counts_as_closed, context.readings[entity]
        if (
            was is None
            or not closed(PeriodState(was))
            or closed(PeriodState(became))
            or closed(PeriodState(state))
            or not _lasted(folded[period], seen_at)
        ):
            continue
        notices.append(
            Notice(
                kind=NoticeKind.REOPENED.value,
                period_id=period,
                change_id=change,
                reason=NoticeReason.CLOSE_UNDONE.value,
                raised_at=as_of,
                state=state,
                days_late=days_late or 0,
                due_on=due_on,
                read_at=reading.read_at,
                fresh=reading.fresh,
                policy_version_id=version,
            )
        )
    return notices + _permanent_reopenings(rows, folded, context)


def _permanent_reopenings(
    rows: Sequence[tuple[Any, ...]], folded: Mapping[int, PeriodHistory], context: EvaluationContext
) -> list[Notice]:
    """The notices of permanent closes that were undone; `rows` are those of `reopening_notices`."""
    newest = {
        row[1]: (row, times)
        for row in rows
        for times, undone_at in enumerate(_permanent_undone(folded[row[1]], row[10], row[11]), start=1)
        if undone_at == row[9]
    }
    if not newest:
        return []
    kind = NoticeKind.PERMANENT_REOPENED.value
    earlier = Notice.objects.filter(kind=kind, period__in=newest).order_by("episode")
    last = {row.period_id: (row.episode, row.raised_at) for row in earlier}
    notices = []
    for period, ((_, _, entity, _, became, _, days_late, due_on, version, *_), times) in newest.items():
        episode, raised_at = last.get(period, (0, None))
        reading = context.readings[entity]
        if times <= episode or (raised_at is not None and context.as_of - raised_at < HOLD_DOWN):
            continue
        notices.append(
            Notice(
                kind=kind,
                period_id=period,
                episode=times,
                reason=NoticeReason.PERMANENT_UNDONE.value,
                raised_at=context.as_of,
                state=became,
                days_late=days_late or 0,
                due_on=due_on,
                read_at=reading.read_at,
                fresh=reading.fresh,
                policy_version_id=version,
            )
        )
    return notices


def _permanent_undone(history: PeriodHistory, last_day: date, zone: str) -> list[datetime]:
    """The moments after a period's end at which its permanent close was seen undone, oldest first."""
    return [at for at in history.permanent_undone if after_period_end(at, last_day, zone_named(zone))]


def _lasted(history: PeriodHistory, undone_at: datetime) -> bool:
    """Whether the close that was seen undone at a moment had lasted, whatever else of it changed in that time."""
    return any(
        undone == undone_at and undone_at - close.seen_at >= HOLD_DOWN
        for close, undone in history.undone_closes
    )
