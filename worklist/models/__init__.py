"""Attempts to read work, blocker readings, items that are carried on purpose, profiles and policies of weighing."""

from worklist.models.attempt import WorkAttempt, WorkSpan
from worklist.models.blocker import BlockerReading, CarriedItem
from worklist.models.versions import BlockerPolicyVersion, ProfileVersion

__all__ = [
    "BlockerPolicyVersion",
    "BlockerReading",
    "CarriedItem",
    "ProfileVersion",
    "WorkAttempt",
    "WorkSpan",
]
