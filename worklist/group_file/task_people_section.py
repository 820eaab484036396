"""The keys `task_roles` and `absences` of a person: their roles of close tasks, and who stands in for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from django.core.exceptions import ValidationError

from closing.calendar.date_phrases import full_date
from entities.models import Group, LegalEntity
from periods.group_file.added_sections import AddedSection
from periods.group_file.diff import FieldChange, GroupFileDiff
from periods.group_file.file_entries import ExistingRows, FileEntry, KnownNames
from periods.group_file.shape import Day, GroupFileItem, MaybeReference, ShortText, required
from periods.group_file.spellings import did_you_mean
from worklist.models import TaskAbsence, TaskRoleHolder
from worklist.task_store.missing_roles import known_task_roles
from worklist.task_store.role_holders import end_absence, give_task_role, set_absence

_Holding = tuple[str, str, str]  # "group" or "entity", its code, the role


class TaskRolesItem(GroupFileItem):
    """Roles of close tasks that the person has in a group or an entity."""

    roles: list[ShortText]
    group: MaybeReference = None
    entity: MaybeReference = None


class AbsenceItem(GroupFileItem):
    """Days, the first and the last among them, on which a deputy stands in for the person."""

    first_day: Day
    last_day: Day
    deputy: Annotated[str, required(str.lower)]


def _person(entry: FileEntry[Any]) -> str:
    return str(entry.outer.get("email") or "").lower()


def _holdings(entry: FileEntry[TaskRolesItem]) -> list[_Holding]:
    item = entry.item
    kind, code = ("group", item.group) if item.group else ("entity", item.entity or "")
    return [(kind, code, role) for role in item.roles]


def _label(holding: _Holding) -> str:
    kind, code, role = holding
    return f"task role {role} of {kind} {code}"


class _TaskRoles:
    def check(
        self, entries: Sequence[FileEntry[TaskRolesItem]], names: KnownNames, existing: ExistingRows
    ) -> None:
        known = known_task_roles() if entries else set()
        first: dict[_Holding, tuple[FileEntry[TaskRolesItem], int]] = {}
        for entry in entries:
            item = entry.item
            if (item.group is None) == (item.entity is None):
                entry.refuse("a role is held for a `group` or for an `entity`, for one of them")
                continue
            names.require(entry, "group", "entity")
            for at, holding in enumerate(_holdings(entry)):
                role = holding[2]
                if role not in known:
                    hint = did_you_mean(role, known) or f"the roles are {', '.join(sorted(known))}"
                    entry.refuse(f"no close task has the role {role}; {hint}", "roles", at)
                earlier, index = first.setdefault(holding, (entry, at))
                if (earlier, index) != (entry, at):
                    line = entry.tree.line((*earlier.path, "roles", index))
                    entry.refuse(f"{_label(holding)} is given twice, first on line {line}", "roles", at)

    def write(
        self, entries: Sequence[FileEntry[TaskRolesItem]], rows: ExistingRows, diff: GroupFileDiff
    ) -> None:
        if not entries:
            return
        held = _held()
        given = {holding: entry for entry in entries for holding in _holdings(entry)}
        for holding, entry in given.items():
            kind, code, role = holding
            before, email = held.get(holding, ""), _person(entry)
            if before == email:
                diff.unchanged += 1
                continue
            where: Group | LegalEntity = rows.groups[code] if kind == "group" else rows.entities[code]
            try:
                give_task_role(where, role, rows.people[email], diff.as_of)
            except ValidationError as refused:
                _refuse(entry, refused)
            if before:
                change = FieldChange("person", before, email, f"person: {before} -> {email}")
                diff.change_line(_label(holding), [change])
            else:
                diff.add_line(f"{_label(holding)}: {email}")
        diff.not_in_file += [
            f"{_label(holding)} ({email})" for holding, email in sorted(held.items()) if holding not in given
        ]


def _held() -> dict[_Holding, str]:
    """Who has which role now, by its group or entity."""
    newest = TaskRoleHolder.objects.order_by("group_id", "entity_id", "role", "-set_at").distinct(
        "group_id", "entity_id", "role"
    )
    rows = newest.values_list("group__code", "entity__code", "role", "person__email")
    return {
        ("group" if group else "entity", group or entity or "", role): email
        for group, entity, role, email in rows
        if email
    }


class _Absences:
    def check(
        self, entries: Sequence[FileEntry[AbsenceItem]], names: KnownNames, existing: ExistingRows
    ) -> None:
        seen: dict[str, list[FileEntry[AbsenceItem]]] = {}
        for entry in entries:
            item, person = entry.item, _person(entry)
            names.require(entry, "deputy", kind="person")
            if item.deputy == person:
                entry.refuse("nobody stands in for themselves; name another person", "deputy")
            if item.last_day < item.first_day:
                words = f"`last_day` {item.last_day} lies before `first_day` {item.first_day}"
                entry.refuse(words, "last_day")
            for earlier in seen.get(person, []):
                if earlier.item.first_day <= item.last_day and item.first_day <= earlier.item.last_day:
                    line = entry.tree.line(earlier.path)
                    entry.refuse(f"this absence overlaps with that on line {line}", "first_day")
            seen.setdefault(person, []).append(entry)

    def write(
        self, entries: Sequence[FileEntry[AbsenceItem]], rows: ExistingRows, diff: GroupFileDiff
    ) -> None:
        if not entries:
            return
        in_force = TaskAbsence.objects.filter(ended_at=None).select_related("person", "deputy")
        known = {(row.person.email, row.first_day): row for row in in_force.order_by("pk")}
        for entry in entries:
            item, email = entry.item, _person(entry)
            old = known.pop((email, item.first_day), None)
            label = f"absence of {email} from {full_date(item.first_day)}"
            now = (item.last_day, item.deputy)
            before = (old.last_day, old.deputy.email) if old else None
            if before == now:
                diff.unchanged += 1
                continue
            if old is not None:
                end_absence(old, diff.as_of)
            person, deputy = rows.people[email], rows.people[item.deputy]
            try:
                set_absence(person, deputy, item.first_day, item.last_day, diff.as_of)
            except ValidationError as refused:
                _refuse(entry, refused)
            if before is None:
                diff.add_line(f"{label} to {full_date(item.last_day)}: {item.deputy} stands in")
            else:
                diff.change_line(label, _absence_changes(before, now))
        diff.not_in_file += [
            f"the absence of {email} from {full_date(first)}"
            for (email, first), row in sorted(known.items())
            if row.last_day >= diff.as_of.date()
        ]


def _refuse(entry: FileEntry[Any], refused: ValidationError) -> None:
    for field, sentences in refused.message_dict.items():
        for words in sentences:
            entry.refuse(words, field)


def _absence_changes(before: tuple[date, str], now: tuple[date, str]) -> list[FieldChange]:
    return [
        FieldChange(key, old, new, f"{key}: {old} -> {new}")
        for key, old, new in zip(("last_day", "deputy"), before, now, strict=True)
        if old != new
    ]


TASK_ROLES = AddedSection("task_roles", TaskRolesItem, _TaskRoles(), within=("people",))
ABSENCES = AddedSection("absences", AbsenceItem, _Absences(), within=("people",))
