"""The silences of rows: `alerts.routing.silences`, a layer above, registers the function that reads them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from closing.scoreboard.row import RowSilence

SilenceSource = Callable[[Collection[int], datetime], Mapping[int, RowSilence]]


def _no_silences(ids: Collection[int], as_of: datetime) -> Mapping[int, RowSilence]:
    return {}


_source: SilenceSource = _no_silences


def set_silence_source(source: SilenceSource) -> None:
    """Register the function that reads the silences of entities at a moment; called once, at start-up."""
    global _source  # noqa: PLW0603 - set once, at start-up
    _source = source


def row_silences(ids: Collection[int], as_of: datetime) -> Mapping[int, RowSilence]:
    """The silence of each of these entities at a moment; entities without one are left out."""
    return _source(ids, as_of)
