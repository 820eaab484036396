"""The Celery application: workers consume the queues sync, alerts and exports."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, Task

from infra.audit.origin import Origin, acting

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "closeboard.settings")


class AuditedTask(Task[Any, Any]):
    """A task whose acts the audit log shows as those of the program, by the id of the task's message."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with acting(Origin("task", request_id=self.request.id or "")):
            return super().__call__(*args, **kwargs)


app = Celery("closeboard", task_cls="closeboard.celery:AuditedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
