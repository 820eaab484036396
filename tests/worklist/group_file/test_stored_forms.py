"""Each profile and policy that a group file can state is stored and read back as it was stated."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from closing.blockers.blocker_kinds import KNOWN_KINDS, BlockerKind
from closing.blockers.blocker_policy import BlockerPolicy, KindTracking
from closing.blockers.entity_profile import EntityProfile, EntityRole, ProfileFeature
from worklist.group_file.blockers_section import BlockersItem, policy_body
from worklist.group_file.profile_section import ProfileItem, profile_in_file
from worklist.weighing_policies import FEATURE_NAMES, combined_policy, policy_words, profile_body, profile_of

FEATURES = st.sets(st.sampled_from(list(ProfileFeature)))
TRACKING = st.sampled_from(["yes", "no", "not tracked", "not_tracked", "true", "false", "No"])
WHOLE = st.integers(0, 999_999).map(str)
AMOUNTS = st.decimals(0, 999_999, places=2).map(str)
KINDS = st.sampled_from([kind.value for kind in KNOWN_KINDS if kind is not BlockerKind.INVENTORY_NOT_CLOSED])
POLICIES = st.fixed_dictionaries(
    {},
    optional={
        "unposted_warn_above": WHOLE,
        "accruals_warn_above": WHOLE,
        "inventory_close_needed": TRACKING,
        "kinds": st.dictionaries(KINDS, TRACKING),
        "tolerance": st.fixed_dictionaries(
            {},
            optional={
                "least": AMOUNTS,
                "percent": st.decimals(0, 100, places=4).map(str),
                "most": AMOUNTS,
            },
        ),
    },
)


def tracked(word: str) -> KindTracking:
    return {"true": KindTracking.YES, "false": KindTracking.NO, "No": KindTracking.NO}.get(
        word
    ) or KindTracking(word.replace(" ", "_"))


@given(st.sampled_from(list(EntityRole)), FEATURES, st.booleans())
def test_a_profile_is_read_back(role: EntityRole, has: set[ProfileFeature], underscores: bool) -> None:
    words = [feature.value if underscores else FEATURE_NAMES[feature] for feature in has]
    item = ProfileItem.model_validate({"role": role.value, "has": words})
    stored = json.loads(json.dumps(profile_body(profile_in_file(item, None))))
    profile = profile_of(stored)
    assert profile.role is role
    assert {feature for feature in ProfileFeature if profile.has(feature)} == has
    assert profile_in_file(item, profile) == profile
    assert profile_in_file(ProfileItem.model_validate({}), profile) == EntityProfile()


@given(POLICIES, POLICIES)
def test_a_policy_is_read_back_and_inherits_what_it_leaves_out(
    above: dict[str, Any], own: dict[str, Any]
) -> None:
    bodies = [json.loads(json.dumps(policy_body(BlockersItem.model_validate(each)))) for each in (above, own)]
    policy, default = combined_policy(bodies), BlockerPolicy()
    for key in ("unposted_warn_above", "accruals_warn_above"):
        stated = own.get(key, above.get(key))
        assert getattr(policy, key) == (getattr(default, key) if stated is None else int(stated))
    needed = own.get("inventory_close_needed", above.get("inventory_close_needed", "not_tracked"))
    assert policy.tracks(BlockerKind.INVENTORY_NOT_CLOSED) is tracked(needed)
    kinds = above.get("kinds", {}) | own.get("kinds", {})
    for kind in KNOWN_KINDS:
        if kind is not BlockerKind.INVENTORY_NOT_CLOSED:
            assert policy.tracks(kind) is tracked(kinds.get(kind.value, "yes"))
    tolerance = own.get("tolerance", above.get("tolerance", {}))
    assert policy.tolerance.least == Decimal(tolerance.get("least", "1"))
    assert policy.tolerance.share * 100 == Decimal(tolerance.get("percent", "0.1"))
    assert policy.tolerance.most == Decimal(tolerance.get("most", "1000"))
    assert set(policy_words(bodies[1])) == {*own, *own.get("kinds", {})} - {"kinds"}
