"""Queues the daily digest of everybody who will have close tasks due at its time; never a mail for each task."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.evaluate.overdue import evaluator_lock
from alerts.routing.batching import open_messages
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.preferences import notification_hours_of
from closing.judging.notification_schedule import MAX_DELAY_DAYS, Cadence, next_send_at
from worklist.task_store.task_reminders import people_with_due_tasks, task_reminders


def queue_task_digests(as_of: datetime) -> int:
    """Let a daily digest wait for each of these people; returns how many do.

    It is the one that takes notices too: a digest that waits already takes the tasks with it. Its tasks are read when
    it is sent, and one in which nothing is left is cancelled.
    """
    people = people_with_due_tasks(as_of, as_of + timedelta(days=MAX_DELAY_DAYS))
    if not people:
        return 0
    with evaluator_lock():
        context = EvaluationContext(as_of)
        hours = notification_hours_of(people, context)
        moments = {person: next_send_at(Cadence.DAILY, each, as_of) for person, each in hours.items()}
        keys = [(person, None, Cadence.DAILY) for person in task_reminders(moments)]
        return len(open_messages(keys, context))
