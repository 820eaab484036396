"""Checks the shapes, references and duplicates of a whole group file before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as PasswordRefused

from closing.calendar.date_phrases import month_and_year
from closing.calendar.months import month_end
from closing.facts.base import FACT_KINDS
from entities.calendars import holiday_category_problem, holiday_region_problem
from entities.models import WorkCalendar
from periods.group_file import shape
from periods.group_file.added_sections import AddedEntries, added_keys, added_sections, take_added
from periods.group_file.by_hand_items import month_problem, period_ends
from periods.group_file.file_entries import (
    ExistingRows,
    FileEntry,
    KnownNames,
    check_duplicates,
    entries_of,
    raw_sections,
)
from periods.group_file.policy_items import (
    policy_code,
    policy_owner,
    policy_version_fields,
)
from periods.group_file.tree import YamlTree

A_YEAR = 366


@dataclass(slots=True)
class CheckedFile:
    """The well-formed items of a file, a field for each section; groups are sorted parents first."""

    groups: list[FileEntry[shape.GroupItem]]
    calendars: list[FileEntry[shape.CalendarItem]]
    connections: list[FileEntry[shape.ConnectionItem]]
    people: list[FileEntry[shape.PersonItem]]
    entities: list[FileEntry[shape.EntityItem]]
    policies: list[FileEntry[shape.PolicyItem]]
    agreed_dates: list[FileEntry[shape.AgreedDateItem]]
    reporting_months: list[FileEntry[shape.ReportingMonthItem]]
    added: list[AddedEntries] = field(default_factory=list)


def check_group_file(tree: YamlTree, existing: ExistingRows, environ: Mapping[str, str]) -> CheckedFile:
    """Check the items of a file; problems are added to the tree, so look there before using the items."""
    own = [section.name for section in fields(CheckedFile) if section.name != "added"]
    raw = raw_sections(tree, [*own, *(section.key for section in added_sections() if not section.within)])
    added, more = take_added(tree, raw), added_keys()
    checked = CheckedFile(
        groups=entries_of(tree, raw["groups"], shape.GroupItem, more_keys=more.get("groups", ())),
        calendars=entries_of(tree, raw["calendars"], shape.CalendarItem),
        connections=entries_of(tree, raw["connections"], shape.ConnectionItem),
        people=entries_of(tree, raw["people"], shape.PersonItem, more_keys=more.get("people", ())),
        entities=entries_of(tree, raw["entities"], shape.EntityItem, more_keys=more.get("entities", ())),
        policies=entries_of(tree, raw["policies"], shape.PolicyItem),
        agreed_dates=entries_of(tree, raw["agreed_dates"], shape.AgreedDateItem),
        reporting_months=entries_of(tree, raw["reporting_months"], shape.ReportingMonthItem),
        added=added,
    )
    names = KnownNames(raw, existing)
    _check_groups(checked, names)
    _check_calendars(checked, existing)
    _check_connections(checked, existing, environ)
    _check_people(checked, names)
    _check_entities(checked, existing, names)
    _check_policies(checked, existing, names)
    _check_agreed_dates(checked, names)
    _check_reporting_months(checked, names)
    for section in added:
        section.section.writer.check(section.entries, names, existing)
    return checked


def _check_groups(checked: CheckedFile, names: KnownNames) -> None:
    check_duplicates(checked.groups, "group", lambda item: item.code)
    by_code = {entry.item.code: entry for entry in checked.groups}
    ordered: dict[str, FileEntry[shape.GroupItem]] = {}
    for entry in checked.groups:
        names.require(entry, "parent", kind="group")
        chain = []
        step: FileEntry[shape.GroupItem] | None = entry
        while step and step.item.code not in ordered and step not in chain:
            chain.append(step)
            step = by_code.get(step.item.parent or "")
        if step in chain:
            entry.refuse(f"group {entry.item.code} would stand below itself", "parent")
        for link in reversed(chain):
            ordered[link.item.code] = link
    checked.groups = list(ordered.values())


def _check_calendars(checked: CheckedFile, existing: ExistingRows) -> None:
    check_duplicates(checked.calendars, "calendar", lambda item: item.code)
    for entry in checked.calendars:
        item = entry.item
        if why := holiday_region_problem(item.country, item.subdivision):
            entry.refuse(why, "subdivision" if "subdivision" in why else "country")
        else:
            _check_categories(entry, existing.calendars.get(item.code))
        if len(set(item.weekend or [])) == 7:
            entry.refuse("a week needs at least one working day", "weekend")
        seen = set()
        for key in ("days_off", "working_days"):
            for at, day in enumerate(getattr(item, key)):
                if day.day in seen:
                    entry.refuse(f"{day.day} is listed twice in this calendar", key, at)
                seen.add(day.day)


def _check_categories(entry: FileEntry[shape.CalendarItem], old: WorkCalendar | None) -> None:
    """The categories that will count must be those of the country that will count, whichever of both is new."""
    item = entry.item
    country = old.country if old and not entry.has_key("country") else item.country
    chosen = entry.has_key("holiday_categories")
    categories = item.holiday_categories or [] if chosen or old is None else old.holiday_categories
    for at, category in enumerate(categories):
        if why := holiday_category_problem(country, category):
            entry.refuse(why, *(("holiday_categories", at) if chosen else ("country",)))


def _check_connections(checked: CheckedFile, existing: ExistingRows, environ: Mapping[str, str]) -> None:
    check_duplicates(checked.connections, "connection", lambda item: item.name.lower())
    for entry in checked.connections:
        item, old = entry.item, existing.connections.get(entry.item.name)
        if item.secret and item.secret_env:
            entry.refuse("give `secret` or `secret_env`, not both", "secret_env")
        elif item.secret_env and not environ.get(item.secret_env):
            entry.refuse(f"the environment variable {item.secret_env} is not set", "secret_env")
        elif old is None and not (item.secret or item.secret_env):
            entry.refuse(f"connection {item.name} is new and needs `secret_env` (or, in a demo, `secret`)")
        environment = old.environment if old and not entry.has_key("environment") else item.environment
        facts = FACT_KINDS[item.kind]
        if facts.environment_example and not environment:
            entry.refuse(f"{facts.label} needs `environment`, for example {facts.environment_example}")
        _check_journal_templates(entry)
        interval = old.interval_seconds if old and not entry.has_key("interval") else item.interval
        stale = old.stale_after_seconds if old and not entry.has_key("stale_after") else item.stale_after
        if not 5 <= interval <= 86_400:
            entry.refuse("`interval` must be between 5s and 24h", "interval")
        if stale < interval:
            entry.refuse("`stale_after` must not be shorter than `interval`", "stale_after")


def _check_journal_templates(entry: FileEntry[shape.ConnectionItem]) -> None:
    names, facts = entry.item.journal_templates, FACT_KINDS[entry.item.kind]
    most = facts.most_journal_templates
    if names and not most:
        entry.refuse(
            f"{facts.label} has no journal templates; leave `journal_templates` out", "journal_templates"
        )
    elif len(names) > most:
        words = f"`journal_templates`: at most {most} are read, {len(names)} are given"
        entry.refuse(words, "journal_templates")
    for at, name in enumerate(names):
        if name in names[:at]:
            entry.refuse(f"journal template {name} stands here twice", "journal_templates", at)


def _check_people(checked: CheckedFile, names: KnownNames) -> None:
    check_duplicates(checked.people, "person", lambda item: item.email)
    for entry in checked.people:
        if entry.item.password:
            try:
                validate_password(entry.item.password)
            except PasswordRefused as error:
                entry.refuse("`password`: " + " ".join(error.messages), "password")
        for at, role in enumerate(entry.item.roles):
            role_entry = FileEntry(role, (*entry.path, "roles", at), entry.tree)
            if (role.group is None) == (role.entity is None):
                role_entry.refuse("a role is held for a `group` or for an `entity`, for one of them")
            names.require(role_entry, "group", "entity")


def _check_entities(checked: CheckedFile, existing: ExistingRows, names: KnownNames) -> None:
    check_duplicates(checked.entities, "entity", lambda item: item.code)
    in_file = {entry.item.code for entry in checked.entities}
    held = {
        (row.connection.name, row.erp_id.lower()): code
        for code, row in existing.entities.items()
        if row.connection and code not in in_file
    }
    for entry in checked.entities:
        item, old = entry.item, existing.entities.get(entry.item.code)
        names.require(entry, "group", "calendar", "connection")
        names.require(entry, "owner", "deputy", kind="person")
        begins = old.active_from if old and not entry.has_key("active_from") else item.active_from
        ends = old.active_to if old and not entry.has_key("active_to") else item.active_to
        if begins and ends and ends < begins:
            entry.refuse(f"`active_to` {ends} lies before `active_from` {begins}", "active_to")
        source, erp_id = item.connection, item.erp_id
        if old and not entry.has_key("connection"):
            source = old.connection.name if old.connection else None
        if old and not entry.has_key("erp_id"):
            erp_id = old.erp_id
        if source and not erp_id:
            entry.refuse(f"{item.code} needs `erp_id`, its company's id in {source}", "connection")
        elif source and erp_id:
            other = held.setdefault((source, erp_id.lower()), item.code)
            if other != item.code:
                entry.refuse(f"{erp_id} of connection {source} is entity {other} already", "erp_id")


def _check_policies(checked: CheckedFile, existing: ExistingRows, names: KnownNames) -> None:
    check_duplicates(checked.policies, "the policy of", lambda item: " ".join(policy_owner(item)))
    check_duplicates(checked.policies, "policy", lambda item: item.code)
    taken = {row.code: owner for owner, row in existing.policies.items()}
    for entry in checked.policies:
        item = entry.item
        if (item.group is None) == (item.entity is None):
            entry.refuse("a policy is that of a `group` or of an `entity`, of one of them")
            continue
        names.require(entry, "group", "entity")
        owner, code = policy_owner(item), policy_code(item)
        if taken.get(code, owner) != owner and (entry.has_key("code") or owner not in existing.policies):
            entry.refuse(f"policy {code} is that of {' '.join(taken[code])}; take another code", "code")
        try:
            chosen = policy_version_fields(item)
        except ValueError as error:
            entry.refuse(str(error))
        else:
            if all(value is None for value in chosen.values()):
                entry.refuse("this policy is empty; give a rule or another setting")


def _check_agreed_dates(checked: CheckedFile, names: KnownNames) -> None:
    label = "the date agreed for"
    check_duplicates(checked.agreed_dates, label, lambda item: f"{item.entity}, {month_and_year(item.month)}")
    for entry in checked.agreed_dates:
        item = entry.item
        names.require(entry, "entity")
        if not item.month <= item.due_on or (item.due_on - month_end(item.month)).days > A_YEAR:
            month = month_and_year(item.month)
            entry.refuse(f"{item.due_on} is not within a year of {month}; is it mistyped?", "due_on")


def _check_reporting_months(checked: CheckedFile, names: KnownNames) -> None:
    entries = checked.reporting_months
    label = "the month of the period of"
    check_duplicates(entries, label, lambda item: f"{item.entity} that ends on {item.period_ends}")
    ends = period_ends({entry.item.entity for entry in entries})
    for entry in entries:
        names.require(entry, "entity")
        if problem := month_problem(entry.item, ends.get(entry.item.entity, ())):
            entry.refuse(problem, "period_ends")
