"""Since when the evaluations have gone on without a gap: what was read before it may be long out of date."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.models import EvaluationSpan

# Without an evaluation: then we were away, and what we know is from before.
MAX_EVALUATION_GAP = timedelta(minutes=5)


def evaluating_since(as_of: datetime) -> datetime | None:
    """When the evaluations began that went on until `as_of` without a gap; None where there was none lately."""
    span = _newest_span(as_of)
    return span.first if span is not None and as_of - span.last <= MAX_EVALUATION_GAP else None


def evaluated_this_minute(as_of: datetime) -> bool:
    """Whether an evaluation of this minute has finished, that of another beat or of a message that came twice."""
    span = _newest_span(as_of)
    return span is not None and _minute(span.last) == _minute(as_of)


def record_evaluation(as_of: datetime) -> None:
    """Record that an evaluation has finished; to be called in its own transaction, and with the database's clock."""
    span = _newest_span(as_of)
    if span is None or as_of - span.last > MAX_EVALUATION_GAP:
        EvaluationSpan.objects.create(first=as_of, last=as_of)
    elif as_of > span.last:
        EvaluationSpan.objects.filter(pk=span.pk).update(last=as_of)


def _newest_span(as_of: datetime) -> EvaluationSpan | None:
    return EvaluationSpan.objects.filter(first__lte=as_of).order_by("-first").first()


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def is_past_restart_grace(since: datetime | None, interval: timedelta, as_of: datetime) -> bool:
    """Whether we have been back for so long that a connection read this often would have brought something."""
    return since is not None and as_of >= since + max(MAX_EVALUATION_GAP, 2 * interval)
