"""Profiles and policies of weighing, as versions store them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.blocker_policy import BlockerPolicy, KindTracking
from closing.blockers.entity_profile import EntityProfile, EntityRole

_DEFAULT = BlockerPolicy()
_KINDS, _WORDS = frozenset(BlockerKind), frozenset(KindTracking)
_PROFILE_FIELDS = frozenset(item.name for item in fields(EntityProfile))


def profile_of(body: Mapping[str, Any] | None) -> EntityProfile:
    """The profile that a version stores; until one is collected everything applies.

    A role that a newer version stored reads as operating, so that nothing is excluded by it.
    """
    if body is None:
        return EntityProfile()
    known = {name: value for name, value in body.items() if name in _PROFILE_FIELDS and name != "role"}
    role = body.get("role")
    return EntityProfile(role=EntityRole(role) if role in set(EntityRole) else EntityRole.OPERATING, **known)


def profile_body(profile: EntityProfile) -> dict[str, Any]:
    """The stored form of a profile."""
    return {**asdict(profile), "role": profile.role.value}


def combined_policy(bodies: Iterable[Mapping[str, Any]]) -> BlockerPolicy:
    """The policy in force, combined from the stored choices of all levels, the furthest above first.

    A kind that only a newer version knows is left out; one with such a word is in `not_understood` until a nearer
    level has a known word.
    """
    policy = _DEFAULT
    for body in bodies:
        words = {kind: word for kind, word in body.get("tracking", {}).items() if kind in _KINDS}
        words.pop(BlockerKind.INVENTORY_NOT_CLOSED, None)  # which has a policy of its own
        if "inventory_close_needed" in body:
            words[BlockerKind.INVENTORY_NOT_CLOSED] = body["inventory_close_needed"]
        tracking = {BlockerKind(kind): KindTracking(word) for kind, word in words.items() if word in _WORDS}
        policy = replace(
            policy,
            tracking={**policy.tracking, **tracking},
            inventory_close_needed=tracking.get(
                BlockerKind.INVENTORY_NOT_CLOSED, policy.inventory_close_needed
            ),
            not_understood=(policy.not_understood - tracking.keys())
            | {BlockerKind(kind) for kind, word in words.items() if word not in _WORDS},
            unposted_warn_above=body.get("unposted_warn_above", policy.unposted_warn_above),
            accruals_warn_above=body.get("accruals_warn_above", policy.accruals_warn_above),
        )
    return policy
