"""Episodes: loads each period that may cause a notice, and decides which of its notices are due."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache

from alerts.evaluate.continuity import evaluating_since, is_past_restart_grace
from alerts.models import Notice
from alerts.routing.evaluation_context import EvaluatedEntity, EvaluationContext
from closing.calendar.deadlines import Deadline
from closing.calendar.instants import local_date, zone_named
from closing.calendar.workdays import WorkdayCalendar
from closing.facts.period_remarks import NO_REMARKS, CurrentRemarks, current_remarks
from closing.judging.alert_line import alert_line_crossed_on
from closing.judging.notice_rules import NoticeDecision, NoticeInputs, decide_notices, is_due_soon
from infra.fast_cursor import fetch_rows
from periods.expected_periods import EXPECTED_KEY
from periods.lookups import WATCHED_SINCE, remarks_and_next
from periods.snapshot.freshness import Freshness

# A period without a deadline counts as still to be closed when it ended at most this long before its first read.
LONGEST_CLOSE = timedelta(days=31)
_UNCONNECTED_INTERVAL = timedelta(minutes=5)  # the default interval, for an entity without a connection
_LEVELS_BEFORE_LATE = ("not_due", "due_today")

_EPISODES = """
WITH late AS (
    SELECT period_id, level, days_late, NULL::interval AS closed_for FROM alerts_overdueflag
    WHERE level NOT IN ('closed', 'unknown')),
open_one AS (
    SELECT late.*, coalesce(o.episode, 1 + (SELECT count(*) FROM alerts_overrun past
                                            WHERE past.period_id = late.period_id)) AS episode
    FROM late LEFT JOIN alerts_overrun o ON o.period_id = late.period_id AND o.closed_at IS NULL),
ended AS (
    SELECT DISTINCT flag.period_id, flag.level, flag.days_late, %(as_of)s::timestamptz - flag.since,
                    notice.episode::bigint
    FROM alerts_notice notice JOIN alerts_overdueflag flag ON flag.period_id = notice.period_id
    WHERE notice.kind IN ('alert', 'unconfirmed') AND flag.level = 'closed'
      AND NOT EXISTS (SELECT FROM alerts_notice cleared WHERE cleared.kind = 'cleared'
                      AND cleared.period_id = notice.period_id AND cleared.episode = notice.episode))
SELECT p.id, p.entity_id, p.last_day, x.episode, x.level, p.state, x.days_late, x.closed_for,
       d.due_on, d.zone, d.cut_off, d.policy_version_id, {watched_since}
FROM (SELECT * FROM open_one UNION ALL SELECT * FROM ended) AS x(period_id, level, days_late, closed_for, episode)
JOIN periods_fiscalperiod p ON p.id = x.period_id
     -- What was expected of an entity never read is nothing any more once it is read without such a period.
     AND NOT (starts_with(p.erp_key, %(expected)s)
              AND EXISTS (SELECT FROM periods_readspan WHERE entity_id = p.entity_id))
LEFT JOIN periods_perioddeadline d ON d.period_id = p.id AND d.current
{which}
ORDER BY p.id, x.episode
"""


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode that may cause a notice, as stored in the tables."""

    period: int
    entity: int
    last_day: date
    number: int
    level: str
    state: str
    days_late: int
    closed_for: timedelta | None
    due_on: date | None
    zone: str | None
    cut_off: time | None
    policy_version: int | None
    watched_since: datetime | None

    @property
    def deadline(self) -> Deadline | None:
        return None if self.due_on is None else Deadline(self.due_on, self.zone or "UTC", self.cut_off)


def judge_episodes(
    context: EvaluationContext, periods: Collection[int] | None = None
) -> list[tuple[Episode, list[NoticeDecision]]]:
    """The decisions on the notices of every episode that may cause one, or only of `periods`, as last evaluated.

    Reads only, in the same few queries whatever the number of episodes.
    """
    condition = "" if periods is None else "WHERE p.id = ANY(%(periods)s)"
    statement = _EPISODES.format(which=condition, watched_since=WATCHED_SINCE)
    values = {"as_of": context.as_of, "periods": list(periods or ()), "expected": EXPECTED_KEY}
    episodes = [Episode(*row) for row in fetch_rows(statement, values)]
    if not episodes:
        return []
    already_notified: dict[tuple[int, int], set[tuple[str, int]]] = defaultdict(set)
    ids = {episode.period for episode in episodes}
    for period, number, kind, step in Notice.objects.filter(period__in=ids).values_list(
        "period", "episode", "kind", "step"
    ):
        already_notified[period or 0, number].add((kind, step))
    remarks_by_id = {
        period: current_remarks(remarks)
        for period, remarks in remarks_and_next(sorted(ids), context.as_of, agreed=False)[0].items()
    }
    calendars = context.calendars.covering(
        {context.entities[episode.entity].calendar for episode in episodes},
        range(context.as_of.year - 1, context.as_of.year + 2),
    )
    step_days = cache(context.alert_policies.step_days_of)
    rules = cache(context.alert_policies.rules_of)
    judged = []
    for episode in episodes:
        entity = context.entities[episode.entity]
        inputs = _inputs(
            episode,
            context,
            calendars.get(entity.calendar),
            remarks_by_id.get(episode.period, NO_REMARKS),
            already_notified[episode.period, episode.number] | already_notified[episode.period, 0],
            rules(entity.path).due_soon_days,
        )
        judged.append((episode, decide_notices(inputs, step_days(entity.path))))
    return judged


def _inputs(
    episode: Episode,
    context: EvaluationContext,
    calendar: WorkdayCalendar | None,
    remarks: CurrentRemarks,
    already_notified: set[tuple[str, int]],
    due_soon_days: int,
) -> NoticeInputs:
    as_of, since = context.as_of, evaluating_since(context)
    first, deadline = episode.watched_since, episode.deadline
    entity, reading = context.entities[episode.entity], context.readings[episode.entity]
    past_line_now = close_expected = due_soon = False
    zone = zone_named(entity.zone)
    read_in_time = first is not None and local_date(first, zone) <= episode.last_day + LONGEST_CLOSE
    if deadline is not None:
        line = alert_line_crossed_on(deadline, context.policies[episode.entity].judging, calendar)
        zone = zone_named(deadline.zone)
        past_line_now = line is not None and local_date(as_of, zone) >= line
        expected = remarks.expected_on
        close_expected = (
            remarks.acknowledged_at is not None
            and expected is not None
            and local_date(as_of, zone) <= expected
        )
        read_in_time = first is not None and local_date(first, zone) <= deadline.due_on
        due_soon = is_due_soon(local_date(as_of, zone), deadline.due_on, due_soon_days, calendar)
    return NoticeInputs(
        days_late=episode.days_late,
        past_line=episode.level == "alerting",
        past_line_now=past_line_now,
        confirmed=reading.fresh
        and since is not None
        and reading.read_at is not None
        and reading.read_at >= since,
        past_restart_grace=not reading.fresh and _must_have_been_read(entity, reading, context),
        read_before_deadline=read_in_time,
        closed_for=episode.closed_for,
        close_expected=close_expected,
        due_soon=due_soon and episode.level in _LEVELS_BEFORE_LATE,
        no_deadline=episode.level == "no_deadline",
        silenced=episode.entity in context.silences,
        never_read=reading.read_at is None,
        already_notified=already_notified,
    )


def _must_have_been_read(entity: EvaluatedEntity, reading: Freshness, context: EvaluationContext) -> bool:
    """Whether evaluations have run so long that a reading must have come; never where it was unconnected since."""
    connection = context.connections.get(entity.connection or 0)
    if connection is None:  # or connected while this evaluation runs
        return reading.read_at is None and is_past_restart_grace(context, _UNCONNECTED_INTERVAL)
    return is_past_restart_grace(context, connection.interval)
