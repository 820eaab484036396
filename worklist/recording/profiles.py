"""Sets the profile of an entity: versions that are only added, each with who set it and when."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from closing.blockers.entity_profile import EntityProfile
from entities.audit_trail import Verb, entity_object, record_act
from entities.models import LegalEntity, Person
from periods.board_cache.change_feed import nudge_after_commit
from worklist.models import ProfileVersion
from worklist.weighing_policies import profile_body, profile_of

_LATER = timedelta(microseconds=1)


class ProfileChangedMeanwhile(Exception):
    """Another version was set since the person looked; `newest` is that one."""

    def __init__(self, newest: ProfileVersion) -> None:
        super().__init__("The profile was changed meanwhile.")
        self.newest = newest


def profile_versions(entity_id: int, as_of: datetime) -> list[ProfileVersion]:
    """The newest version at a moment and the one before it, newest first; empty until a profile is collected."""
    versions = ProfileVersion.objects.filter(entity=entity_id, set_at__lte=as_of).select_related("set_by")
    return list(versions.order_by("-set_at")[:2])


def profile_differences(before: EntityProfile, after: EntityProfile) -> dict[str, object]:
    """The fields of `after` that differ from `before`, in stored form."""
    old, new = profile_body(before), profile_body(after)
    return {name: value for name, value in new.items() if old[name] != value}


@transaction.atomic
def set_profile(
    entity: LegalEntity,
    profile: EntityProfile,
    *,
    by: Person | None,
    at: datetime,
    seen_at: datetime | None = None,
    check: bool = False,
) -> ProfileVersion | None:
    """Set the profile of an entity, with its event; None, and no version, where it is so already.

    The first version is stored also where it says what holds without one: somebody has confirmed it. With `check`,
    `seen_at` is the moment of the version that the person saw, None if they saw none; raises ProfileChangedMeanwhile
    where a later one is in force. `entity` should have its group loaded.
    """
    LegalEntity.objects.select_for_update(no_key=True).only("pk").get(pk=entity.pk)  # one at a time
    newest = ProfileVersion.objects.filter(entity=entity).select_related("set_by").order_by("-set_at").first()
    if check and newest is not None and newest.set_at != seen_at:
        raise ProfileChangedMeanwhile(newest)
    before = profile_of(newest.body if newest is not None else None)
    if newest is not None:
        if before == profile:
            return None
        at = max(at, newest.set_at + _LATER)
    version = ProfileVersion.objects.create(entity=entity, body=profile_body(profile), set_at=at, set_by=by)
    record_act(
        Verb.PROFILE_SET,
        entity_object(entity),
        at=at,
        by=by,
        before=profile_body(before) if newest is not None else None,
        after=profile_body(profile),
    )
    nudge_after_commit()
    return version


def undo_profile(entity: LegalEntity, set_at: datetime, *, by: Person, at: datetime) -> ProfileVersion | None:
    """Set the version before the one of a moment again; None where that is not the newest, or is the first.

    Raises ProfileChangedMeanwhile where a later version is in force.
    """
    versions = profile_versions(entity.pk, at)
    if len(versions) < 2 or versions[0].set_at < set_at:
        return None
    before = profile_of(versions[1].body)
    return set_profile(entity, before, by=by, at=at, seen_at=set_at, check=True)
