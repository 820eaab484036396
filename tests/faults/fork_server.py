"""Forks processes that a test will kill: all is imported once, then each line on standard input forks one.

`python -m tests.faults.fork_server LOG`; the answer to each line is a process id. `worker WORDS` is a Celery worker
with these command-line arguments: it takes four seconds to start from nothing and a moment from here, and after the
fork it is the same program. `sender LEASE` calls `send_due_mails` again and again, with leases of so many seconds, so
that a test need not wait five minutes for the messages of a killed one. `poster LEASE` does the same with
`send_due_posts`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from closeboard.celery import app
from closeboard.ops.children import die_with_parent


def main() -> None:
    app.loader.import_default_modules()
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps our children
    for line in sys.stdin:
        follow_parent = die_with_parent(signal.SIGKILL)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            follow_parent()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            what, *words = line.split()
            if what in {"sender", "poster"}:
                send_for_ever(what, timedelta(seconds=float(words[0])))
            app.worker_main([what, *words])
            os._exit(0)
        print(pid, flush=True)


def send_for_ever(what: str, lease: timedelta) -> None:
    from alerts.outbox.sending import send_due_mails, send_due_posts  # noqa: PLC0415 - only once Django is set up

    while True:
        try:
            if what == "sender":
                send_due_mails(timezone.now(), lease=lease)
            else:
                send_due_posts(timezone.now(), lease=lease, apart=timedelta(0))
        except Exception as wrong:  # as a Celery worker does: the task fails, the worker goes on
            print(f"{type(wrong).__name__}: {wrong}", flush=True)
            connection.close()
        time.sleep(0.1)


if __name__ == "__main__":
    main()
