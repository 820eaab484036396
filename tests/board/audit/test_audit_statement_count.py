"""How many statements a page of the audit log costs: few, and the same at any size and depth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from board.audit.event_filter import EventFilter
from board.audit.event_list import MOST_COUNTED, PAGE_SIZE, count_events, event_page, filtered_events
from board.web.board_request import resolve_request
from board.web.readers import audit_access
from tests.board.audit.audit_events import EUROPE, NOON, UK, auditor, save_event, save_events
from tests.board.audit.audit_html import link, numbered, page
from tests.board.page_client import signed_in
from tests.db_builders import save_sample_group


@pytest.mark.usefixtures("clock")
def test_a_page_costs_the_same_statements_at_any_size_and_depth(live_database: str) -> None:
    """Session, person, events, their count, entities with a page, newest seal."""
    save_sample_group()
    ada = signed_in(auditor())

    def statements(query: str = "") -> int:
        page(ada, query)  # the board of the menu is cached from then on
        with CaptureQueriesContext(connection) as ran:
            page(ada, query)
        return len(ran)

    save_event(EUROPE)
    alone = statements()
    save_events([EUROPE, UK, *numbered(3)] * PAGE_SIZE)
    assert statements() == alone == 6
    second = link(page(ada), "Older")
    fourth = link(page(ada, link(page(ada, second), "Older")), "Older")
    assert statements(second) == statements(fourth) == alone
    assert statements(link(page(ada, fourth), "Newer")) == alone


MANY_EVENTS = """
    INSERT INTO infra_auditevent (
        at, verb, actor_kind, actor, through, object_kind, object_id, object, scope,
        reason, request_id, address, digest)
    SELECT timestamptz '2026-06-12 12:00Z' - number * interval '12 seconds',
        'remark.note_added', 'person', 'Rosa Bell', 'page', 'entity', code, code, path,
        '', '', '', md5(number::text)
    FROM generate_series(1, 200000) AS number,
        LATERAL (SELECT CASE WHEN number % 200 = 0 THEN 'UKHC' ELSE 'NLDT' END AS code,
            CASE WHEN number % 200 = 0 THEN 'MERIDIAN/UK/' ELSE 'MERIDIAN/EUROPE/' END AS path) AS about;
    ANALYZE infra_auditevent;
"""


def rows_read(plan: dict[str, Any]) -> Iterator[int]:
    """The rows of the audit log that each scan of a plan gave or dropped."""
    if plan.get("Relation Name") == "infra_auditevent":
        yield (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    for part in plan.get("Plans", ()):
        yield from rows_read(part)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize(("group", "count"), [("UK", 1_000), ("MERIDIAN", MOST_COUNTED + 1)])
def test_a_page_reads_few_of_200_000_events(group: str, count: int) -> None:
    """The first page, a deep one and their count, for one event of two hundred and for all."""
    save_sample_group()
    person = auditor(group)
    with connection.cursor() as cursor:
        cursor.execute(MANY_EVENTS)
    access = audit_access(person)
    assert access is not None
    events = filtered_events(access, EventFilter.of({}, NOON.date()), resolve_request(person, {}, NOON))
    with CaptureQueriesContext(connection) as ran:
        page = event_page(events, None, None)
        for _ in range(4):
            page = event_page(events, page.older, None)
        assert len(page.events) == PAGE_SIZE
        assert count_events(events) == count
    with connection.cursor() as cursor:
        for query in ran.captured_queries:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query['sql']}")
            (plan,) = cursor.fetchone()[0]
            read = sum(rows_read(plan["Plan"]))
            assert PAGE_SIZE < read <= count + 1, json.dumps(plan, indent=1)
