"""The policy in force for an entity: its own over its group's over those of the groups above (01-domain 1.4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import TypeVar

from django.db.models import Q

from closing.calendar.deadlines import CalendarDayRule, DayOfMonthRule, DeadlineRule, WorkdayRule
from closing.facts.base import FACT_KINDS, Options
from closing.judging.standing import JudgingPolicy, LatenessUnit
from entities.models import ancestor_paths
from periods.models import PolicyVersion

DEFAULT_JUDGING_POLICY = JudgingPolicy()


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """The policy in force for an entity, combined from all levels.

    `rule` is None if no level gives one; else `version_id`, `name` and `number` are those of the version with it.
    """

    rule: DeadlineRule | None = None
    cut_off: time | None = None
    version_id: int | None = None
    name: str = ""
    number: int | None = None
    judging: JudgingPolicy = DEFAULT_JUDGING_POLICY
    ledger_restricted_means_on_hold: bool = False
    overdue_reason_required: bool = False

    @property
    def fact_options(self) -> Options:
        """The options of kinds of facts that are switched on."""
        names = (name for facts in FACT_KINDS.values() for name in facts.options)
        return frozenset(name for name in names if getattr(self, name, False))


NO_POLICY = EffectivePolicy()


_T = TypeVar("_T")


def effective_policies(
    entities: Iterable[tuple[int, str]], *, as_of: datetime | None = None
) -> dict[int, EffectivePolicy]:
    """The policy in force per entity id, for pairs of entity id and group path; one query whatever their number.

    Of each policy the newest version counts; with `as_of` the newest one set by then, or the first one if none was
    set yet. Entities under the same policies share one value.
    """
    versions = PolicyVersion.objects.all()
    if as_of is not None:
        versions = versions.filter(Q(set_at__lte=as_of) | Q(number=1))
    newest = versions.order_by("policy_id", "-number").distinct("policy_id").select_related("policy__group")
    of_entity = {version.policy.entity_id: version for version in newest}
    of_group = {version.policy.group.path: version for version in newest if version.policy.group is not None}

    by_path: dict[str, EffectivePolicy] = {}
    effective: dict[int, EffectivePolicy] = {}
    for entity_id, path in entities:
        policy = by_path.get(path)
        if policy is None:
            policy = by_path[path] = combine_policies(
                of_group[above] for above in ancestor_paths(path) if above in of_group
            )
        own = of_entity.get(entity_id)
        effective[entity_id] = policy if own is None else _over(own, policy)
    return effective


def combine_policies(versions: Iterable[PolicyVersion]) -> EffectivePolicy:
    """Combine versions, the furthest above first; choices that none of them makes have the defaults of 01-domain."""
    policy = NO_POLICY
    for version in versions:
        policy = _over(version, policy)
    return policy


def build_rule(
    kind: str, n: int, *, first_is: int | None, n_quarter_end: int | None, n_year_end: int | None
) -> DeadlineRule:
    """The rule from a version's fields; raises ValueError for an unknown kind and for numbers that name no day."""
    match kind:
        case PolicyVersion.Rule.WORKDAY:
            return WorkdayRule(n, 1 if first_is is None else first_is, n_quarter_end, n_year_end)
        case PolicyVersion.Rule.CALENDAR_DAY:
            return CalendarDayRule(n, n_quarter_end, n_year_end)
        case PolicyVersion.Rule.DAY_OF_MONTH:
            return DayOfMonthRule(n)
    raise ValueError(f"there is no rule {kind!r}")


def _over(own: PolicyVersion, above: EffectivePolicy) -> EffectivePolicy:
    judging = JudgingPolicy(
        alert_after_days=_or(own.alert_after_days, above.judging.alert_after_days),
        unit=above.judging.unit if own.lateness_unit is None else LatenessUnit(own.lateness_unit),
        on_hold_counts_as_closed=_or(own.on_hold_counts_as_closed, above.judging.on_hold_counts_as_closed),
    )
    restricted = _or(own.ledger_restricted_means_on_hold, above.ledger_restricted_means_on_hold)
    required = _or(own.overdue_reason_required, above.overdue_reason_required)
    if own.rule is None or own.n is None:
        return replace(
            above,
            judging=judging,
            ledger_restricted_means_on_hold=restricted,
            overdue_reason_required=required,
        )
    rule = build_rule(
        own.rule, own.n, first_is=own.first_is, n_quarter_end=own.n_quarter_end, n_year_end=own.n_year_end
    )
    name, number = own.policy.name, own.number
    return EffectivePolicy(rule, own.cut_off, own.pk, name, number, judging, restricted, required)


def _or(own: _T | None, above: _T) -> _T:
    return above if own is None else own
