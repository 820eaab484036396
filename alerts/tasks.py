"""Celery tasks that evaluate, send, reconcile and delete what is old, by the database's clock."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings
from django.db import transaction

from alerts.evaluate.run import run_evaluation_once_a_minute
from alerts.evaluate.task_digests import queue_task_digests
from alerts.notice_retention import delete_old_notices
from alerts.outbox.sending import send_due_mails, send_due_posts
from alerts.reconciliation import reconcile_and_record
from infra.ticks import claim_tick, database_clock

TASK_DIGEST_SECONDS = 300


@shared_task(name="alerts.evaluate", time_limit=120, soft_time_limit=90)
def evaluate() -> None:
    """Run the evaluation once a minute; a second beat finds the minute evaluated."""
    result = run_evaluation_once_a_minute(database_clock)
    if result is not None and result.deliveries:
        send.delay()  # sooner than the sweep, which sends what this misses
        post.delay()


@shared_task(name="alerts.task_digests", time_limit=120, soft_time_limit=90)
def task_digests() -> None:
    """Let the daily digests wait that have close tasks; the claimed slot makes a second beat harmless."""
    as_of = database_clock()
    if claim_tick("task digests", TASK_DIGEST_SECONDS, as_of):
        queue_task_digests(as_of)


@shared_task(name="alerts.send", time_limit=240, soft_time_limit=200)
def send() -> None:
    """Send the mails that are due. Any number may run at once: each message is claimed by one of them."""
    send_due_mails(database_clock())


@shared_task(name="alerts.post", time_limit=240, soft_time_limit=200)
def post() -> None:
    """Post the messages due to destinations; apart from mails, so that neither waits for the other's servers."""
    send_due_posts(database_clock())


@shared_task(name="alerts.prove", time_limit=280, soft_time_limit=240)
def prove() -> None:
    """Once a day, compare the alerts that the history requires with those that exist.

    The day is claimed in the transaction of the comparison: if its worker dies, the task of the next hour does it.
    """
    with transaction.atomic():
        as_of = database_clock()
        if claim_tick("prove", 86_400, as_of):
            reconcile_and_record(as_of)


@shared_task(name="alerts.delete_old_notices", time_limit=280, soft_time_limit=240)
def delete_notices() -> None:
    """Once a day, delete the notices that need not be kept any longer, and what a killed run has left."""
    as_of = database_clock()
    if claim_tick("old notices", 86_400, as_of):
        delete_old_notices(as_of, keep=settings.KEEP_NOTICES)
