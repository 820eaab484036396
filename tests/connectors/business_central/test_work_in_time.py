"""Twenty companies in an environment so slow that one read cannot reach them all: stored company by company."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.business_central.work import TOO_LATE
from connectors.registry import work_turns
from connectors.sync import sync_connection
from connectors.work_sync import companies_to_read, longest_unread_first, sync_work
from entities.models import Connection, LegalEntity
from simulator.run import Running
from tests.connectors.work_reads import NOON
from tests.periods.model_builders import calendar, groups, policy, top_group, workday
from worklist.models import BlockerReading, WorkAttempt, WorkSpan

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
COMPANIES = 20


def saved_fleet(sim: Running) -> Connection:
    """Twenty companies whose periods are read."""
    place, england = groups()["UK"], calendar("ENGLAND", "England", "GB", "ENG")
    policy(top_group(), **workday(6, 0))
    source = Connection(
        name="slow",
        kind="business_central",
        base_url=sim.url,
        authority=sim.url,
        tenant="slow.example",
        client_id="simulator",
        environment="production",
    )
    source.secret = "simulator"
    source.save()
    for number in range(1, COMPANIES + 1):
        LegalEntity.objects.create(
            code=f"B{number:05}",
            name=f"Company {number}",
            country="GB",
            zone="Europe/London",
            group=place,
            calendar=england,
            connection=source,
            erp_id=f"Company {number}",
        )
    result = sync_connection(source, NOON)
    assert result.attempt is not None
    assert result.attempt.outcome == "ok"
    return source


def with_facts() -> set[int]:
    return set(BlockerReading.objects.values_list("entity_id", flat=True))


def read_now() -> set[int]:
    """The entities whose work of the first turn the newest good attempt read."""
    return set(WorkSpan.objects.filter(turn=0, last_attempt=None).values_list("entity_id", flat=True))


def test_what_was_read_in_time_is_stored_and_the_rest_is_read_first_at_the_next_turn(
    twenty_companies_sim: Running,
) -> None:
    sim = twenty_companies_sim
    sim.reset()
    source = saved_fleet(sim)
    sim.set_latency(250)
    result = sync_work(source, NOON + timedelta(seconds=20), budget=timedelta(seconds=4))
    assert result.attempt is not None
    assert (result.attempt.outcome, result.attempt.words) == ("partial", TOO_LATE)
    first = with_facts()
    assert 0 < len(first) < COMPANIES
    assert read_now() == first
    # Each company that was read has all facts of the turn: none is half-read.
    per_entity = {entity: BlockerReading.objects.filter(entity=entity).count() for entity in first}
    assert len(set(per_entity.values())) == 1

    sim.set_latency(0)
    for turn in range(1, work_turns()["business_central"]):
        sync_work(source, NOON + timedelta(minutes=turn))
    sim.set_latency(250)
    rest = set(LegalEntity.objects.values_list("pk", flat=True)) - first
    sync_work(source, NOON + timedelta(minutes=10), budget=timedelta(seconds=4))
    assert WorkAttempt.objects.order_by("-pk")[0].turn == 0
    again = read_now()
    assert again
    assert again <= rest or again >= rest
    refs, _ = companies_to_read(source.pk, NOON)
    order = [ref.entity for ref in longest_unread_first(refs, source.pk, 0)]
    assert set(order[-len(again) :]) == again


def test_a_read_that_reaches_no_company_stores_nothing(twenty_companies_sim: Running) -> None:
    sim = twenty_companies_sim
    sim.reset()
    source = saved_fleet(sim)
    sim.set_latency(700)
    result = sync_work(source, NOON + timedelta(seconds=20), budget=timedelta(seconds=3))
    assert result.attempt is not None
    assert result.attempt.outcome == "unavailable"
    assert "did not finish within its 3 seconds" in result.attempt.words
    assert not BlockerReading.objects.exists()
