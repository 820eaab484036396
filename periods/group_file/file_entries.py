"""Turns the raw sections of a group file into items of their shapes, each with its place in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from entities.models import Connection, Group, LegalEntity, Person, WorkCalendar
from periods.group_file.diff import FieldValue
from periods.group_file.policy_items import PolicyOwner
from periods.group_file.shape import GroupFileItem
from periods.group_file.spellings import did_you_mean
from periods.group_file.tree import NodePath, YamlTree
from periods.models import AgreedDate, DeadlinePolicy

_I = TypeVar("_I", bound=GroupFileItem)
RawItem = tuple[NodePath, Any]
RawSections = dict[str, list[RawItem]]


@dataclass(frozen=True, slots=True)
class FileEntry(Generic[_I]):
    """One well-formed item of the file, with its path in the file.

    `outer` is the raw item that an item of a nested key stands in, as a profile stands in its entity; else empty.
    """

    item: _I
    path: NodePath
    tree: YamlTree
    outer: Mapping[str, Any] = field(default_factory=dict)

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


def raw_sections(tree: YamlTree, names: Iterable[str]) -> RawSections:
    """The raw items of each of these sections; nested groups stand beside the others."""
    raw: RawSections = {name: [] for name in names}
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


def _flat(tree: YamlTree, items: list[RawItem], parent: Any) -> Iterator[RawItem]:
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


def nested_items(
    tree: YamlTree, raw: RawSections, section: str, key: str, *, many: bool
) -> list[tuple[NodePath, Any, Mapping[str, Any]]]:
    """Takes what stands under a key of the items of a section out of them, each with the item that it stood in.

    `many`: a list of items stands there, else one; a key with nothing behind it is an item without keys, or no item.
    """
    found: list[tuple[NodePath, Any, Mapping[str, Any]]] = []
    for at, (path, outer) in enumerate(raw[section]):
        if not isinstance(outer, dict) or key not in outer:
            continue
        value = outer[key]
        # The tree keeps its own: the item is copied without the key.
        raw[section][at] = path, {name: own for name, own in outer.items() if name != key}
        if not many:
            found.append(((*path, key), {} if value is None else value, outer))
        elif isinstance(value, list):
            found += [((*path, key, index), item, outer) for index, item in enumerate(value)]
        elif value is not None:
            tree.add_problem((*path, key), f"`{key}` must be a list: each item begins with a dash")
    return found


def entries_of(
    tree: YamlTree,
    raw: Iterable[RawItem],
    shape: type[_I],
    *,
    more_keys: Iterable[str] = (),
    outer: Mapping[str, Any] | None = None,
) -> list[FileEntry[_I]]:
    """The items that are well formed; a problem for each of the others. `more_keys` are those taken out before."""
    entries = []
    for path, item in raw:
        if not isinstance(item, dict):
            tree.add_problem(path, "this must be a set of `key: value` lines")
            continue
        try:
            entries.append(FileEntry(shape.model_validate(item), path, tree, outer or {}))
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False, include_input=False):
                problem_path = (*path, *error["loc"])
                words = _error_text(error["type"], error["loc"], error["msg"], shape, more_keys)
                tree.add_problem(problem_path, words)
    return entries


def _error_text(
    kind: str, loc: NodePath, message: str, shape: type[BaseModel], more_keys: Iterable[str]
) -> str:
    """Our text of a pydantic error; only our own readers quote the value, and never a secret."""
    keys = list(more_keys)
    for part in loc[:-1]:
        annotation = shape.model_fields[part].annotation if isinstance(part, str) else None
        inner = (annotation, *getattr(annotation, "__args__", ()))
        found = [arg for arg in inner if isinstance(arg, type) and issubclass(arg, BaseModel)]
        shape, keys = (found[0], []) if found else (shape, keys)
    key = f"`{loc[-1]}`" if isinstance(loc[-1], str) else "this item"
    if kind == "missing":
        return f"{key} is missing"
    if kind == "extra_forbidden":
        allowed = [*shape.model_fields, *keys]
        hint = did_you_mean(str(loc[-1]), allowed) or f"allowed are {', '.join(allowed)}"
        return f"{key} is not a key here; {hint}"
    if kind == "list_type":
        return f"{key} must be a list"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"{key} must be a set of `key: value` lines"
    return f"{key}: {message.removeprefix('Value error, ')}"


class KnownNames:
    """The names that may be referred to: those in the database and those in the file, well formed or not."""

    def __init__(self, raw: RawSections, existing: ExistingRows) -> None:
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


def check_duplicates(entries: list[FileEntry[_I]], kind: str, name: Callable[[_I], str | None]) -> None:
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
