"""The policies of a group file: their owners, version fields, and phrases."""

from __future__ import annotations

from typing import Any

from closing.calendar.deadlines import ordinal
from periods.group_file import shape
from periods.group_file.diff import format_value
from periods.group_file.shape import (
    LATENESS_UNITS,
)
from periods.models import DeadlinePolicy, PolicyVersion
from periods.policies import build_rule

PolicyOwner = tuple[str, str]  # ("group" or "entity", code)
# The choices beside rule and number: fields of PolicyVersion, each with its key in the file.
_KEYS = {
    "n_quarter_end": "quarter_end",
    "n_year_end": "year_end",
    "first_is": "first_working_day_is",
    "cut_off": "cut_off",
    "alert_after_days": "alert_after_days",
    "lateness_unit": "days",
    "on_hold_counts_as_closed": "on_hold_counts_as_closed",
    "ledger_restricted_means_on_hold": "ledger_restricted_means_on_hold",
    "overdue_reason_required": "overdue_reason_required",
}


def policy_owner(item: shape.PolicyItem) -> PolicyOwner:
    """The owner of the policy that an item describes."""
    return ("group", item.group) if item.group else ("entity", item.entity or "")


def owner_of(policy: DeadlinePolicy) -> PolicyOwner:
    """The owner of a policy."""
    if policy.group is not None:
        return ("group", policy.group.code)
    return ("entity", policy.entity.code if policy.entity else "")


def policy_version_fields(item: shape.PolicyItem) -> dict[str, Any]:
    """The fields of a PolicyVersion from an item; raises ValueError for an impossible rule."""
    rules = {
        PolicyVersion.Rule.WORKDAY: item.working_day,
        PolicyVersion.Rule.CALENDAR_DAY: item.calendar_days,
        PolicyVersion.Rule.DAY_OF_MONTH: item.day_of_month,
    }
    given: list[tuple[str, int]] = [(kind.value, n) for kind, n in rules.items() if n is not None]
    given += [item.rule] if item.rule else []
    details = [item.quarter_end, item.year_end, item.first_working_day_is, item.cut_off]
    if len(given) > 1:
        raise ValueError("give one rule: `rule`, `working_day`, `calendar_days` or `day_of_month`")
    if not given and any(detail is not None for detail in details):
        raise ValueError(
            "`quarter_end`, `year_end`, `first_working_day_is` and `cut_off` belong to a rule; give one beside them"
        )
    kind, n = given[0] if given else (None, None)
    if kind != PolicyVersion.Rule.WORKDAY and item.first_working_day_is is not None:
        raise ValueError("`first_working_day_is` belongs to a rule that counts working days")
    if kind == PolicyVersion.Rule.DAY_OF_MONTH and (
        item.quarter_end is not None or item.year_end is not None
    ):
        raise ValueError("a fixed day of the month cannot have other numbers for quarter and year ends")
    fields = {"rule": kind, "n": n} | {field: getattr(item, key) for field, key in _KEYS.items()}
    if kind == PolicyVersion.Rule.WORKDAY and item.first_working_day_is is None:
        fields["first_is"] = 1
    if kind is not None and n is not None:
        numbers = {name: fields[name] for name in ("first_is", "n_quarter_end", "n_year_end")}
        build_rule(kind, n, **numbers)
    return fields


def policy_code(item: shape.PolicyItem) -> str:
    """The code of a policy: its own, or one made from its owner."""
    kind, code = policy_owner(item)
    return item.code or f"{kind.upper()}-{code}"[:40]


def policy_choices(version: PolicyVersion) -> dict[str, str]:
    """The choices of a version by the keys of the file; "inherited" where it leaves one to the policy above."""
    units = {unit: word for word, unit in LATENESS_UNITS.items()}
    values = {key: getattr(version, field) for field, key in _KEYS.items()}
    values["days"] = units.get(version.lateness_unit or "")
    choices = {key: "inherited" if value is None else format_value(value) for key, value in values.items()}
    return {"rule": rule_phrase(version)} | choices


def rule_phrase(version: PolicyVersion) -> str:
    match version.rule:
        case PolicyVersion.Rule.WORKDAY:
            return f"{ordinal(version.n or 0)} working day"
        case PolicyVersion.Rule.CALENDAR_DAY:
            return f"{version.n} calendar days"
        case PolicyVersion.Rule.DAY_OF_MONTH:
            return f"{ordinal(version.n or 0)} of the month"
    return "inherited"
