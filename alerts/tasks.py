"""Celery doors of telling people, by the database's clock."""

from __future__ import annotations

from celery import shared_task
from django.db import transaction

from alerts.evaluate.overdue import evaluator_lock
from alerts.evaluate.run import run_evaluation_once_a_minute
from alerts.outbox.sending import send_due_mails, send_due_posts
from alerts.reconciliation import reconcile_and_record
from infra.ticks import claim_tick, database_clock


@shared_task(name="alerts.evaluate", time_limit=120, soft_time_limit=90)
def evaluate() -> None:
    """Evaluate and raise once a minute; a second beat finds the minute evaluated.

    The clock is read once no other evaluator is at work: what was read while this one waited lies before it then.
    """
    with evaluator_lock():
        raised = run_evaluation_once_a_minute(database_clock())
    if raised is not None and raised.deliveries:
        send.delay()  # sooner than the sweep, which finds what this misses
        post.delay()


@shared_task(name="alerts.send", time_limit=240, soft_time_limit=200)
def send() -> None:
    """Send the mails that are due. Any number may run at once: each message is claimed by one of them."""
    send_due_mails(database_clock())


@shared_task(name="alerts.post", time_limit=240, soft_time_limit=200)
def post() -> None:
    """Post what is due to destinations; apart from the mails, so that neither waits for the other's servers."""
    send_due_posts(database_clock())


@shared_task(name="alerts.prove", time_limit=280, soft_time_limit=240)
def prove() -> None:
    """Once a day, compare the alerts that the history says had to exist with those that exist.

    The day is claimed in the transaction of the proof: where its worker dies, the next hour proves.
    """
    with transaction.atomic():
        as_of = database_clock()
        if claim_tick("prove", 86_400, as_of):
            reconcile_and_record(as_of)
