"""The changes of loading a group file as lines for people, without secrets and passwords."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any, NamedTuple

from django.db.models import Model

from periods.group_file.shape import WEEKDAYS


def format_value(value: Any) -> str:
    """A value as text for a reader."""
    if value is None or value in ("", []):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, list):
        return ", ".join(format_value(item) for item in value)
    return value.isoformat() if isinstance(value, date) else str(value)


def format_duration(seconds: int) -> str:
    """A duration as the file writes it: 30s, 5m, 1h."""
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def weekend_phrase(days: Iterable[int]) -> str:
    """A weekend in words: "Friday and Saturday", or "no day"."""
    names = [WEEKDAYS[day].capitalize() for day in sorted(days)]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "no day"


class FieldValue(NamedTuple):
    """One key of the file with its value, the attribute of the row that it sets, and its format (`show`)."""

    key: str
    attribute: str
    value: Any
    show: Callable[[Any], str] = format_value


@dataclass(slots=True)
class GroupFileDiff:
    """The lines in the order of the changes, and how many rows were added, changed and unchanged."""

    lines: list[str] = field(default_factory=list)
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    not_in_file: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def has_changes(self) -> bool:
        return bool(self.added or self.changed)

    def add(self, label: str) -> None:
        """Count a new row."""
        self.added += 1
        self.lines.append(f"+ {label}")

    def change(self, label: str, changes: list[str]) -> None:
        """Count an existing row with its changes; without any it counts as unchanged."""
        if not changes:
            self.unchanged += 1
            return
        self.changed += 1
        self.lines += [f"~ {label}", *(f"    {line}" for line in changes)]


def set_fields(row: Model, fields: list[FieldValue]) -> list[str]:
    """Set the attributes that differ, without saving the row; returns each change as `key: old -> new`."""
    changes = []
    for field_value in fields:
        old = getattr(row, field_value.attribute, None)  # a new row has no group and no calendar yet
        if old != field_value.value:
            changes.append(
                f"{field_value.key}: {field_value.show(old)} -> {field_value.show(field_value.value)}"
            )
            setattr(row, field_value.attribute, field_value.value)
    return changes
