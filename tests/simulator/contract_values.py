"""Where the contracts lie, how they write types, and the values that a type allows on the wire."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from simulator.odata.tables import ENUMS

CONTRACTS = Path(__file__).resolve().parents[2].parent / "shared" / "contracts"
# The contract's generator wrote some enum types in other letters than the service does.
CASE = {
    "CalendarTypeIn": "CalendarTypeIN",
    "CompanyTypeMx": "CompanyTypeMX",
    "LegalNatureIt": "LegalNatureIT",
}
CASE["LedgerJournalAcType"] = "LedgerJournalACType"


def check_value(value: Any, kind: str, *, null: bool) -> None:
    if value is None:
        # Texts are "" and never null (recorded answers); enumerations may be null.
        assert null
        assert kind in ENUMS
        return
    match kind:
        case "Edm.String":
            assert isinstance(value, str)
        case "Edm.DateTimeOffset":
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value)
        case "Edm.Decimal" | "Edm.Int32" | "Edm.Int64":
            assert isinstance(value, int | float)
            assert not isinstance(value, bool)
        case _:
            assert value in ENUMS[kind]
