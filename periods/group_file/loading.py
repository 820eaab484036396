"""Loads a group file: writes what differs from the database, all or nothing, and returns the changes."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Model

from closing.calendar.date_phrases import full_date, month_and_year
from entities.audit_trail import (
    Verb,
    connection_object,
    entity_object,
    group_object,
    person_object,
    record_act,
    scope_of,
)
from entities.group_tree import InvalidGroup, save_group
from entities.models import Connection, Group, LegalEntity, Membership, Person, WorkCalendar
from infra.audit.recording import INSTALLATION, AuditedObject, record
from infra.secrets import SecretUnreadable
from periods.deadline_setting import lock_deadlines, set_deadlines
from periods.group_file.by_hand_items import DeadlinesInForce, write_months
from periods.group_file.calendar_items import calendar_advice, write_calendar
from periods.group_file.checking import CheckedFile, check_group_file
from periods.group_file.diff import (
    FieldChange,
    FieldValue,
    GroupFileDiff,
    changed_values,
    format_duration,
    recorded_fields,
    set_fields,
)
from periods.group_file.file_entries import ExistingRows, FileEntry
from periods.group_file.policy_items import (
    owner_of,
    policy_choices,
    policy_code,
    policy_owner,
    policy_version_fields,
)
from periods.group_file.shape import (
    ConnectionItem,
    EntityItem,
    PersonItem,
    PolicyItem,
)
from periods.group_file.tree import InvalidGroupFile, read_tree
from periods.models import AgreedDate, DeadlinePolicy, PolicyVersion


def load_group(
    text: str, *, as_of: datetime, environ: Mapping[str, str], dry_run: bool = False
) -> GroupFileDiff:
    """Write the contents of a file, all or nothing; `dry_run` writes nothing and returns the same GroupFileDiff.

    Rows that are not in the file are left alone and listed. A changed policy gets a new version, set at `as_of`, and
    the deadlines of the periods are set again unless they are past. Raises InvalidGroupFile with every problem of the
    file and its line.
    """
    tree = read_tree(text, environ)
    with transaction.atomic():
        lock_deadlines()  # also keeps two loads apart
        existing = _read_existing()
        checked = check_group_file(tree, existing, environ)
        if tree.problems:
            raise InvalidGroupFile(tree.problems)
        diff = _Loading(existing, checked, environ, GroupFileDiff(as_of)).run()
        if tree.problems:
            raise InvalidGroupFile(tree.problems)
        # Also where the file changes nothing: the holidays library may know more than when they were set.
        deadlines = set_deadlines(None, as_of)
        if deadlines.rows:
            periods = "period" if deadlines.rows == 1 else "periods"
            diff.notes.append(f"New deadlines for {deadlines.rows} {periods}.")
        if diff.has_changes:
            diff.notes += deadlines.warnings
        if dry_run:
            transaction.set_rollback(True)
            return diff
        record(diff.acts)
        if diff.has_changes or deadlines.rows:
            counts = {"added": diff.added, "changed": diff.changed, "deadlines": deadlines.rows}
            record_act(Verb.GROUP_FILE_LOADED, INSTALLATION, at=as_of, after=counts)
    return diff


def _read_existing() -> ExistingRows:
    """The rows that the file may describe, in one query per kind."""
    agreed = AgreedDate.objects.select_related("entity").order_by("set_at", "id")
    return ExistingRows(
        groups={row.code: row for row in Group.objects.select_related("parent")},
        calendars={row.code: row for row in WorkCalendar.objects.all()},
        connections={row.name: row for row in Connection.objects.all()},
        people={row.email: row for row in Person.objects.all()},
        entities={
            row.code: row
            for row in LegalEntity.objects.select_related(
                "group", "calendar", "owner", "deputy", "connection"
            ).order_by("code")
        },
        policies={owner_of(row): row for row in DeadlinePolicy.objects.select_related("group", "entity")},
        agreed={(row.entity.code, row.reporting_month): row for row in agreed},
    )


@dataclass
class _Loading:
    """One run; updates the rows by name while it writes the sections, those that others refer to first."""

    rows: ExistingRows
    file: CheckedFile
    environ: Mapping[str, str]
    diff: GroupFileDiff

    def run(self) -> GroupFileDiff:
        self._list_rows_not_in_file()
        if not self._groups():
            return self.diff
        for calendar in self.file.calendars:
            code = calendar.item.code
            self.rows.calendars[code] = write_calendar(calendar, self.rows.calendars.get(code), self.diff)
        for source in self.file.connections:
            self._connection(source)
        for person in self.file.people:
            self._person(person)
        self._entities()
        self._roles()
        for policy in self.file.policies:
            self._policy(policy)
        self._agreed_dates()
        write_months([entry.item for entry in self.file.reporting_months], self.rows.entities, self.diff)
        for added in self.file.added:
            added.section.writer.write(added.entries, self.rows, self.diff)
        if self.diff.has_changes:
            calendars = [self.rows.calendars[calendar.item.code] for calendar in self.file.calendars]
            self.diff.notes += calendar_advice(calendars, self.diff.as_of.date())
        return self.diff

    def _list_rows_not_in_file(self) -> None:
        file, rows, listed = self.file, self.rows, self.diff.not_in_file
        names: dict[str, tuple[Set[str], Set[str]]] = {
            "group": (rows.groups.keys(), {entry.item.code for entry in file.groups}),
            "calendar": (rows.calendars.keys(), {entry.item.code for entry in file.calendars}),
            "connection": (rows.connections.keys(), {entry.item.name for entry in file.connections}),
            "person": (rows.people.keys(), {entry.item.email for entry in file.people}),
            "entity": (rows.entities.keys(), {entry.item.code for entry in file.entities}),
        }
        for kind, (stored, in_file) in names.items():
            listed += [f"{kind} {name}" for name in sorted(stored - in_file)]
        owners = {policy_owner(entry.item) for entry in file.policies}
        listed += [f"the policy of {' '.join(owner)}" for owner in sorted(rows.policies.keys() - owners)]
        agreed = {(entry.item.entity, entry.item.month) for entry in file.agreed_dates}
        listed += [
            f"the date agreed for {code}, {month_and_year(month)}"
            for code, month in sorted(rows.agreed.keys() - agreed)
        ]

    def _groups(self) -> bool:
        """Write the groups; False if one of them cannot stand where the file puts it."""
        refused = False
        for entry in self.file.groups:
            item, old = entry.item, self.rows.groups.get(entry.item.code)
            label, now = f"group {item.code}", {"parent": item.parent, "name": item.name}
            before = {"parent": old.parent.code if old.parent else None, "name": old.name} if old else {}
            if old and before == now:
                self.diff.change(label, [], Verb.GROUP_CHANGED, group_object(old))
                continue
            try:
                row = save_group(item.code, item.name, self.rows.groups[item.parent] if item.parent else None)
            except InvalidGroup as error:
                entry.refuse(str(error), "parent")
                refused = True
                continue
            self.rows.groups[item.code] = row
            if old is None:
                label += f": {item.name}" + (f", below {item.parent}" if item.parent else "")
                self.diff.add(label, Verb.GROUP_ADDED, group_object(row), now)
            else:
                self.diff.change(label, changed_values(before, now), Verb.GROUP_CHANGED, group_object(row))
        # A group that moved took those below it along.
        paths = dict(Group.objects.values_list("code", "path"))
        for code, group in self.rows.groups.items():
            group.path = paths.get(code, group.path)
        return not refused

    def _connection(self, entry: FileEntry[ConnectionItem]) -> None:
        item, old = entry.item, self.rows.connections.get(entry.item.name)
        row = old or Connection(name=item.name)
        fields = entry.given("kind", "base_url", "tenant", "client_id", "authority", "paused", "environment")
        fields += entry.given("journal_templates")
        fields += [
            FieldValue(key, f"{key}_seconds", getattr(item, key), format_duration)
            for key in ("interval", "stale_after")
            if entry.has_key(key)
        ]
        changes = set_fields(row, fields)
        secret = self.environ[item.secret_env] if item.secret_env else item.secret
        if secret and (old is None or not _holds(row, secret)):
            row.secret = secret
            changes.append(FieldChange("secret", None, "changed", "secret: changed (not shown)"))
        if changes or old is None:
            row.save()
        self.rows.connections[item.name] = row
        if old is None:
            label = f"connection {item.name}: {row.kind_label}, {item.base_url}"
            values = recorded_fields(fields) | ({"secret": "changed"} if secret else {})
            self.diff.add(label, Verb.CONNECTION_ADDED, connection_object(row), values)
        else:
            self.diff.change(
                f"connection {item.name}", changes, Verb.CONNECTION_CHANGED, connection_object(row)
            )

    def _person(self, entry: FileEntry[PersonItem]) -> None:
        item, row = entry.item, self.rows.people.get(entry.item.email)
        if row is None:
            row = Person.objects.create_user(item.email, item.password, name=item.name, zone=item.zone)
            self.rows.people[item.email] = row
            suffix = "with a password" if item.password else "without a password yet"
            values = {"email": row.email, "name": item.name, "zone": item.zone}
            values |= {"password": "changed"} if item.password else {}
            self.diff.add(
                f"person {item.email}: {item.name}, {suffix}", Verb.PERSON_ADDED, person_object(row), values
            )
            return
        # A password is set once: loading the file again must not undo what the person has chosen since.
        changes = set_fields(row, entry.given("name", "zone"))
        if changes:
            row.save()
        self.diff.change(f"person {item.email}", changes, Verb.PERSON_CHANGED, person_object(row))

    def _entities(self) -> None:
        to_save: list[tuple[LegalEntity, list[FieldChange], dict[str, object]]] = []
        moved: list[LegalEntity] = []
        for entry in self.file.entities:
            old = self.rows.entities.get(entry.item.code)
            row = old or LegalEntity(code=entry.item.code)
            source = (row.connection_id, row.erp_id.lower())
            fields = self._entity_fields(entry)
            changes = set_fields(row, fields)
            if old and source != (row.connection_id, row.erp_id.lower()):
                moved.append(row)
                row.erp_identity = ""  # another company or connection: the next read pins its id
            row.group = self.rows.groups[entry.item.group]  # with the path of now
            to_save.append((row, changes, {} if old else recorded_fields(fields)))
        # Two entities may have swapped their companies: free them all before any takes another.
        LegalEntity.objects.filter(pk__in=[row.pk for row in moved]).update(connection=None)
        new = [row for row, _, values in to_save if values]
        LegalEntity.objects.bulk_create(new, batch_size=1000)
        for row, changes, values in to_save:
            self.rows.entities[row.code] = row
            if values:
                label = f"entity {row.code}: {row.name}, in {row.group.code}"
                self.diff.add(label, Verb.ENTITY_ADDED, entity_object(row), values)
                continue
            if changes:
                row.save()
            self.diff.change(f"entity {row.code}", changes, Verb.ENTITY_CHANGED, entity_object(row))

    def _entity_fields(self, entry: FileEntry[EntityItem]) -> list[FieldValue]:
        rows = self.rows
        fields = entry.given("name", "country", "zone")
        referred: dict[str, tuple[Mapping[str, Model], str]] = {
            "group": (rows.groups, "code"),
            "calendar": (rows.calendars, "code"),
            "owner": (rows.people, "email"),
            "deputy": (rows.people, "email"),
            "connection": (rows.connections, "name"),
        }
        for key, (of_kind, named) in referred.items():
            if entry.has_key(key):
                name = getattr(entry.item, key)
                show = partial(_name_of, named)
                fields.append(FieldValue(key, key, of_kind[name] if name else None, show))
        return fields + entry.given("erp_id", "active_from", "active_to", "year_end_month")

    def _roles(self) -> None:
        rows = Membership.objects.order_by("id").values_list(
            "person__email", "role", "group__code", "entity__code"
        )
        held = dict.fromkeys((email, role, group or "", entity or "") for email, role, group, entity in rows)
        wanted = dict.fromkeys(
            (entry.item.email, role.role, role.group or "", role.entity or "")
            for entry in self.file.people
            for role in entry.item.roles
        )
        for role_key in wanted:
            if role_key in held:
                self.diff.unchanged += 1
                continue
            email, role, group_code, entity_code = role_key
            person = self.rows.people[email]
            group = self.rows.groups[group_code] if group_code else None
            entity = self.rows.entities[entity_code] if entity_code else None
            Membership.objects.create(person=person, role=role, group=group, entity=entity)
            target = replace(person_object(person), scope=scope_of(group or entity))
            values = {"role": role, "group": group_code or None, "entity": entity_code or None}
            self.diff.add(_role_phrase(*role_key), Verb.ROLE_GIVEN, target, values)
        in_file = {entry.item.email for entry in self.file.people}
        self.diff.not_in_file += [
            _role_phrase(*role_key) for role_key in held if role_key not in wanted and role_key[0] in in_file
        ]

    def _policy(self, entry: FileEntry[PolicyItem]) -> None:
        item, owner = entry.item, policy_owner(entry.item)
        old = self.rows.policies.get(owner)
        owner_row = self.rows.groups[owner[1]] if owner[0] == "group" else self.rows.entities[owner[1]]
        row = old or DeadlinePolicy(
            code=policy_code(item), name=item.name or f"{owner_row.name} close", **{owner[0]: owner_row}
        )
        fields = [FieldValue(key, key, getattr(item, key)) for key in ("code", "name") if getattr(item, key)]
        changes = set_fields(row, fields)
        if changes or old is None:
            row.save()
        newest = row.versions.order_by("-number").first() if old else None
        version_fields = policy_version_fields(item)
        version = PolicyVersion(
            policy=row, number=newest.number + 1 if newest else 1, set_at=self.diff.as_of, **version_fields
        )
        if newest is None or any(getattr(newest, name) != value for name, value in version_fields.items()):
            version.save()
            if newest:
                line = f"version {version.number}"
                changes.append(FieldChange("version", newest.number, version.number, line))
                changes += changed_values(policy_choices(newest), policy_choices(version))
        target = AuditedObject("policy", row.code, row.name, scope_of(owner_row))
        label = f"policy {row.name} of {' '.join(owner)}"
        if old is None:
            choices = [
                f"{key} {text}" if key != "rule" else text
                for key, text in policy_choices(version).items()
                if text != "inherited"
            ]
            label += f": {', '.join(choices)}"
            self.diff.add(label, Verb.POLICY_PUBLISHED, target, policy_choices(version))
        else:
            self.diff.change(label, changes, Verb.POLICY_PUBLISHED, target)

    def _agreed_dates(self) -> None:
        in_force = DeadlinesInForce((entry.item for entry in self.file.agreed_dates), self.diff.as_of)
        for entry in self.file.agreed_dates:
            item = entry.item
            old = self.rows.agreed.get((item.entity, item.month))
            values = {key: getattr(item, key) for key in ("due_on", "cut_off", "reason", "agreed_by")}
            changes = changed_values({key: getattr(old, key) for key in values}, values) if old else []
            label = f"date agreed for {item.entity}, {month_and_year(item.month)}"
            entity = self.rows.entities[item.entity]
            if changes or old is None:
                if problem := in_force.problem(item, entity):
                    key, words = problem
                    entry.refuse(words, key)
                if note := in_force.note(item):
                    self.diff.notes.append(note)
                # The newest counts; earlier agreements stay.
                AgreedDate.objects.create(
                    entity=entity,
                    reporting_month=item.month,
                    set_at=self.diff.as_of,
                    **values,
                )
            target = entity_object(entity)
            if old is None:
                line = f"{label}: {full_date(item.due_on)}, by {item.agreed_by} ({item.reason})"
                self.diff.add(
                    line, Verb.DEADLINE_AGREED, target, {"month": item.month, **values}, item.reason
                )
            else:
                self.diff.change(label, changes, Verb.DEADLINE_AGREED, target, item.reason)


def _name_of(attribute: str, row: Model | None) -> str:
    return getattr(row, attribute, "nothing")


def _holds(row: Connection, secret: str) -> bool:
    try:
        return row.secret == secret
    except SecretUnreadable:
        return False


def _role_phrase(email: str, role: str, group: str, entity: str) -> str:
    return f"role {role} of {email} for {f'group {group}' if group else f'entity {entity}'}"
