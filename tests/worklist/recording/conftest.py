"""EU DTC BV with two vendor invoices in the way, and who carries them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from entities.models import Connection, LegalEntity, Person
from tests.builders import utc
from tests.worklist.close_task_builders import person
from tests.worklist.work_reads import invoices_read, two_invoices
from worklist.recording.carried_items import FactInForce


@pytest.fixture
def entity(source: Connection) -> LegalEntity:
    """EU DTC BV with its group."""
    return LegalEntity.objects.select_related("group").get(code="NLDT")


@pytest.fixture
def invoices(source: Connection) -> FactInForce:
    """Two vendor invoices are not posted."""
    at = utc("2026-06-03 12:00") - timedelta(minutes=10)
    return invoices_read(source, at, two_invoices("NLDT", at).ids)


@pytest.fixture
def carrier(source: Connection) -> Person:
    """Anna may write on the whole group."""
    return person("Anna Owner")
