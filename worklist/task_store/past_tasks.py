"""Close tasks as they were known at a past moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from worklist.models import CloseTask, TaskEvent
from worklist.task_store.task_rows import record_as_of, set_changed_columns


def tasks_as_known(tasks: Iterable[CloseTask], as_of: datetime) -> list[CloseTask]:
    """The tasks that had been generated at a moment, with the columns of that moment; one query.

    They are for reading only: the caller never saves them.
    """
    known = [task for task in tasks if task.generated_at <= as_of]
    changed = [task for task in known if task.changed_at > as_of]
    events: dict[int, list[TaskEvent]] = defaultdict(list)
    earlier = TaskEvent.objects.filter(task__in=[task.pk for task in changed], at__lte=as_of)
    for event in earlier.order_by("at", "pk"):
        events[event.task_id].append(event)
    for task in changed:
        of_task = events[task.pk]
        record = record_as_of(task, of_task, as_of)
        set_changed_columns(task, record, of_task[-1].at if of_task else task.generated_at)
    return known
