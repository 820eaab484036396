"""Parameters of single screens, beside those of the board: they stand in addresses and in saved views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.http import QueryDict

from board.web.board_query import BoardQuery, InvalidQuery
from closing.calendar.months import parse_month
from closing.judging.notice_rules import NoticeKind

EVERY_KIND = "all"  # unless asked for, what digests remind of each day stays out of sight


MESSAGE_FILTERS = {
    "waiting": "Waiting",
    "sent": "Sent",
    "cancelled": "Not needed any more",
    "parked": "Cannot be sent",
    "nobody": "Nobody to notify",
}


@dataclass(frozen=True, slots=True)
class NoticeFilter:
    """Which notices are asked for beside the question: of a kind, with a message in a state, for a month."""

    kind: str = ""
    message: str = ""
    month: date | None = None

    @classmethod
    def of(cls, told: Mapping[str, str], question: BoardQuery) -> NoticeFilter:
        """What an address asks; a month of the question counts where `for` names none. Raises InvalidQuery."""
        kind, message = told.get("kind", ""), told.get("message", "")
        for name, text, known in (
            ("kind", kind, [EVERY_KIND, *(each.value for each in NoticeKind)]),
            ("message", message, MESSAGE_FILTERS),
        ):
            if text and text not in known:
                raise InvalidQuery(f"There is no {name} “{text[:40]}”; there are {', '.join(known)}.")
        month = question.month
        if text := told.get("for", ""):
            try:
                month = parse_month(text)
            except ValueError:
                raise InvalidQuery(
                    f"No such month: “{text[:40]}”. A month is written like 2026-05."
                ) from None
        return cls(kind, message, month)

    def pairs(self) -> list[tuple[str, str]]:
        """The parameters with their texts, without what asks for nothing."""
        told = [("kind", self.kind), ("message", self.message)]
        told.append(("for", f"{self.month:%Y-%m}" if self.month else ""))
        return [pair for pair in told if pair[1]]


WINDOW_LENGTHS = (6, 12, 24, 36)


@dataclass(frozen=True, slots=True)
class MatrixWindow:
    """How many months are shown, and which headings are open where there are too many entities to show all."""

    months: int = 12
    opened: tuple[str, ...] = ()

    @classmethod
    def of(cls, told: QueryDict) -> MatrixWindow:
        """The window that an address asks for (`months=24&open=UK&open=EUROPE`); raises InvalidQuery."""
        text = told.get("months", "").strip() or "12"
        if text not in map(str, WINDOW_LENGTHS):
            raise InvalidQuery(
                f"The matrix cannot show “{text[:40]}” months; it shows {', '.join(map(str, WINDOW_LENGTHS))}."
            )
        return cls(int(text), opened_headings(told))


_OPEN = 100  # headings that can be open at once


def opened_headings(told: QueryDict) -> tuple[str, ...]:
    """The headings that an address opens (`open=UK&open=EUROPE`), where there are too many entities to show all."""
    return tuple(dict.fromkeys(key[:100] for key in told.getlist("open") if key))[:_OPEN]
