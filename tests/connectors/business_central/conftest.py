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
"""


@pytest.fixture(scope="module")
def odd_companies_sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A simulator has one company without periods, one whose year begins in April and one with old periods only."""
    story: Path = tmp_path_factory.mktemp("story") / "story.yaml"
    story.write_text(ODD_COMPANIES, encoding="utf-8")
    with running(story, clock=NOON_12_JUNE) as erp:
        yield erp
