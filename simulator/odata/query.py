"""Parses the OData query options of both products ($filter, $select, $orderby, $top, $skip, $count) and keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.odata.filters import NUMBERS, Dialect, Filter, Row, Value, bad, moment
from simulator.odata.tables import EntitySet
from simulator.web.wire import Refusal

__all__ = ["Dialect", "Expand", "Query", "Row", "bad", "find_by_key", "parse", "parse_key", "split_outside"]


@dataclass(frozen=True, slots=True)
class Expand:
    """One name of $expand with the options in its parentheses, as sent."""

    name: str
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """The system query options of one request, checked against one entity set."""

    where: Value | None = None
    order: tuple[tuple[int, bool], ...] = ()
    select: tuple[str, ...] | None = None
    top: int | None = None
    skip: int = 0
    count: bool = False
    skiptoken: str | None = None
    expand: tuple[Expand, ...] = ()
    key: tuple[str, str] = field(default=("", ""))

    def rows(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The matching rows in the requested order; the pager applies top and skip."""
        chosen = rows if self.where is None else [row for row in rows if self.where(row)]
        for index, descending in reversed(self.order):
            chosen = sorted(
                chosen,
                key=lambda row: (row[index] is not None, row[index] if row[index] is not None else ""),
                reverse=descending,
            )
        return chosen


KNOWN = {"$filter", "$orderby", "$select", "$top", "$skip", "$count", "$expand", "$format", "$skiptoken"}


def parse(options: Sequence[tuple[str, str]], entity_set: EntitySet, dialect: Dialect) -> Query:
    """Read the query options; raises `Refusal` 400 where the products refuse them."""
    values: dict[str, str] = {}
    for name, value in options:
        if not name.startswith("$"):
            continue
        if name not in KNOWN:
            raise bad(f"The query parameter '{name}' is not supported.")
        if name in values:
            raise bad(
                f"Query option '{name}' was specified more than once, but it must be specified at most once."
            )
        values[name] = value
    if "json" not in values.get("$format", "json"):
        raise Refusal(415, "Only JSON is served.", "BadRequest")
    return Query(
        where=Filter(values["$filter"], entity_set, dialect).compile() if values.get("$filter") else None,
        order=tuple(_order(part, entity_set) for part in _parts(values.get("$orderby"))),
        select=_select(values.get("$select"), entity_set),
        top=_whole(values.get("$top"), "$top"),
        skip=_whole(values.get("$skip"), "$skip") or 0,
        count=_flag(values.get("$count")),
        skiptoken=values.get("$skiptoken"),
        expand=tuple(_expand(part) for part in split_outside(values.get("$expand", ""), ",")),
        key=(values.get("$filter", ""), values.get("$orderby", "")),
    )


def _parts(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def split_outside(text: str, mark: str) -> list[str]:
    """Split at a mark outside parentheses and quotes, without empty parts."""
    parts, depth, quoted = [""], 0, False
    for letter in text:
        quoted ^= letter == "'"
        depth += 0 if quoted else (letter == "(") - (letter == ")")
        if letter == mark and not depth and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def _expand(part: str) -> Expand:
    """`journalLines` or `journalLines($filter=...;$select=...)`."""
    name, bracket, inner = part.partition("(")
    if not bracket:
        return Expand(name)
    if not inner.endswith(")"):
        raise bad(f"Could not understand '{part}' in $expand.")
    options = [one.partition("=") for one in split_outside(inner[:-1], ";")]
    return Expand(name.strip(), tuple((key.strip(), value.strip()) for key, _, value in options))


def _order(part: str, entity_set: EntitySet) -> tuple[int, bool]:
    parts = part.split()
    if (
        len(parts) > 2
        or parts[0] not in entity_set.column
        or (len(parts) == 2 and parts[1] not in {"asc", "desc"})
    ):
        raise bad(f"Could not understand '{part}' in $orderby on type '{entity_set.type}'.")
    return entity_set.position[parts[0]], parts[-1] == "desc"


def _select(text: str | None, entity_set: EntitySet) -> tuple[str, ...] | None:
    names = _parts(text)
    if not names or "*" in names:
        return None
    for name in names:
        if name not in entity_set.column:
            raise bad(f"Could not find a property named '{name}' on type '{entity_set.type}'.")
    return tuple(dict.fromkeys(names))


def _whole(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not text.strip().isdecimal():
        raise bad(
            f"Invalid value '{text}' for {name} query option found. It requires a non-negative integer."
        )
    return int(text)


def _flag(text: str | None) -> bool:
    if text is not None and text.lower() not in {"true", "false"}:
        raise bad(f"Invalid value '{text}' for $count query option found.")
    return (text or "").lower() == "true"


KEY = re.compile(r"\s*(?:(?P<name>\w+)\s*=\s*)?(?P<value>'(?:[^']|'')*'|[^,']+)\s*(?:,|$)")


def parse_key(text: str, entity_set: EntitySet) -> dict[str, str]:
    """The key predicate between the parentheses; every key must be given (03-erp-contracts 3, key lookup)."""
    values: dict[str, str] = {}
    position = 0
    while position < len(text):
        part = KEY.match(text, position)
        if not part:
            raise bad(f"Bad key predicate '({text})'.")
        name = part["name"] or (entity_set.key[0] if len(entity_set.key) == 1 else "")
        quoted, value = part["value"].startswith("'"), part["value"].strip()
        if (
            name not in entity_set.key
            or name in values
            or quoted != (entity_set.column[name].type == "String")
        ):
            raise bad(f"Bad key predicate '({text})' for type '{entity_set.type}'.")
        values[name] = value[1:-1].replace("''", "'") if quoted else value
        position = part.end()
    if set(values) != set(entity_set.key):
        raise bad(f"The key of '{entity_set.name}' has the fields {', '.join(entity_set.key)}.")
    return values


def find_by_key(rows: Sequence[Row], entity_set: EntitySet, key: dict[str, str]) -> Row | None:
    """The row with that key; texts are compared without case, as SQL Server's collation does."""
    position, column = entity_set.position, entity_set.column
    conditions = [(position[field], column[field].type, value) for field, value in key.items()]
    for row in rows:
        if all(_same(row[index], kind, value) for index, kind, value in conditions):
            return row
    return None


def _same(stored: Any, kind: str, expected: str) -> bool:
    try:
        if kind == "DateTimeOffset":
            return moment(stored) == moment(expected)
        if kind in NUMBERS:
            return float(stored) == float(expected)
    except ValueError:
        return False
    return str(stored).casefold() == expected.casefold()
