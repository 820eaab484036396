"""The cast, whose periods were read on the first of June."""

from __future__ import annotations

import pytest

from closing.blockers.blocker_kinds import BlockerKind
from entities.models import Connection, LegalEntity, Person
from tests.periods.recorded_reads import connect_four_entities, facts_of_all, read
from tests.saved_once import saved_once
from tests.worklist.close_task_builders import adopt, generate, give_roles, person
from tests.worklist.position_reads import (
    CURRENCIES,
    balance,
    positions_read,
    rates_of_may,
    record_read,
    without_foreign_currency,
)
from tests.worklist.work_reads import begin_work, fact, record_facts
from worklist.models import CloseTask


def _save_source() -> Connection:
    connected, _ = connect_four_entities()
    read(connected, "2026-06-01 07:00", facts_of_all())
    return connected


def _save_tasks() -> Person:
    _save_source()
    adopt()
    owner = person("Anna Owner")
    give_roles(owner, person("Rita Reviewer"))
    generate()
    return owner


@pytest.fixture
def source(request: pytest.FixtureRequest) -> Connection:
    """The cast is open in May and due on Tuesday 9 June."""
    if "anna" in request.fixturenames:  # saved with all that it has
        request.getfixturevalue("anna")
        return Connection.objects.get()
    return saved_once(_save_source)


@pytest.fixture
def central(source: Connection) -> Connection:
    """EU DTC BV is in an ERP of another kind than its partners."""
    other = Connection.objects.create(
        name="meridian-bc", kind="business_central", base_url="http://127.0.0.1:9100"
    )
    LegalEntity.objects.filter(code="NLDT").update(connection=other)
    return other


@pytest.fixture
def anna() -> Person:
    """Anna owns all tasks of May, which Rita reviews."""
    return saved_once(_save_tasks)


@pytest.fixture
def rita(anna: Person) -> Person:
    """Rita reviews what Anna does."""
    return Person.objects.get(name="Rita Reviewer")


@pytest.fixture
def apart(source: Connection, anna: Person) -> Person:
    """UK Retail Ltd and EU DTC BV are 640 EUR apart, and nothing else is to do before revaluation."""
    rates_of_may()
    night = "2026-06-12 03:10"
    sides = balance("UKRT", "NLDT", "-108000", night), balance("NLDT", "UKRT", "127000", night)
    record_read(source, "2026-06-12 08:00", positions_read(*sides))
    CloseTask.objects.exclude(code="sub-fx").update(status="not_needed")
    return anna


@pytest.fixture
def four_erps(source: Connection) -> dict[str, Connection]:
    """Each of the four is in an ERP of its own; all but US Retail Inc are revalued, and the rates are known."""
    rates_of_may()
    without_foreign_currency("UKHC", "UKRT", "NLDT")
    erps = {
        code: Connection.objects.create(name=f"erp-{code}", kind="finops", base_url="http://127.0.0.1:9100")
        for code in CURRENCIES
    }
    for code, erp in erps.items():
        LegalEntity.objects.filter(code=code).update(connection=erp)
    return erps


@pytest.fixture
def traders(source: Connection, anna: Person) -> Person:
    """Two of the entities trade with each other; Anna owns the tasks of all."""
    attempt = begin_work(source, "2026-06-02 08:00")
    pair = fact("NLDT", BlockerKind.INTERCOMPANY_IMBALANCE, 0, attempt.started_at, part="NLDT/UKRT")
    record_facts(attempt, [pair])
    return anna
