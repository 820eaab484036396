"""Runs threads that interfere with each other as often as they can."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

from django.db import connections

PATIENCE = 60.0  # seconds after which a waiting thread counts as hung


@contextmanager
def eager_threads() -> Iterator[None]:
    """Make threads switch as often as the interpreter can, until the block ends."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def at_once(*works: Callable[[], object]) -> None:
    """Run each work in a thread of its own, all started together; raises the first error of any."""
    ready = Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        ready.wait(PATIENCE)
        with own_connections():
            work()

    with ThreadPoolExecutor(len(works)) as threads:
        for done in [threads.submit(run, work) for work in works]:
            done.result(2 * PATIENCE)


@contextmanager
def own_connections() -> Iterator[None]:
    """Close this thread's database connections when the block ends."""
    try:
        yield
    finally:
        connections.close_all()
