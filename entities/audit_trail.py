"""What the audit log records of people's acts: the closed list of verbs, and the objects of each act."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from entities.models import Connection, Group, LegalEntity, Person
from infra.audit.origin import Actor
from infra.audit.recording import DROPPED, Act, AuditedObject, record


class Verb(StrEnum):
    """The acts that leave an event; a stored verb is never renamed."""

    SIGNED_IN = "person.signed_in"
    SIGNED_OUT = "person.signed_out"
    SIGN_IN_REFUSED = "person.sign_in_refused"
    PERSON_ADDED = "person.added"
    PERSON_CHANGED = "person.changed"
    ROLE_GIVEN = "role.given"
    GROUP_ADDED = "group.added"
    GROUP_CHANGED = "group.changed"
    CALENDAR_ADDED = "calendar.added"
    CALENDAR_CHANGED = "calendar.changed"
    CONNECTION_ADDED = "connection.added"
    CONNECTION_CHANGED = "connection.changed"
    ENTITY_ADDED = "entity.added"
    ENTITY_CHANGED = "entity.changed"
    DEPUTY_SET = "entity.deputy_set"
    POLICY_PUBLISHED = "policy.published"
    DEADLINE_AGREED = "deadline.agreed"
    MONTH_SET = "period.month_set"
    NOTE_ADDED = "remark.note_added"
    NOTE_EDITED = "remark.note_edited"
    NOTE_WITHDRAWN = "remark.note_withdrawn"
    OVERDUE_REASON_GIVEN = "remark.overdue_reason"
    CLOSE_EXPECTED = "remark.expected_close"
    TAKEN_OVER = "remark.taken_over"
    SILENCE_CREATED = "silence.created"
    SILENCE_ENDED = "silence.ended"
    DESTINATION_ADDED = "destination.added"
    DESTINATION_CHANGED = "destination.changed"
    DESTINATION_SWITCHED_ON = "destination.switched_on"
    DESTINATION_SWITCHED_OFF = "destination.switched_off"
    DESTINATION_REMOVED = "destination.removed"
    DESTINATION_KEY_RENEWED = "destination.key_renewed"
    ALERT_POLICY_CHANGED = "alert_policy.changed"
    PREFERENCES_CHANGED = "preferences.changed"
    VIEW_SAVED = "view.saved"
    VIEW_RENAMED = "view.renamed"
    VIEW_DELETED = "view.deleted"
    VIEW_RESTORED = "view.restored"
    START_VIEW_SET = "view.start_set"
    GROUP_FILE_LOADED = "group_file.loaded"
    DEMO_LOADED = "demo.loaded"
    CONNECTION_READ = "connection.read"
    EVALUATED = "alerts.evaluated"
    NOTICES_DELETED = "alerts.old_notices_deleted"
    SENDING_HELD = "sending.held"
    SENDING_RELEASED = "sending.released"
    SENDING_RETRIED = "sending.retried"
    PASSWORD_CHANGED = "person.password_changed"  # noqa: S105 - a verb
    MIGRATED = "installation.migrated"
    EVENTS_DROPPED = DROPPED


VERB_LABELS = {
    Verb.SIGNED_IN: "Signed in",
    Verb.SIGNED_OUT: "Signed out",
    Verb.SIGN_IN_REFUSED: "Sign-in refused",
    Verb.PERSON_ADDED: "Person added",
    Verb.PERSON_CHANGED: "Person changed",
    Verb.ROLE_GIVEN: "Role given",
    Verb.GROUP_ADDED: "Group added",
    Verb.GROUP_CHANGED: "Group changed",
    Verb.CALENDAR_ADDED: "Work calendar added",
    Verb.CALENDAR_CHANGED: "Work calendar changed",
    Verb.CONNECTION_ADDED: "Connection added",
    Verb.CONNECTION_CHANGED: "Connection changed",
    Verb.ENTITY_ADDED: "Entity added",
    Verb.ENTITY_CHANGED: "Entity changed",
    Verb.DEPUTY_SET: "Deputy set",
    Verb.POLICY_PUBLISHED: "Deadline policy published",
    Verb.DEADLINE_AGREED: "Date agreed",
    Verb.MONTH_SET: "Reporting month set",
    Verb.NOTE_ADDED: "Note added",
    Verb.NOTE_EDITED: "Note edited",
    Verb.NOTE_WITHDRAWN: "Note withdrawn",
    Verb.OVERDUE_REASON_GIVEN: "Overdue reason given",
    Verb.CLOSE_EXPECTED: "Expected close given",
    Verb.TAKEN_OVER: "Taken over",
    Verb.SILENCE_CREATED: "Silenced",
    Verb.SILENCE_ENDED: "Silence ended",
    Verb.DESTINATION_ADDED: "Destination added",
    Verb.DESTINATION_CHANGED: "Destination changed",
    Verb.DESTINATION_SWITCHED_ON: "Destination switched on",
    Verb.DESTINATION_SWITCHED_OFF: "Destination switched off",
    Verb.DESTINATION_REMOVED: "Destination removed",
    Verb.DESTINATION_KEY_RENEWED: "Signing key renewed",
    Verb.ALERT_POLICY_CHANGED: "Alert rules changed",
    Verb.PREFERENCES_CHANGED: "Notifications changed",
    Verb.VIEW_SAVED: "View saved",
    Verb.VIEW_RENAMED: "View renamed",
    Verb.VIEW_DELETED: "View deleted",
    Verb.VIEW_RESTORED: "View restored",
    Verb.START_VIEW_SET: "Start page set",
    Verb.GROUP_FILE_LOADED: "Group file loaded",
    Verb.DEMO_LOADED: "Demo loaded",
    Verb.CONNECTION_READ: "Connection read by hand",
    Verb.EVALUATED: "Lateness evaluated by hand",
    Verb.NOTICES_DELETED: "Old notices deleted",
    Verb.SENDING_HELD: "Sending held",
    Verb.SENDING_RELEASED: "Sending released",
    Verb.SENDING_RETRIED: "Failed messages retried",
    Verb.PASSWORD_CHANGED: "Password changed",
    Verb.MIGRATED: "Database migrated",
    Verb.EVENTS_DROPPED: "Old events dropped",
}


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
    before and after are left out; an act that changes none of them
    and has no reason leaves no event.
    """
    if before is not None and after is not None:
        changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
        before = {key: value for key, value in before.items() if key in changed}
        after = {key: value for key, value in after.items() if key in changed}
        if not changed and not reason:
            return
    actor = person_actor(by) if by is not None else None
    record([Act(verb.value, target, at, actor, before, after, reason)])
