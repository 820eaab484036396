"""Profiles and policies of weighing, as versions store them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.blocker_policy import BlockerPolicy, KindTracking
from closing.blockers.entity_profile import EntityProfile, EntityRole

_DEFAULT = BlockerPolicy()
_PROFILE_FIELDS = frozenset(item.name for item in fields(EntityProfile))


def profile_of(body: Mapping[str, Any] | None) -> EntityProfile:
    """The profile that a version stores; until one is collected everything applies."""
    if body is None:
        return EntityProfile()
    known = {name: value for name, value in body.items() if name in _PROFILE_FIELDS and name != "role"}
    return EntityProfile(role=EntityRole(body.get("role", EntityRole.OPERATING.value)), **known)


def profile_body(profile: EntityProfile) -> dict[str, Any]:
    """The stored form of a profile."""
    return {**asdict(profile), "role": profile.role.value}


def combined_policy(bodies: Iterable[Mapping[str, Any]]) -> BlockerPolicy:
    """The policy in force, combined from the stored choices of all levels, the furthest above first."""
    policy = _DEFAULT
    for body in bodies:
        tracking = {BlockerKind(kind): KindTracking(word) for kind, word in body.get("tracking", {}).items()}
        policy = replace(
            policy,
            tracking={**policy.tracking, **tracking},
            inventory_close_needed=KindTracking(
                body.get("inventory_close_needed", policy.inventory_close_needed)
            ),
            unposted_warn_above=body.get("unposted_warn_above", policy.unposted_warn_above),
            accruals_warn_above=body.get("accruals_warn_above", policy.accruals_warn_above),
        )
    return policy
