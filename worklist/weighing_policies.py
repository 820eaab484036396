"""Profiles and policies of weighing, as versions store them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max, Q

from closing.blockers.blocker_kinds import KNOWN_KINDS, BlockerKind
from closing.blockers.blocker_policy import BlockerPolicy, KindTracking
from closing.blockers.entity_profile import EntityProfile, EntityRole, ProfileFeature
from closing.blockers.intercompany import IntercompanyTolerance
from entities.audit_trail import Verb, entity_object, group_object, record_act
from entities.models import Group, LegalEntity, Person
from periods.board_cache.change_feed import nudge_after_commit
from worklist.models import BlockerPolicyVersion, ProfileVersion

_DEFAULT = BlockerPolicy()
_KINDS, _WORDS = frozenset(KNOWN_KINDS), frozenset(KindTracking)
_LATER = timedelta(microseconds=1)  # of two versions at one moment the later one counts
_PROFILE_FIELDS = frozenset(item.name for item in fields(EntityProfile))
FEATURE_NAMES: Mapping[ProfileFeature, str] = {
    feature: "VAT" if feature is ProfileFeature.VAT else feature.value.replace("_", " ")
    for feature in ProfileFeature
}


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


def profile_choices(profile: EntityProfile | None) -> dict[str, str]:
    """A profile as people read it: its role, and what the entity has; empty while none was collected."""
    if profile is None:
        return {}
    has = [name for feature, name in FEATURE_NAMES.items() if profile.has(feature)]
    return {"role": profile.role.value, "has": ", ".join(has) or "nothing"}


def collected_profiles(entities: Collection[LegalEntity]) -> dict[int, EntityProfile]:
    """The profiles of these entities as they were last set, by id; none where nobody has set one. One query."""
    newest = ProfileVersion.objects.filter(entity__in=entities).order_by("entity_id", "-set_at")
    rows = newest.distinct("entity_id").values_list("entity_id", "body")
    return {entity_id: profile_of(body) for entity_id, body in rows}


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
            tolerance=tolerance_of(body["tolerance"]) if "tolerance" in body else policy.tolerance,
        )
    return policy


def tolerance_of(body: Mapping[str, str]) -> IntercompanyTolerance:
    """The tolerance that a version stores: its amounts and its share as text."""
    return IntercompanyTolerance(**{name: Decimal(text) for name, text in body.items()})


def tolerance_body(tolerance: IntercompanyTolerance) -> dict[str, str]:
    """The stored form of a tolerance."""
    return {
        "least": f"{tolerance.least:.2f}",
        "share": f"{tolerance.share.normalize():f}",
        "most": f"{tolerance.most:.2f}",
    }


def policy_words(body: Mapping[str, Any]) -> dict[str, str]:
    """The stored choices of a policy as people read them, each by its key."""
    words = {
        key: str(body[key]).replace("_", " ")
        for key in ("unposted_warn_above", "accruals_warn_above", "inventory_close_needed")
        if key in body
    }
    if "tolerance" in body:
        tolerance = tolerance_of(body["tolerance"])
        percent = f"{(tolerance.share * 100).normalize():f} %"
        words["tolerance"] = f"{percent}, from {tolerance.least} to {tolerance.most}"
    return words | {kind: word.replace("_", " ") for kind, word in body.get("tracking", {}).items()}


def stated_policies(
    places: Iterable[Group | LegalEntity],
) -> dict[Group | LegalEntity, dict[str, Any]]:
    """The choices that each of these groups and entities makes itself, as they are stored; none where it made none.

    One query.
    """
    by_key: dict[tuple[int | None, int | None], Group | LegalEntity] = {
        (place.pk, None) if isinstance(place, Group) else (None, place.pk): place for place in places
    }
    of_places = Q(group__in=[group for group, _ in by_key if group is not None])
    of_places |= Q(entity__in=[entity for _, entity in by_key if entity is not None])
    newest = BlockerPolicyVersion.objects.filter(of_places).order_by("group_id", "entity_id", "-set_at")
    rows = newest.distinct("group_id", "entity_id").values_list("group_id", "entity_id", "body")
    return {by_key[group, entity]: body for group, entity, body in rows}


@transaction.atomic
def publish_blocker_policy(
    where: Group | LegalEntity, body: Mapping[str, Any], at: datetime, *, by: Person | None = None
) -> BlockerPolicyVersion | None:
    """Publish the choices of a group or an entity as a new version; None, and nothing is written, if none differs.

    `body` has `unposted_warn_above`, `accruals_warn_above`, `inventory_close_needed`, `tolerance` and `tracking` as
    `combined_policy` reads them; what it leaves out comes from the policy above. Raises ValueError for an
    unknown kind or word.
    """
    before = stated_policies([where]).get(where)
    if combined_policy([body]).not_understood or not body.get("tracking", {}).keys() <= _KINDS:
        raise ValueError(f"unknown kind or word in a policy of unfinished work: {dict(body)}")
    if (before or {}) == body:
        return None
    scope = {"group": where} if isinstance(where, Group) else {"entity": where}
    newest = BlockerPolicyVersion.objects.filter(**scope).aggregate(at=Max("set_at"))["at"]
    at = at if newest is None else max(at, newest + _LATER)
    row = BlockerPolicyVersion.objects.create(**scope, body=dict(body), set_at=at, set_by=by)
    words, old = policy_words(body), policy_words(before or {})
    record_act(
        Verb.BLOCKER_POLICY_PUBLISHED,
        group_object(where) if isinstance(where, Group) else entity_object(where),
        at=at,
        by=by,
        before={key: old.get(key, "inherited") for key in {*words, *old}},
        after={key: words.get(key, "inherited") for key in {*words, *old}},
    )
    nudge_after_commit()
    return row
