"""What a connector hands over: periods with the ERP's own words about them, undigested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

from closing.days import DateSpan


class PeriodType(StrEnum):
    """The three kinds of fiscal period; only operating periods are judged (01-domain 1.3)."""

    OPERATING = "operating"
    OPENING = "opening"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class FinopsFacts:
    """Status and module access of one ledger period, word for word from Finance & Operations.

    `status` is None when the ERP lists the period but has no status row for this ledger.
    `access` maps a module ("Ledger", "Vend", "FixedAssets_RU") to the wire's word, None for a null.
    `user_groups` holds only the modules whose group name is not blank.
    """

    status: str | None
    access: Mapping[str, str | None] = field(default_factory=dict)
    user_groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PostingWindowFacts:
    """The company's allowed posting range and the period's own flags, as Business Central tells them.

    A bound is None when blank, which means no limit on that side (03-erp-contracts fact 8).
    `year_closed` is `accountingPeriods.closed`: the fiscal year is closed; posting may still go on.
    `assumed_end` is set when the ERP gives no end and ours is a guess (last row, or no periods at all).
    """

    allowed_from: date | None
    allowed_to: date | None
    year_closed: bool = False
    date_locked: bool = False
    assumed_end: bool = False


NativeFacts = FinopsFacts | PostingWindowFacts


@dataclass(frozen=True, slots=True)
class PeriodReading:
    """One fiscal period of one entity as the ERP gave it in one read.

    `erp_id` is the company as the connection names it (compared without case); `erp_key` names the period
    within the entity for ever (Finance & Operations: calendar|year|period name, Business Central: its first
    day). `erp_changed_at` is the ERP's own "last modified" where it has one: an upper bound for a change,
    never a proof.
    """

    erp_id: str
    erp_key: str
    calendar: str
    year: str
    name: str
    span: DateSpan
    type: PeriodType
    facts: NativeFacts
    erp_changed_at: datetime | None = None


class GapReason(StrEnum):
    """Why a read brought nothing to trust for one company, while others may be fine (05-reliability 2E)."""

    NO_ACCESS = "no_access"
    NOT_FOUND = "not_found"
    MISSING = "missing"  # the ERP no longer lists the company
    BAD_ROW = "bad_row"
    FAILED = "failed"  # the ERP itself fails for this company, and answers for others
    CONFLICT = "conflict"  # the same period twice, with different values
    EMPTY = "empty"  # no periods at all where there were some
    IDENTITY_CHANGED = "identity_changed"


@dataclass(frozen=True, slots=True)
class Gap:
    """A company that was asked for and not read in full: its last reading stays and ages."""

    erp_id: str
    reason: GapReason
    words: str


@dataclass(frozen=True, slots=True)
class Company:
    """A company that the ERP lists; `identity` is its lasting id there (a GUID), blank where it has none."""

    erp_id: str
    name: str
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Harvest:
    """All that one finished read brought home: complete for every wanted company that is not in `gaps`.

    `server_clock` is the ERP's own Date header, for a skew warning only.
    """

    readings: tuple[PeriodReading, ...]
    gaps: tuple[Gap, ...] = ()
    companies: tuple[Company, ...] = ()
    pages: int = 0
    rows: int = 0
    server_clock: datetime | None = None


def facts_to_json(facts: NativeFacts) -> dict[str, object]:
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


def facts_from_json(obj: Mapping[str, object]) -> NativeFacts:
    """Native facts from what `facts_to_json` gave; ValueError says what is wrong with anything else."""
    match obj.get("kind"):
        case "finops":
            words = _mapping(obj, "access")
            groups = _mapping(obj, "user_groups")
            return FinopsFacts(
                status=_optional(obj.get("status"), str, "status"),
                access={
                    module: _optional(word, str, f"access of {module}") for module, word in words.items()
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
