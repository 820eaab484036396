"""The close of May of the four entities: Anna owns its tasks, Rita reviews them; it is the noon of 3 June."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from closing.close_tasks.task_acts import TaskAct
from entities.models import Connection, Person
from tests.board.page_client import signed_in
from tests.builders import utc
from tests.periods.recorded_reads import connect_four_entities, facts_of_all, read
from tests.worklist.close_task_builders import adopt, generate, give_roles, person, task_of
from worklist.models import CloseTask
from worklist.task_store.task_acts_store import act_on_task, comment_on_task, reassign_task

NOON = utc("2026-06-03 12:00")


@pytest.fixture
def source() -> Connection:
    """The four entities, open in May."""
    connected, _ = connect_four_entities()
    read(connected, "2026-06-03 11:55", facts_of_all())
    return connected


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The pages show the noon of 3 June."""
    monkeypatch.setattr("board.web.board_request.now", lambda: NOON)
    return NOON


@pytest.fixture
def anna(source: Connection, noon: datetime) -> Person:
    """Anna owns all tasks of May."""
    adopt()
    owner = person("Anna Owner")
    give_roles(owner, person("Rita Reviewer"))
    generate()
    return owner


@pytest.fixture
def owner_client(anna: Person) -> Client:
    """Anna's browser."""
    return signed_in(anna)


@pytest.fixture
def reviewer_client(anna: Person) -> Client:
    """Rita's browser."""
    return signed_in(Person.objects.get(name="Rita Reviewer"))


@pytest.fixture
def admin_client(anna: Person) -> Client:
    """The browser of Ada, who administers the whole group."""
    return signed_in(person("Ada Admin", role="administrator"))


@pytest.fixture
def few_tasks(anna: Person) -> None:
    """Two tasks of Anna are open, one of Rita's reviews waits."""
    rita = Person.objects.get(name="Rita Reviewer")
    CloseTask.objects.exclude(code__in=["rec", "flux"]).update(status="signed_off")
    CloseTask.objects.exclude(entity__code="NLDT").update(status="signed_off")
    CloseTask.objects.filter(code="flux", entity__code="NLDT").update(status="done", touched_by=[anna.pk])
    CloseTask.objects.filter(owner=rita).exclude(code="flux").update(status="signed_off")


@pytest.fixture
def media(settings: Settings, tmp_path: Path) -> Path:
    """The store of files is a folder of the test."""
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def done_late(anna: Person) -> CloseTask:
    """The recurring journals were given to Olaf, done and commented on within the last hour."""
    olaf = person("Olaf Other")
    uid = task_of("rec").uid
    reassign_task(anna, uid, olaf, NOON - timedelta(minutes=30))
    act_on_task(olaf, uid, TaskAct.DO, NOON - timedelta(minutes=20))
    comment_on_task(olaf, uid, "all of them", NOON - timedelta(minutes=10))
    return task_of("rec")


@pytest.fixture
def boss_client(source: Connection, noon: datetime) -> Client:
    """The browser of Ada, who administers the whole group, which has no close tasks."""
    return signed_in(person("Ada Admin", role="administrator"))
