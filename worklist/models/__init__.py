"""Reads of work, blockers, positions, carried items, files, profiles, policies, and close tasks."""

from worklist.models.attempt import WorkAttempt, WorkSpan
from worklist.models.blocker import BlockerReading, CarriedItem
from worklist.models.close_task import CloseTask, TaskComment, TaskEvent, TaskSupport, TaskSupportEvent
from worklist.models.partner_position import ClosingRate, PartnerListing, PartnerPosition
from worklist.models.task_template import (
    TaskAbsence,
    TaskAdoption,
    TaskRoleHolder,
    TaskTemplate,
    TaskTemplateDraft,
)
from worklist.models.versions import BlockerPolicyVersion, ProfileVersion
from worklist.models.work_upload import InventoryRunFact, WorkUpload

__all__ = [
    "BlockerPolicyVersion",
    "BlockerReading",
    "CarriedItem",
    "CloseTask",
    "ClosingRate",
    "InventoryRunFact",
    "PartnerListing",
    "PartnerPosition",
    "ProfileVersion",
    "TaskAbsence",
    "TaskAdoption",
    "TaskComment",
    "TaskEvent",
    "TaskRoleHolder",
    "TaskSupport",
    "TaskSupportEvent",
    "TaskTemplate",
    "TaskTemplateDraft",
    "WorkAttempt",
    "WorkSpan",
    "WorkUpload",
]
