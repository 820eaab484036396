"""Story databases: built once a run, read by many without a trace, copied by whoever writes, dropped by the last."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import pytest
from django.db import InternalError, connection
from pytest_django import DjangoDbBlocker

from entities.models import Group, Person
from tests.builders import WORKED_EXAMPLE_AT
from tests.databases import maintenance
from tests.db_builders import record_worked_example, save_person, save_sample_group
from tests.scenario_databases import ScenarioDatabases

BUILT: list[str] = []


def counted() -> datetime:
    BUILT.append("counted")
    record_worked_example(save_sample_group())
    return WORKED_EXAMPLE_AT


def fails() -> datetime:
    BUILT.append("fails")
    save_sample_group()
    if BUILT.count("fails") == 1:
        raise LookupError
    return WORKED_EXAMPLE_AT


def nothing() -> None:
    """In place of the migrations, where it does not matter what the databases hold."""


def names_of(run: ScenarioDatabases) -> list[str]:
    with maintenance() as server:
        found = server.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [run.prefix])
        return [name for (name,) in found]


def test_a_story_is_built_once_read_by_all_and_copied_by_who_writes(
    two_workers: list[ScenarioDatabases],
) -> None:
    BUILT.clear()
    one, other = two_workers
    before = connection.settings_dict["NAME"]
    with one.reading(counted, save_person) as moment:
        assert moment == WORKED_EXAMPLE_AT
        first = connection.settings_dict["NAME"]
        assert Person.objects.filter(name="Rosa Bell").exists()
        with pytest.raises(InternalError, match="read-only transaction"):
            Group.objects.update(name="x")
    with other.reading(counted, save_person) as moment:
        assert (moment, connection.settings_dict["NAME"]) == (WORKED_EXAMPLE_AT, first)
    with other.copied(counted, save_person) as moment:
        assert moment == WORKED_EXAMPLE_AT
        assert connection.settings_dict["NAME"] != first
        Person.objects.filter(name="Rosa Bell").update(name="Rosa")
    with one.copied(counted, save_person):
        assert Person.objects.filter(name="Rosa Bell").exists()
    assert BUILT == ["counted"]
    assert connection.settings_dict["NAME"] == before


def test_the_last_worker_of_a_run_drops_its_databases(
    monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker
) -> None:
    monkeypatch.setattr("tests.scenario_databases.migrated", nothing)
    with django_db_blocker.unblock():
        run = uuid4().hex
        one, other = ScenarioDatabases(run), ScenarioDatabases(run)
        with one.copied():
            assert len(names_of(one)) == 2  # the template, and the copy
        one.close()
        assert names_of(other) == [other.template()]
        other.close()
    assert names_of(other) == []


def test_a_builder_that_fails_leaves_no_story_behind(two_workers: list[ScenarioDatabases]) -> None:
    BUILT.clear()
    one, other = two_workers
    with pytest.raises(LookupError), one.copied(fails):
        pass
    with other.copied(fails) as moment:
        assert moment == WORKED_EXAMPLE_AT
        assert Group.objects.count() == 4


def test_a_builder_has_a_name_that_every_worker_knows(stories: ScenarioDatabases) -> None:
    with pytest.raises(AssertionError, match="functions of a module"), stories.copied(lambda: None):
        pass
