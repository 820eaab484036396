"""What an earlier revision left: its database upgraded, and its code; and the answers that golden bytes hold."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from psycopg import sql
from pytest_django import DjangoDbBlocker

from alerts.models import Home
from entities.models import Person
from simulator.run import Running, running
from tests.builders import WORKED_EXAMPLE_AT
from tests.closeboard.processes import PROJECT
from tests.db_builders import PASSWORD
from tests.guards.database_report import DATABASES
from tests.guards.full_scenario import save_full_scenario
from tests.guards.old_revision import OLD_REVISION, OldRevision
from tests.guards.recorded_responses import RecordedResponses, fix_settings, own_story, stop_the_clock


@pytest.fixture
def recorded_responses(
    request: pytest.FixtureRequest, db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RecordedResponses]:
    """The answers of a story are recorded, which the name of the test names; the clock stands at its start."""
    fix_settings(monkeypatch)
    stop_the_clock(monkeypatch, WORKED_EXAMPLE_AT)
    story = request.node.name.removeprefix("test_the_bytes_of_")
    made = RecordedResponses(story, tmp_path)
    with own_story(), made.recording_templates():
        yield made


@pytest.fixture
def old_database(
    request: pytest.FixtureRequest, migrated_database: str, django_db_blocker: DjangoDbBlocker
) -> Iterator[dict[str, Any]]:
    """Django uses an upgraded copy of an earlier database; the fixture gives what that revision showed of it."""
    dump = gzip.decompress((DATABASES / f"{request.param}.sql.gz").read_bytes())
    expected: dict[str, Any] = json.loads(
        gzip.decompress((DATABASES / f"{request.param}.json.gz").read_bytes())
    )
    name = f"{migrated_database[:40]}_old"
    url = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(url._replace(path="/postgres").geturl(), autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with psycopg.connect(url._replace(path=f"/{name}").geturl(), autocommit=True) as into:
            into.execute(dump)
        connection.close()
        connection.settings_dict["NAME"] = name
        try:
            with django_db_blocker.unblock():
                call_command("migrate", verbosity=0, interactive=False)
                yield expected
        finally:
            connection.close()
            connection.settings_dict["NAME"] = migrated_database
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def old_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder holds the code of OLD_REVISION, taken from the history of the repository."""
    archive = subprocess.run(["git", "archive", OLD_REVISION], cwd=PROJECT, capture_output=True)
    if archive.returncode:
        pytest.fail(
            f"This test runs the code of revision {OLD_REVISION}, which the history here does not hold: clone the"
            f" repository with its whole history (git fetch --unshallow). Git said: {archive.stderr.decode()}"
        )
    folder = tmp_path_factory.mktemp("old") / "code"
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


@pytest.fixture
def old_revision(old_code: Path, live_stack_env: dict[str, str], tmp_path: Path) -> OldRevision:
    """The old code can start on a live database in which the new code has saved the full story."""
    story = save_full_scenario()
    # As an old process knows it, whatever tests use.
    password = Argon2PasswordHasher().encode(PASSWORD, "x" * 16)
    people = [story.finance.pk, story.administrator.pk]
    Person.objects.filter(pk__in=people).update(password=password)
    Home.objects.all().delete()  # else it is a restored backup, from which nothing leaves
    env = {**live_stack_env, "MAIL_URL": f"file:{tmp_path / 'mails'}"}
    return OldRevision(story, old_code, env, tmp_path)


@pytest.fixture
def fleet_simulator() -> Iterator[Running]:
    """An ERP with two entities answers from a process, as of now."""
    with running("fleet:2", clock=timezone.now().replace(microsecond=0)) as simulator:
        yield simulator
