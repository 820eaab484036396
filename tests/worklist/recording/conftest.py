"""EU DTC BV with two vendor invoices in the way, who carries them, and who sends files about the cast."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from entities.models import Connection, LegalEntity, Person
from tests.builders import utc
from tests.worklist.close_task_builders import person
from tests.worklist.work_files import months_read
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


@pytest.fixture
def ann(source: Connection) -> Person:
    """Ann Controller works on the whole group, of which two companies list their months of 2026."""
    months_read(source)
    return person("Ann Controller")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files that a command saves at noon of 12 June."""
    noon = utc("2026-06-12 12:00")
    monkeypatch.setattr("worklist.management.commands.import_work.database_clock", lambda: noon)
    return tmp_path
