"""Checks a group file as a whole, shapes, references and duplicates, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as PasswordRefused
from pydantic import BaseModel, ValidationError

from closing.calendar.date_phrases import month_and_year
from closing.calendar.months import month_end
from entities.calendars import holiday_region_problem
from periods.group_file import shape
from periods.group_file.existing import ExistingRows
from periods.group_file.policy_items import policy_code, policy_owner, policy_version_fields
from periods.group_file.tree import NodePath, YamlTree

_I = TypeVar("_I", bound=shape.GroupFileItem)
A_YEAR = 366


@dataclass(frozen=True, slots=True)
class FileEntry(Generic[_I]):
    """One item of the file, well formed, with the place where it stands."""

    item: _I
    path: NodePath

    def has_key(self, key: str) -> bool:
        """Whether the file gives this key for the item."""
        return key in self.item.model_fields_set


@dataclass(slots=True)
class CheckedFile:
    """The well formed items of a file, section by section; groups come parents first."""

    groups: list[FileEntry[shape.GroupItem]] = field(default_factory=list)
    calendars: list[FileEntry[shape.CalendarItem]] = field(default_factory=list)
    connections: list[FileEntry[shape.ConnectionItem]] = field(default_factory=list)
    people: list[FileEntry[shape.PersonItem]] = field(default_factory=list)
    entities: list[FileEntry[shape.EntityItem]] = field(default_factory=list)
    policies: list[FileEntry[shape.PolicyItem]] = field(default_factory=list)
    agreed_dates: list[FileEntry[shape.AgreedDateItem]] = field(default_factory=list)


def check_group_file(tree: YamlTree, existing: ExistingRows, environ: Mapping[str, str]) -> CheckedFile:
    """The items of a file; what is wrong with them is noted in the tree, so look there before using them."""
    raw = _sections(tree)
    described = CheckedFile()
    for section, model in shape.SECTIONS.items():
        getattr(described, section).extend(_entries(tree, raw[section], model))
    known = _Known(raw, existing)
    _check_groups(tree, described, known)
    _check_calendars(tree, described)
    _check_connections(tree, described, existing, environ)
    _check_people(tree, described, known)
    _check_entities(tree, described, existing, known)
    _check_policies(tree, described, existing, known)
    _check_agreed_dates(tree, described, known)
    return described


RawItems = list[tuple[NodePath, Any]]


def _sections(tree: YamlTree) -> dict[str, RawItems]:
    """The items of each section as they stand in the file, groups of groups beside the others."""
    raw: dict[str, RawItems] = {section: [] for section in shape.SECTIONS}
    if tree.root is None:
        return raw
    if not isinstance(tree.root, dict):
        tree.add_problem((), f"the file must consist of sections: {', '.join(shape.SECTIONS)}")
        return raw
    for section, items in tree.root.items():
        if section not in raw:
            hint = shape.did_you_mean(section, raw) or f"the sections are {', '.join(raw)}"
            tree.add_problem((section,), f"there is no section `{section}`; {hint}")
        elif isinstance(items, list):
            raw[section] += [((section, at), item) for at, item in enumerate(items)]
        elif items is not None:
            tree.add_problem((section,), f"`{section}` must be a list: each item begins with a dash")
    raw["groups"] = list(_flat(tree, raw["groups"], None))
    return raw


def _flat(tree: YamlTree, items: RawItems, parent: Any) -> Iterator[tuple[NodePath, Any]]:
    """Groups with the groups listed below them; a group below another has it as its parent."""
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
            children = [((*path, "groups", at), child) for at, child in enumerate(below)]
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
        except ValidationError as refused:
            for error in refused.errors(include_url=False, include_input=False):
                where = (*path, *error["loc"])
                tree.add_problem(where, _words(error["type"], error["loc"], error["msg"], model))


def _words(kind: str, loc: NodePath, message: str, model: type[BaseModel]) -> str:
    """A pydantic error in words of ours; the value is quoted only by our own readers, never for a secret."""
    for part in loc[:-1]:
        inner = getattr(model.model_fields[part].annotation, "__args__", ()) if isinstance(part, str) else ()
        model = next((arg for arg in inner if isinstance(arg, type) and issubclass(arg, BaseModel)), model)
    key = f"`{loc[-1]}`" if isinstance(loc[-1], str) else "this item"
    if kind == "missing":
        return f"{key} is missing"
    if kind == "extra_forbidden":
        hint = (
            shape.did_you_mean(str(loc[-1]), model.model_fields)
            or f"known are {', '.join(model.model_fields)}"
        )
        return f"{key} is not known here; {hint}"
    if kind == "list_type":
        return f"{key} must be a list"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"{key} must be a set of `key: value` lines"
    return f"{key}: {message.removeprefix('Value error, ')}"


class _Known:
    """The names that may be referred to: those of the database and those in the file, well formed or not."""

    def __init__(self, raw: dict[str, RawItems], existing: ExistingRows) -> None:
        def named(section: str, key: str) -> set[str]:
            return {str(item[key]) for _, item in raw[section] if isinstance(item, dict) and item.get(key)}

        self.names: dict[str, set[str]] = {
            "group": named("groups", "code") | set(existing.groups),
            "calendar": named("calendars", "code") | set(existing.calendars),
            "connection": named("connections", "name") | set(existing.connections),
            "person": {email.lower() for email in named("people", "email")} | set(existing.people),
            "entity": named("entities", "code") | set(existing.entities),
        }

    def require(self, tree: YamlTree, path: NodePath, what: str, name: str | None) -> None:
        """Note a problem when nothing of this kind has the name."""
        if name is not None and name not in self.names[what]:
            hint = shape.did_you_mean(name, self.names[what])
            tree.add_problem(path, f"there is no {what} {name}" + (f"; {hint}" if hint else ""))


def _once(tree: YamlTree, entries: list[FileEntry[_I]], what: str, name: Callable[[_I], str | None]) -> None:
    """Note a problem for each item that an earlier one of the section describes already."""
    first: dict[str, NodePath] = {}
    for entry in entries:
        called = name(entry.item)
        if called is None:
            continue
        if called in first:
            tree.add_problem(
                entry.path, f"{what} {called} is described twice, first on line {tree.line(first[called])}"
            )
        first.setdefault(called, entry.path)


def _check_groups(tree: YamlTree, described: CheckedFile, known: _Known) -> None:
    _once(tree, described.groups, "group", lambda item: item.code)
    by_code = {entry.item.code: entry for entry in described.groups}
    ordered: dict[str, FileEntry[shape.GroupItem]] = {}
    for entry in described.groups:
        known.require(tree, (*entry.path, "parent"), "group", entry.item.parent)
        chain = []
        step: FileEntry[shape.GroupItem] | None = entry
        while step and step.item.code not in ordered and step not in chain:
            chain.append(step)
            step = by_code.get(step.item.parent or "")
        if step in chain:
            tree.add_problem((*entry.path, "parent"), f"group {entry.item.code} would stand below itself")
        for link in reversed(chain):
            ordered[link.item.code] = link
    described.groups = list(ordered.values())


def _check_calendars(tree: YamlTree, described: CheckedFile) -> None:
    _once(tree, described.calendars, "calendar", lambda item: item.code)
    for entry in described.calendars:
        item = entry.item
        if why := holiday_region_problem(item.country or "", item.subdivision or ""):
            tree.add_problem((*entry.path, "subdivision" if "subdivision" in why else "country"), why)
        if len(set(item.weekend)) == 7:
            tree.add_problem((*entry.path, "weekend"), "a week needs at least one working day")
        seen = set()
        for key in ("days_off", "working_days"):
            for at, day in enumerate(getattr(item, key)):
                if day.day in seen:
                    tree.add_problem((*entry.path, key, at), f"{day.day} is listed twice in this calendar")
                seen.add(day.day)


def _check_connections(
    tree: YamlTree, described: CheckedFile, existing: ExistingRows, environ: Mapping[str, str]
) -> None:
    _once(tree, described.connections, "connection", lambda item: item.name.lower())
    for entry in described.connections:
        item, old = entry.item, existing.connections.get(entry.item.name)
        if item.secret and item.secret_env:
            tree.add_problem((*entry.path, "secret_env"), "give `secret` or `secret_env`, not both")
        elif item.secret_env and not environ.get(item.secret_env):
            tree.add_problem((*entry.path, "secret_env"), f"the environment has no {item.secret_env}")
        elif old is None and not (item.secret or item.secret_env):
            tree.add_problem(
                entry.path, f"connection {item.name} is new and needs `secret_env` (or, in a demo, `secret`)"
            )
        environment = old.environment if old and not entry.has_key("environment") else item.environment
        if item.kind == "business_central" and not environment:
            tree.add_problem(entry.path, "Business Central needs `environment`, for example production")
        interval = old.interval_seconds if old and not entry.has_key("interval") else item.interval
        stale = old.stale_after_seconds if old and not entry.has_key("stale_after") else item.stale_after
        if not 5 <= interval <= 86_400:
            tree.add_problem((*entry.path, "interval"), "`interval` must be between 5s and 24h")
        if stale < interval:
            tree.add_problem(
                (*entry.path, "stale_after"), "`stale_after` must not be shorter than `interval`"
            )


def _check_people(tree: YamlTree, described: CheckedFile, known: _Known) -> None:
    _once(tree, described.people, "person", lambda item: item.email)
    for entry in described.people:
        if entry.item.password:
            try:
                validate_password(entry.item.password)
            except PasswordRefused as refused:
                tree.add_problem((*entry.path, "password"), "`password`: " + " ".join(refused.messages))
        for at, role in enumerate(entry.item.roles):
            path = (*entry.path, "roles", at)
            if (role.group is None) == (role.entity is None):
                tree.add_problem(path, "a role is held for a `group` or for an `entity`, for one of them")
            known.require(tree, (*path, "group"), "group", role.group)
            known.require(tree, (*path, "entity"), "entity", role.entity)


def _check_entities(tree: YamlTree, described: CheckedFile, existing: ExistingRows, known: _Known) -> None:
    _once(tree, described.entities, "entity", lambda item: item.code)
    in_file = {entry.item.code for entry in described.entities}
    held = {
        (row.connection.name, row.erp_id.lower()): code
        for code, row in existing.entities.items()
        if row.connection and code not in in_file
    }
    for entry in described.entities:
        item, old = entry.item, existing.entities.get(entry.item.code)
        for what, name in (
            ("group", item.group),
            ("calendar", item.calendar),
            ("connection", item.connection),
        ):
            known.require(tree, (*entry.path, what), what, name)
        known.require(tree, (*entry.path, "owner"), "person", item.owner)
        known.require(tree, (*entry.path, "deputy"), "person", item.deputy)
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


def _check_policies(tree: YamlTree, described: CheckedFile, existing: ExistingRows, known: _Known) -> None:
    _once(tree, described.policies, "the policy of", lambda item: " ".join(policy_owner(item)))
    _once(tree, described.policies, "policy", lambda item: item.code)
    taken = {row.code: owner for owner, row in existing.policies.items()}
    for entry in described.policies:
        item = entry.item
        if (item.group is None) == (item.entity is None):
            tree.add_problem(entry.path, "a policy is that of a `group` or of an `entity`, of one of them")
            continue
        known.require(tree, (*entry.path, "group"), "group", item.group)
        known.require(tree, (*entry.path, "entity"), "entity", item.entity)
        owner, code = policy_owner(item), policy_code(item)
        if taken.get(code, owner) != owner and (entry.has_key("code") or owner not in existing.policies):
            tree.add_problem(
                (*entry.path, "code"), f"policy {code} is that of {' '.join(taken[code])}; take another code"
            )
        try:
            said = policy_version_fields(item)
        except ValueError as wrong:
            tree.add_problem(entry.path, str(wrong))
        else:
            if all(value is None for value in said.values()):
                tree.add_problem(entry.path, "this policy says nothing; give a rule or another choice")


def _check_agreed_dates(tree: YamlTree, described: CheckedFile, known: _Known) -> None:
    _once(
        tree,
        described.agreed_dates,
        "the date agreed for",
        lambda item: f"{item.entity}, {month_and_year(item.month)}",
    )
    for entry in described.agreed_dates:
        item = entry.item
        known.require(tree, (*entry.path, "entity"), "entity", item.entity)
        if not item.month <= item.due_on or (item.due_on - month_end(item.month)).days > A_YEAR:
            tree.add_problem(
                (*entry.path, "due_on"),
                f"{item.due_on} is not within a year of {month_and_year(item.month)}; is it mistyped?",
            )
