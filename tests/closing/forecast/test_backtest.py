"""Forecasts hold their word on generated histories (09-insight 9.6); other seeds: the module backtest."""

from __future__ import annotations

import pytest

from tests.closing.forecast.backtest import lines


@pytest.mark.slow
def test_every_line_of_the_table_of_acceptance_is_met() -> None:
    table = list(lines([1, 2, 3]))
    for line in table:
        print(f"{line.found:7.3f}  {line.least:5.2f} {line.most:5.2f}  {line.words}")
    assert [line for line in table if not line.met] == []
    assert len(table) == 26
