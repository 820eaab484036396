"""The Celery application: workers consume the queues sync, alerts and exports."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "closeboard.settings")

app = Celery("closeboard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
