"""Checks the shapes, references and duplicates of a whole group file before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as PasswordRefused
from pydantic import BaseModel, ValidationError

from closing.calendar.date_phrases import month_and_year
from closing.calendar.months import month_end
from closing.facts.base import FACT_KINDS
from entities.calendars import holiday_category_problem, holiday_region_problem
from entities.models import WorkCalendar
from periods.group_file import shape
from periods.group_file.existing import ExistingRows
from periods.group_file.month_items import month_problem, period_ends
from periods.group_file.near_words import did_you_mean
from periods.group_file.policy_items import policy_code, policy_owner, policy_version_fields
from periods.group_file.tree import NodePath, YamlTree

_I = TypeVar("_I", bound=shape.GroupFileItem)
A_YEAR = 366


@dataclass(frozen=True, slots=True)
class FileEntry(Generic[_I]):
    """One well-formed item of the file, with its path in the file."""

    item: _I
    path: NodePath

    def has_key(self, key: str) -> bool:
        """Whether the item has this key in the file."""
        return key in self.item.model_fields_set


@dataclass(slots=True)
class CheckedFile:
    """The well-formed items of a file by section; groups are sorted parents first."""

    groups: list[FileEntry[shape.GroupItem]] = field(default_factory=list)
    calendars: list[FileEntry[shape.CalendarItem]] = field(default_factory=list)
    connections: list[FileEntry[shape.ConnectionItem]] = field(default_factory=list)
    people: list[FileEntry[shape.PersonItem]] = field(default_factory=list)
    entities: list[FileEntry[shape.EntityItem]] = field(default_factory=list)
    policies: list[FileEntry[shape.PolicyItem]] = field(default_factory=list)
    agreed_dates: list[FileEntry[shape.AgreedDateItem]] = field(default_factory=list)
    reporting_months: list[FileEntry[shape.ReportingMonthItem]] = field(default_factory=list)


def check_group_file(tree: YamlTree, existing: ExistingRows, environ: Mapping[str, str]) -> CheckedFile:
    """Check the items of a file; problems are added to the tree, so look there before using the items."""
    raw = _sections(tree)
    checked = CheckedFile()
    for section, model in shape.SECTIONS.items():
        getattr(checked, section).extend(_entries(tree, raw[section], model))
    names = _Names(raw, existing)
    _check_groups(tree, checked, names)
    _check_calendars(tree, checked, existing)
    _check_connections(tree, checked, existing, environ)
    _check_people(tree, checked, names)
    _check_entities(tree, checked, existing, names)
    _check_policies(tree, checked, existing, names)
    _check_agreed_dates(tree, checked, names)
    _check_reporting_months(tree, checked, names)
    return checked


RawItems = list[tuple[NodePath, Any]]


def _sections(tree: YamlTree) -> dict[str, RawItems]:
    """The raw items of each section; nested groups stand beside the others."""
    raw: dict[str, RawItems] = {section: [] for section in shape.SECTIONS}
    if tree.root is None:
        return raw
    if not isinstance(tree.root, dict):
        tree.add_problem((), f"the file must consist of sections: {', '.join(shape.SECTIONS)}")
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


def _entries(tree: YamlTree, raw: RawItems, model: type[_I]) -> Iterator[FileEntry[_I]]:
    for path, item in raw:
        if not isinstance(item, dict):
            tree.add_problem(path, "this must be a set of `key: value` lines")
            continue
        try:
            yield FileEntry(model.model_validate(item), path)
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False, include_input=False):
                problem_path = (*path, *error["loc"])
                tree.add_problem(problem_path, _error_text(error["type"], error["loc"], error["msg"], model))


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

    def require(self, tree: YamlTree, path: NodePath, kind: str, name: str | None) -> None:
        """Add a problem if no `kind` has the name."""
        if name is not None and name not in self.names[kind]:
            hint = did_you_mean(name, self.names[kind])
            tree.add_problem(path, f"there is no {kind} {name}" + (f"; {hint}" if hint else ""))


def _check_duplicates(
    tree: YamlTree, entries: list[FileEntry[_I]], kind: str, name: Callable[[_I], str | None]
) -> None:
    """Add a problem for each item whose name an earlier item of the section has."""
    first: dict[str, NodePath] = {}
    for entry in entries:
        item_name = name(entry.item)
        if item_name is None:
            continue
        if item_name in first:
            tree.add_problem(
                entry.path,
                f"{kind} {item_name} is described twice, first on line {tree.line(first[item_name])}",
            )
        first.setdefault(item_name, entry.path)


def _check_groups(tree: YamlTree, checked: CheckedFile, names: _Names) -> None:
    _check_duplicates(tree, checked.groups, "group", lambda item: item.code)
    by_code = {entry.item.code: entry for entry in checked.groups}
    ordered: dict[str, FileEntry[shape.GroupItem]] = {}
    for entry in checked.groups:
        names.require(tree, (*entry.path, "parent"), "group", entry.item.parent)
        chain = []
        step: FileEntry[shape.GroupItem] | None = entry
        while step and step.item.code not in ordered and step not in chain:
            chain.append(step)
            step = by_code.get(step.item.parent or "")
        if step in chain:
            tree.add_problem((*entry.path, "parent"), f"group {entry.item.code} would stand below itself")
        for link in reversed(chain):
            ordered[link.item.code] = link
    checked.groups = list(ordered.values())


def _check_calendars(tree: YamlTree, checked: CheckedFile, existing: ExistingRows) -> None:
    _check_duplicates(tree, checked.calendars, "calendar", lambda item: item.code)
    for entry in checked.calendars:
        item = entry.item
        if why := holiday_region_problem(item.country or "", item.subdivision or ""):
            tree.add_problem((*entry.path, "subdivision" if "subdivision" in why else "country"), why)
        else:
            _check_categories(tree, entry, existing.calendars.get(item.code))
        if len(set(item.weekend or [])) == 7:
            tree.add_problem((*entry.path, "weekend"), "a week needs at least one working day")
        seen = set()
        for key in ("days_off", "working_days"):
            for at, day in enumerate(getattr(item, key)):
                if day.day in seen:
                    tree.add_problem((*entry.path, key, at), f"{day.day} is listed twice in this calendar")
                seen.add(day.day)


def _check_categories(tree: YamlTree, entry: FileEntry[shape.CalendarItem], old: WorkCalendar | None) -> None:
    """The categories that will count must be those of the country that will count, whichever of both is new."""
    item = entry.item
    country = old.country if old and not entry.has_key("country") else item.country or ""
    chosen = entry.has_key("holiday_categories")
    categories = item.holiday_categories or [] if chosen or old is None else old.holiday_categories
    for at, category in enumerate(categories):
        if why := holiday_category_problem(country, category):
            path = (*entry.path, "holiday_categories", at) if chosen else (*entry.path, "country")
            tree.add_problem(path, why)


def _check_connections(
    tree: YamlTree, checked: CheckedFile, existing: ExistingRows, environ: Mapping[str, str]
) -> None:
    _check_duplicates(tree, checked.connections, "connection", lambda item: item.name.lower())
    for entry in checked.connections:
        item, old = entry.item, existing.connections.get(entry.item.name)
        if item.secret and item.secret_env:
            tree.add_problem((*entry.path, "secret_env"), "give `secret` or `secret_env`, not both")
        elif item.secret_env and not environ.get(item.secret_env):
            tree.add_problem(
                (*entry.path, "secret_env"), f"the environment variable {item.secret_env} is not set"
            )
        elif old is None and not (item.secret or item.secret_env):
            tree.add_problem(
                entry.path, f"connection {item.name} is new and needs `secret_env` (or, in a demo, `secret`)"
            )
        environment = old.environment if old and not entry.has_key("environment") else item.environment
        facts = FACT_KINDS[item.kind]
        if facts.environment_example and not environment:
            tree.add_problem(
                entry.path, f"{facts.label} needs `environment`, for example {facts.environment_example}"
            )
        interval = old.interval_seconds if old and not entry.has_key("interval") else item.interval
        stale = old.stale_after_seconds if old and not entry.has_key("stale_after") else item.stale_after
        if not 5 <= interval <= 86_400:
            tree.add_problem((*entry.path, "interval"), "`interval` must be between 5s and 24h")
        if stale < interval:
            tree.add_problem(
                (*entry.path, "stale_after"), "`stale_after` must not be shorter than `interval`"
            )


def _check_people(tree: YamlTree, checked: CheckedFile, names: _Names) -> None:
    _check_duplicates(tree, checked.people, "person", lambda item: item.email)
    for entry in checked.people:
        if entry.item.password:
            try:
                validate_password(entry.item.password)
            except PasswordRefused as error:
                tree.add_problem((*entry.path, "password"), "`password`: " + " ".join(error.messages))
        for at, role in enumerate(entry.item.roles):
            path = (*entry.path, "roles", at)
            if (role.group is None) == (role.entity is None):
                tree.add_problem(path, "a role is held for a `group` or for an `entity`, for one of them")
            names.require(tree, (*path, "group"), "group", role.group)
            names.require(tree, (*path, "entity"), "entity", role.entity)


def _check_entities(tree: YamlTree, checked: CheckedFile, existing: ExistingRows, names: _Names) -> None:
    _check_duplicates(tree, checked.entities, "entity", lambda item: item.code)
    in_file = {entry.item.code for entry in checked.entities}
    held = {
        (row.connection.name, row.erp_id.lower()): code
        for code, row in existing.entities.items()
        if row.connection and code not in in_file
    }
    for entry in checked.entities:
        item, old = entry.item, existing.entities.get(entry.item.code)
        for kind, name in (
            ("group", item.group),
            ("calendar", item.calendar),
            ("connection", item.connection),
        ):
            names.require(tree, (*entry.path, kind), kind, name)
        names.require(tree, (*entry.path, "owner"), "person", item.owner)
        names.require(tree, (*entry.path, "deputy"), "person", item.deputy)
        begins = old.active_from if old and not entry.has_key("active_from") else item.active_from
        ends = old.active_to if old and not entry.has_key("active_to") else item.active_to
        if begins and ends and ends < begins:
            tree.add_problem(
                (*entry.path, "active_to"), f"`active_to` {ends} lies before `active_from` {begins}"
            )
        source, erp_id = item.connection, item.erp_id
        if old and not entry.has_key("connection"):
            source = old.connection.name if old.connection else None
        if old and not entry.has_key("erp_id"):
            erp_id = old.erp_id
        if source and not erp_id:
            tree.add_problem(
                (*entry.path, "connection"), f"{item.code} needs `erp_id`, its company's id in {source}"
            )
        elif source and erp_id:
            other = held.setdefault((source, erp_id.lower()), item.code)
            if other != item.code:
                tree.add_problem(
                    (*entry.path, "erp_id"), f"{erp_id} of connection {source} is entity {other} already"
                )


def _check_policies(tree: YamlTree, checked: CheckedFile, existing: ExistingRows, names: _Names) -> None:
    _check_duplicates(tree, checked.policies, "the policy of", lambda item: " ".join(policy_owner(item)))
    _check_duplicates(tree, checked.policies, "policy", lambda item: item.code)
    taken = {row.code: owner for owner, row in existing.policies.items()}
    for entry in checked.policies:
        item = entry.item
        if (item.group is None) == (item.entity is None):
            tree.add_problem(entry.path, "a policy is that of a `group` or of an `entity`, of one of them")
            continue
        names.require(tree, (*entry.path, "group"), "group", item.group)
        names.require(tree, (*entry.path, "entity"), "entity", item.entity)
        owner, code = policy_owner(item), policy_code(item)
        if taken.get(code, owner) != owner and (entry.has_key("code") or owner not in existing.policies):
            tree.add_problem(
                (*entry.path, "code"), f"policy {code} is that of {' '.join(taken[code])}; take another code"
            )
        try:
            fields = policy_version_fields(item)
        except ValueError as error:
            tree.add_problem(entry.path, str(error))
        else:
            if all(value is None for value in fields.values()):
                tree.add_problem(entry.path, "this policy is empty; give a rule or another setting")


def _check_agreed_dates(tree: YamlTree, checked: CheckedFile, names: _Names) -> None:
    _check_duplicates(
        tree,
        checked.agreed_dates,
        "the date agreed for",
        lambda item: f"{item.entity}, {month_and_year(item.month)}",
    )
    for entry in checked.agreed_dates:
        item = entry.item
        names.require(tree, (*entry.path, "entity"), "entity", item.entity)
        if not item.month <= item.due_on or (item.due_on - month_end(item.month)).days > A_YEAR:
            tree.add_problem(
                (*entry.path, "due_on"),
                f"{item.due_on} is not within a year of {month_and_year(item.month)}; is it mistyped?",
            )


def _check_reporting_months(tree: YamlTree, checked: CheckedFile, names: _Names) -> None:
    entries = checked.reporting_months
    label = "the month of the period of"
    _check_duplicates(tree, entries, label, lambda item: f"{item.entity} that ends on {item.period_ends}")
    ends = period_ends({entry.item.entity for entry in entries})
    for entry in entries:
        item = entry.item
        names.require(tree, (*entry.path, "entity"), "entity", item.entity)
        if problem := month_problem(item, ends.get(item.entity, ())):
            tree.add_problem((*entry.path, "period_ends"), problem)
