"""Raising: writes down each notice that is due, and a message for everybody who must hear of it, at once.

Runs in the transaction of the evaluation: the flags, the overruns, the notices and the messages are all in, or none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from django.db import connection as database
from django.db import transaction
from django.db.models import Exists, F, Min, OuterRef, Subquery

from alerts.addressing import address
from alerts.group_closes import raise_group_closes
from alerts.group_rules import alert_rules, escalations
from alerts.models import Notice
from alerts.outages import raise_outages
from alerts.services import Evaluated, evaluate
from alerts.set_aside import tell_what_was_set_aside
from alerts.silences import silenced
from alerts.watching import settled, watching_since
from closing.crossings import over_the_line_on
from closing.days import WorkCalendar, local_date, zone_named
from closing.deadlines import Deadline
from closing.notices import HOLD_DOWN, Case, Kind, Reason, due_notices, is_due_soon
from closing.readings import PeriodType
from closing.remarks import NOTHING_SAID, Remarks, standing_remarks
from closing.states import PeriodState
from entities.calendars import work_calendars
from entities.models import LegalEntity
from periods.freshness import Freshness, freshness
from periods.models import PeriodDeadline, ReadSpan, StateChange
from periods.policies import EffectivePolicy, effective_policies
from periods.said import said_of

A_CLOSE = timedelta(
    days=31
)  # a period that ended no longer ago when it was first read was still to be closed
_BEFORE_IT_IS_LATE = ("not_due", "due_today")
_BEFORE_AN_EPISODE = (Kind.DUE_SOON, Kind.NO_DEADLINE)
LOOKS_BACK = timedelta(days=2)  # a reopening older than this is told by the board only


@dataclass(frozen=True, slots=True)
class Raised:
    """What one evaluation wrote: notices by kind, and messages that were made or that others were added to."""

    evaluated: Evaluated
    notices: dict[Kind, int]
    deliveries: int


def evaluate_and_raise(as_of: datetime) -> Raised:
    """Judge every period and tell of what is due, in one transaction. Raises OutOfOrder as `evaluate` does."""
    with transaction.atomic():
        evaluated = evaluate(as_of)  # holds the lock of evaluators until we are done
        since, quiet = watching_since(as_of), silenced(None, as_of)
        notices = [*_of_episodes(as_of, since, quiet), *_of_reopenings(as_of)]
        notices += raise_outages(as_of, since, quiet)
        notices += raise_group_closes(as_of)
        counts: dict[Kind, int] = defaultdict(int)
        for notice in notices:
            counts[Kind(notice.kind)] += 1
        deliveries = address(notices, as_of)
        # Later than the ends of episodes are addressed: those go to whoever was told, and of this nobody was.
        deliveries += tell_what_was_set_aside(quiet, as_of)
        return Raised(evaluated, dict(counts), deliveries)


# --- which notices ------------------------------------------------------------------------------------------------

_SUSPECTS = """
WITH late AS (
    SELECT period_id, level, days_late, NULL::interval AS closed_for FROM alerts_overdueflag
    WHERE level NOT IN ('closed', 'unknown')),
open_one AS (
    SELECT late.*, coalesce(o.episode, 1 + (SELECT count(*) FROM alerts_overrun past
                                            WHERE past.period_id = late.period_id)) AS episode
    FROM late LEFT JOIN alerts_overrun o ON o.period_id = late.period_id AND o.closed_at IS NULL),
told_one AS (
    SELECT DISTINCT flag.period_id, flag.level, flag.days_late, %(as_of)s::timestamptz - flag.since,
                    told.episode::bigint
    FROM alerts_notice told JOIN alerts_overdueflag flag ON flag.period_id = told.period_id
    WHERE told.kind IN ('alert', 'unconfirmed') AND flag.level = 'closed'
      AND NOT EXISTS (SELECT FROM alerts_notice cleared WHERE cleared.kind = 'cleared'
                      AND cleared.period_id = told.period_id AND cleared.episode = told.episode))
SELECT p.id, p.entity_id, p.last_day, x.episode, x.level, p.state, x.days_late, x.closed_for,
       d.due_on, d.zone, d.cut_off, d.policy_version_id
FROM (SELECT * FROM open_one UNION ALL SELECT * FROM told_one) AS x(period_id, level, days_late, closed_for, episode)
JOIN periods_fiscalperiod p ON p.id = x.period_id
LEFT JOIN periods_perioddeadline d ON d.period_id = p.id AND d.current
ORDER BY p.id, x.episode
"""


@dataclass(frozen=True, slots=True)
class _Suspect:
    """An episode that may bring a notice, as the tables know it."""

    period: int
    entity: int
    last_day: date
    episode: int
    level: str
    state: str
    days_late: int
    closed_for: timedelta | None
    due_on: date | None
    zone: str | None
    cut_off: time | None
    policy_version: int | None

    @property
    def deadline(self) -> Deadline | None:
        return None if self.due_on is None else Deadline(self.due_on, self.zone or "UTC", self.cut_off)


@dataclass(frozen=True, slots=True)
class _Known:
    """What judging an entity's episodes depends on besides the episode."""

    reading: Freshness
    policy: EffectivePolicy
    calendar: WorkCalendar | None
    first_read_at: datetime | None
    settled: bool
    zone: str
    due_soon_days: int
    escalate_after: tuple[int, ...]


def _of_episodes(as_of: datetime, since: datetime | None, quiet: Collection[int]) -> list[Notice]:
    with database.cursor() as cursor:
        cursor.execute(_SUSPECTS, {"as_of": as_of})
        suspects = [_Suspect(*row) for row in cursor.fetchall()]
    if not suspects:
        return []
    known = _known({each.entity for each in suspects}, as_of, since)
    told: dict[tuple[int, int], set[tuple[Kind, int]]] = defaultdict(set)
    periods = {each.period for each in suspects}
    for period, episode, kind, step in Notice.objects.filter(period__in=periods).values_list(
        "period", "episode", "kind", "step"
    ):
        told[period, episode].add((Kind(kind), step))
    said = {period: standing_remarks(remarks) for period, remarks in said_of(sorted(periods), as_of).items()}
    found = []
    for each in suspects:
        entity = known[each.entity]
        remarks = said.get(each.period, NOTHING_SAID)
        before = told[each.period, each.episode] | told[each.period, 0]
        case = _case(each, entity, remarks, as_of, since, before)
        case = replace(case, silenced=each.entity in quiet)
        found += [
            _notice(verdict.kind, each, entity.reading, as_of, verdict.reason, step=verdict.step)
            for verdict in due_notices(case, entity.escalate_after)
            if verdict.due
        ]
    return Notice.objects.bulk_create(found)


def _case(
    each: _Suspect,
    entity: _Known,
    remarks: Remarks,
    as_of: datetime,
    since: datetime | None,
    told: set[tuple[Kind, int]],
) -> Case:
    reading, deadline = entity.reading, each.deadline
    past_line_now = promised = due_soon = False
    first, zone = entity.first_read_at, zone_named(entity.zone)
    watched = first is not None and local_date(first, zone) <= each.last_day + A_CLOSE
    if deadline is not None:
        line = over_the_line_on(deadline, entity.policy.judge, entity.calendar)
        zone = zone_named(deadline.zone)
        past_line_now = line is not None and local_date(as_of, zone) >= line
        expected = remarks.expected_on
        promised = (
            remarks.acknowledged_at is not None
            and expected is not None
            and local_date(as_of, zone) <= expected
        )
        watched = first is not None and local_date(first, zone) <= deadline.due_on
        due_soon = is_due_soon(
            local_date(as_of, zone), deadline.due_on, entity.due_soon_days, entity.calendar
        )
    return Case(
        days_late=each.days_late,
        past_line=each.level == "alerting",
        past_line_now=past_line_now,
        confirmed=reading.fresh
        and since is not None
        and reading.read_at is not None
        and reading.read_at >= since,
        settled=entity.settled and not reading.fresh,
        watched=watched,
        closed_for=each.closed_for,
        promised=promised,
        due_soon=due_soon and each.level in _BEFORE_IT_IS_LATE,
        no_deadline=each.level == "no_deadline",
        told=told,
    )


def _known(entity_ids: set[int], as_of: datetime, since: datetime | None) -> dict[int, _Known]:
    ids = sorted(entity_ids)
    entities = LegalEntity.objects.filter(pk__in=ids).values_list(
        "pk", "group__path", "calendar", "zone", "connection__interval_seconds"
    )
    rows = list(entities)
    policies = effective_policies((pk, path) for pk, path, *_ in rows)
    readings = freshness(ids, as_of)
    rules, steps = (
        alert_rules((pk, path) for pk, path, *_ in rows),
        escalations((pk, path) for pk, path, *_ in rows),
    )
    calendars = work_calendars(
        {calendar for _, _, calendar, *_ in rows}, range(as_of.year - 1, as_of.year + 2)
    )
    first_reads = dict(
        ReadSpan.objects.filter(entity__in=ids)
        .values_list("entity")
        .annotate(Min("first_read_at"))
        .values_list("entity", "first_read_at__min")
    )
    return {
        pk: _Known(
            readings[pk],
            policies[pk],
            calendars.get(calendar),
            first_reads.get(pk),
            interval is not None and settled(since, timedelta(seconds=interval), as_of),
            zone,
            rules[pk].due_soon_days,
            steps[pk],
        )
        for pk, _, calendar, zone, interval in rows
    }


def _of_reopenings(as_of: datetime) -> list[Notice]:
    """Closes that were undone after they had lasted, and are still undone."""
    before = StateChange.objects.filter(period=OuterRef("period"), seen_at__lt=OuterRef("seen_at"))
    due = PeriodDeadline.objects.filter(period=OuterRef("period"), current=True)
    undone = (
        StateChange.objects.filter(
            seen_at__gt=as_of - LOOKS_BACK,
            previous_state__in=["closed", "on_hold"],
            state__in=["open", "on_hold"],
            period__type=PeriodType.OPERATING.value,
            period__last_day__lt=F("seen_at__date"),
        )
        .exclude(Exists(Notice.objects.filter(change=OuterRef("pk"))))
        .order_by("seen_at", "pk")
        .annotate(
            lasted=F("seen_at") - Subquery(before.order_by("-seen_at").values("seen_at")[:1]),
            due_on=Subquery(due.values("due_on")[:1]),
            version=Subquery(due.values("policy_version")[:1]),
        )
        .filter(lasted__gte=HOLD_DOWN)
        .values_list(
            "pk",
            "period",
            "period__entity",
            "period__entity__group__path",
            "previous_state",
            "state",
            "period__state",
            "period__flag__days_late",
            "due_on",
            "version",
        )
    )
    rows = list(undone)
    if not rows:
        return []
    policies = effective_policies({(row[2], row[3]) for row in rows})
    readings = freshness(sorted({row[2] for row in rows}), as_of)
    found = []
    for change, period, entity, _, was, became, state, days_late, due_on, version in rows:
        closed = policies[entity].judge.counts_as_closed
        if (
            was is None
            or not closed(PeriodState(was))
            or closed(PeriodState(became))
            or closed(PeriodState(state))
        ):
            continue
        found.append(
            Notice(
                kind=Kind.REOPENED.value,
                period_id=period,
                change_id=change,
                reason=Reason.CLOSE_UNDONE.value,
                raised_at=as_of,
                state=state,
                days_late=days_late or 0,
                due_on=due_on,
                read_at=readings[entity].read_at,
                fresh=readings[entity].fresh,
                policy_version_id=version,
            )
        )
    return Notice.objects.bulk_create(found)


def _notice(
    kind: Kind, each: _Suspect, reading: Freshness, as_of: datetime, reason: Reason, *, step: int
) -> Notice:
    return Notice(
        kind=kind.value,
        period_id=each.period,
        episode=0 if kind in _BEFORE_AN_EPISODE else each.episode,
        step=step,
        reason=reason.value,
        raised_at=as_of,
        state=each.state,
        days_late=each.days_late,
        due_on=each.due_on,
        read_at=reading.read_at,
        fresh=reading.fresh,
        policy_version_id=each.policy_version,
    )
