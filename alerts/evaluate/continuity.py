"""Records finished evaluations and finds the start of the current run; older readings may be out of date."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.models import EvaluationSpan

# A longer pause between two evaluations starts a new span.
MAX_EVALUATION_GAP = timedelta(minutes=5)


def evaluating_since(as_of: datetime) -> datetime | None:
    """The start of the evaluations that went on until `as_of` without a gap; None where the last is too long ago."""
    span = _newest_span(as_of)
    return span.first if span is not None and as_of - span.last <= MAX_EVALUATION_GAP else None


def evaluated_this_minute(as_of: datetime) -> bool:
    """Whether an evaluation of this minute has finished, by another beat or by a message delivered twice."""
    span = _newest_span(as_of)
    return span is not None and _minute(span.last) == _minute(as_of)


def record_evaluation(as_of: datetime) -> None:
    """Record that an evaluation finished; call it in the evaluation's transaction, with the database's clock."""
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
    """Whether evaluations have run for so long that a connection read at this interval must have been read."""
    return since is not None and as_of >= since + max(MAX_EVALUATION_GAP, 2 * interval)
