"""Counts and lists of tasks by SQL are those of the rules, whatever was done or reopened, now and in the past."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closing.close_tasks.task_acts import TaskAct
from closing.close_tasks.task_progress import is_due_today, is_overdue, progress_of
from entities.models import LegalEntity, Person
from tests.builders import MAY, utc
from tests.worklist.close_task_builders import person, task_of
from worklist.models import CloseTask
from worklist.task_store.past_tasks import tasks_as_known
from worklist.task_store.task_acts_store import act_on_task
from worklist.task_store.task_index import close_groups, index_of, tasks_of_month
from worklist.task_store.task_listing import (
    WHICH,
    TaskSelection,
    count_by_task,
    count_tasks,
    listed_tasks,
    task_choices,
    tasks_waiting_for,
    visible_tasks,
)
from worklist.task_store.task_rows import again, key_of

pytestmark = pytest.mark.django_db
NOON = utc("2026-06-03 12:00")
STATUSES = ("open", "open", "done", "returned", "signed_off", "not_needed")


def shuffle(seed: int) -> None:
    """Give all tasks random statuses, and some of them a second round."""
    chance = random.Random(seed)
    tasks = list(tasks_of_month(MAY))
    added = []
    for task in tasks:
        task.status = chance.choice(STATUSES)
        if chance.random() < 0.1:
            record = index_of([task], close_groups())[key_of(task)]
            second = again(task, replace(record, key=key_of(task, 2)), task.generated_at)
            second.status = chance.choice(STATUSES)
            added.append(second)
    CloseTask.objects.bulk_update(tasks, ["status"])
    CloseTask.objects.bulk_create(added)


def by_the_rules(reader: Person, at: datetime, owner: int) -> dict[str, list[int]]:
    """The ids of the newest rounds that the reader sees, by word of WHICH and "" for all, in the order of lists."""
    everything = tasks_as_known(tasks_of_month(MAY), at)
    index = index_of(everything, close_groups())
    seen = set(CloseTask.objects.visible_to(reader).values_list("pk", flat=True))
    found: dict[str, list[int]] = {word: [] for word in ("", *WHICH)}
    for task in everything:
        record = index[key_of(task)]
        if task.pk not in seen or index.superseded(record):
            continue
        found[""].append(task.pk)
        holds = {
            "mine": task.owner_id == owner and not record.finished,
            "today": is_due_today(record, at),
            "overdue": is_overdue(record, at),
            "blocked": index.blocked(record),
        }
        for word in filter(holds.get, WHICH):
            found[word].append(task.pk)
    return found


def by_sql(selection: TaskSelection) -> dict[str, list[int]]:
    return {word: listed_tasks(selection, close_groups().ids, word, limit=10_000) for word in ("", *WHICH)}


def assert_same(traders: Person, seed: int, days: int) -> None:
    at = NOON + timedelta(days=days)
    shuffle(seed)
    for reader in (traders, person("Sven Single", where=LegalEntity.objects.get(code="NLDT"))):
        expected = by_the_rules(reader, at, reader.pk)
        selection = visible_tasks(reader, MAY, at)
        assert by_sql(selection) == expected
        counts = count_tasks(selection, close_groups().ids)
        for word in WHICH:
            assert sum(getattr(each, word) for each in counts) == len(expected[word])
        by_task = count_by_task(selection, close_groups().ids)
        for word in ("overdue", "blocked"):
            assert sum(getattr(each, word) for each in by_task) == len(expected[word])
        assert sum(each.total + each.not_needed for each in by_task) == len(expected[""])
        assert sum(each.total + each.not_needed for each in counts) == len(expected[""])


def test_lists_and_counts_are_those_of_the_rules(traders: Person) -> None:
    assert_same(traders, seed=1, days=2)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 10_000), st.integers(-6, 12))
def test_lists_and_counts_are_those_of_the_rules_at_length(traders: Person, seed: int, days: int) -> None:
    with transaction.atomic():
        assert_same(traders, seed, days)
        transaction.set_rollback(True)


def test_progress_of_each_holder_and_area(traders: Person) -> None:
    shuffle(7)
    index = index_of(tasks_of_month(MAY), close_groups())
    expected: dict[str, Counter[str]] = {}
    progress = {}
    for code in {record.key.holder for record in index.newest()}:
        records = [record for record in index.newest() if record.key.holder == code]
        progress[code] = str(progress_of(records))
        expected[code] = Counter(area for record in records for area in record.areas)
    found: dict[str, Counter[str]] = {code: Counter() for code in expected}
    sums: dict[str, list[int]] = {code: [0, 0, 0] for code in expected}
    for each in count_tasks(visible_tasks(traders, MAY, NOON), close_groups().ids):
        found[each.code].update(dict.fromkeys(each.areas, each.total + each.not_needed))
        counts = (each.done, each.total, each.not_needed)
        sums[each.code] = [sum(pair) for pair in zip(sums[each.code], counts, strict=True)]
    assert found == expected
    assert progress == {
        code: f"{done} of {total}" + (f", {not_needed} not needed" if not_needed else "")
        for code, (done, total, not_needed) in sums.items()
    }


def test_a_past_moment_lists_tasks_as_they_were_known(traders: Person) -> None:
    act_on_task(traders, task_of("rec").uid, TaskAct.DO, NOON)
    before = by_sql(visible_tasks(traders, MAY, NOON - timedelta(minutes=1)))
    after = by_sql(visible_tasks(traders, MAY, NOON))
    rec = task_of("rec").pk
    assert before == by_the_rules(traders, NOON - timedelta(minutes=1), traders.pk)
    assert after == by_the_rules(traders, NOON, traders.pk)
    assert (rec in before["mine"], rec in after["mine"]) == (True, False)
    assert by_sql(visible_tasks(traders, MAY, utc("2026-05-02 08:00")))[""] == []


def test_a_selection_is_narrowed_by_area_holder_owner_and_text(traders: Person) -> None:
    waiting = close_groups().ids

    def ids(**chosen: Any) -> set[int]:
        selection = replace(visible_tasks(traders, MAY, NOON), **chosen)
        found = listed_tasks(selection, waiting, limit=1000)
        assert sum(each.total for each in count_tasks(selection, waiting)) == len(found)
        return set(found)

    tasks = CloseTask.objects.filter(month=MAY)
    assert ids(area="Tax") == set(tasks.filter(areas__contains=["Tax"]).values_list("pk", flat=True))
    assert ids(holder="NLDT") == set(tasks.filter(entity__code="NLDT").values_list("pk", flat=True))
    assert ids(owner="Nobody") == set()
    assert ids(text="POST LEASES", holder="NLDT") == {task_of("lease").pk}
    assert listed_tasks(visible_tasks(traders, MAY, NOON), close_groups().ids, limit=3) == [
        task.pk for task in tasks_of_month(MAY)[:3]
    ]
    choices = task_choices(visible_tasks(traders, MAY, NOON))
    assert ("NLDT", "EU DTC BV") in choices.holders
    assert "Anna Owner" in choices.owners
    assert "Tax" in choices.areas


def test_tasks_wait_for_their_owners_and_those_done_for_the_roles_that_sign_them_off(traders: Person) -> None:
    flux = task_of("flux")
    CloseTask.objects.filter(pk=flux.pk).update(status="done", owner=None)
    selection = visible_tasks(traders, MAY, NOON)
    assert flux.pk not in tasks_waiting_for(selection, [traders.pk], [])
    found = tasks_waiting_for(selection, [traders.pk], [flux.reviewer_role])
    assert task_of("flux").pk in found
    assert task_of("lease").pk in found
    CloseTask.objects.filter(pk=task_of("lease").pk).update(status="done")
    assert task_of("lease").pk not in tasks_waiting_for(selection, [traders.pk], [])


def test_counting_costs_the_same_statements_at_any_size(traders: Person) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as statements:
            count_tasks(visible_tasks(traders, MAY, NOON), close_groups().ids)
        return len(statements)

    before = cost()
    CloseTask.objects.filter(entity__code="NLDT").delete()
    assert cost() == before <= 8
