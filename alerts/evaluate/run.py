"""Raising: writes down each notice that is due, and a message for everybody who must hear of it, at once.

Runs in the transaction of the evaluation: the flags, the overruns, the notices and the messages are all in, or none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from alerts.evaluate.connection_outages import raise_outages
from alerts.evaluate.continuity import evaluated_this_minute, evaluating_since, record_evaluation
from alerts.evaluate.episodes import EpisodeDecisions, judge_episodes
from alerts.evaluate.group_closes import raise_group_closes
from alerts.evaluate.overdue import OverdueChanges, evaluate_overdue, evaluator_lock
from alerts.evaluate.reopenings import raise_reopenings
from alerts.models import Notice
from alerts.routing.router import route_notices
from alerts.routing.silenced_backlog import requeue_after_silence
from alerts.routing.silences import silences_by_entity
from closing.judging.notice_rules import NoticeDecision, NoticeKind
from infra.ticks import claim_tick

_BEFORE_AN_EPISODE = (NoticeKind.DUE_SOON, NoticeKind.NO_DEADLINE)


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """What one evaluation wrote: notices by kind, and messages that were made or that others were added to."""

    overdue: OverdueChanges
    notices: dict[NoticeKind, int]
    deliveries: int


def run_evaluation(as_of: datetime) -> EvaluationResult:
    """Judge every period and raise notices in one transaction; raises OutOfOrderRead as `evaluate_overdue` does."""
    with transaction.atomic():
        evaluated = evaluate_overdue(as_of)  # holds the lock of evaluators until we are done
        since, quiet = evaluating_since(as_of), silences_by_entity(None, as_of)
        notices = [*_of_episodes(as_of, since, quiet), *raise_reopenings(as_of)]
        notices += raise_outages(as_of, since, quiet)
        notices += raise_group_closes(as_of)
        counts: dict[NoticeKind, int] = defaultdict(int)
        for notice in notices:
            counts[NoticeKind(notice.kind)] += 1
        deliveries = route_notices(notices, as_of)
        # Later than the ends of episodes are addressed: those go to whoever was told, and of this nobody was.
        deliveries += requeue_after_silence(quiet, as_of)
        return EvaluationResult(evaluated, dict(counts), deliveries)


def run_evaluation_once_a_minute(as_of: datetime) -> EvaluationResult | None:
    """The evaluation of one minute by the database's clock; None where one of that minute has finished before.

    That it has finished is recorded in its own transaction: one that fails, or whose worker dies, does not count.
    """
    with evaluator_lock():
        if evaluated_this_minute(as_of):
            return None
        raised = run_evaluation(as_of)
        record_evaluation(as_of)
        # Workers of the version before, which may run beside us during an upgrade, look for these ticks.
        claim_tick("evaluate", 60, as_of)
        return raised


# --- which notices ------------------------------------------------------------------------------------------------


def _of_episodes(as_of: datetime, since: datetime | None, quiet: Collection[int]) -> list[Notice]:
    return Notice.objects.bulk_create(
        _notice(judged, verdict, as_of)
        for judged in judge_episodes(as_of, since, quiet)
        for verdict in judged.decisions
        if verdict.due
    )


def _notice(judged: EpisodeDecisions, verdict: NoticeDecision, as_of: datetime) -> Notice:
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
