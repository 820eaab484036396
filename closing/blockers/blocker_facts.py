"""A fact about unfinished work, as a source stated it, with its key and its JSON (08-blockers-and-tasks 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from closing.blockers.blocker_kinds import BlockerKind, CountedUnit, DocumentPart
from closing.facts.base import JsonObject, optional, required

MAX_IDS = 2000  # items that a fact names, so that they may be carried on purpose
FRESH_FOR = timedelta(minutes=60)  # unless the connection has a limit of its own
SNAPSHOT_FRESH_FOR = timedelta(hours=36)  # counted from the age that the source states
MAX_ITEMS = 20  # rows behind a number, the oldest first
NO_ACCOUNT = "no_account"  # note of a side: no account is mapped for the other entity
NO_DUE_FROM_ACCOUNT = "no_due_from_account"
NO_DUE_TO_ACCOUNT = "no_due_to_account"


class Doubt(StrEnum):
    """Why a count is not the whole answer: a comparison in doubt, items that are hidden, or nothing readable."""

    READ_AT_DIFFERENT_TIMES = "read_at_different_times"
    NOT_COMPARABLE = "not_comparable"
    BEFORE_REVALUATION = "before_revaluation"
    FITS_BOOKING_RATE = "fits_booking_rate"
    NO_ACCOUNT = "no_account"

    RELEASED_LOOK_POSTED = "released_look_posted"
    PARTY_LINES_HIDDEN = "party_lines_hidden"

    NOT_SHOWN = "not_shown"
    REFUSED = "refused"
    NOT_PUBLISHED = "not_published"
    NO_ROWS = "no_rows"
    NO_POSITION = "no_position"
    NOT_UNDERSTOOD = "not_understood"  # never stored: a newer version stored something else


# The counterparties cannot be compared yet; the count is then 1.
CANNOT_COMPARE = frozenset(
    {
        Doubt.READ_AT_DIFFERENT_TIMES,
        Doubt.NOT_COMPARABLE,
        Doubt.BEFORE_REVALUATION,
        Doubt.FITS_BOOKING_RATE,
        Doubt.NO_ACCOUNT,
    }
)


@dataclass(frozen=True, slots=True)
class FactId:
    """An item that may be carried on purpose: its id in the source, how many units it counts, and its amount."""

    item_id: str
    units: int
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class FactItem:
    """One row behind a number, as the page of the entity shows it.

    `currency` is given where it may differ from that of the fact. Of an intercompany fact each row is one side: the
    number is the code of the entity, the amount its claim on the other (below zero: it owes), the note an account
    that it lacks. Of an inventory fact the rows are the closes that stand, the last first.
    """

    number: str
    on: date | None = None
    amount: Decimal | None = None
    currency: str | None = None
    owner: str = ""
    link: str | None = None
    note: str = ""


FactKey = tuple[int, int | None, BlockerKind, str, str | None]


@dataclass(frozen=True, slots=True)
class BlockerFact:
    """A statement of a source about one kind of unfinished work of an entity and a period (ids).

    `period` is None for work without a date, or dated outside every period. `count` is None if the source shows
    nothing, which is never zero; `doubt` then gives the reason where it is known. `at_least`: the count is a lower
    bound. `left_out` has counts by reason of items that are not in the count, `apart` of items that are in it and
    named as well. `source_as_of` is the age of a snapshot, `coverage` the sets or journal names that were read. Of an
    intercompany fact the amount is the difference without its sign: counterparties are never netted.
    Raises ValueError for a fact that contradicts itself.
    """

    entity: int
    period: int | None
    kind: BlockerKind
    unit: CountedUnit
    count: int | None
    read_at: datetime
    part: str = ""
    amount: Decimal | None = None
    currency: str | None = None
    at_least: bool = False
    left_out: Mapping[str, int] = field(default_factory=dict, hash=False)
    apart: Mapping[str, int] = field(default_factory=dict, hash=False)
    doubt: Doubt | None = None
    coverage: tuple[str, ...] = ()
    source_as_of: datetime | None = None
    ids: tuple[FactId, ...] = ()
    items: tuple[FactItem, ...] = ()
    link: str | None = None

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 0:
            raise ValueError(f"{self.kind}: a count is not below zero, as {self.count} is")
        if self.amount is not None and not self.currency:
            raise ValueError(f"{self.kind}: the amount {self.amount} needs a currency")
        if self.doubt in CANNOT_COMPARE and self.count not in (1, None):
            raise ValueError(f"{self.kind}: counterparties that cannot be compared count 1, not {self.count}")
        if len(self.ids) > MAX_IDS or len(self.items) > MAX_ITEMS:
            raise ValueError(f"{self.kind}: a fact names at most {MAX_IDS} ids and {MAX_ITEMS} items")
        _check_part(self.kind, self.part)

    @property
    def key(self) -> FactKey:
        """The key under which a newer fact replaces an older one."""
        return self.entity, self.period, self.kind, self.part, self.currency

    @property
    def names_all_items(self) -> bool:
        """Whether `ids` has every item that is counted; false beyond `MAX_IDS`, and for a source without ids."""
        return self.count is not None and sum(item.units for item in self.ids) >= self.count

    @property
    def counterparties(self) -> tuple[str, str] | None:
        """The codes of the two entities of an intercompany fact, the first by code first."""
        if self.kind is not BlockerKind.INTERCOMPANY_IMBALANCE:
            return None
        first, _, second = self.part.partition("/")
        return first, second


def _check_part(kind: BlockerKind, part: str) -> None:
    if kind is BlockerKind.UNPOSTED_DOCUMENTS:
        if part not in set(DocumentPart):
            raise ValueError(f"{kind}: there is no part {part!r}; there are: {', '.join(DocumentPart)}")
    elif kind is BlockerKind.INTERCOMPANY_IMBALANCE:
        first, slash, second = part.partition("/")
        if not slash or not first < second:
            raise ValueError(f"{kind}: the part {part!r} is not two codes in order, like EUDTC/UKRT")
    elif part and kind is not BlockerKind.NOT_UNDERSTOOD:
        raise ValueError(f"{kind}: this kind has no parts, so {part!r} is none")


def is_unchanged(before: BlockerFact, after: BlockerFact) -> bool:
    """Whether a newer fact differs by its moment of reading only, so that no row is written.

    A newer snapshot of the source is a change, since its age is shown.
    """
    return replace(after, read_at=before.read_at) == before


def fresh_until(fact: BlockerFact, confirmed_at: datetime, limit: timedelta = FRESH_FOR) -> datetime:
    """The moment from which a fact is too old, by the age of its snapshot or else by the read that confirmed it."""
    if fact.source_as_of is not None:
        return fact.source_as_of + SNAPSHOT_FRESH_FOR
    return confirmed_at + limit


def with_superseded_keys(facts: Iterable[BlockerFact], earlier: Iterable[BlockerFact]) -> list[BlockerFact]:
    """The facts of a read of some parts, and one for each key of theirs that had an earlier fact and now has none.

    Such a key becomes 0, so that nothing stays on the board that is gone. Where the part could not be read or
    compared this time, it becomes not readable: no count would be true.
    """
    result = list(facts)
    keys = {fact.key for fact in result}
    parts: dict[tuple[int, int | None, BlockerKind, str], BlockerFact] = {}
    for fact in result:
        newest = parts.setdefault(fact.key[:4], fact)
        if _is_open(fact) and not _is_open(newest):
            parts[fact.key[:4]] = fact
    for old in earlier:
        now = parts.get(old.key[:4])
        if now is None or old.key in keys:
            continue
        keys.add(old.key)
        unread = _is_open(now)
        result.append(
            BlockerFact(
                entity=old.entity,
                period=old.period,
                kind=old.kind,
                unit=old.unit,
                count=None if unread else 0,
                read_at=now.read_at,
                part=old.part,
                amount=None if unread or old.currency is None else Decimal(0),
                currency=old.currency,
                at_least=now.at_least and not unread,
                doubt=now.doubt,
                coverage=now.coverage,
                source_as_of=now.source_as_of,
                items=now.items if unread else (),
            )
        )
    return result


def _is_open(fact: BlockerFact) -> bool:
    return fact.count is None or fact.doubt in CANNOT_COMPARE


# --- JSON of the fields that a row stores as such -----------------------------------------------------------------


def counts_to_json(counts: Mapping[str, int]) -> dict[str, int]:
    """`left_out` or `apart`, keys in order; reasons that count nothing are not stored."""
    return {reason: count for reason, count in sorted(counts.items()) if count}


def counts_from_json(body: object) -> dict[str, int]:
    """The counts of `counts_to_json`; raises ValueError for anything else."""
    counts = required(body, dict, "counts")
    return {required(reason, str, "reason"): required(count, int, reason) for reason, count in counts.items()}


def ids_to_json(ids: Iterable[FactId]) -> list[list[object]]:
    """Items as [id, units, amount], amounts as text."""
    return [[item.item_id, item.units, _amount_text(item.amount)] for item in ids]


def ids_from_json(body: object) -> tuple[FactId, ...]:
    """The ids of `ids_to_json`; raises ValueError for anything else."""
    result = []
    for row in required(body, list, "ids"):
        item_id, units, amount = required(row, list, "id")
        result.append(FactId(required(item_id, str, "id"), required(units, int, "units"), _amount(amount)))
    return tuple(result)


def items_to_json(items: Iterable[FactItem]) -> list[dict[str, object]]:
    """Rows behind a number; fields without a value are not stored."""
    return [
        {
            name: value
            for name, value in (
                ("number", item.number),
                ("on", item.on.isoformat() if item.on is not None else None),
                ("amount", _amount_text(item.amount)),
                ("currency", item.currency),
                ("owner", item.owner or None),
                ("link", item.link),
                ("note", item.note or None),
            )
            if value is not None
        }
        for item in items
    ]


def items_from_json(body: object) -> tuple[FactItem, ...]:
    """The items of `items_to_json`; raises ValueError for anything else."""
    return tuple(_item(required(row, dict, "item")) for row in required(body, list, "items"))


def _item(row: JsonObject) -> FactItem:
    on = optional(row.get("on"), str, "on")
    return FactItem(
        required(row.get("number"), str, "number"),
        date.fromisoformat(on) if on is not None else None,
        _amount(row.get("amount")),
        optional(row.get("currency"), str, "currency"),
        optional(row.get("owner"), str, "owner") or "",
        optional(row.get("link"), str, "link"),
        optional(row.get("note"), str, "note") or "",
    )


def _amount_text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _amount(value: object) -> Decimal | None:
    text = optional(value, str, "amount")
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"the amount {text!r} is no number") from None
    if not amount.is_finite():
        raise ValueError(f"the amount {text!r} is no number")
    return amount
