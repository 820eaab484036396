"""Blocker facts as rows of `BlockerReading`, and rows as facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from closing.blockers.blocker_facts import (
    BlockerFact,
    Doubt,
    counts_from_json,
    counts_to_json,
    ids_from_json,
    ids_to_json,
    items_from_json,
    items_to_json,
)
from closing.blockers.blocker_kinds import KINDS, BlockerKind, CountedUnit
from worklist.models import BlockerReading


def body_of(fact: BlockerFact) -> dict[str, Any]:
    """What a row keeps of a fact besides its key, count and amount; what is empty is not stored."""
    body: dict[str, Any] = {
        "unit": fact.unit.value,
        "at_least": fact.at_least,
        "left_out": counts_to_json(fact.left_out),
        "apart": counts_to_json(fact.apart),
        "doubt": fact.doubt.value if fact.doubt is not None else None,
        "coverage": list(fact.coverage),
        "ids": ids_to_json(fact.ids),
        "items": items_to_json(fact.items),
        "link": fact.link,
    }
    return {name: value for name, value in body.items() if value}


def fact_of(row: BlockerReading) -> BlockerFact:
    """The fact that a row keeps; not readable where this version does not understand it."""
    return fact_from_fields(
        (row.entity_id, row.period_id, row.kind, row.part, row.currency),
        count=row.count,
        amount=row.amount,
        body=row.body,
        source_as_of=row.source_as_of,
        read_at=row.read_at,
    )


def fact_from_fields(
    key: tuple[int, int | None, str, str, str],
    *,
    count: int | None,
    amount: Any,
    body: Mapping[str, Any],
    source_as_of: datetime | None,
    read_at: datetime,
) -> BlockerFact:
    """The fact of these columns; see `fact_of`."""
    entity, period, kind, part, currency = key
    try:
        return BlockerFact(
            entity=entity,
            period=period,
            kind=BlockerKind(kind),
            unit=CountedUnit(body["unit"]),
            count=count,
            read_at=read_at,
            part=part,
            amount=amount.normalize() + 0 if amount is not None else None,
            currency=currency or None,
            at_least=bool(body.get("at_least")),
            left_out=counts_from_json(body.get("left_out", {})),
            apart=counts_from_json(body.get("apart", {})),
            doubt=Doubt(body["doubt"]) if body.get("doubt") else None,
            coverage=tuple(body.get("coverage", ())),
            source_as_of=source_as_of,
            ids=ids_from_json(body.get("ids", [])),
            items=items_from_json(body.get("items", [])),
            link=body.get("link"),
        )
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return _not_understood(key, source_as_of, read_at)


def _not_understood(
    key: tuple[int, int | None, str, str, str], source_as_of: datetime | None, read_at: datetime
) -> BlockerFact:
    """A fact that a newer version stored: not readable, under its own kind and part where these are known."""
    entity, period, word, part, currency = key
    fields: dict[str, Any] = {"source_as_of": source_as_of, "currency": currency or None}
    fields["doubt"] = Doubt.NOT_UNDERSTOOD
    try:
        kind = BlockerKind(word)
        return BlockerFact(entity, period, kind, KINDS[kind].unit, None, read_at, part=part, **fields)
    except ValueError:
        kind = BlockerKind.NOT_UNDERSTOOD
        named = ": ".join(filter(None, [word, part])).replace("_", " ")
        return BlockerFact(entity, period, kind, KINDS[kind].unit, None, read_at, part=named, **fields)
