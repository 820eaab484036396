"""The silences of rows: `alerts.routing.silences`, a layer above, registers the function that reads them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from closing.scoreboard.row import RowSilence

SilenceSource = Callable[[Collection[int], datetime], Mapping[int, RowSilence]]


def _nobody(ids: Collection[int], as_of: datetime) -> Mapping[int, RowSilence]:
    return {}


_source: SilenceSource = _nobody


def set_silence_source(source: SilenceSource) -> None:
    """Let the silences of entities at a moment come from here; called once, when the programs start."""
    global _source  # noqa: PLW0603 - the one place where programs are put together
    _source = source


def row_silences(ids: Collection[int], as_of: datetime) -> Mapping[int, RowSilence]:
    """The silence that each of these entities was under at a moment; those that were under none are left out."""
    return _source(ids, as_of)
