"""The profile of an entity: versions with who set them, two administrators at once, and undo."""

from __future__ import annotations

from datetime import timedelta

import pytest

from closing.blockers.entity_profile import EntityProfile, EntityRole
from entities.models import LegalEntity
from infra.models import AuditEvent
from tests.builders import utc
from tests.worklist.close_task_builders import person
from worklist.models import ProfileVersion
from worklist.recording.profiles import (
    ProfileChangedMeanwhile,
    profile_differences,
    profile_versions,
    set_profile,
    undo_profile,
)
from worklist.weighing_policies import profile_of

pytestmark = pytest.mark.django_db
AT = utc("2026-06-03 12:00")
LATER = AT + timedelta(hours=1)
NO_STOCK = EntityProfile(inventory=False)


def in_force(entity: LegalEntity) -> EntityProfile:
    return profile_of(profile_versions(entity.pk, LATER + timedelta(days=1))[0].body)


def test_each_change_is_a_version_with_its_event_and_no_change_is_none(entity: LegalEntity) -> None:
    anna = person("Anna Administrator", role="administrator")
    first = set_profile(entity, NO_STOCK, by=anna, at=AT)
    assert first is not None
    assert set_profile(entity, NO_STOCK, by=anna, at=LATER) is None
    holding = EntityProfile(role=EntityRole.HOLDING, inventory=False)
    set_profile(entity, holding, by=anna, at=AT)  # at the same moment: the later one is still the newer one
    assert in_force(entity) == holding
    events = AuditEvent.objects.filter(verb="entity.profile_set").order_by("pk")
    assert [(event.before or {}).get("role") for event in events] == [None, "operating"]
    assert events[1].after == {"role": "holding"}


def test_the_second_of_two_administrators_gets_the_version_of_the_first(entity: LegalEntity) -> None:
    anna, ben = person("Anna Administrator"), person("Ben Boss")
    set_profile(entity, NO_STOCK, by=anna, at=AT, check=True)
    with pytest.raises(ProfileChangedMeanwhile) as meanwhile:
        set_profile(entity, EntityProfile(vat=False), by=ben, at=LATER, check=True)
    assert meanwhile.value.newest.set_by == anna
    assert profile_differences(EntityProfile(), profile_of(meanwhile.value.newest.body)) == {
        "inventory": False
    }
    assert ProfileVersion.objects.count() == 1


def test_undo_sets_the_version_before_again_unless_another_followed(entity: LegalEntity) -> None:
    anna = person("Anna Administrator")
    set_profile(entity, EntityProfile(), by=anna, at=AT)
    second = set_profile(entity, NO_STOCK, by=anna, at=LATER)
    assert second is not None
    assert undo_profile(entity, second.set_at, by=anna, at=LATER + timedelta(minutes=1)) is not None
    assert in_force(entity) == EntityProfile()
    with pytest.raises(ProfileChangedMeanwhile):
        undo_profile(entity, second.set_at, by=anna, at=LATER + timedelta(minutes=2))
