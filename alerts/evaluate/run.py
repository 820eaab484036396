"""Runs one evaluation: flags, overruns, the notices that are due, and a message to each of their recipients.

All in one transaction: the flags, the overruns, the notices and the messages are all written, or none.
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
    """The result of one evaluation: notices by kind, and the number of messages created or extended."""

    overdue: OverdueChanges
    notices: dict[NoticeKind, int]
    deliveries: int


def run_evaluation(as_of: datetime) -> EvaluationResult:
    """Judge every period and raise notices in one transaction; raises OutOfOrderRead as `evaluate_overdue` does."""
    with transaction.atomic():
        overdue = evaluate_overdue(as_of)  # holds the lock of evaluators until the transaction ends
        since, silenced = evaluating_since(as_of), silences_by_entity(None, as_of)
        notices = [*_raise_episodes(as_of, since, silenced), *raise_reopenings(as_of)]
        notices += raise_outages(as_of, since, silenced)
        notices += raise_group_closes(as_of)
        counts: dict[NoticeKind, int] = defaultdict(int)
        for notice in notices:
            counts[NoticeKind(notice.kind)] += 1
        deliveries = route_notices(notices, as_of)
        # After routing: a cleared notice goes to those who received the problem, and these lines were not sent.
        deliveries += requeue_after_silence(silenced, as_of)
        return EvaluationResult(overdue, dict(counts), deliveries)


def run_evaluation_once_a_minute(as_of: datetime) -> EvaluationResult | None:
    """Run the evaluation of one minute by the database's clock; None where one of that minute has finished.

    It is recorded as finished in its own transaction: one that fails, or whose worker dies, does not count.
    """
    with evaluator_lock():
        if evaluated_this_minute(as_of):
            return None
        result = run_evaluation(as_of)
        record_evaluation(as_of)
        # Workers of the previous version, which may run beside this one during an upgrade, read these ticks.
        claim_tick("evaluate", 60, as_of)
        return result


# --- notices of episodes ------------------------------------------------------------------------------------------


def _raise_episodes(as_of: datetime, since: datetime | None, silenced: Collection[int]) -> list[Notice]:
    return Notice.objects.bulk_create(
        _notice(judged, decision, as_of)
        for judged in judge_episodes(as_of, since, silenced)
        for decision in judged.decisions
        if decision.due
    )


def _notice(judged: EpisodeDecisions, decision: NoticeDecision, as_of: datetime) -> Notice:
    episode, reading = judged.episode, judged.reading
    return Notice(
        kind=decision.kind.value,
        period_id=episode.period,
        episode=0 if decision.kind in _BEFORE_AN_EPISODE else episode.number,
        step=decision.step,
        reason=decision.reason.value,
        raised_at=as_of,
        state=episode.state,
        days_late=episode.days_late,
        due_on=episode.due_on,
        read_at=reading.read_at,
        fresh=reading.fresh,
        policy_version_id=episode.policy_version,
    )
