"""Defines the entity sets that the simulator serves: names, keys, types and order of properties, by the contracts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class Navigation:
    """A way from a row to rows of another set, which `$expand` follows."""

    name: str
    target: str
    many: bool


@dataclass(frozen=True)
class EntitySet:
    """One public entity set with its properties in the order of the JSON.

    `choices` are the texts that the product takes from an option or enumeration of its own (Business Central).
    """

    name: str
    type: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    aot: str = ""
    navigation: tuple[Navigation, ...] = ()
    choices: frozenset[str] = frozenset()

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
        return replace(self, columns=tuple(column for column in self.columns if column.name not in names))

    def renamed(self, name: str, type_name: str) -> EntitySet:
        return replace(self, name=name, type=type_name)


def _navigation(texts: Iterable[str]) -> tuple[Navigation, ...]:
    """`LedgerJournalLine:LedgerJournalLines*`: the name, the set, and a star for many rows."""
    parts = [text.partition(":") for text in texts]
    return tuple(
        Navigation(name, target.removesuffix("*"), target.endswith("*")) for name, _, target in parts
    )


def _entity_set(name: str, contract: Mapping[str, Any], navigation: Iterable[str] = ()) -> EntitySet:
    columns, choices = [], set()
    for text in contract["properties"]:
        column, _, kind = text.partition(":")
        word = kind.removesuffix("!")
        if word == "Option":
            choices.add(column)
        columns.append(Column(column, SHOWN_AS.get(word, word), not kind.endswith("!")))
    return EntitySet(
        name,
        contract["type"],
        tuple(contract["key"]),
        tuple(columns),
        contract.get("aot", ""),
        _navigation(contract.get("navigation", navigation)),
        frozenset(choices),
    )


def _facts(name: str) -> Any:
    return json.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))


# Business Central sends options, enumerations and times of day as texts.
SHOWN_AS = {"Option": "String", "Time": "String"}
_periods, _work, _central = (
    _facts("contract_tables.json"),
    _facts("worklist_finops.json"),
    _facts("worklist_central.json"),
)

FINOPS_SETS: Mapping[str, EntitySet] = {
    name: _entity_set(name, fact, _work["navigation"].get(name, ()))
    for name, fact in (_periods["finops"]["sets"] | _work["sets"]).items()
}
# How V2 differs from V1 is not documented; until an environment shows it, both have the same properties.
PERIODS_V1 = FINOPS_SETS["LedgerFiscalPeriods"]
PERIODS_V2 = PERIODS_V1.renamed("LedgerFiscalPeriodsV2", "LedgerFiscalPeriodV2")

# The base path of each of Business Central's APIs below `/api/`, with its sets.
BC_STANDARD, BC_INTERCOMPANY, BC_COMPANION = "v2.0", "microsoft/intercompany/v1.0", "closeboard/close/v1.0"
BC_SETS: Mapping[str, EntitySet] = {
    name: _entity_set(name, fact)
    for name, fact in (_periods["business_central"] | _central[BC_STANDARD]).items()
}
BC_GROUPS: Mapping[str, Mapping[str, EntitySet]] = {
    BC_STANDARD: BC_SETS,
    **{
        base: {
            "companies": BC_SETS["companies"],
            **{name: _entity_set(name, fact) for name, fact in _central[base].items()},
        }
        for base in (BC_INTERCOMPANY, BC_COMPANION)
    },
}


def _members(texts: Iterable[str]) -> dict[str, int]:
    """`Open=1`, or names alone: where the contract knows no numbers, their places stand in for them."""
    parts = [text.partition("=") for text in texts]
    return {name: int(number or place) for place, (name, _, number) in enumerate(parts)}


# An enumeration without members is one whose members no contract names; its values are always null.
ENUMS: Mapping[str, Mapping[str, int]] = {
    name: _members(members) for name, members in (_periods["finops"]["enums"] | _work["enums"]).items()
}
