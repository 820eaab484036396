"""Gives birth to Celery workers: everything is imported once, then each line on standard input forks one.

`python -m tests.faults.nursery LOG`; each line holds a worker's command-line words, the answer is its process id.
A worker takes four seconds to start from nothing and a moment from here; from the fork on it is the same program.
"""

from __future__ import annotations

import os
import signal
import sys

from closeboard.celery import app
from closeboard.children import tie_to_us


def main() -> None:
    app.loader.import_default_modules()
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries our children
    for line in sys.stdin:
        follow_parent = tie_to_us(signal.SIGKILL)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            follow_parent()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            app.worker_main(line.split())
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
