"""What the layers above add to a group file: sections of their own, and keys within the items of other sections.

`settings.GROUP_FILE_SECTIONS` names the objects. They are written after all sections of this package, in their order,
in the same transaction; the problems and lines of all stand in one list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, Protocol, TypeVar

from django.conf import settings
from django.utils.module_loading import import_string

from periods.group_file.diff import GroupFileDiff
from periods.group_file.file_entries import (
    ExistingRows,
    FileEntry,
    KnownNames,
    RawSections,
    entries_of,
    nested_items,
)
from periods.group_file.shape import GroupFileItem
from periods.group_file.tree import YamlTree

_I = TypeVar("_I", bound=GroupFileItem)


class SectionWriter(Protocol[_I]):
    """How the items of an added section are checked and written."""

    def check(self, entries: Sequence[FileEntry[_I]], names: KnownNames, existing: ExistingRows) -> None:
        """Add the problems of the items; those of their shapes and unknown keys are there already."""
        ...

    def write(self, entries: Sequence[FileEntry[_I]], rows: ExistingRows, diff: GroupFileDiff) -> None:
        """Write what differs, and add it to the diff; the acts are recorded by the writers, or added to the diff."""
        ...


@dataclass(frozen=True)
class AddedSection(Generic[_I]):
    """A section of its own (`within` empty), or a key of the items of these sections; `many`: a list of items."""

    key: str
    shape: type[_I]
    writer: SectionWriter[_I]
    within: tuple[str, ...] = ()
    many: bool = True


@dataclass(frozen=True)
class AddedEntries:
    """The well-formed items of an added section."""

    section: AddedSection[Any]
    entries: Sequence[FileEntry[Any]]


def added_sections() -> tuple[AddedSection[Any], ...]:
    """The sections that are installed."""
    return _installed(tuple(settings.GROUP_FILE_SECTIONS))


@cache
def _installed(paths: tuple[str, ...]) -> tuple[AddedSection[Any], ...]:
    return tuple(import_string(path) for path in paths)


def added_keys() -> Mapping[str, list[str]]:
    """By section of this package, the keys that others add to its items."""
    keys: dict[str, list[str]] = {}
    for section in added_sections():
        for outer in section.within:
            keys.setdefault(outer, []).append(section.key)
    return keys


def take_added(tree: YamlTree, raw: RawSections) -> list[AddedEntries]:
    """The items of the added sections; nested ones are taken out of the items of their sections."""
    found = []
    for section in added_sections():
        entries: list[FileEntry[Any]] = []
        if not section.within:
            entries = entries_of(tree, raw[section.key], section.shape)
        for outer_section in section.within:
            for path, item, outer in nested_items(tree, raw, outer_section, section.key, many=section.many):
                entries += entries_of(tree, [(path, item)], section.shape, outer=outer)
        found.append(AddedEntries(section, entries))
    return found
