"""The native facts of either ERP, and their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TypeVar

from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.finops_facts import FinopsFacts

NativePeriodFacts = FinopsFacts | PostingWindowFacts


def facts_to_json(facts: NativePeriodFacts) -> dict[str, object]:
    """Native facts as plain JSON values, word for word; keys are in order, so equal facts give equal text."""
    if isinstance(facts, FinopsFacts):
        return {
            "access": dict(sorted(facts.access.items())),
            "kind": "finops",
            "status": facts.status,
            "user_groups": dict(sorted(facts.user_groups.items())),
        }
    return {
        "allowed_from": facts.allowed_from.isoformat() if facts.allowed_from else None,
        "allowed_to": facts.allowed_to.isoformat() if facts.allowed_to else None,
        "assumed_end": facts.assumed_end,
        "date_locked": facts.date_locked,
        "kind": "posting_window",
        "year_closed": facts.year_closed,
    }


def facts_from_json(obj: Mapping[str, object]) -> NativePeriodFacts:
    """Native facts from the JSON of `facts_to_json`; raises ValueError with the mistake for anything else."""
    match obj.get("kind"):
        case "finops":
            access = _mapping(obj, "access")
            groups = _mapping(obj, "user_groups")
            return FinopsFacts(
                status=_optional(obj.get("status"), str, "status"),
                access={
                    module: _optional(level, str, f"access of {module}") for module, level in access.items()
                },
                user_groups={
                    module: _required(name, str, f"user group of {module}") for module, name in groups.items()
                },
            )
        case "posting_window":
            return PostingWindowFacts(
                allowed_from=_optional_date(obj, "allowed_from"),
                allowed_to=_optional_date(obj, "allowed_to"),
                year_closed=_required(obj.get("year_closed"), bool, "year_closed"),
                date_locked=_required(obj.get("date_locked"), bool, "date_locked"),
                assumed_end=_required(obj.get("assumed_end"), bool, "assumed_end"),
            )
        case kind:
            raise ValueError(f"native facts are of kind finops or posting_window, not {kind!r}")


_T = TypeVar("_T")


def _required(value: object, kind: type[_T], name: str) -> _T:
    if not isinstance(value, kind):
        raise ValueError(f"native facts: {name} is {value!r}, not {kind.__name__}")
    return value


def _optional(value: object, kind: type[_T], name: str) -> _T | None:
    return None if value is None else _required(value, kind, name)


def _optional_date(obj: Mapping[str, object], name: str) -> date | None:
    text = _optional(obj.get(name), str, name)
    return None if text is None else date.fromisoformat(text)


def _mapping(obj: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = obj.get(name)
    if not isinstance(value, Mapping):
        raise ValueError(f"native facts: {name} is {value!r}, not an object")
    return value
