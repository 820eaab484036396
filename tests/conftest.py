"""Services, the clock, servers that messages go to, and what is sent: what several folders use.

Fixtures of one folder's tests stand in that folder's conftest.py.
"""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import client
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker
from pytest_django.fixtures import Settings

from alerts.models import Delivery
from tests import hypothesis_profiles  # noqa: F401 - loads its profile
from tests.builders import WORKED_EXAMPLE_AT
from tests.databases import live_copy
from tests.db_builders import SampleGroup
from tests.faults.http_sink import HttpSink
from tests.faults.outbox_helpers import raise_notice, save_due_messages, save_late_group, send_to
from tests.faults.smtp_sink import Sink
from tests.scenario_databases import ScenarioDatabases
from tests.settable_clock import SettableClock


def pytest_configure() -> None:
    """Make what each test needs cheap in this process; real processes keep the settings of production."""
    settings.MEDIA_ROOT = tempfile.mkdtemp(prefix="closeboard-media-")
    atexit.register(shutil.rmtree, settings.MEDIA_ROOT, ignore_errors=True)
    settings.PASSWORD_HASHERS = ["tests.cheap_argon2.CheapArgon2PasswordHasher"]
    settings.WHITENOISE_AUTOREFRESH = (
        True  # else each test client looks for all static files before its first request
    )
    # The test client copies the context of each template for `response.context`, at which no test looks.
    client.store_rendered_templates = lambda *_, **__: None  # type: ignore[attr-defined]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Spare the garbage collector what the collection of the tests makes, all of which stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    """Clear the cached boards: each test has a database of its own, and another one's board must not be shown.

    A clock that stands days later than that of the test before must not look like days without a request.
    """
    from periods.board_cache.cache import BOARD_CACHE  # noqa: PLC0415 - only once Django is set up

    BOARD_CACHE.clear()
    BOARD_CACHE._requested_at = None


@pytest.fixture(scope="session")
def stories() -> Iterator[ScenarioDatabases]:
    """The run's scenario databases, which its workers share."""
    made = ScenarioDatabases()
    yield made
    made.close()


@pytest.fixture
def two_workers(
    stories: ScenarioDatabases, django_db_blocker: DjangoDbBlocker
) -> Iterator[list[ScenarioDatabases]]:
    """Two workers of this run share its databases."""
    other = ScenarioDatabases()
    with django_db_blocker.unblock():
        yield [stories, other]
        other.close()  # which leaves the databases to the first


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
    stories: ScenarioDatabases,
    django_db_blocker: DjangoDbBlocker,
) -> None:
    """Each worker's test database is a copy of the run's migrated one: a run migrates once."""
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"] |= {"TEMPLATE": stories.template(), "MIGRATE": False}


@pytest.fixture
def empty_redis() -> Iterator[None]:
    """This test process's own Redis database, empty before and after."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(scope="session")
def migrated_database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The name of this worker's migrated test database, made here when no test of the session asked for one."""
    with django_db_blocker.unblock():
        if connection.settings_dict["NAME"].startswith("test_"):
            yield connection.settings_dict["NAME"]
            return
        made = setup_databases(verbosity=0, interactive=False)
        yield connection.settings_dict["NAME"]
        teardown_databases(made, verbosity=0)


@pytest.fixture
def live_database(migrated_database: str, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A migrated database of the test's own, with real commits; yields its DATABASE_URL.

    For tests with real processes, threads or several connections.
    """
    with live_copy(migrated_database, django_db_blocker) as url:
        yield url


@pytest.fixture
def live_stack_env(live_database: str, empty_redis: None) -> dict[str, str]:
    """The environment for real processes that a test starts on its live database and this worker's Redis."""
    return {
        **os.environ,
        "DATABASE_URL": live_database,
        "REDIS_URL": os.environ["REDIS_URL"],
        "DJANGO_SETTINGS_MODULE": "closeboard.settings",
        "SECRET_KEY": settings.SECRET_KEY,
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[SettableClock]:
    """The board reads this clock, which stands at noon of 12 June 2026 until a test sets it."""
    clock = SettableClock(WORKED_EXAMPLE_AT)
    monkeypatch.setattr("board.web.board_request.now", clock)
    cache.clear()
    yield clock
    cache.clear()


@pytest.fixture
def smtp_sink() -> Iterator[Sink]:
    """A mail server runs and takes everything."""
    with Sink() as running:
        yield running


@pytest.fixture
def mails_to_smtp_sink(smtp_sink: Sink, settings: Settings) -> None:
    """Django in this process sends its mails to the mail server."""
    send_to(smtp_sink, settings)


@pytest.fixture
def http_sink() -> Iterator[HttpSink]:
    """A web server runs and takes all posts."""
    with HttpSink() as running:
        yield running


@pytest.fixture
def overdue_group() -> SampleGroup:
    """EU DTC BV has been late for weeks, and was read a moment ago."""
    return save_late_group()


@pytest.fixture
def due_message(overdue_group: SampleGroup) -> Delivery:
    """One message about EU DTC BV is due."""
    [message] = save_due_messages(raise_notice(overdue_group), 1)
    return message


@pytest.fixture
def mails_leave(settings: Settings) -> None:
    """Mails leave as fast as they can."""
    settings.MAILS_LEAVE, settings.MAILS_A_MINUTE = True, 0
