"""Reads the situations of a company's work from files under `situations/`, and the steps that change it.

The days of a situation are relative to a month, so that it can be put into any month.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from simulator.world.times import Month, first_day, instant, last_day, month_of, shifted
from simulator.world.work import KINDS, Balance, Inventory, Item, Line, Step, spread

FOLDER = Path(__file__).parent / "situations"
DAY = re.compile(r"(?:(previous|next)\s+)?(start|end)(?:\s*([+-])\s*(\d+))?(?:\s+(\d\d:\d\d))?")
STEP = ("situation", "work", "remove", "change", "finish", "snapshot")


@cache
def situations() -> Mapping[str, Mapping[str, Any]]:
    """Every situation by its name: `about`, one sentence, and `work`, its items."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        found |= yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def day_of(text: Any, month: Month) -> date | None:
    """`2026-05-31`, `none`, or a day of the month, of the previous or of the next one: `end`, `next start + 5`."""
    if text is None or isinstance(text, date):
        return text
    if text == "none":
        return None
    match = DAY.fullmatch(str(text).strip())
    if not match:
        return date.fromisoformat(str(text))
    month = shifted(month, {"previous": -1, "next": 1}.get(match[1], 0))
    day = first_day(month) if match[2] == "start" else last_day(month)
    return day + timedelta(days=int(match[4] or 0) * (-1 if match[3] == "-" else 1))


def moment_of(text: Any, month: Month) -> datetime:
    """An instant, or a day as `day_of` takes it with a time in UTC after it: `end + 5 16:00`."""
    if isinstance(text, datetime):
        return text.astimezone(UTC)
    match = DAY.fullmatch(str(text).strip())
    day = day_of(text, month) if match else None
    if match and day:
        return datetime.combine(day, time.fromisoformat(match[5] or "12:00"), UTC)
    return instant(str(text))


def items_of(specs: Iterable[Mapping[str, Any]], code: str, month: Month) -> list[Item]:
    """The items of a company in a month; raises ValueError with a sentence for an unknown kind or field."""
    return [_item(spec, code, month) for spec in specs]


def _item(spec: Mapping[str, Any], code: str, month: Month) -> Item:
    values = dict(spec)
    kind = str(values.pop("kind", ""))
    if kind not in KINDS:
        raise ValueError(f"there is no work of the kind '{kind}'; there are: {', '.join(KINDS)}")
    lines = values.pop("lines", None) if kind == "journal" else None
    if KINDS[kind] is Balance:
        values.setdefault("through", "end")
    else:
        values.setdefault("number", f"{kind}-{month[0]}-{month[1]:02}")
    if KINDS[kind] is Inventory:
        values.setdefault("ending", "end")
    item: Any = KINDS[kind](**typed(KINDS[kind], values, code, month))
    if lines is not None:
        made = tuple(line for spec in lines for line in _lines(spec, code, month))
        item = KINDS[kind](**{one.name: getattr(item, one.name) for one in fields(item)} | {"lines": made})
    return item  # type: ignore[no-any-return]


def typed(kind: type[Any], values: Mapping[str, Any], code: str, month: Month) -> dict[str, Any]:
    """The values of a file or a request as the fields of a kind; `{code}` in a text is the company's code."""
    hints = get_type_hints(kind)
    if unknown := set(values) - set(hints):
        there = ", ".join(hints)
        raise ValueError(f"a {kind.__name__.lower()} has no {', '.join(sorted(unknown))}; it has: {there}")
    return {name: _value(value, hints[name], code, month) for name, value in values.items()}


def _value(value: Any, hint: Any, code: str, month: Month) -> Any:
    kinds = set(getattr(hint, "__args__", (hint,)))
    if datetime in kinds:
        return None if value is None else moment_of(value, month)
    if date in kinds:
        return day_of(value, month)
    if Decimal in kinds:
        return None if value is None else Decimal(str(value))
    if hint is str:
        return str(value).replace("{code}", code)
    if hint in (bool, int) and not isinstance(value, hint):
        raise ValueError(f"'{value}' is not {'true or false' if hint is bool else 'a whole number'}")
    return value


def _lines(spec: Mapping[str, Any], code: str, month: Month) -> list[Line]:
    """`count` equal lines whose debits sum to `debit`; everything else is a field of each of them."""
    values = dict(spec)
    count, debit = int(values.pop("count", 1)), Decimal(str(values.pop("debit", 0)))
    values.setdefault("day", "end")
    common = typed(Line, values, code, month)
    return [Line(**{"amount": amount, **common}) for amount in spread(count, debit)]


def step_of(spec: Mapping[str, Any], code: str, start: datetime, *, played: bool = False) -> Step:
    """The step that a scenario's event or a request of the control API describes.

    Its keys are `situation` (a name or a list of names), `work`, `remove`, `change`, `finish` with `lines`, and
    `snapshot`; `month` is the month that relative days refer to. Raises ValueError with a sentence.
    """
    month = month_of(str(spec.get("month", "latest")), start)
    names = _texts(spec.get("situation"), code)
    if unknown := [name for name in names if name not in situations()]:
        raise ValueError(
            f"there is no situation '{unknown[0]}'; there are: {', '.join(sorted(situations()))}"
        )
    described = [item for name in names for item in situations()[name]["work"]]
    snapshot = spec.get("snapshot")
    if snapshot not in (None, "now", "nightly"):
        snapshot = moment_of(snapshot, month)
    return Step(
        replaces="situation" in spec,
        items=tuple(items_of([*described, *(spec.get("work") or ())], code, month)),
        removes=_texts(spec.get("remove"), code),
        sets={
            str(number).replace("{code}", code): _changes(values, code, month)
            for number, values in (spec.get("change") or {}).items()
        },
        finishes=_texts(spec.get("finish"), code),
        lines=None if spec.get("lines") is None else int(spec["lines"]),
        snapshot=snapshot,
        played=played,
    )


def _texts(value: Any, code: str) -> tuple[str, ...]:
    texts = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(str(text).replace("{code}", code) for text in texts)


def _changes(values: Mapping[str, Any], code: str, month: Month) -> dict[str, Any]:
    """New values of fields; the kind is the first one that has all of them."""
    for kind in KINDS.values():
        if set(values) <= set(get_type_hints(kind)):
            return typed(kind, values, code, month)
    raise ValueError(f"no kind of work has {', '.join(values)}")
