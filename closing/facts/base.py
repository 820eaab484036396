"""The kinds of native facts: the state that they come to, what each kind brings, the registry, and their JSON."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, Self, TypeVar
from zoneinfo import ZoneInfo

from closing.calendar.days import DateSpan

JsonObject = Mapping[str, object]
Options = frozenset[str]  # the names of those that are switched on
_T = TypeVar("_T")


class PeriodState(StrEnum):
    """The state that the native facts give; UNKNOWN is never OPEN and never CLOSED."""

    OPEN = "open"
    ON_HOLD = "on_hold"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    NOT_STARTED = "not_started"


@dataclass(frozen=True, slots=True)
class DerivedState:
    """A state with its because, the rule that fired (01-domain 1.2: "F&O-2", "BC-1"), and flags of its kind."""

    state: PeriodState
    because: str
    rule: str
    flags: tuple[str, ...] = ()


class UnknownFactKind(ValueError):
    """A kind of facts or of ERP that no class is registered for; the message names those that are."""


@dataclass(frozen=True, slots=True)
class ModuleAccess:
    """One module's access: the ERP's value, the user group, and a kind (all, user, none, strange, untold)."""

    name: str
    word: str
    group: str
    kind: str


@dataclass(frozen=True, slots=True)
class PostingRange:
    """The days on which posting is allowed, None without an end on that side; not `drawn`: far from the period."""

    begins: date | None
    ends: date | None
    words: str
    drawn: bool = True


@dataclass(frozen=True, slots=True)
class FactsInWords:
    """The facts of a period as its page shows them; each kind fills what it has. `details` are labels and values."""

    status: str = ""
    modules: Sequence[ModuleAccess] = ()
    posting_range: PostingRange | None = None
    details: Sequence[tuple[str, str]] = ()


class NativePeriodFacts(ABC):
    """The facts of one period as an ERP states them; a subclass for each kind of ERP, registered by `fact_kind`.

    Laws, held by tests for every kind: `for_period` changes neither the state nor its rule; of equal facts in the
    same state at two moments, because and flags are equal, since only a change of state or facts is stored.
    """

    __slots__ = ()

    label: ClassVar[str]
    stored_kind: ClassVar[str]  # in JSON
    options: ClassVar[Options] = frozenset()  # the fields of policies that concern the kind
    environment_example: ClassVar[str] = ""  # for a kind whose connections name an environment
    most_journal_templates: ClassVar[int] = 0  # that a connection may name, to count their unposted lines
    rules: ClassVar[Mapping[str, str]] = {}  # each rule in a sentence
    flags: ClassVar[Mapping[str, str]] = {}  # the flags that a page explains, each in a sentence
    # The ERP does not list such a period. A kind that lists some and not others stores it, as false or true (E16).
    assumed_end: bool = False

    def for_period(self, span: DateSpan) -> Self:
        """Only what concerns this period: what is compared with the last reading, and stored."""
        return self

    @abstractmethod
    def state(self, span: DateSpan, *, at: datetime, zone: ZoneInfo, options: Options) -> DerivedState:
        """The state of the period as read at a moment, in the zone of its entity."""

    def changes_from(self, before: Self) -> Iterator[str]:
        """The differences from earlier facts of the period, in words."""
        return iter(())

    def in_words(self) -> FactsInWords:
        """The facts as the page of the period shows them."""
        return FactsInWords()

    @abstractmethod
    def to_json(self) -> JsonObject:
        """The facts as plain JSON values, word for word, without their kind."""

    @classmethod
    @abstractmethod
    def from_json(cls, body: JsonObject) -> Self:
        """The facts of `to_json`; raises ValueError with the mistake for anything else."""


_Kind = TypeVar("_Kind", bound=type[NativePeriodFacts])
FACT_KINDS: dict[str, type[NativePeriodFacts]] = {}  # by kind of ERP, which is that of its connections


def fact_kind(kind: str, *, label: str, stored_as: str = "") -> Callable[[_Kind], _Kind]:
    """Register a class for a kind of ERP; `stored_as` is its kind in JSON where that is another word."""

    def register(facts: _Kind) -> _Kind:
        facts.label, facts.stored_kind = label, stored_as or kind
        FACT_KINDS[kind] = facts
        return facts

    return register


def require_kind(kind: str) -> None:
    """Raises UnknownFactKind for a kind of ERP that no class is registered for."""
    if kind not in FACT_KINDS:
        raise UnknownFactKind(f"There is no kind of ERP {kind!r}; there are: {', '.join(FACT_KINDS)}.")


def facts_to_json(facts: NativePeriodFacts) -> dict[str, object]:
    """Native facts as plain JSON values; keys are in order, so equal facts give equal text.

    Raises UnknownFactKind for a class that is not registered.
    """
    if type(facts) not in (*FACT_KINDS.values(), UnreadableFacts):
        known = ", ".join(FACT_KINDS)
        raise UnknownFactKind(f"{type(facts).__name__} is no registered kind of facts; there are: {known}.")
    return dict(sorted({**facts.to_json(), "kind": facts.stored_kind}.items()))


def facts_from_json(body: JsonObject) -> NativePeriodFacts:
    """Native facts from the JSON of `facts_to_json`; raises ValueError with the mistake for anything else."""
    kind = body.get("kind")
    for facts in FACT_KINDS.values():
        if facts.stored_kind == kind:
            return facts.from_json(body)
    known = ", ".join(facts.stored_kind for facts in FACT_KINDS.values())
    raise UnknownFactKind(f"facts of kind {kind!r} are unknown; there are: {known}")


def read_stored_facts(body: JsonObject | str) -> NativePeriodFacts:
    """As `facts_from_json`, also of JSON text; UnreadableFacts in place of an error that would fail a whole board."""
    parsed: JsonObject = json.loads(body) if isinstance(body, str) else body
    try:
        return facts_from_json(parsed)
    except UnknownFactKind:
        kind = parsed.get("kind")
        return UnreadableFacts(parsed, f'facts of kind "{kind}" are not understood by this Closeboard')
    except ValueError as error:
        return UnreadableFacts(parsed, f"the stored facts are not understood ({error})")


@dataclass(frozen=True, slots=True)
class UnreadableFacts(NativePeriodFacts):
    """Stored facts of a kind that is not registered, or not as its class stores them: Unknown, with the reason."""

    body: JsonObject = field(hash=False)
    reason: str = ""

    @property
    def stored_kind(self) -> object:  # type: ignore[override]
        return self.body.get("kind")

    def state(self, span: DateSpan, *, at: datetime, zone: ZoneInfo, options: Options) -> DerivedState:
        return DerivedState(PeriodState.UNKNOWN, self.reason, "")

    def to_json(self) -> JsonObject:
        return self.body

    @classmethod
    def from_json(cls, body: JsonObject) -> Self:
        return cls(body)


def required(value: object, kind: type[_T], name: str) -> _T:
    """A value of this type; raises ValueError with the name of the property."""
    if not isinstance(value, kind):
        raise ValueError(f"native facts: {name} is {value!r}, not {kind.__name__}")
    return value


def optional(value: object, kind: type[_T], name: str) -> _T | None:
    """As `required`, or None."""
    return None if value is None else required(value, kind, name)
