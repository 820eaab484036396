"""Records finished evaluations and finds the start of the current run; older readings may be out of date."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.models import EvaluationSpan
from alerts.routing.evaluation_context import EvaluationContext

# A longer pause between two evaluations starts a new span.
MAX_EVALUATION_GAP = timedelta(minutes=5)


def evaluating_since(context: EvaluationContext) -> datetime | None:
    """The start of the evaluations that went on until now without a gap; None where the last is too long ago."""
    span = context.span
    return span.first if span is not None and context.as_of - span.last <= MAX_EVALUATION_GAP else None


def evaluated_this_minute(context: EvaluationContext) -> bool:
    """Whether an evaluation of this minute has finished, by another beat or by a message delivered twice."""
    return context.span is not None and _minute(context.span.last) == _minute(context.as_of)


def record_evaluation(context: EvaluationContext) -> None:
    """Record that an evaluation finished; call it in the evaluation's transaction, with the database's clock."""
    span, as_of = context.span, context.as_of
    if span is None or as_of - span.last > MAX_EVALUATION_GAP:
        EvaluationSpan.objects.create(first=as_of, last=as_of)
    elif as_of > span.last:
        EvaluationSpan.objects.filter(pk=span.pk).update(last=as_of)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def is_past_restart_grace(context: EvaluationContext, interval: timedelta) -> bool:
    """Whether evaluations have run for so long that a connection read at this interval must have been read."""
    since = evaluating_since(context)
    return since is not None and context.as_of >= since + max(MAX_EVALUATION_GAP, 2 * interval)
