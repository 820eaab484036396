"""The changes of loading a group file, as lines for people and as acts for the audit log, without secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, NamedTuple

from django.db.models import Model

from entities.audit_trail import Verb
from infra.audit.recording import Act, AuditedObject
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

    @property
    def recorded(self) -> Any:
        """The value as the audit log keeps it: of a row its code, name or address."""
        return self.show(self.value) if isinstance(self.value, Model) else self.value


class FieldChange(NamedTuple):
    """One key that differs, with the values that the audit log keeps and the line for people."""

    key: str
    before: Any
    after: Any
    line: str


@dataclass(slots=True)
class GroupFileDiff:
    """The lines in the order of the changes, how many rows were added, changed and unchanged, and the acts."""

    as_of: datetime
    lines: list[str] = field(default_factory=list)
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    not_in_file: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)

    @property
    def has_changes(self) -> bool:
        return bool(self.added or self.changed)

    def add(
        self, label: str, verb: Verb, target: AuditedObject, values: Mapping[str, Any], reason: str = ""
    ) -> None:
        """Count a new row with its values."""
        self.add_line(label)
        self.acts.append(Act(verb.value, target, self.as_of, after=values, reason=reason))

    def add_line(self, label: str) -> None:
        """Count a new row whose writer records the act itself."""
        self.added += 1
        self.lines.append(f"+ {label}")

    def change_line(self, label: str, changes: Sequence[FieldChange]) -> None:
        """Count an existing row with its changes, whose writer records the act itself; none: it is unchanged."""
        if not changes:
            self.unchanged += 1
            return
        self.changed += 1
        self.lines += [f"~ {label}", *(f"    {change.line}" for change in changes)]

    def change(
        self,
        label: str,
        changes: Sequence[FieldChange],
        verb: Verb,
        target: AuditedObject,
        reason: str = "",
    ) -> None:
        """Count an existing row with its changes; without any it counts as unchanged."""
        self.change_line(label, changes)
        if not changes:
            return
        before = {change.key: change.before for change in changes}
        after = {change.key: change.after for change in changes}
        self.acts.append(Act(verb.value, target, self.as_of, before=before, after=after, reason=reason))


def changed_values(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[FieldChange]:
    """The keys of two mappings whose values differ."""
    return [
        FieldChange(key, before[key], now, f"{key}: {format_value(before[key])} -> {format_value(now)}")
        for key, now in after.items()
        if before[key] != now
    ]


def set_fields(row: Model, fields: list[FieldValue]) -> list[FieldChange]:
    """Set the attributes that differ, without saving the row; returns the changes."""
    changes = []
    for new in fields:
        old = new._replace(
            value=getattr(row, new.attribute, None)
        )  # a new row has no group and no calendar yet
        if old.value != new.value:
            line = f"{new.key}: {new.show(old.value)} -> {new.show(new.value)}"
            changes.append(FieldChange(new.key, old.recorded, new.recorded, line))
            setattr(row, new.attribute, new.value)
    return changes


def recorded_fields(fields: Iterable[FieldValue]) -> dict[str, Any]:
    """The values of fields as the audit log keeps them."""
    return {value.key: value.recorded for value in fields}
