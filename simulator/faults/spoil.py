"""Applies a fault to the rows of a list."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from simulator.faults.fault import Fault
from simulator.web.wire import Request, dumps

# The most important property of each set: a fault changes it unless its options name another.
MAIN_PROPERTY = {
    "LedgerFiscalPeriods": "PeriodStatus",
    "LedgerFiscalPeriodsV2": "PeriodStatus",
    "generalLedgerSetup": "allowPostingFrom",
    "accountingPeriods": "startingDate",
    "FiscalPeriods": "EndDate",
    "LegalEntities": "Name",
    "Ledgers": "FiscalCalendar",
    "companies": "name",
    "LedgerJournalHeaders": "IsPosted",
    "LedgerJournalLines": "TransDate",
    "LedgerJournalTableBiEntities": "Posted",
    "JournalNames": "Type",
    "TrialBalanceFiscalYearSnapshots": "OpeningBalance",
    "TrialBalanceFiscalYearSnapshotHeaders": "DateLastRan",
    "journals": "templateDisplayName",
    "purchaseInvoices": "status",
    "salesInvoices": "status",
    "trialBalances": "balanceAtDateDebit",
    "unpostedJournalLines": "lineCount",
}
STATES = {"LedgerFiscalPeriods", "LedgerFiscalPeriodsV2", "generalLedgerSetup"}
LISTS = STATES | {"accountingPeriods", "FiscalPeriods"}
BY_ROW = {
    "missing_field",
    "null_field",
    "wrong_type",
    "unknown_enum",
    "duplicate_keys",
    "duplicate_rows",
    "conflicting_rows",
}
TWIN = "@simulator.twin"  # marks a property's second appearance until the body is text
OPPOSITE = {"Open": "Closed", "Closed": "Open", "OnHold": "Open"}


def concerns(fault: Fault, value: Mapping[str, Any], request: Request, set_name: str) -> bool:
    """Whether the fault strikes this list; without `match`, `field` or `where` it strikes lists of states only."""
    if fault.company is not None and fault.company.id and fault.company.id not in request.path.lower():
        return False
    if fault.kind in BY_ROW:
        if not (fault.match or fault.options["field"] or fault.options["where"]) and set_name not in STATES:
            return False
        return bool(_rows_to_spoil(fault, value, set_name))
    if fault.kind == "empty_list":
        # The rows of one Finance & Operations company are already removed; the list itself stays.
        return (fault.company is None or bool(fault.company.id)) and (bool(fault.match) or set_name in LISTS)
    if fault.kind in {"wrong_shape", "huge_page"}:
        return bool(fault.match) or set_name in STATES
    return True


def rows(fault: Fault, value: dict[str, Any], request: Request, set_name: str) -> Any:
    """The envelope after one fault."""
    if fault.kind in BY_ROW:
        for row in _rows_to_spoil(fault, value, set_name):
            _row(fault, value, row, fault.options["field"] or MAIN_PROPERTY.get(set_name, ""))
        return value
    match fault.kind:
        case "empty_list":
            return {name: part for name, part in value.items() if name != "@odata.nextLink"} | {"value": []}
        case "huge_page":
            padding = "x" * (int(fault.options["megabytes"]) * 2**20)
            return {**value, "@simulator.padding": padding}
        case "wrong_shape":
            return _shape(value, fault.options["shape"])
    return {**value, "@odata.nextLink": _link(fault, request)}


def body(value: Any) -> bytes:
    """The JSON text; only here can a property appear twice."""
    return dumps(value).replace(b'"' + TWIN.encode() + b":", b'"')


def _rows_to_spoil(fault: Fault, value: Mapping[str, Any], set_name: str) -> list[dict[str, Any]]:
    name = fault.options["field"] or MAIN_PROPERTY.get(set_name, "")
    where = fault.options["where"]
    code = fault.company.code.casefold() if fault.company is not None and not fault.company.id else None
    rows, chosen = list(value.get("value") or ()), []
    if fault.kind not in {"duplicate_rows", "conflicting_rows"}:  # expanded rows can be changed too
        rows += [inner for row in rows for part in row.values() if isinstance(part, list) for inner in part]
    for row in rows:
        owners = {str(row.get(key, "")).casefold() for key in ("LegalEntityId", "LedgerName", "dataAreaId")}
        if name not in row or (code is not None and code not in owners):
            continue
        if all(row.get(key) == expected for key, expected in where.items()):
            chosen.append(row)
    return chosen[: int(fault.options["rows"])]


def _row(fault: Fault, value: dict[str, Any], row: dict[str, Any], name: str) -> None:
    match fault.kind:
        case "missing_field":
            del row[name]
        case "null_field":
            row[name] = None
        case "wrong_type" | "unknown_enum":
            row[name] = fault.options["value"]
        case "duplicate_keys":
            changed = {}
            for key, part in row.items():
                if key == name:
                    changed[f"{TWIN}:{name}"] = fault.options["value"]
                changed[key] = part
            row.clear()
            row.update(changed)
        case "duplicate_rows":
            value["value"].append(dict(row))
        case "conflicting_rows":
            other = fault.options["value"]
            value["value"].append({**row, name: OPPOSITE.get(row[name], "Open") if other is None else other})


def _shape(value: dict[str, Any], shape: str) -> Any:
    context = {"@odata.context": value["@odata.context"]}
    shapes = {
        "no_value": context,
        "null_value": {**context, "value": None},
        "value_object": {**context, "value": {"0": value["value"][:1]}},
        "list": value["value"],
        "row_text": {**context, "value": ["Open", *value["value"][1:]]},
        "text": "Open",
    }
    return shapes[shape]


def _link(fault: Fault, request: Request) -> str:
    parts = [part for part in request.query.split("&") if part and not part.startswith("round=")]
    rounds = next((value for name, value in request.options if name == "round"), "0")
    origin = request.origin
    match fault.kind:
        case "next_link_self":
            return f"{request.address}{'?' if request.query else ''}{request.query}"
        case "next_link_loop":
            parts.append(f"round={'2' if rounds == '1' else '1'}")
        case "next_link_endless":
            parts.append(f"round={int(rounds) + 1 if rounds.isdecimal() else 1}")
        case "next_link_host":
            origin = f"{request.scheme}://{fault.options['host']}"
        case "next_link_scheme":
            other = "http" if request.scheme == "https" else "https"
            origin = f"{fault.options['scheme'] or other}://{request.host}"
    return f"{origin}{request.address.removeprefix(request.origin)}{'?' if parts else ''}{'&'.join(parts)}"


@lru_cache(maxsize=2)
def gzip_bomb(megabytes: int) -> bytes:
    """A gzip body that unpacks to valid JSON of that size; made of one compressed block, repeated."""
    begin, blank, end = b'{"value":[', b" " * 2**20, b"]}"
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = packer.compress(begin) + packer.flush(zlib.Z_FULL_FLUSH)
    # A full flush resets the compressor, so that blocks can be repeated.
    block = packer.compress(blank) + packer.flush(zlib.Z_FULL_FLUSH)
    tail = packer.compress(end) + packer.flush()
    check = zlib.crc32(begin)
    for _ in range(megabytes):
        check = zlib.crc32(blank, check)
    check = zlib.crc32(end, check)
    size = (len(begin) + megabytes * len(blank) + len(end)) % 2**32
    return (
        b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + head + block * megabytes + tail + struct.pack("<II", check, size)
    )
