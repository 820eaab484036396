"""Group closes: a notice when a whole group has closed a month, with the number of working days it took."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import DateField, DateTimeField, F, Max, Value

from alerts.models import Notice
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.recipients import GROUP_CLOSE_ROLES
from closing.calendar.days import ONE_DAY
from closing.calendar.instants import local_date, start_of_day, zone_named
from closing.calendar.months import month_end, month_of, next_month, previous_month
from closing.calendar.workdays import workdays_or_weekdays
from closing.judging.group_close import last_close_seen_on, last_to_close
from closing.judging.notice_rules import HOLD_DOWN, NoticeKind, NoticeReason
from closing.scoreboard.board import group_closed
from closing.scoreboard.row import Row
from entities.models import LegalEntity, ancestor_paths
from infra.fast_cursor import fetch_rows
from periods.expected_periods import EXPECTED_KEY
from periods.models import StateChange
from periods.snapshot.builder import take_unredacted
from periods.vanished import VANISHED

LOOKS_BACK = timedelta(days=2)  # a close older than this is no news
_CLOSES = ["closed", "on_hold"]
_NULL_DAY = Value(None, output_field=DateField())
_NULL_MOMENT = Value(None, output_field=DateTimeField())


def group_close_notices(context: EvaluationContext) -> list[Notice]:
    """An unsaved notice of each month that the last entity of a group has closed, and that has stayed closed since.

    A month that has not ended is never closed; what was stopped early closes when its last day is over. Only a
    period that was seen open, or on hold where that is not closed, can close: new facts of a closed one are no close.

    Only for groups with a recipient: a person with a role for exactly this group, or a destination. A month that
    has a notice gets another one only after a reopening, whose notice must have been saved.
    """
    due = _unreported(_lasting_closes(context.as_of), context.as_of)
    if not due:
        return []
    rows = _rows({close.month for close in due}, [close.path for close in due], context)
    closes = []
    for close in due:
        own = [row for path, row in rows[close.month] if path.startswith(close.path)]
        if group_closed(own) and _closed_lately(own, context.as_of):
            closes.append((close, own))
    return _notices(closes, context)


def _lasting_closes(as_of: datetime) -> set[tuple[str, date]]:
    """The paths of groups, and the months, whose last close came into force lately, and has lasted.

    A close that was seen before the period had ended comes into force at its end. Whether on hold counts as closed is
    not known here: a change from on hold to closed is a close until the rows say otherwise.
    """
    closes = (
        StateChange.objects.filter(
            seen_at__lte=as_of, state__in=_CLOSES, previous_state__in=["open", "on_hold"]
        )
        .exclude(state=F("previous_state"))
        .filter(period__type="operating", period__state__in=_CLOSES, period__last_day__lt=_latest_day(as_of))
        .order_by()
        .values_list("period__entity__group__path", "period__reporting_month")
    )
    this_month, since = month_of(as_of.date()), as_of - LOOKS_BACK
    seen = closes.filter(seen_at__gt=since).annotate(at=Max("seen_at"), last_day=_NULL_DAY, zone=Value(""))
    ended = closes.filter(
        period__last_day__gte=since.date() - ONE_DAY,
        period__reporting_month__range=(
            previous_month(previous_month(this_month)),
            next_month(this_month),
        ),  # else every period would be looked at
    ).annotate(at=_NULL_MOMENT, last_day=F("period__last_day"), zone=F("period__entity__zone"))
    last: dict[tuple[str, date], datetime] = {}
    for path, month, seen_at, last_day, zone in seen.union(ended):
        at = seen_at or start_of_day(last_day + ONE_DAY, zone_named(zone))
        for group in ancestor_paths(path) if since < at <= as_of else ():
            last[group, month] = max(at, last.get((group, month), at))
    return {close for close, at in last.items() if at <= as_of - HOLD_DOWN}


def _latest_day(as_of: datetime) -> date:
    """Today in the zone that is furthest ahead."""
    return local_date(as_of, zone_named("Pacific/Kiritimati"))


def _closed_lately(rows: Sequence[Row], as_of: datetime) -> bool:
    """Whether the last close of these rows is news: seen, or in force since the end of its period, lately.

    The rows know what counts as closed: on hold that does has closed a period before it is closed for good.
    """
    seen = last_close_seen_on(rows)
    if seen is None:
        return False
    ends = [row.span.last + ONE_DAY for row in rows if row.span is not None]
    return max(seen, *ends) >= (as_of - LOOKS_BACK).date() - ONE_DAY


# The closes that have no notice since the last reopening, of groups with a recipient. A period is `open` if it is
# known to be: not what is only expected, or no longer listed, or still running; the rows of the board judge those.
# Older versions told of closes before any period of the month had ended.
_UNREPORTED = f"""
WITH closed AS (SELECT * FROM unnest(%(paths)s::text[], %(months)s::date[]) AS c(path, month)),
period AS MATERIALIZED (
    SELECT own.path, p.reporting_month AS month, min(p.last_day) AS first_end,
           max(reopening.raised_at) AS reopened_at,
           bool_or(p.state NOT IN ('closed', 'on_hold') AND p.last_day < %(latest_day)s
                   AND NOT starts_with(p.erp_key, %(expected)s) AND NOT {VANISHED.format("p")}) AS open
    FROM periods_fiscalperiod p
    JOIN entities_legalentity e ON e.id = p.entity_id
    JOIN entities_group own ON own.id = e.group_id
    LEFT JOIN alerts_notice reopening ON reopening.period_id = p.id AND reopening.kind = 'reopened'
    WHERE p.type = 'operating' AND p.reporting_month = ANY(%(months)s)
    GROUP BY own.path, p.reporting_month)
SELECT g.id, g.path, closed.month, coalesce(told.episode, 0) + 1
FROM closed
JOIN entities_group g ON g.path = closed.path
CROSS JOIN LATERAL (SELECT bool_or(open) AS open, max(reopened_at) AS reopened_at FROM period
                    WHERE period.month = closed.month AND starts_with(period.path, g.path)) own
CROSS JOIN LATERAL (SELECT max(episode) AS episode, max(raised_at) AS at FROM alerts_notice
                    WHERE kind = 'group_closed' AND group_id = g.id AND month = closed.month) told
WHERE NOT own.open
  AND (told.at IS NULL OR own.reopened_at > told.at
       OR (told.at AT TIME ZONE 'UTC')::date < (SELECT min(first_end) FROM period WHERE month = closed.month))
  AND (EXISTS (SELECT FROM entities_membership m JOIN entities_person person ON person.id = m.person_id
               WHERE m.group_id = g.id AND m.role = ANY(%(roles)s) AND person.is_active)
       OR EXISTS (SELECT FROM alerts_destination d
                  WHERE d.group_id = g.id AND d.enabled AND 'group_closed' = ANY(d.kinds)))
ORDER BY g.id, closed.month
"""  # noqa: S608 - words of our own


class _Close(NamedTuple):
    """A group's close of a month, counted in `episode`."""

    group: int
    path: str
    month: date
    episode: int


def _unreported(closed: Collection[tuple[str, date]], as_of: datetime) -> list[_Close]:
    if not closed:
        return []
    values = {
        "paths": [path for path, _ in closed],
        "months": [month for _, month in closed],
        "latest_day": _latest_day(as_of),
        "expected": EXPECTED_KEY,
        "roles": [role.value for role in GROUP_CLOSE_ROLES],
    }
    return [_Close(*row) for row in fetch_rows(_UNREPORTED, values)]


def _rows(
    months: Collection[date], paths: Sequence[str], context: EvaluationContext
) -> dict[date, list[tuple[str, Row]]]:
    """The rows of each month with the path of their group, for all entities below one of the paths."""
    path_of = {
        pk: entity.path for pk, entity in context.entities.items() if entity.path.startswith(tuple(paths))
    }
    boards = take_unredacted(
        LegalEntity.objects.filter(pk__in=path_of),
        sorted(months),
        context.as_of,
        annotations=(),
        policies=context.policies,
        readings=context.readings,
    ).boards
    return {month: [(path_of[row.entity_id], row) for row in board.rows] for month, board in boards.items()}


def _notices(closes: Sequence[tuple[_Close, Sequence[Row]]], context: EvaluationContext) -> list[Notice]:
    last = [last_to_close(rows) for _, rows in closes]
    calendar_ids = {row.calendar_id for row in last if row is not None and row.calendar_id is not None}
    years = range(min((close.month.year for close, _ in closes), default=0), context.as_of.year + 2)
    calendars = context.calendars.covering(calendar_ids, years) if calendar_ids else {}
    notices = []
    for (close, _), row in zip(closes, last, strict=True):
        days = 0
        if row is not None and row.standing.last_closed_on is not None:
            calendar = calendars.get(row.calendar_id or 0)
            days = workdays_or_weekdays(calendar, month_end(close.month), row.standing.last_closed_on)
        notices.append(
            Notice(
                kind=NoticeKind.GROUP_CLOSED.value,
                group_id=close.group,
                month=close.month,
                episode=close.episode,
                reason=NoticeReason.EVERYBODY_CLOSED.value,
                raised_at=context.as_of,
                days_late=days,
                fresh=True,
            )
        )
    return notices
