"""Parameters of single screens beside those of the board, in URLs and saved views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.http import QueryDict

from alerts.notices.notice_specs import SPECS
from board.web.board_query import BoardQuery, InvalidQuery
from closing.calendar.months import parse_month

EVERY_KIND = "all"  # by default, the daily reminders of digests are hidden


MESSAGE_FILTERS = {
    "waiting": "Waiting",
    "sent": "Sent",
    "cancelled": "Not sent",
    "parked": "Cannot be sent",
    "nobody": "Nobody to notify",
}


@dataclass(frozen=True, slots=True)
class NoticeFilter:
    """Filters of notices beside the board query: kind, state of the message, month."""

    kind: str = ""
    message: str = ""
    month: date | None = None

    @classmethod
    def of(cls, params: Mapping[str, str], query: BoardQuery) -> NoticeFilter:
        """The filter of a URL's parameters; the query's month applies without `for`. Raises InvalidQuery."""
        kind, message = params.get("kind", ""), params.get("message", "")
        for name, text, choices in (
            ("kind", kind, [EVERY_KIND, *SPECS]),
            ("message", message, MESSAGE_FILTERS),
        ):
            if text and text not in choices:
                raise InvalidQuery(f"There is no {name} “{text[:40]}”; there are {', '.join(choices)}.")
        month = query.month
        if text := params.get("for", ""):
            try:
                month = parse_month(text)
            except ValueError:
                raise InvalidQuery(
                    f"No such month: “{text[:40]}”. A month is written like 2026-05."
                ) from None
        return cls(kind, message, month)

    def pairs(self) -> list[tuple[str, str]]:
        """The parameters as (name, text), without empty ones."""
        pairs = [("kind", self.kind), ("message", self.message)]
        pairs.append(("for", f"{self.month:%Y-%m}" if self.month else ""))
        return [param for param in pairs if param[1]]


WINDOW_LENGTHS = (6, 12, 24, 36)


@dataclass(frozen=True, slots=True)
class MatrixWindow:
    """The number of months shown, and the opened headings where there are too many entities to show all."""

    months: int = 12
    opened: tuple[str, ...] = ()

    @classmethod
    def of(cls, params: QueryDict) -> MatrixWindow:
        """The window of a URL's parameters (`months=24&open=UK&open=EUROPE`); raises InvalidQuery."""
        text = params.get("months", "").strip() or "12"
        if text not in map(str, WINDOW_LENGTHS):
            raise InvalidQuery(
                f"The matrix cannot show “{text[:40]}” months; it shows {', '.join(map(str, WINDOW_LENGTHS))}."
            )
        return cls(int(text), opened_headings(params))


_MAX_OPENED = 100  # headings that can be open at once


def opened_headings(params: QueryDict) -> tuple[str, ...]:
    """The headings that a URL opens (`open=UK&open=EUROPE`), where there are too many entities to show all."""
    return tuple(dict.fromkeys(key[:100] for key in params.getlist("open") if key))[:_MAX_OPENED]
