"""Gives every test process its own services before Django reads its settings (a pytest plugin, see pyproject.toml).

`make test` starts PostgreSQL and Valkey for the whole run; a bare `pytest` gets its own here. Each parallel worker
has its own database (pytest-django) and its own numbered Redis database.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re

from closeboard.ops import backing_services

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")


def _start_services() -> None:
    undo = contextlib.ExitStack()
    atexit.register(undo.close)
    state = backing_services.new_state(in_memory=True)
    undo.callback(backing_services.remove_state, state)
    os.environ.update(undo.enter_context(backing_services.run_services(state, "test")).env)


def _redis_url_of_this_process(url: str) -> str:
    """The same server, database 0 for a lone process and n + 1 for the parallel worker gw<n>."""
    number = int(WORKER.removeprefix("gw")) + 1 if WORKER else 0
    if url.startswith("unix:"):
        return re.sub(r"([?&]db=)\d+", rf"\g<1>{number}", url)
    return re.sub(r"(redis[s]?://[^/]+)(/\d*)?", rf"\g<1>/{number}", url, count=1)


if not WORKER and not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
    _start_services()
os.environ["REDIS_URL"] = _redis_url_of_this_process(os.environ["REDIS_URL"])
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 40)
os.environ.setdefault("ENCRYPTION_KEYS", "tests:" + "dGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtMzI=")
os.environ.setdefault("ERP_ALLOWED_HOSTS", "127.0.0.1,localhost")
os.environ.setdefault("WEBHOOK_ALLOWED_HOSTS", "127.0.0.1,localhost")
