"""Simulators, servers and processes for tests that break them, and what the group is like before."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection
from django.utils import timezone
from psycopg import sql
from pytest_django import DjangoDbBlocker
from pytest_django.fixtures import Settings

from alerts.models import Notice
from closeboard.ops import backing_services
from simulator.run import Running, running
from tests.builders import WORKED_EXAMPLE_AT, utc
from tests.closeboard.processes import PROJECT
from tests.databases import database_url
from tests.db_builders import SampleGroup, record_worked_example, save_sample_group
from tests.faults.alert_scenario import AlertScenario, save_alert_scenario
from tests.faults.outbox_helpers import raise_notice, send_to
from tests.faults.smtp_sink import Sink
from tests.faults.stack import Postgres, Valkey, Workers, speaking_to
from tests.faults.sync_helpers import attempts
from tests.faults.web_process import says

PAGES = 20  # rows per page: a read of twenty companies takes some thirty requests


@pytest.fixture(scope="session")
def running_fleet() -> Iterator[Running]:
    """One simulator plays forty ledgers for all tests of a process."""
    with running("fleet:40", clock=timezone.now().replace(microsecond=0)) as simulator:
        yield simulator


@pytest.fixture
def fleet_sim(running_fleet: Running) -> Running:
    """Forty ledgers stand on today's date and answer in many small pages."""
    running_fleet.reset()
    running_fleet.set_profile(finops_page_size=PAGES)
    return running_fleet


@pytest.fixture
def busy_sim(fleet_sim: Running) -> Running:
    """Forty ledgers answer whole: one may change while it is read, and a reading is still of one moment."""
    fleet_sim.set_profile(finops_page_size=10_000)
    return fleet_sim


@pytest.fixture(scope="module")
def running_example() -> Iterator[Running]:
    """One simulator plays the worked example for all tests of a module."""
    with running("worked_example", clock=WORKED_EXAMPLE_AT) as simulator:
        yield simulator


@pytest.fixture
def example_sim(running_example: Running) -> Running:
    """The simulator of the worked example is as it was at start-up."""
    running_example.reset()
    return running_example


@pytest.fixture(scope="module")
def running_twenty() -> Iterator[Running]:
    """One simulator plays twenty companies of Business Central for all tests of a module."""
    with running("fleet-bc:20", clock=WORKED_EXAMPLE_AT) as simulator:
        yield simulator


@pytest.fixture
def twenty_companies_sim(running_twenty: Running) -> Running:
    """The simulator of twenty companies is as it was at start-up."""
    running_twenty.reset()
    return running_twenty


@pytest.fixture(scope="module", params=["finops", "business_central"])
def work_sim(request: pytest.FixtureRequest) -> Iterator[tuple[str, Running]]:
    """Eight companies of one kind of ERP stand on today's date."""
    scenario = {"finops": "fleet:8", "business_central": "fleet-bc:8"}[request.param]
    with running(scenario, clock=timezone.now().replace(microsecond=0)) as simulator:
        yield request.param, simulator


@pytest.fixture
def command_sim(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """Commands and tasks find a simulator that plays the worked example from 1 June on."""
    with running("worked_example", clock=utc("2026-06-01 12:00")) as simulator:
        monkeypatch.setenv("SIMULATOR_URL", simulator.url)
        yield simulator


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    """Each test has a tenant of its own: this process keeps tokens, and refusals, by tenant."""
    return re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[-60:].strip("-") + ".example"


@pytest.fixture
def workers(live_stack_env: dict[str, str], tmp_path: Path) -> Iterator[Workers]:
    """Celery processes run on the test's live database and this test process's Redis."""
    with Workers(live_stack_env | {"SYNC_LOOK_SECONDS": "5"}, tmp_path) as started:
        yield started
        for attempt in attempts():  # pytest shows it when the test failed
            print(attempt.pk, attempt.connection_id, attempt.outcome, attempt.started_at, attempt.words)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey of the test's own runs."""
    with Valkey(tmp_path) as started:
        yield started


@pytest.fixture
def postgres(
    live_stack_env: dict[str, str], django_db_blocker: DjangoDbBlocker, tmp_path: Path
) -> Iterator[Postgres]:
    """A PostgreSQL is migrated and writes to disk in earnest; Django in this process speaks to it."""
    state = backing_services.new_state()
    try:
        # The profile of benchmarks writes to disk as production does; the tests' own would lose the last commits.
        with backing_services.run_services(
            state, "bench", {"REDIS_URL": live_stack_env["REDIS_URL"]}
        ) as started:
            server = Postgres(started)
            migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            subprocess.run(migrate, cwd=PROJECT, env=live_stack_env | server.env, check=True)
            with django_db_blocker.unblock(), speaking_to(server.env["DATABASE_URL"]):
                yield server
    finally:
        backing_services.remove_state(state)


@pytest.fixture
def restore_target(live_database: str) -> Iterator[str]:
    """A database of this name may be restored into; it is dropped afterwards."""
    mine, name = connection.settings_dict["NAME"], f"{urlsplit(live_database).path[1:]}_restored"
    yield name
    connection.close()
    connection.settings_dict["NAME"] = mine
    with psycopg.connect(database_url(live_database, "postgres"), autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(params=["starttls", "from the start"])
def tls_smtp_sink(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Sink]:
    """A mail server asks for TLS and for a password, and Django in this process is set up to use it."""
    login = ("closeboard", "s3cret")
    with Sink() as running_sink:
        running_sink.login = login
        running_sink.tls_from_the_start = request.param == "from the start"
        send_to(running_sink, settings)
        settings.EMAIL_HOST = "localhost"
        settings.EMAIL_USE_SSL = running_sink.tls_from_the_start
        settings.EMAIL_USE_TLS = not running_sink.tls_from_the_start
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = login
        yield running_sink


@pytest.fixture
def live_meridian(live_database: str) -> SampleGroup:
    """The cast has gone through the worked example, and was read this minute so that everything is fresh."""
    group = save_sample_group()
    record_worked_example(group)
    says(group)
    return group


@pytest.fixture
def alert(overdue_group: SampleGroup) -> Notice:
    """An alert of EU DTC BV is raised."""
    return raise_notice(overdue_group)


@pytest.fixture
def alert_scenario(fleet_sim: Running, live_stack_env: dict[str, str]) -> AlertScenario:
    """Four companies are read from an ERP, and their people wait for mails."""
    return save_alert_scenario(fleet_sim)


@pytest.fixture
def microsoft_365(smtp_sink: Sink, running_example: Running, settings: Settings, tenant: str) -> Running:
    """The mail server takes tokens for one mailbox only, and Django in this process gets them from the simulator."""
    running_example.reset()
    smtp_sink.accepts_token = lambda mailbox, token: mailbox == "alerts@meridian.test" and "." in token
    settings.EMAIL_HOST_USER = "alerts@meridian.test"
    settings.MAIL_OAUTH_TENANT = tenant
    settings.MAIL_OAUTH_CLIENT_ID = settings.MAIL_OAUTH_CLIENT_SECRET = "simulator"
    settings.MAIL_OAUTH_AUTHORITY = running_example.url
    settings.MAIL_OAUTH_SCOPE = f"{running_example.url}/.default"
    settings.ERP_ALLOWED_HOSTS = ("127.0.0.1",)
    return running_example
