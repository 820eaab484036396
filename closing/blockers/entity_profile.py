"""The profile of a legal entity: its role and its features (10-platform 10.1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EntityRole(StrEnum):
    """The role of a legal entity in the group; close tasks go by it, blockers do not."""

    OPERATING = "operating"
    HOLDING = "holding"
    DORMANT = "dormant"
    ELIMINATION = "elimination"
    CONSOLIDATION = "consolidation"


class ProfileFeature(StrEnum):
    """The features of an entity; the values are the fields of `EntityProfile`."""

    INVENTORY = "inventory"
    PROJECTS = "projects"
    FIXED_ASSETS = "fixed_assets"
    FOREIGN_CURRENCY = "foreign_currency"
    INTERCOMPANY = "intercompany"
    PAYROLL = "payroll"
    VAT = "vat"


_FEATURE_NAMES = {
    ProfileFeature.INVENTORY: "inventory",
    ProfileFeature.PROJECTS: "projects",
    ProfileFeature.FIXED_ASSETS: "fixed assets",
    ProfileFeature.FOREIGN_CURRENCY: "foreign currency",
    ProfileFeature.INTERCOMPANY: "counterparties",
    ProfileFeature.PAYROLL: "payroll",
    ProfileFeature.VAT: "VAT",
}


@dataclass(frozen=True, slots=True)
class EntityProfile:
    """The role and features of a legal entity; until they are collected everything applies, so nothing is hidden."""

    role: EntityRole = EntityRole.OPERATING
    inventory: bool = True
    projects: bool = True
    fixed_assets: bool = True
    foreign_currency: bool = True
    intercompany: bool = True
    payroll: bool = True
    vat: bool = True

    def has(self, feature: ProfileFeature) -> bool:
        """Whether the entity has a feature."""
        return bool(getattr(self, feature.value))


def not_applicable_without(feature: ProfileFeature) -> str:
    """ "not applicable: no inventory"."""
    return f"not applicable: no {_FEATURE_NAMES[feature]}"
