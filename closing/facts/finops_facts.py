"""The native facts of one ledger period in Finance & Operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FinopsFacts:
    """Status and module access of one ledger period, word for word from Finance & Operations.

    `status` is None when the ERP lists the period but has no status row for this ledger.
    `access` maps a module ("Ledger", "Vend", "FixedAssets_RU") to the ERP's word, None for a null.
    `user_groups` holds only the modules whose group name is not blank.
    """

    status: str | None
    access: Mapping[str, str | None] = field(default_factory=dict)
    user_groups: Mapping[str, str] = field(default_factory=dict)
