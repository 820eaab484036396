"""The schedule of periodic tasks; every tick claims its slot in PostgreSQL, so two beats do no harm."""

from __future__ import annotations

from typing import Any


def beat_schedule(sync_look_seconds: int) -> dict[str, dict[str, Any]]:
    """The beat schedule: each task's name, seconds between ticks, and seconds after which a late tick expires."""
    ticks = {
        "sync what is due": ("connectors.sync_due", sync_look_seconds),  # each connection: its own interval
        "sync work that is due": ("connectors.sync_work_due", 60),  # yields to the reads of periods
        "generate close tasks": ("worklist.generate_tasks", 900),  # ten working days before period end
        "evaluate": ("alerts.evaluate", 60),  # lateness grows by itself at midnight
        "digests of close tasks": ("alerts.task_digests", 300),  # before their time of day comes
        "send what is due": ("alerts.send", 30),  # finds every message whose nudge was lost
        "post what is due": ("alerts.post", 30),  # to Teams, Slack and webhooks
        "prove the alerts": ("alerts.prove", 3600),  # once a day, as soon as a worker is free
        "seal the audit log": ("infra.seal_audit", 60),  # and refused acts that were counted become events
        "housekeeping": ("periods.housekeeping", 3600),  # old ticks, sessions, attempts whose worker died
        "pack old reads": ("periods.pack_attempts", 3600),  # those of one more day, once they are old enough
        "delete old notices": ("alerts.delete_old_notices", 3600),  # once a day
    }
    return {
        name: {"task": task, "schedule": float(every), "options": {"expires": float(every)}}
        for name, (task, every) in ticks.items()
    }
