"""The key `profile` of an entity: its role, and what it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from closing.blockers.entity_profile import EntityProfile, EntityRole, ProfileFeature
from periods.group_file.added_sections import AddedSection
from periods.group_file.diff import GroupFileDiff, changed_values
from periods.group_file.file_entries import ExistingRows, FileEntry, KnownNames
from periods.group_file.shape import GroupFileItem, one_of, optional, required
from periods.group_file.spellings import did_you_mean
from worklist.recording.profiles import set_profile
from worklist.weighing_policies import FEATURE_NAMES, collected_profiles, profile_choices

_FEATURES = {name.casefold(): feature for feature, name in FEATURE_NAMES.items()}


def _feature(text: str) -> str:
    feature = _FEATURES.get(text.casefold().replace("_", " ").strip())
    if feature is None:
        names = list(FEATURE_NAMES.values())
        hint = did_you_mean(text, names)
        raise ValueError(f"{text!r} is not one of {', '.join(names)}" + (f"; {hint}" if hint else ""))
    return feature.value


class ProfileItem(GroupFileItem):
    """The profile of the entity that it stands in; a key that is left out keeps what is there."""

    role: Annotated[str | None, optional(partial(one_of, words=[role.value for role in EntityRole]))] = None
    has: list[Annotated[str, required(_feature)]] = []


def profile_in_file(item: ProfileItem, before: EntityProfile | None) -> EntityProfile:
    """The profile that an item states, over the one before; an item without keys states that everything applies."""
    profile = EntityProfile() if before is None or not item.model_fields_set else before
    if "role" in item.model_fields_set:
        profile = replace(profile, role=EntityRole(item.role or EntityRole.OPERATING.value))
    if "has" in item.model_fields_set:
        has: dict[str, Any] = {feature.value: feature.value in item.has for feature in ProfileFeature}
        profile = replace(profile, **has)
    return profile


class _Profiles:
    def check(
        self, entries: Sequence[FileEntry[ProfileItem]], names: KnownNames, existing: ExistingRows
    ) -> None:
        for entry in entries:
            for at, feature in enumerate(entry.item.has):
                if feature in entry.item.has[:at]:
                    entry.refuse(
                        f"`has`: {FEATURE_NAMES[ProfileFeature(feature)]} stands here twice", "has", at
                    )

    def write(
        self, entries: Sequence[FileEntry[ProfileItem]], rows: ExistingRows, diff: GroupFileDiff
    ) -> None:
        entities = [rows.entities[entry.outer["code"]] for entry in entries]
        collected = collected_profiles(entities)
        for entry, entity in zip(entries, entities, strict=True):
            before = collected.get(entity.pk)
            profile = profile_in_file(entry.item, before)
            if before is None and not entry.item.model_fields_set:
                continue  # nothing was set, and nothing is
            if before == profile:
                diff.unchanged += 1
                continue
            set_profile(entity, profile, by=None, at=diff.as_of)
            choices, label = profile_choices(profile), f"profile of {entity.code}"
            if before is None:
                diff.add_line(f"{label}: {choices['role']}, has {choices['has']}")
            else:
                diff.change_line(label, changed_values(profile_choices(before), choices))


PROFILE = AddedSection("profile", ProfileItem, _Profiles(), within=("entities",), many=False)
