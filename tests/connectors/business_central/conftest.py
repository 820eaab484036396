"""Companies of Business Central that the worked example does not have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.run import Running, running
from tests.connectors.simulator_sources import NOON_12_JUNE

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
