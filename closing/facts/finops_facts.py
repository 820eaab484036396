"""The native facts of one ledger period in Finance & Operations, and the rules for its state (01-domain 1.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

from closing.calendar.days import DateSpan
from closing.facts.base import (
    DerivedState,
    FactsInWords,
    JsonObject,
    ModuleAccess,
    NativePeriodFacts,
    Options,
    PeriodState,
    fact_kind,
    optional,
    required,
)

# The because of a state that nothing stands in the way of; beside the state it says nothing more.
NO_MODULE_RESTRICTED = "no module is restricted"
NOBODY_CAN_POST = "nobody can post, cannot be reopened"
NOBODY_CAN_POST_FOR_NOW = "nobody can post, can be reopened"
# Modules in the order of the ERP's own form; further modules of an environment follow.
MODULES = (
    *("Ledger", "Tax", "Bank", "Cust", "Vend", "Sales", "Purch", "Invent"),
    *("Prod", "Project", "FixedAssets", "Payroll", "Expense", "FixedAssets_RU", "Retail", "ITM"),
)
_MODULE_NAMES = {
    "Cust": "Customer",
    "FixedAssets": "Fixed assets",
    "FixedAssets_RU": "Fixed assets (RU)",
    "ITM": "Landed cost",
    "Invent": "Inventory",
    "Prod": "Production",
    "Purch": "Purchasing",
    "Vend": "Vendor",
}
_SMALL_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_RESTRICTED_IS_ON_HOLD = "ledger_restricted_means_on_hold"


def module_name(prefix: str) -> str:
    """A module in readable words; an unknown prefix stays as it is."""
    return _MODULE_NAMES.get(prefix, prefix)


@fact_kind("finops", label="Finance & Operations")
@dataclass(frozen=True, slots=True)
class FinopsFacts(NativePeriodFacts):
    """Status and module access of one ledger period, word for word from Finance & Operations.

    `status` is None when the ERP lists the period but has no status row for this ledger.
    `access` maps a module ("Ledger", "Vend", "FixedAssets_RU") to the ERP's word, None for a null.
    `user_groups` holds only the modules whose group name is not blank.
    """

    status: str | None
    access: Mapping[str, str | None] = field(default_factory=dict)
    user_groups: Mapping[str, str] = field(default_factory=dict)

    options: ClassVar[Options] = frozenset({_RESTRICTED_IS_ON_HOLD})
    rules: ClassVar[Mapping[str, str]] = {
        "F&O-1": "Period status Open, no module restricted: Open.",
        "F&O-2": "Period status Open, some modules restricted: Open.",
        "F&O-2 by policy": "Period status Open, Ledger module restricted: On hold, by policy.",
        "F&O-3": "Period status On hold: On hold, whatever the modules say.",
        "F&O-4": "Period status Permanently closed: Closed.",
        "F&O-5": "No status, or one that is not understood: Unknown.",
    }
    flags: ClassVar[Mapping[str, str]] = {"permanent": "Finance & Operations cannot reopen this period."}

    def state(self, span: DateSpan, *, at: datetime, zone: ZoneInfo, options: Options) -> DerivedState:
        """The state of the ledger period; words are matched exactly, case included.

        Module access narrows an open period only: it is neither read nor trusted for one on hold or closed.
        """
        match self.status:
            case "Open":
                return self._open(_RESTRICTED_IS_ON_HOLD in options)
            case "OnHold":
                return DerivedState(PeriodState.ON_HOLD, NOBODY_CAN_POST_FOR_NOW, "F&O-3")
            case "Closed":
                return DerivedState(PeriodState.CLOSED, NOBODY_CAN_POST, "F&O-4", ("permanent",))
            case None:
                return DerivedState(PeriodState.UNKNOWN, "no status row for this ledger", "F&O-5")
            case other:
                why = f"the period status {_raw(other)} is not understood"
                return DerivedState(PeriodState.UNKNOWN, why, "F&O-5")

    def _open(self, restricted_is_on_hold: bool) -> DerivedState:
        restricted = []
        for prefix in sorted(self.access, key=_ledger_first):
            match self.access[prefix]:
                case None | "All":
                    continue
                case "None":
                    restricted.append(f"{module_name(prefix)} for nobody")
                case "User":
                    who = self.user_groups.get(prefix, "")
                    restricted.append(
                        f"{module_name(prefix)} only for {f'user group {who}' if who else 'a user group'}"
                    )
                case other:
                    why = f"the access {_raw(other)} of module {module_name(prefix)} is not understood"
                    return DerivedState(PeriodState.UNKNOWN, why, "F&O-5")
        if not restricted:
            return DerivedState(PeriodState.OPEN, NO_MODULE_RESTRICTED, "F&O-1")
        flags = ("restricted_modules",)
        listed = ", ".join(restricted)
        if restricted_is_on_hold and self.access.get("Ledger") in ("None", "User"):
            because = f"Open in the ERP with {listed}; by policy a restricted Ledger module means on hold"
            return DerivedState(PeriodState.ON_HOLD, because, "F&O-2 by policy", flags)
        because = f"{_modules(len(restricted))} restricted: {listed}"
        return DerivedState(PeriodState.OPEN, because, "F&O-2", flags)

    def changes_from(self, before: Self) -> Iterator[str]:
        """ "Vendor, Customer access set to None": modules with the same new value share a phrase."""
        modules_by_value: dict[str, list[str]] = {}
        for name in (
            self.access.keys() | before.access.keys() | self.user_groups.keys() | before.user_groups.keys()
        ):
            old = (before.access.get(name), before.user_groups.get(name))
            word, group = self.access.get(name), self.user_groups.get(name)
            if (word, group) != old:
                value = "blank" if word is None else f"{word} {group}" if group and word == "User" else word
                modules_by_value.setdefault(value, []).append(module_name(name))
        for value, names in sorted(modules_by_value.items()):
            yield f"{', '.join(sorted(names))} access set to {value}"

    def in_words(self) -> FactsInWords:
        names = [*MODULES, *sorted(set(self.access) - set(MODULES))]
        return FactsInWords(_display_value(self.status), [self._module(name) for name in names])

    def _module(self, name: str) -> ModuleAccess:
        label, group = module_name(name), self.user_groups.get(name, "")
        if name not in self.access:
            return ModuleAccess(label, "no answer", "", "untold")
        match self.access[name]:
            case None:
                return ModuleAccess(label, "blank", "as All", "all")
            case "All":
                return ModuleAccess(label, "All", "", "all")
            case "None":
                return ModuleAccess(label, "None", "", "none")
            case "User":
                return ModuleAccess(label, "User", group or "group not named", "user")
            case value:
                return ModuleAccess(label, _display_value(value), "not understood", "strange")

    def to_json(self) -> JsonObject:
        return {
            "access": dict(sorted(self.access.items())),
            "status": self.status,
            "user_groups": dict(sorted(self.user_groups.items())),
        }

    @classmethod
    def from_json(cls, body: JsonObject) -> Self:
        access, groups = (required(body.get(name), dict, name) for name in ("access", "user_groups"))
        return cls(
            optional(body.get("status"), str, "status"),
            {module: optional(level, str, f"access of {module}") for module, level in access.items()},
            {module: required(name, str, f"user group of {module}") for module, name in groups.items()},
        )


def _ledger_first(prefix: str) -> tuple[bool, str]:
    return prefix != "Ledger", module_name(prefix)


def _modules(count: int) -> str:
    number = _SMALL_NUMBERS[count] if count < len(_SMALL_NUMBERS) else str(count)
    return f"{number} {'module' if count == 1 else 'modules'}"


def _raw(word: object) -> str:
    """The ERP's word as it came: text in quotes, so that blanks and case show, anything else as it is."""
    return f'"{word}"' if isinstance(word, str) else repr(word)


def _display_value(value: str | None) -> str:
    """The ERP's own value, quoted if it is empty or has blanks at its ends."""
    if value is None:
        return "no status row"
    return value if value.strip() == value and value else f'"{value}"'
