"""What loading a group file changed, in lines that a person reads; secrets and passwords never stand in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any, NamedTuple

from django.db.models import Model


def format_value(value: Any) -> str:
    """A value as a reader expects it."""
    if value is None or value in ("", []):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, list):
        return ", ".join(format_value(one) for one in value)
    return value.isoformat() if isinstance(value, date) else str(value)


def format_duration(seconds: int) -> str:
    """A length of time as the file writes it: 30s, 5m, 1h."""
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


class FieldValue(NamedTuple):
    """One key of the file, the attribute of the row that it sets, and how its values are shown."""

    key: str
    attribute: str
    value: Any
    show: Callable[[Any], str] = format_value


@dataclass(slots=True)
class GroupFileDiff:
    """Lines in the order in which things were done, and how many of each kind."""

    lines: list[str] = field(default_factory=list)
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    not_in_file: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def has_changes(self) -> bool:
        return bool(self.added or self.changed)

    def add(self, what: str) -> None:
        """Something new."""
        self.added += 1
        self.lines.append(f"+ {what}")

    def change(self, what: str, changes: list[str]) -> None:
        """Something that was there, with what is different about it; nothing different counts as unchanged."""
        if not changes:
            self.unchanged += 1
            return
        self.changed += 1
        self.lines += [f"~ {what}", *(f"    {one}" for one in changes)]


def set_fields(row: Model, fields: list[FieldValue]) -> list[str]:
    """Set what differs on a row that is not saved yet, and say each as `key: old -> new`."""
    told = []
    for one in fields:
        old = getattr(row, one.attribute, None)  # a new row has no group and no calendar yet
        if old != one.value:
            told.append(f"{one.key}: {one.show(old)} -> {one.show(one.value)}")
            setattr(row, one.attribute, one.value)
    return told
