"""How many statements a page of the audit log costs: few, and the same at any size and depth."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from board.audit.event_list import PAGE_SIZE
from tests.board.audit.audit_events import EUROPE, UK, auditor, save_event, save_events
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
