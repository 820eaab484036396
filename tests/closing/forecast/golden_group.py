"""The twelve entities of the golden tables of forecasts (09-insight 9.5)."""

from __future__ import annotations

from closing.forecast.past_closes import MonthKind, PastClose

_DAYS = {
    "UKHC": "5 5 6 5 5 6 5 5 6 5 5 7 5 5 6 5 5 6 5 5 6 5 5 7",
    "UKRT": "6 7 6 6 7 8 6 6 7 6 7 9 6 6 7 6 6 8 6 7 7 6 6 9",
    "USRT": "9 9 10 9 8 9 8 8 9 8 7 9 7 7 8 7 6 7 6 6 7 6 5 7",
    "EUDTC": "8 7 12 9 8 14 7 8 11 9 16 15 8 9 12 8 8 13 9 8 12 10 9 15",
    "NEWCO": "- " * 20 + "7 7 6 8",
    "BABY": "- " * 22 + "6 8",
}
DUE = {"UKHC": 6, "UKRT": 6, "USRT": 8, "EUDTC": 9, "NEWCO": 7}  # all others 7


def kind_at(month: int) -> MonthKind:
    """The kind of the month with this index; the year ends with month 12."""
    if month % 12 == 11:
        return MonthKind.YEAR_END
    return MonthKind.QUARTER_END if month % 3 == 2 else MonthKind.ORDINARY


def _plain(number: int, month: int) -> PastClose:
    later = kind_at(month) is not MonthKind.ORDINARY
    return PastClose(5 + (number - 1) % 3 + (month * (number + 1) % 3) % 2 + later, kind_at(month))


GOLDEN_GROUP: dict[str, list[PastClose | None]] = {
    **{
        key: [
            None if day == "-" else PastClose(int(day), kind_at(month))
            for month, day in enumerate(days.split())
        ]
        for key, days in _DAYS.items()
    },
    **{f"PLAIN{number}": [_plain(number, month) for month in range(24)] for number in range(1, 7)},
}
