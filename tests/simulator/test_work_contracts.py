"""The sets that show work against their contracts: names, keys, types and order of properties, and what is sent.

`DIGESTS` are of the contracts' facts, so that the check needs nothing from outside. Where the contracts lie beside
the project (`../shared/contracts`), the digests are checked against them too.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Any

import pytest

from simulator.odata.tables import (
    BC_COMPANION,
    BC_GROUPS,
    BC_INTERCOMPANY,
    BC_STANDARD,
    ENUMS,
    FINOPS_SETS,
    EntitySet,
)
from tests.simulator.contract_values import CASE, CONTRACTS, check_value
from tests.simulator.erp_clients import EVERYTHING, IEOP, Erps

FURTHER = (
    "LedgerJournalTableBiEntities",
    "LedgerJournalTransBiEntities",
    "SubledgerJournalEntryBiEntities",
    "FiscalCalendarPeriodBiEntities",
    "LedgerInterCompanyAccounts",
    "InventoryMovementJournalHeaders",
    "PeriodCloseTemplateTasks",
)
DIGESTS = {
    "finops": "fcd627aa61eeced7",
    "further": "659a50cf1fa9ba53",
    BC_STANDARD: "ea613575539afb90",
    BC_INTERCOMPANY: "1fa564e3118e0513",
    BC_COMPANION: "b0a4b7c0e175da5c",
}
CENTRAL = [
    "seven_lines",
    "recurring",
    "payments",
    "purchase_invoices_4",
    "sales_invoices_3_and_2",
    "memos",
    "jobs_error_after_success",
    "inventory_open",
    "bank_reconciliation_open",
    "intercompany",
    "central_samples",
]
DECLARED = set(FINOPS_SETS) - {"LedgerFiscalPeriods"}
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
JSON_TYPES: dict[str, tuple[type, ...]] = {
    "Edm.String": (str,),
    "Edm.Guid": (str,),
    "Edm.Date": (str,),
    "Edm.DateTimeOffset": (str,),
    "Edm.Boolean": (bool,),
    "Edm.Int32": (int,),
    "Edm.Decimal": (int, float),
}


def finops_facts(contract: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [
            entity["key"],
            [
                [one["name"], CASE.get(one["type"], one["type"]), one["nullable"]]
                for one in entity["properties"]
            ],
        ]
        for name, entity in contract.items()
    }


def central_facts(contract: dict[str, Any]) -> dict[str, Any]:
    """Only names and order: the types of some fields are unknown, and options are described in words."""
    return {name: [one["name"] for one in page["properties"]] for name, page in contract.items()}


def digest(facts: dict[str, Any]) -> str:
    return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def facts_of_contracts() -> dict[str, dict[str, Any]] | None:
    """The facts of each part, or None where the contracts are not."""
    if not CONTRACTS.is_dir():
        return None
    read = {
        name: json.loads((CONTRACTS / name).read_text(encoding="utf-8"))
        for name in (
            "fo/worklist-entities.derived.json",
            "fo/fo-metadata.derived.json",
            "bc/worklist-pages.derived.json",
            "bc/companion-api.proposed.json",
        )
    }
    more = read["fo/fo-metadata.derived.json"]["entitySets"]
    pages = read["bc/worklist-pages.derived.json"]["pages"]
    return {
        "finops": finops_facts(read["fo/worklist-entities.derived.json"]["entitySets"]),
        "further": finops_facts({name: more[name] for name in FURTHER}),
        BC_STANDARD: central_facts({name: page for name, page in pages.items() if not page["publisher"]}),
        BC_INTERCOMPANY: central_facts({name: page for name, page in pages.items() if page["publisher"]}),
        BC_COMPANION: central_facts(read["bc/companion-api.proposed.json"]["entitySets"]),
    }


def facts_of_tables() -> dict[str, dict[str, Any]]:
    """The same facts of the simulator's own tables."""
    earlier = {
        "accountingPeriods",
        "companies",
        "generalLedgerSetup",
        "journals",
        "journalLines",
        "generalLedgerEntries",
    }

    def finops(entity: EntitySet) -> list[Any]:
        kinds = [column.type if column.type in ENUMS else f"Edm.{column.type}" for column in entity.columns]
        columns = zip(entity.columns, kinds, strict=True)
        return [list(entity.key), [[column.name, kind, column.nullable] for column, kind in columns]]

    periods = {
        "LedgerFiscalPeriods",
        "FiscalPeriods",
        "FiscalYears",
        "FiscalCalendarsEntity",
        "FiscalCalendarYears",
    }
    periods |= {"LegalEntities", "Ledgers", "LedgerJournalHeaders", "LedgerJournalLines"}
    return {
        "finops": {
            name: finops(entity) for name, entity in FINOPS_SETS.items() if name not in periods | set(FURTHER)
        },
        "further": {name: finops(FINOPS_SETS[name]) for name in FURTHER},
        **{
            group: {name: list(entity.names) for name, entity in sets.items() if name not in earlier}
            for group, sets in BC_GROUPS.items()
        },
    }


def test_digests_are_those_of_the_contracts() -> None:
    facts = facts_of_contracts()
    assert facts is None or {name: digest(part) for name, part in facts.items()} == DIGESTS


@pytest.mark.parametrize("part", sorted(DIGESTS))
def test_tables_have_the_names_keys_and_types_of_the_contracts(part: str) -> None:
    assert digest(facts_of_tables()[part]) == DIGESTS[part]


def test_finops_rows_have_every_property_in_order_and_of_its_type(erps: Erps) -> None:
    erps.sim.set_work("USRT", month="2026-05", situation=EVERYTHING)
    for name, entity in FINOPS_SETS.items():
        if name == "LedgerFiscalPeriods":
            continue
        rows = erps.rows(f"/data/{name}?cross-company=true")
        assert rows, name
        assert {tuple(row) for row in rows} == {("@odata.etag", *entity.names)}
        for column in entity.columns:
            for value in {json.dumps(row[column.name]) for row in rows}:
                finops_value(json.loads(value), column.type, f"{name}.{column.name}")


def finops_value(value: Any, kind: str, place: str) -> None:
    if kind == "Guid":
        assert GUID.fullmatch(value), place
    elif kind == "Boolean":
        assert isinstance(value, bool), place
    elif kind == "Binary":
        assert value is None, place
    else:
        check_value(value, kind if kind in ENUMS else f"Edm.{kind}", null=True)


@pytest.mark.parametrize("group", sorted(BC_GROUPS))
def test_central_rows_have_every_property_in_order_and_of_its_type(erps: Erps, group: str) -> None:
    erps.sim.set_profile(bc_companion="present", bc_payment_lines="served")
    erps.sim.set_work("IEOP", month="2026-05", situation=CENTRAL)
    journal = erps.listed(IEOP, "journals")[0]["id"]
    for name, entity in BC_GROUPS[group].items():
        if name == "companies":
            continue
        rows = erps.listed(
            IEOP, f"journals({journal})/journalLines" if name == "journalLines" else name, group
        )
        assert rows, name
        tag = ["@odata.etag"] if entity.key else []  # a query has no key, and so no etag
        streams = {column.name for column in entity.columns if column.type == "Stream"}
        sent = [f"{one}@odata.mediaReadLink" if one in streams else one for one in entity.names]
        assert {tuple(row) for row in rows} == {(*tag, *sent)}
        for column in entity.columns:
            for row in rows if column.name not in streams else ():
                value = row[column.name]
                assert type(value) in JSON_TYPES[f"Edm.{column.type}"], f"{name}.{column.name}"
                assert column.type != "Guid" or GUID.fullmatch(value)
                assert column.type != "Date" or re.fullmatch(r"\d{4}-\d\d-\d\d", value)
                assert column.name not in entity.choices or (value.isascii() and " " not in value)


def test_ids_of_the_companions_lines_are_others_at_each_read(erps: Erps) -> None:
    erps.sim.set_profile(bc_companion="present")
    first, second = (erps.listed(IEOP, "unpostedJournalLines", BC_COMPANION) for _ in range(2))
    assert not {row["id"] for row in first} & {row["id"] for row in second}
    assert [row["lineCount"] for row in first] == [row["lineCount"] for row in second]


def test_keys_of_work_are_unique_and_can_be_looked_up(erps: Erps) -> None:
    erps.sim.set_work("USRT", month="2026-05", situation=EVERYTHING)
    not_unique = {"TrialBalanceFiscalYearSnapshots", "FiscalCalendarPeriodBiEntities"}
    for name in sorted(DECLARED - not_unique):
        entity = FINOPS_SETS[name]
        rows = erps.rows(f"/data/{name}?cross-company=true")
        keys = [tuple(row[one] for one in entity.key) for row in rows]
        assert len(set(keys)) == len(keys), name
        kinds = [entity.column[one].type for one in entity.key]
        if any(kind in ENUMS for kind in kinds):
            continue  # the form of an enumeration within a key is not verified
        predicate = ",".join(
            f"{one}='{value}'" if kind == "String" else f"{one}={value}"
            for one, kind, value in zip(entity.key, kinds, keys[-1], strict=True)
        )
        found = erps.fo(f"/data/{name}({predicate})").json()
        assert {one: part for one, part in found.items() if one != "@odata.context"} == rows[-1], name
