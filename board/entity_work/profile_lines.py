"""The profile of an entity in words: its role, what it has, what that excludes, and who set it when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from board.entity_work.entity_in_month import EntityInMonth
from board.web import labels
from board.web.readers import Reader, administers
from closing.blockers.blocker_kinds import BlockerKind, DocumentPart, excluded_because, shown_as
from closing.blockers.entity_profile import EntityProfile, EntityRole, ProfileFeature
from worklist.models import ProfileVersion
from worklist.recording.profiles import profile_versions
from worklist.weighing_policies import profile_of

FEATURE_LABELS = {
    ProfileFeature.INVENTORY: "inventory",
    ProfileFeature.PROJECTS: "projects",
    ProfileFeature.FIXED_ASSETS: "fixed assets",
    ProfileFeature.FOREIGN_CURRENCY: "foreign currency",
    ProfileFeature.INTERCOMPANY: "intercompany",
    ProfileFeature.PAYROLL: "payroll",
    ProfileFeature.VAT: "VAT",
}
ROLE_LABELS = {
    EntityRole.OPERATING: "operating company",
    EntityRole.HOLDING: "holding company",
    EntityRole.DORMANT: "dormant company",
    EntityRole.ELIMINATION: "elimination company",
    EntityRole.CONSOLIDATION: "consolidation company",
}


@dataclass(frozen=True, slots=True)
class ProfileLines:
    """The profile as the page shows it; `change_url` is the form of administrators, "" for others."""

    role: str
    has: str
    without: str
    excludes: str
    set_by: str
    change_url: str


def profile_lines(data: EntityInMonth) -> ProfileLines:
    """The profile in force at the moment of the page, in one query."""
    request = data.board_request
    versions = profile_versions(data.entity.pk, request.as_of)
    profile = profile_of(versions[0].body if versions else None)
    may_change = not request.past and administers(request.person, data.entity)
    has = [label for feature, label in FEATURE_LABELS.items() if profile.has(feature)]
    lacks = [label for feature, label in FEATURE_LABELS.items() if not profile.has(feature)]
    return ProfileLines(
        role=ROLE_LABELS[profile.role],
        has=", ".join(has),
        without=", ".join(lacks),
        excludes=excludes_phrase(profile),
        set_by=set_by_phrase(versions, request.reader, request.as_of),
        change_url=reverse("profile", args=[data.entity.code]) if may_change else "",
    )


def set_by_phrase(versions: Sequence[ProfileVersion], reader: Reader, as_of: datetime) -> str:
    """ "set by Rosa Bell, Tue 2 Jun 09:12"; says so where no profile is collected."""
    if not versions:
        return "not set yet, so everything applies"
    newest = versions[0]
    by = newest.set_by
    who = (by.name or by.email) if by is not None else "the group file"
    return f"set by {who}, {labels.clock(newest.set_at, reader.zone, as_of)}"


def excludes_phrase(profile: EntityProfile) -> str:
    """The kinds and parts of unfinished work that a profile excludes: "inventory periods, cost adjustments"."""
    kinds = [shown_as(kind) for kind in BlockerKind if excluded_because(profile, kind)]
    parts = [
        shown_as(BlockerKind.UNPOSTED_DOCUMENTS, part)
        for part in DocumentPart
        if excluded_because(profile, BlockerKind.UNPOSTED_DOCUMENTS, part)
    ]
    return ", ".join([*kinds, *parts])
