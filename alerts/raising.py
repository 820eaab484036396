"""Raising: writes down each notice that is due, and a message for everybody who must hear of it, at once.

Runs in the transaction of the evaluation: the flags, the overruns, the notices and the messages are all in, or none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Subquery

from alerts.addressing import address
from alerts.episodes import Judged, judge_episodes
from alerts.group_closes import raise_group_closes
from alerts.models import Notice
from alerts.outages import raise_outages
from alerts.services import Evaluated, evaluate, only_evaluator
from alerts.set_aside import tell_what_was_set_aside
from alerts.silences import silenced
from alerts.watching import evaluated_this_minute, note_evaluation, watching_since
from closing.calendar.days import zone_named
from closing.facts.readings import PeriodType
from closing.judging.notices import HOLD_DOWN, Kind, Reason, Verdict
from closing.judging.standing import after_period_end
from closing.judging.states import PeriodState
from infra.ticks import claim_tick
from periods.models import PeriodDeadline, StateChange
from periods.policies import effective_policies
from periods.snapshot.freshness import freshness

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


def evaluate_minute(as_of: datetime) -> Raised | None:
    """The evaluation of one minute by the database's clock; None where one of that minute has finished before.

    That it has finished is recorded in its own transaction: one that fails, or whose worker dies, does not count.
    """
    with only_evaluator():
        if evaluated_this_minute(as_of):
            return None
        raised = evaluate_and_raise(as_of)
        note_evaluation(as_of)
        # Workers of the version before, which may run beside us during an upgrade, look for these ticks.
        claim_tick("evaluate", 60, as_of)
        return raised


# --- which notices ------------------------------------------------------------------------------------------------


def _of_episodes(as_of: datetime, since: datetime | None, quiet: Collection[int]) -> list[Notice]:
    return Notice.objects.bulk_create(
        _notice(judged, verdict, as_of)
        for judged in judge_episodes(as_of, since, quiet)
        for verdict in judged.verdicts
        if verdict.due
    )


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
            period__last_day__lte=as_of.astimezone(UTC).date(),  # ended in the zone that is furthest ahead
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
            "seen_at",
            "period__last_day",
            "period__entity__zone",
        )
    )
    rows = [
        row
        for row in undone
        if after_period_end(row[10], row[11], zone_named(row[12]))  # seen at, last day, zone
    ]
    if not rows:
        return []
    policies = effective_policies({(row[2], row[3]) for row in rows})
    readings = freshness(sorted({row[2] for row in rows}), as_of)
    found = []
    for change, period, entity, _, was, became, state, days_late, due_on, version, *_ in rows:
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


def _notice(judged: Judged, verdict: Verdict, as_of: datetime) -> Notice:
    each, reading = judged.episode, judged.reading
    return Notice(
        kind=verdict.kind.value,
        period_id=each.period,
        episode=0 if verdict.kind in _BEFORE_AN_EPISODE else each.number,
        step=verdict.step,
        reason=verdict.reason.value,
        raised_at=as_of,
        state=each.state,
        days_late=each.days_late,
        due_on=each.due_on,
        read_at=reading.read_at,
        fresh=reading.fresh,
        policy_version_id=each.policy_version,
    )
