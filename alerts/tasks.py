"""Celery doors of telling people."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from alerts.services import evaluate as evaluate_now
from periods.ticks import claim_tick


@shared_task(name="alerts.evaluate", time_limit=120, soft_time_limit=90)
def evaluate() -> None:
    """Evaluate once a minute; the claimed slot makes a second beat harmless."""
    as_of = timezone.now()
    if claim_tick("evaluate", 60, as_of):
        evaluate_now(as_of)
