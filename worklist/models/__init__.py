"""Reads of work and blockers, items carried on purpose, profiles and policies of weighing, and close tasks."""

from worklist.models.attempt import WorkAttempt, WorkSpan
from worklist.models.blocker import BlockerReading, CarriedItem
from worklist.models.close_task import CloseTask, TaskComment, TaskEvent, TaskSupport
from worklist.models.task_template import (
    TaskAbsence,
    TaskAdoption,
    TaskRoleHolder,
    TaskTemplate,
    TaskTemplateDraft,
)
from worklist.models.versions import BlockerPolicyVersion, ProfileVersion

__all__ = [
    "BlockerPolicyVersion",
    "BlockerReading",
    "CarriedItem",
    "CloseTask",
    "ProfileVersion",
    "TaskAbsence",
    "TaskAdoption",
    "TaskComment",
    "TaskEvent",
    "TaskRoleHolder",
    "TaskSupport",
    "TaskTemplate",
    "TaskTemplateDraft",
    "WorkAttempt",
    "WorkSpan",
]
