"""Faults, switched on by the control API (05-reliability 2E)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from simulator.odata import Row
from simulator.tables import EntitySet
from simulator.wire import Request, dumps


class Active:
    """The faults that strike one request."""

    only_default_company = False
    touches_rows = False
    seconds_inside = 0.0

    def hides(self, code: str) -> bool:
        return False

    def identity(self, code: str, known: str) -> str:
        return known

    def window(self, allowed_from: date | None, allowed_to: date | None) -> tuple[date | None, date | None]:
        return allowed_from, allowed_to

    def rows_seen(self, entity_set: EntitySet, rows: Sequence[Row]) -> Sequence[Row]:
        return rows

    def spoil(self, value: dict[str, Any], request: Request) -> bytes:
        return dumps(value)
