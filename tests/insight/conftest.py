"""The golden group with two years of reads."""

from __future__ import annotations

import pytest

from tests.insight.golden_reads import save_golden_reads
from tests.saved_once import saved_once


@pytest.fixture
def golden_reads(db: None) -> None:
    """The twelve entities, read up to a moment before the end of January 2026."""
    saved_once(save_golden_reads)
