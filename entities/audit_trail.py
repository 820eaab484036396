"""What the audit log records of people's acts: the closed list of verbs, and the objects of each act."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db.models import TextChoices

from entities.models import Connection, Group, LegalEntity, Person
from infra.audit.origin import Actor
from infra.audit.recording import DROPPED, Act, AuditedObject, record


class Verb(TextChoices):
    """The acts that leave an event, each with its label; a stored verb is never renamed."""

    SIGNED_IN = "person.signed_in", "Signed in"
    SIGNED_OUT = "person.signed_out", "Signed out"
    SIGN_IN_REFUSED = "person.sign_in_refused", "Sign-in refused"
    PERSON_ADDED = "person.added", "Person added"
    PERSON_CHANGED = "person.changed", "Person changed"
    ROLE_GIVEN = "role.given", "Role given"
    GROUP_ADDED = "group.added", "Group added"
    GROUP_CHANGED = "group.changed", "Group changed"
    CALENDAR_ADDED = "calendar.added", "Work calendar added"
    CALENDAR_CHANGED = "calendar.changed", "Work calendar changed"
    CONNECTION_ADDED = "connection.added", "Connection added"
    CONNECTION_CHANGED = "connection.changed", "Connection changed"
    ENTITY_ADDED = "entity.added", "Entity added"
    ENTITY_CHANGED = "entity.changed", "Entity changed"
    DEPUTY_SET = "entity.deputy_set", "Deputy set"
    PROFILE_SET = "entity.profile_set", "Profile set"
    BLOCKER_POLICY_PUBLISHED = "blocker_policy.published", "Policy of unfinished work published"
    CLOSING_RATES_SET = "closing_rates.set", "Closing rates set"
    POLICY_PUBLISHED = "policy.published", "Deadline policy published"
    DEADLINE_AGREED = "deadline.agreed", "Date agreed"
    MONTH_SET = "period.month_set", "Reporting month set"
    NOTE_ADDED = "remark.note_added", "Note added"
    NOTE_EDITED = "remark.note_edited", "Note edited"
    NOTE_WITHDRAWN = "remark.note_withdrawn", "Note withdrawn"
    OVERDUE_REASON_GIVEN = "remark.overdue_reason", "Overdue reason given"
    CLOSE_EXPECTED = "remark.expected_close", "Expected close given"
    TAKEN_OVER = "remark.taken_over", "Taken over"
    SILENCE_CREATED = "silence.created", "Silenced"
    SILENCE_ENDED = "silence.ended", "Silence ended"
    DESTINATION_ADDED = "destination.added", "Destination added"
    DESTINATION_CHANGED = "destination.changed", "Destination changed"
    DESTINATION_SWITCHED_ON = "destination.switched_on", "Destination switched on"
    DESTINATION_SWITCHED_OFF = "destination.switched_off", "Destination switched off"
    DESTINATION_REMOVED = "destination.removed", "Destination removed"
    DESTINATION_KEY_RENEWED = "destination.key_renewed", "Signing key renewed"
    ALERT_POLICY_CHANGED = "alert_policy.changed", "Alert rules changed"
    PREFERENCES_CHANGED = "preferences.changed", "Notifications changed"
    VIEW_SAVED = "view.saved", "View saved"
    VIEW_RENAMED = "view.renamed", "View renamed"
    VIEW_DELETED = "view.deleted", "View deleted"
    VIEW_RESTORED = "view.restored", "View restored"
    START_VIEW_SET = "view.start_set", "Start page set"
    GROUP_FILE_LOADED = "group_file.loaded", "Group file loaded"
    DEMO_LOADED = "demo.loaded", "Demo loaded"
    CONNECTION_READ = "connection.read", "Connection read by hand"
    EVALUATED = "alerts.evaluated", "Lateness evaluated by hand"
    NOTICES_DELETED = "alerts.old_notices_deleted", "Old notices deleted"
    SENDING_HELD = "sending.held", "Sending held"
    SENDING_RELEASED = "sending.released", "Sending released"
    SENDING_RETRIED = "sending.retried", "Failed messages retried"
    TASK_DONE = "task.done", "Task done"
    TASK_CONFIRMED = "task.confirmed", "Task done although the ERP shows work"
    TASK_UNDONE = "task.undone", "Task undone"
    TASK_RETURNED = "task.returned", "Task returned"
    TASK_SIGNED = "task.signed", "Task signed off"
    TASK_NOT_NEEDED = "task.not_needed", "Task not needed"
    TASK_NEEDED = "task.needed", "Task needed again"
    TASK_REASSIGNED = "task.reassigned", "Task reassigned"
    TASK_COMMENTED = "task.commented", "Task commented on"
    TASK_SUPPORT_ADDED = "task.support_added", "Support added to a task"
    TASKS_ADOPTED = "task_template.adopted", "Close tasks adopted"
    TASK_DRAFT_CHANGED = "task_template.draft_changed", "Draft of a task template changed"
    TASK_SUPPORT_WITHDRAWN = "task.support_withdrawn", "Support of a task withdrawn"
    TASK_SUPPORT_RESTORED = "task.support_restored", "Support of a task restored"
    TASK_TEMPLATE_PUBLISHED = "task_template.published", "Task template published"
    TASK_ROLE_GIVEN = "task_role.given", "Role of close tasks given"
    TASK_DEPUTY_SET = "task_deputy.set", "Deputy for tasks set"
    TASK_DEPUTY_ENDED = "task_deputy.ended", "Deputy for tasks ended"
    WORK_HANDED_OVER = "person.work_handed_over", "Open tasks handed over"
    CARRIED_SET = "carried.set", "Carried on purpose"
    CARRIED_ENDED = "carried.ended", "No longer carried on purpose"
    WORK_BY_FILE = "work.by_file", "Work facts by file"
    REOPENING_APPROVED = "period.reopening_approved", "Reopening of a period approved"
    PASSWORD_CHANGED = "person.password_changed", "Password changed"
    MIGRATED = "installation.migrated", "Database migrated"
    EVENTS_DROPPED = DROPPED, "Old events dropped"


def person_actor(person: Person) -> Actor:
    """A person as the one who acts."""
    return Actor("person", person.name or person.email, person.pk)


def person_object(person: Person) -> AuditedObject:
    """A person as what is acted on; people belong to no group."""
    return AuditedObject("person", str(person.pk), person.name or person.email)


def group_object(group: Group) -> AuditedObject:
    """A group, in its own scope."""
    return AuditedObject("group", group.code, group.name, group.path)


def entity_object(entity: LegalEntity) -> AuditedObject:
    """An entity, in the scope of its group."""
    return AuditedObject("entity", entity.code, entity.name, entity.group.path)


def connection_object(connection: Connection) -> AuditedObject:
    """A connection; it may read entities of several groups, so it belongs to none."""
    return AuditedObject("connection", connection.name, connection.name)


def scope_of(owner: Group | LegalEntity | None) -> str:
    """The path of a group, or of an entity's group."""
    group = owner.group if isinstance(owner, LegalEntity) else owner
    return group.path if group is not None else ""


def record_act(
    verb: Verb,
    target: AuditedObject,
    *,
    at: datetime | None = None,
    by: Person | None = None,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    reason: str = "",
) -> None:
    """Record one act in the transaction that runs.

    Without `at` and `by`, the moment and the actor are those of the request, command or task. Values that are equal
    before and after are left out; an act that changes none of them and has no reason leaves no event.
    """
    if before is not None and after is not None:
        changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
        before = {key: value for key, value in before.items() if key in changed}
        after = {key: value for key, value in after.items() if key in changed}
        if not changed and not reason:
            return
    actor = person_actor(by) if by is not None else None
    record([Act(verb.value, target, at, actor, before, after, reason)])
