"""Checks the shapes, references and duplicates of a whole group file before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Generic, TypeVar

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as PasswordRefused
from pydantic import BaseModel, ValidationError

from closing.calendar.date_phrases import month_and_year
from closing.calendar.months import month_end
from closing.facts.base import FACT_KINDS
from entities.calendars import holiday_category_problem, holiday_region_problem
from entities.models import Connection, Group, LegalEntity, Person, WorkCalendar
from periods.group_file import shape
from periods.group_file.by_hand_items import month_problem, period_ends
from periods.group_file.diff import FieldValue
from periods.group_file.policy_items import (
    PolicyOwner,
    policy_code,
    policy_owner,
    policy_version_fields,
)
from periods.group_file.spellings import did_you_mean
from periods.group_file.tree import NodePath, YamlTree
from periods.models import AgreedDate, DeadlinePolicy

_I = TypeVar("_I", bound=shape.GroupFileItem)
A_YEAR = 366


@dataclass(frozen=True, slots=True)
class FileEntry(Generic[_I]):
    """One well-formed item of the file, with its path in the file."""

    item: _I
    path: NodePath
    tree: YamlTree

    def has_key(self, key: str) -> bool:
        """Whether the item has this key in the file."""
        return key in self.item.model_fields_set

    def given(self, *keys: str) -> list[FieldValue]:
        """The values of those of these keys that the item has, for attributes of the same names."""
        return [FieldValue(key, key, getattr(self.item, key)) for key in keys if self.has_key(key)]

    def refuse(self, words: str, *keys: str | int) -> None:
        """Add a problem of the item, or of what stands under these of its keys."""
        self.tree.add_problem((*self.path, *keys), words)


@dataclass(frozen=True, slots=True)
class ExistingRows:
    """Rows by code, name or e-mail; policies by owner; the newest agreed date by entity code and month."""

    groups: dict[str, Group]
    calendars: dict[str, WorkCalendar]
    connections: dict[str, Connection]
    people: dict[str, Person]
    entities: dict[str, LegalEntity]
    policies: dict[PolicyOwner, DeadlinePolicy]
    agreed: dict[tuple[str, date], AgreedDate]


@dataclass(slots=True)
class CheckedFile:
    """The well-formed items of a file, a field for each section; groups are sorted parents first."""

    groups: list[FileEntry[shape.GroupItem]]
    calendars: list[FileEntry[shape.CalendarItem]]
    connections: list[FileEntry[shape.ConnectionItem]]
    people: list[FileEntry[shape.PersonItem]]
    entities: list[FileEntry[shape.EntityItem]]
    policies: list[FileEntry[shape.PolicyItem]]
    agreed_dates: list[FileEntry[shape.AgreedDateItem]]
    reporting_months: list[FileEntry[shape.ReportingMonthItem]]


def check_group_file(tree: YamlTree, existing: ExistingRows, environ: Mapping[str, str]) -> CheckedFile:
    """Check the items of a file; problems are added to the tree, so look there before using the items."""
    raw = _sections(tree)
    checked = CheckedFile(
        groups=_entries(tree, raw["groups"], shape.GroupItem),
        calendars=_entries(tree, raw["calendars"], shape.CalendarItem),
        connections=_entries(tree, raw["connections"], shape.ConnectionItem),
        people=_entries(tree, raw["people"], shape.PersonItem),
        entities=_entries(tree, raw["entities"], shape.EntityItem),
        policies=_entries(tree, raw["policies"], shape.PolicyItem),
        agreed_dates=_entries(tree, raw["agreed_dates"], shape.AgreedDateItem),
        reporting_months=_entries(tree, raw["reporting_months"], shape.ReportingMonthItem),
    )
    names = _Names(raw, existing)
    _check_groups(checked, names)
    _check_calendars(checked, existing)
    _check_connections(checked, existing, environ)
    _check_people(checked, names)
    _check_entities(checked, existing, names)
    _check_policies(checked, existing, names)
    _check_agreed_dates(checked, names)
    _check_reporting_months(checked, names)
    return checked


RawItems = list[tuple[NodePath, Any]]


def _sections(tree: YamlTree) -> dict[str, RawItems]:
    """The raw items of each section; nested groups stand beside the others."""
    raw: dict[str, RawItems] = {section.name: [] for section in fields(CheckedFile)}
    if tree.root is None:
        return raw
    if not isinstance(tree.root, dict):
        tree.add_problem((), f"the file must consist of sections: {', '.join(raw)}")
        return raw
    for section, items in tree.root.items():
        if section not in raw:
            hint = did_you_mean(section, raw) or f"the sections are {', '.join(raw)}"
            tree.add_problem((section,), f"there is no section `{section}`; {hint}")
        elif isinstance(items, list):
            raw[section] += [((section, index), item) for index, item in enumerate(items)]
        elif items is not None:
            tree.add_problem((section,), f"`{section}` must be a list: each item begins with a dash")
    raw["groups"] = list(_flat(tree, raw["groups"], None))
    return raw


def _flat(tree: YamlTree, items: RawItems, parent: Any) -> Iterator[tuple[NodePath, Any]]:
    """Groups and the groups nested in them; a nested group gets the outer one as its parent."""
    for path, item in items:
        if not isinstance(item, dict):
            yield path, item
            continue
        own = {key: value for key, value in item.items() if key != "groups"}
        if parent is not None:
            if "parent" in own:
                tree.add_problem(
                    (*path, "parent"), f"this group stands below {parent} already; leave `parent` out"
                )
            own["parent"] = parent
        yield path, own
        below = item.get("groups")
        if isinstance(below, list):
            children = [((*path, "groups", index), child) for index, child in enumerate(below)]
            yield from _flat(tree, children, item.get("code"))
        elif below is not None:
            tree.add_problem((*path, "groups"), "`groups` must be a list: each item begins with a dash")


def _entries(tree: YamlTree, raw: RawItems, model: type[_I]) -> list[FileEntry[_I]]:
    entries = []
    for path, item in raw:
        if not isinstance(item, dict):
            tree.add_problem(path, "this must be a set of `key: value` lines")
            continue
        try:
            entries.append(FileEntry(model.model_validate(item), path, tree))
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False, include_input=False):
                problem_path = (*path, *error["loc"])
                tree.add_problem(problem_path, _error_text(error["type"], error["loc"], error["msg"], model))
    return entries


def _error_text(kind: str, loc: NodePath, message: str, model: type[BaseModel]) -> str:
    """Our text of a pydantic error; only our own readers quote the value, and never a secret."""
    for part in loc[:-1]:
        inner = getattr(model.model_fields[part].annotation, "__args__", ()) if isinstance(part, str) else ()
        model = next((arg for arg in inner if isinstance(arg, type) and issubclass(arg, BaseModel)), model)
    key = f"`{loc[-1]}`" if isinstance(loc[-1], str) else "this item"
    if kind == "missing":
        return f"{key} is missing"
    if kind == "extra_forbidden":
        hint = (
            did_you_mean(str(loc[-1]), model.model_fields) or f"allowed are {', '.join(model.model_fields)}"
        )
        return f"{key} is not a key here; {hint}"
    if kind == "list_type":
        return f"{key} must be a list"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"{key} must be a set of `key: value` lines"
    return f"{key}: {message.removeprefix('Value error, ')}"


class _Names:
    """The names that may be referred to: those in the database and those in the file, well formed or not."""

    def __init__(self, raw: dict[str, RawItems], existing: ExistingRows) -> None:
        def in_file(section: str, key: str) -> set[str]:
            return {str(item[key]) for _, item in raw[section] if isinstance(item, dict) and item.get(key)}

        self.names: dict[str, set[str]] = {
            "group": in_file("groups", "code") | set(existing.groups),
            "calendar": in_file("calendars", "code") | set(existing.calendars),
            "connection": in_file("connections", "name") | set(existing.connections),
            "person": {email.lower() for email in in_file("people", "email")} | set(existing.people),
            "entity": in_file("entities", "code") | set(existing.entities),
        }

    def require(self, entry: FileEntry[Any], *keys: str, kind: str = "") -> None:
        """Add a problem for each of these keys that names nothing; without a `kind` the key says of which kind."""
        for key in keys:
            name, known = getattr(entry.item, key), self.names[kind or key]
            if name is not None and name not in known:
                hint = did_you_mean(name, known)
                entry.refuse(f"there is no {kind or key} {name}" + (f"; {hint}" if hint else ""), key)


def _check_duplicates(entries: list[FileEntry[_I]], kind: str, name: Callable[[_I], str | None]) -> None:
    """Add a problem for each item whose name an earlier item of the section has."""
    first: dict[str, FileEntry[_I]] = {}
    for entry in entries:
        item_name = name(entry.item)
        if item_name is None:
            continue
        earlier = first.setdefault(item_name, entry)
        if earlier is not entry:
            line = entry.tree.line(earlier.path)
            entry.refuse(f"{kind} {item_name} is described twice, first on line {line}")


def _check_groups(checked: CheckedFile, names: _Names) -> None:
    _check_duplicates(checked.groups, "group", lambda item: item.code)
    by_code = {entry.item.code: entry for entry in checked.groups}
    ordered: dict[str, FileEntry[shape.GroupItem]] = {}
    for entry in checked.groups:
        names.require(entry, "parent", kind="group")
        chain = []
        step: FileEntry[shape.GroupItem] | None = entry
        while step and step.item.code not in ordered and step not in chain:
            chain.append(step)
            step = by_code.get(step.item.parent or "")
        if step in chain:
            entry.refuse(f"group {entry.item.code} would stand below itself", "parent")
        for link in reversed(chain):
            ordered[link.item.code] = link
    checked.groups = list(ordered.values())


def _check_calendars(checked: CheckedFile, existing: ExistingRows) -> None:
    _check_duplicates(checked.calendars, "calendar", lambda item: item.code)
    for entry in checked.calendars:
        item = entry.item
        if why := holiday_region_problem(item.country, item.subdivision):
            entry.refuse(why, "subdivision" if "subdivision" in why else "country")
        else:
            _check_categories(entry, existing.calendars.get(item.code))
        if len(set(item.weekend or [])) == 7:
            entry.refuse("a week needs at least one working day", "weekend")
        seen = set()
        for key in ("days_off", "working_days"):
            for at, day in enumerate(getattr(item, key)):
                if day.day in seen:
                    entry.refuse(f"{day.day} is listed twice in this calendar", key, at)
                seen.add(day.day)


def _check_categories(entry: FileEntry[shape.CalendarItem], old: WorkCalendar | None) -> None:
    """The categories that will count must be those of the country that will count, whichever of both is new."""
    item = entry.item
    country = old.country if old and not entry.has_key("country") else item.country
    chosen = entry.has_key("holiday_categories")
    categories = item.holiday_categories or [] if chosen or old is None else old.holiday_categories
    for at, category in enumerate(categories):
        if why := holiday_category_problem(country, category):
            entry.refuse(why, *(("holiday_categories", at) if chosen else ("country",)))


def _check_connections(checked: CheckedFile, existing: ExistingRows, environ: Mapping[str, str]) -> None:
    _check_duplicates(checked.connections, "connection", lambda item: item.name.lower())
    for entry in checked.connections:
        item, old = entry.item, existing.connections.get(entry.item.name)
        if item.secret and item.secret_env:
            entry.refuse("give `secret` or `secret_env`, not both", "secret_env")
        elif item.secret_env and not environ.get(item.secret_env):
            entry.refuse(f"the environment variable {item.secret_env} is not set", "secret_env")
        elif old is None and not (item.secret or item.secret_env):
            entry.refuse(f"connection {item.name} is new and needs `secret_env` (or, in a demo, `secret`)")
        environment = old.environment if old and not entry.has_key("environment") else item.environment
        facts = FACT_KINDS[item.kind]
        if facts.environment_example and not environment:
            entry.refuse(f"{facts.label} needs `environment`, for example {facts.environment_example}")
        interval = old.interval_seconds if old and not entry.has_key("interval") else item.interval
        stale = old.stale_after_seconds if old and not entry.has_key("stale_after") else item.stale_after
        if not 5 <= interval <= 86_400:
            entry.refuse("`interval` must be between 5s and 24h", "interval")
        if stale < interval:
            entry.refuse("`stale_after` must not be shorter than `interval`", "stale_after")


def _check_people(checked: CheckedFile, names: _Names) -> None:
    _check_duplicates(checked.people, "person", lambda item: item.email)
    for entry in checked.people:
        if entry.item.password:
            try:
                validate_password(entry.item.password)
            except PasswordRefused as error:
                entry.refuse("`password`: " + " ".join(error.messages), "password")
        for at, role in enumerate(entry.item.roles):
            role_entry = FileEntry(role, (*entry.path, "roles", at), entry.tree)
            if (role.group is None) == (role.entity is None):
                role_entry.refuse("a role is held for a `group` or for an `entity`, for one of them")
            names.require(role_entry, "group", "entity")


def _check_entities(checked: CheckedFile, existing: ExistingRows, names: _Names) -> None:
    _check_duplicates(checked.entities, "entity", lambda item: item.code)
    in_file = {entry.item.code for entry in checked.entities}
    held = {
        (row.connection.name, row.erp_id.lower()): code
        for code, row in existing.entities.items()
        if row.connection and code not in in_file
    }
    for entry in checked.entities:
        item, old = entry.item, existing.entities.get(entry.item.code)
        names.require(entry, "group", "calendar", "connection")
        names.require(entry, "owner", "deputy", kind="person")
        begins = old.active_from if old and not entry.has_key("active_from") else item.active_from
        ends = old.active_to if old and not entry.has_key("active_to") else item.active_to
        if begins and ends and ends < begins:
            entry.refuse(f"`active_to` {ends} lies before `active_from` {begins}", "active_to")
        source, erp_id = item.connection, item.erp_id
        if old and not entry.has_key("connection"):
            source = old.connection.name if old.connection else None
        if old and not entry.has_key("erp_id"):
            erp_id = old.erp_id
        if source and not erp_id:
            entry.refuse(f"{item.code} needs `erp_id`, its company's id in {source}", "connection")
        elif source and erp_id:
            other = held.setdefault((source, erp_id.lower()), item.code)
            if other != item.code:
                entry.refuse(f"{erp_id} of connection {source} is entity {other} already", "erp_id")


def _check_policies(checked: CheckedFile, existing: ExistingRows, names: _Names) -> None:
    _check_duplicates(checked.policies, "the policy of", lambda item: " ".join(policy_owner(item)))
    _check_duplicates(checked.policies, "policy", lambda item: item.code)
    taken = {row.code: owner for owner, row in existing.policies.items()}
    for entry in checked.policies:
        item = entry.item
        if (item.group is None) == (item.entity is None):
            entry.refuse("a policy is that of a `group` or of an `entity`, of one of them")
            continue
        names.require(entry, "group", "entity")
        owner, code = policy_owner(item), policy_code(item)
        if taken.get(code, owner) != owner and (entry.has_key("code") or owner not in existing.policies):
            entry.refuse(f"policy {code} is that of {' '.join(taken[code])}; take another code", "code")
        try:
            chosen = policy_version_fields(item)
        except ValueError as error:
            entry.refuse(str(error))
        else:
            if all(value is None for value in chosen.values()):
                entry.refuse("this policy is empty; give a rule or another setting")


def _check_agreed_dates(checked: CheckedFile, names: _Names) -> None:
    label = "the date agreed for"
    _check_duplicates(
        checked.agreed_dates, label, lambda item: f"{item.entity}, {month_and_year(item.month)}"
    )
    for entry in checked.agreed_dates:
        item = entry.item
        names.require(entry, "entity")
        if not item.month <= item.due_on or (item.due_on - month_end(item.month)).days > A_YEAR:
            month = month_and_year(item.month)
            entry.refuse(f"{item.due_on} is not within a year of {month}; is it mistyped?", "due_on")


def _check_reporting_months(checked: CheckedFile, names: _Names) -> None:
    entries = checked.reporting_months
    label = "the month of the period of"
    _check_duplicates(entries, label, lambda item: f"{item.entity} that ends on {item.period_ends}")
    ends = period_ends({entry.item.entity for entry in entries})
    for entry in entries:
        names.require(entry, "entity")
        if problem := month_problem(entry.item, ends.get(entry.item.entity, ())):
            entry.refuse(problem, "period_ends")
