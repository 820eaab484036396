"""Runs one evaluation in one transaction: flags, overruns, the notices that are due, and their messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from alerts.evaluate.connection_outages import outage_notices
from alerts.evaluate.continuity import evaluated_this_minute, record_evaluation
from alerts.evaluate.episodes import Episode, judge_episodes
from alerts.evaluate.group_closes import group_close_notices
from alerts.evaluate.overdue import evaluator_lock, update_overdue
from alerts.evaluate.reopenings import reopening_notices
from alerts.models import Notice
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.rerouting import requeue_after_silence
from alerts.routing.router import route_notices
from closing.judging.notice_rules import NoticeDecision, NoticeKind
from infra.ticks import claim_tick

_BEFORE_AN_EPISODE = (NoticeKind.DUE_SOON, NoticeKind.NO_DEADLINE)


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """The result of one evaluation: notices by kind, and the number of messages created or extended."""

    notices: dict[str, int]
    deliveries: int


def run_evaluation(as_of: datetime) -> EvaluationResult:
    """Judge every period and raise notices in one transaction; raises OutOfOrderRead as `evaluate_overdue` does."""
    with evaluator_lock():
        return _evaluate(EvaluationContext(as_of))


def run_evaluation_once_a_minute(clock: Callable[[], datetime]) -> EvaluationResult | None:
    """Run the evaluation of one minute by the database's clock; None where one of that minute has finished.

    The clock is read once no other evaluator runs: readings recorded while this one waited are then before it. The
    evaluation is recorded as finished in its own transaction: one that fails, or whose worker dies, does not count.
    """
    with evaluator_lock():
        context = EvaluationContext(clock())
        if evaluated_this_minute(context):
            return None
        result = _evaluate(context)
        record_evaluation(context)
        # Workers of the previous version, which may run beside this one during an upgrade, read these ticks.
        claim_tick("evaluate", 60, context.as_of)
        return result


def _evaluate(context: EvaluationContext) -> EvaluationResult:
    """The steps of an evaluation, in the transaction that holds the lock of evaluators."""
    update_overdue(context)
    of_episodes = [
        _notice(episode, decision, context)
        for episode, decisions in judge_episodes(context)
        for decision in decisions
        if decision.due
    ]
    notices = Notice.objects.bulk_create(
        [*of_episodes, *reopening_notices(context), *outage_notices(context)]
    )
    # A reopening just raised counts there.
    notices += Notice.objects.bulk_create(group_close_notices(context))
    deliveries = route_notices(notices, context)
    # After routing: a cleared notice goes to those who received the problem, and these lines were not sent.
    deliveries += requeue_after_silence(context)
    return EvaluationResult(Counter(notice.kind for notice in notices), deliveries)


def _notice(episode: Episode, decision: NoticeDecision, context: EvaluationContext) -> Notice:
    reading = context.readings[episode.entity]
    return Notice(
        kind=decision.kind.value,
        period_id=episode.period,
        episode=0 if decision.kind in _BEFORE_AN_EPISODE else episode.number,
        step=decision.step,
        reason=decision.reason.value,
        raised_at=context.as_of,
        state=episode.state,
        days_late=episode.days_late,
        due_on=episode.due_on,
        read_at=reading.read_at,
        fresh=reading.fresh,
        policy_version_id=episode.policy_version,
    )
