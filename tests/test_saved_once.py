"""What is saved once for many tests stands in the database of each as if it had just been built there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction

from entities.models import LegalEntity, Person
from periods.models import StateChange
from periods.snapshot.builder import take_snapshot
from tests.builders import CLOSED, MAY, WORKED_EXAMPLE_AT
from tests.db_builders import SampleGroup, save_worked_example
from tests.saved_once import saved_once

pytestmark = pytest.mark.django_db
BUILT: list[str] = []


def counted_example() -> SampleGroup:
    """The worked example; counts how often it is built."""
    BUILT.append("counted")
    return save_worked_example()


def example_after_a_person() -> SampleGroup:
    """The worked example, for a test that asks for it when somebody is saved already."""
    BUILT.append("after a person")
    return save_worked_example()


def rolled_back(work: Callable[[], object]) -> None:
    with transaction.atomic():
        work()
        transaction.set_rollback(True)


def rows_of_the_board() -> list[tuple[object, ...]]:
    rows = take_snapshot(LegalEntity.objects.all(), MAY, WORKED_EXAMPLE_AT).rows
    return [(row.code, row.state, row.because, row.deadline, row.standing, row.read_at) for row in rows]


def put_back() -> SampleGroup:
    """The worked example as every test after the first gets it."""
    rolled_back(lambda: saved_once(counted_example))
    assert not LegalEntity.objects.exists()
    built = len(BUILT)
    group = saved_once(counted_example)
    assert len(BUILT) == built
    return group


def test_a_board_of_rows_that_were_put_back_is_the_same() -> None:
    with transaction.atomic():
        save_worked_example()
        expected = rows_of_the_board()
        transaction.set_rollback(True)
    group = put_back()
    assert rows_of_the_board() == expected
    assert {code: each.pk for code, each in group.entities.items()} == dict(
        LegalEntity.objects.values_list("code", "pk")
    )


def test_a_test_reads_and_saves_on_from_there() -> None:
    group = put_back()
    changes = StateChange.objects.count()
    group.read(WORKED_EXAMPLE_AT + timedelta(minutes=1), dict.fromkeys(group.entities, CLOSED))
    assert StateChange.objects.count() > changes
    newest = Person.objects.create(email="new@meridian.test", name="New")
    assert newest == Person.objects.latest("pk")
    connection.check_constraints()


def test_what_a_test_does_to_its_objects_no_other_sees() -> None:
    with transaction.atomic():
        put_back().entities.clear()
        transaction.set_rollback(True)
    assert put_back().entities


def test_what_stood_there_before_is_not_saved_with_it() -> None:
    def after_a_person() -> None:
        Person.objects.create(email="first@meridian.test", name="First")
        saved_once(example_after_a_person)

    for times in (1, 2):
        rolled_back(after_a_person)
        assert BUILT.count("after a person") == times
