"""Companies of Business Central beside the worked example, its companion, and a connection to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from entities.models import Connection, LegalEntity
from simulator.run import Running, running
from tests.connectors.simulator_sources import NOON_12_JUNE
from tests.periods.model_builders import calendar, groups, policy, top_group, workday
from tests.worklist.position_reads import rates_of_may

ODD_COMPANIES = """
bizcentral:
  companies:
    - {code: BARE, name: No Periods Ltd, periods: none}
    - {code: APRL, name: April Year BV, periods: {from: 2025, to: 2026}, year_starts: 4}
    - {code: OLD, name: Old Periods Ltd, periods: {from: 2021, to: 2022}}
    - {code: ZRH, name: CRONUS CH, display_name: "Zürich Straße AG", periods: {from: 2025, to: 2026}}
    - {code: BSL, name: CRONUS BS, display_name: Basel AG, periods: {from: 2025, to: 2026}}
    - {code: BSL2, name: Basel AG, display_name: Old Basel, periods: {from: 2025, to: 2026}}
    - {code: GVA, name: CRONUS GE, display_name: Genève SA, periods: {from: 2025, to: 2026}}
    - {code: GVA2, name: CRONUS GE2, display_name: "Gene\u0300ve SA ", periods: {from: 2025, to: 2026}}
    - {code: SQ, name: "A\u00b2 Ltd", periods: {from: 2025, to: 2026}}
    - {code: SQ2, name: A2 Ltd, periods: {from: 2025, to: 2026}}
"""


@pytest.fixture(scope="module")
def odd_companies_sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A simulator has companies without periods, with old ones, and with names that are alike."""
    story: Path = tmp_path_factory.mktemp("story") / "story.yaml"
    story.write_text(ODD_COMPANIES, encoding="utf-8")
    with running(story, clock=NOON_12_JUNE) as erp:
        yield erp


@pytest.fixture
def companion_sim(sim: Running) -> Running:
    """The companion is installed and may be read."""
    sim.set_profile(bc_companion="present")
    return sim


@pytest.fixture
def central(sim: Running) -> Connection:
    """Two companies of Business Central are due on the sixth working day of June, Monday the 8th."""
    place = groups()["EUROPE"]
    policy(top_group(), **workday(6))
    weekdays = calendar("WEEKDAYS", "Weekdays")
    connection = Connection(
        name="meridian-bc",
        kind="business_central",
        base_url=sim.url,
        authority=sim.url,
        tenant="meridian.example",
        environment="production",
        client_id="simulator",
    )
    connection.secret = "simulator"
    connection.save()
    for code, name, zone in (
        ("ESIB", "Ibérica SL", "Europe/Madrid"),
        ("IEOP", "Ireland Operations", "Europe/Dublin"),
    ):
        LegalEntity.objects.create(
            code=code,
            name=name,
            country="IE",
            zone=zone,
            group=place,
            calendar=weekdays,
            connection=connection,
            erp_id=name,
        )
    return connection


@pytest.fixture
def both(central: Connection, sim: Running) -> Running:
    """UK Retail Ltd is in Finance & Operations, Ireland Operations in Business Central."""
    finops = Connection(
        name="meridian-finops",
        kind="finops",
        base_url=sim.url,
        authority=sim.url,
        tenant="meridian.example",
        client_id="simulator",
    )
    finops.secret = "simulator"
    finops.save()
    LegalEntity.objects.create(
        code="UKRT",
        name="UK Retail Ltd",
        zone="Europe/London",
        country="GB",
        group=groups()["UK"],
        calendar=LegalEntity.objects.get(code="IEOP").calendar,
        connection=finops,
        erp_id="ukrt",
    )
    rates_of_may()
    sim.set_work("IEOP", month="2026-05", situation="intercompany")
    return sim
