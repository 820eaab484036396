"""The clock of the board's requests, as tests set it."""

from __future__ import annotations

from datetime import datetime

from tests.builders import WORKED_EXAMPLE_AT


class BoardClock:
    """Stands where the board reads its clock; a test sets `at` to the moment of its requests."""

    def __init__(self) -> None:
        self.at = WORKED_EXAMPLE_AT

    def __call__(self) -> datetime:
        return self.at
