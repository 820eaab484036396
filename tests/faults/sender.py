"""Gives birth to senders: everything is imported once, then each line on standard input forks one.

`python -m tests.faults.sender LOG LEASE`; the answer to each line is a process id. A sender calls `send_due` again
and again, with leases of so many seconds, so that a test need not wait five minutes for what a killed one held.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import timedelta

import django
from django.db import connection
from django.utils import timezone

from closeboard.children import tie_to_us


def main() -> None:
    django.setup()
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    lease = timedelta(seconds=float(sys.argv[2]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries our children
    import alerts.sending  # noqa: F401, PLC0415 - only once Django is set up

    for _ in sys.stdin:
        follow_parent = tie_to_us(signal.SIGKILL)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            follow_parent()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            send_for_ever(lease)
        print(pid, flush=True)


def send_for_ever(lease: timedelta) -> None:
    from alerts.sending import send_due  # noqa: PLC0415

    while True:
        try:
            send_due(timezone.now(), lease=lease)
        except Exception as wrong:  # as a Celery worker does: the task fails, the worker goes on
            print(f"{type(wrong).__name__}: {wrong}", flush=True)
            connection.close()
        time.sleep(0.1)


if __name__ == "__main__":
    main()
