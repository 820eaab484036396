"""People who send files about the cast."""

from __future__ import annotations

import pytest
from django.test import Client

from entities.models import Connection, LegalEntity
from tests.board.page_client import signed_in
from tests.periods.recorded_reads import connect_four_entities
from tests.worklist.close_task_builders import person
from tests.worklist.work_files import months_read


@pytest.fixture
def source() -> Connection:
    """Two of the cast list their months of 2026."""
    connected, _ = connect_four_entities()
    months_read(connected)
    return connected


@pytest.fixture
def ann(source: Connection) -> Client:
    """Ann Controller administers the whole group."""
    return signed_in(person("Ann Controller", "administrator"))


@pytest.fixture
def olga(source: Connection) -> Client:
    """Olga owns EU DTC BV and sees nothing else."""
    return signed_in(person("Olga Owner", "owner", LegalEntity.objects.get(code="NLDT")))


@pytest.fixture
def auditor(source: Connection) -> Client:
    """An auditor reads the whole group."""
    return signed_in(person("Aud Itor", "auditor"))
