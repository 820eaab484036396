"""Defines the entity sets that the simulator serves: names, keys, types and order of properties, by the contracts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

NAMESPACE = "Microsoft.Dynamics.DataEntities"
BC_NAMESPACE = "Microsoft.NAV"

# The 16 modules whose posting a period can restrict; the names are the prefixes of `*AccessLevel`.
MODULES = (
    "Ledger",
    "Tax",
    "Bank",
    "Cust",
    "Vend",
    "Sales",
    "Purch",
    "Invent",
    "Prod",
    "Project",
    "FixedAssets",
    "Payroll",
    "Expense",
    "FixedAssets_RU",
    "Retail",
    "ITM",
)


@dataclass(frozen=True, slots=True)
class Column:
    """One property: its name in JSON, its type without the `Edm.` prefix (or the enum's name), nullable or not."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True)
class EntitySet:
    """One public entity set with its properties in the order of the JSON."""

    name: str
    type: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    aot: str = ""

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def column(self) -> Mapping[str, Column]:
        return {column.name: column for column in self.columns}

    @cached_property
    def position(self) -> Mapping[str, int]:
        """The index of each property in a row; index 0 of every row holds its etag."""
        return {column.name: index for index, column in enumerate(self.columns, start=1)}

    def without(self, *names: str) -> EntitySet:
        """The same set where some properties do not exist (older versions of the products)."""
        kept = tuple(column for column in self.columns if column.name not in names)
        return EntitySet(self.name, self.type, self.key, kept, self.aot)

    def renamed(self, name: str, type_name: str) -> EntitySet:
        return EntitySet(name, type_name, self.key, self.columns, self.aot)


def _entity_set(name: str, contract: Mapping[str, Any]) -> EntitySet:
    columns = []
    for text in contract["properties"]:
        column, _, kind = text.partition(":")
        columns.append(Column(column, kind.removesuffix("!"), not kind.endswith("!")))
    return EntitySet(name, contract["type"], tuple(contract["key"]), tuple(columns), contract.get("aot", ""))


_facts = json.loads((Path(__file__).parent / "contract_tables.json").read_text(encoding="utf-8"))

FINOPS_SETS: Mapping[str, EntitySet] = {
    name: _entity_set(name, fact) for name, fact in _facts["finops"]["sets"].items()
}
# How V2 differs from V1 is not documented; until an environment shows it, both have the same properties.
PERIODS_V1 = FINOPS_SETS["LedgerFiscalPeriods"]
PERIODS_V2 = PERIODS_V1.renamed("LedgerFiscalPeriodsV2", "LedgerFiscalPeriodV2")

BC_SETS: Mapping[str, EntitySet] = {
    name: _entity_set(name, fact) for name, fact in _facts["business_central"].items()
}

ENUMS: Mapping[str, Mapping[str, int]] = {
    name: {member.partition("=")[0]: int(member.partition("=")[2]) for member in members}
    for name, members in _facts["finops"]["enums"].items()
}
