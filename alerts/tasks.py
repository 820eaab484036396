"""Celery doors of telling people."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from alerts.proof import prove_and_keep
from alerts.raising import evaluate_and_raise
from alerts.sending import post_due, send_due
from periods.ticks import claim_tick


@shared_task(name="alerts.evaluate", time_limit=120, soft_time_limit=90)
def evaluate() -> None:
    """Evaluate and raise once a minute; the claimed slot makes a second beat harmless."""
    as_of = timezone.now()
    if claim_tick("evaluate", 60, as_of) and evaluate_and_raise(as_of).deliveries:
        send.delay()  # sooner than the sweep, which finds what this misses
        post.delay()


@shared_task(name="alerts.send", time_limit=240, soft_time_limit=200)
def send() -> None:
    """Send the mails that are due. Any number may run at once: each message is claimed by one of them."""
    send_due(timezone.now())


@shared_task(name="alerts.post", time_limit=240, soft_time_limit=200)
def post() -> None:
    """Post what is due to destinations; apart from the mails, so that neither waits for the other's servers."""
    post_due(timezone.now())


@shared_task(name="alerts.prove", time_limit=280, soft_time_limit=240)
def prove() -> None:
    """Once a day, compare the alerts that the history says had to exist with those that exist."""
    as_of = timezone.now()
    if claim_tick("prove", 86_400, as_of):
        prove_and_keep(as_of)
