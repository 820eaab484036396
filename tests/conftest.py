"""Service wiring only: fixtures of a package's own tests stand in that package's folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection


@pytest.fixture
def empty_redis() -> Iterator[None]:
    """This test process's own Redis database, empty before and after."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def live_stack_env(transactional_db: None, empty_redis: None) -> dict[str, str]:
    """The environment for real processes that a test starts: this worker's test database and Redis database.

    What such a process writes must be committed by the test first, hence `transactional_db`; the test stops the
    processes itself, before the database is emptied.
    """
    url = urlsplit(os.environ["DATABASE_URL"])
    test_url = url._replace(path="/" + connection.settings_dict["NAME"]).geturl()
    return {
        **os.environ,
        "DATABASE_URL": test_url,
        "REDIS_URL": os.environ["REDIS_URL"],
        "DJANGO_SETTINGS_MODULE": "closeboard.settings",
        "SECRET_KEY": settings.SECRET_KEY,
        "PYTHONUNBUFFERED": "1",
    }
