"""Which policy is in force for an entity: its own over its group's over the groups above (01-domain 1.4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from typing import NamedTuple, TypeVar

from django.db.models import Q

from closing.calendar.deadlines import CalendarDayRule, DayOfMonthRule, Rule, WorkdayRule
from closing.judging.standing import JudgePolicy, LatenessUnit
from entities.models import from_root
from periods.models import PolicyVersion

DEFAULTS = JudgePolicy()


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """What has been agreed for an entity, all levels laid over each other.

    `rule` is None where nobody has said one; else `version_id`, `name` and `number` tell which wording gave it.
    """

    rule: Rule | None = None
    cut_off: time | None = None
    version_id: int | None = None
    name: str = ""
    number: int | None = None
    judge: JudgePolicy = DEFAULTS
    ledger_restricted_means_on_hold: bool = False
    overdue_reason_required: bool = False


NOTHING_AGREED = EffectivePolicy()


class Wording(NamedTuple):
    """The fields of one policy version, in the order in which they are read."""

    version_id: int
    name: str
    number: int
    rule: str | None
    n: int | None
    n_quarter_end: int | None
    n_year_end: int | None
    first_is: int | None
    cut_off: time | None
    alert_after_days: int | None
    lateness_unit: str | None
    on_hold_counts_as_closed: bool | None
    ledger_restricted_means_on_hold: bool | None
    overdue_reason_required: bool | None


_FIELDS = ("id", "policy__name", *Wording._fields[2:])
_T = TypeVar("_T")


def effective_policies(
    entities: Iterable[tuple[int, str]], *, as_of: datetime | None = None
) -> dict[int, EffectivePolicy]:
    """The policy in force per entity id, for pairs of entity id and group path; one query whatever their number.

    Of each policy the newest version counts; with `as_of` the newest one set by then, or the first one where none
    was set yet. Entities that stand under the same policies share one value.
    """
    versions = PolicyVersion.objects.all()
    if as_of is not None:
        versions = versions.filter(Q(set_at__lte=as_of) | Q(number=1))
    newest = versions.order_by("policy_id", "-number").distinct("policy_id")
    of_entity: dict[int, Wording] = {}
    of_group: dict[str, Wording] = {}
    for entity_id, group_path, *fields in newest.values_list(
        "policy__entity_id", "policy__group__path", *_FIELDS
    ):
        if entity_id is None:
            of_group[group_path] = Wording(*fields)
        else:
            of_entity[entity_id] = Wording(*fields)

    by_path: dict[str, EffectivePolicy] = {}
    found: dict[int, EffectivePolicy] = {}
    for entity_id, path in entities:
        policy = by_path.get(path)
        if policy is None:
            policy = by_path[path] = stack(of_group[above] for above in from_root(path) if above in of_group)
        own = of_entity.get(entity_id)
        found[entity_id] = policy if own is None else _over(own, policy)
    return found


def stack(wordings: Iterable[Wording]) -> EffectivePolicy:
    """Lay wordings over each other, the furthest above first; what nobody says has the defaults of 01-domain."""
    policy = NOTHING_AGREED
    for wording in wordings:
        policy = _over(wording, policy)
    return policy


def rule_of(
    kind: str, n: int, *, first_is: int | None, n_quarter_end: int | None, n_year_end: int | None
) -> Rule:
    """The rule that a version's fields stand for; raises ValueError for numbers that name no day."""
    match kind:
        case PolicyVersion.Rule.WORKDAY:
            return WorkdayRule(n, 1 if first_is is None else first_is, n_quarter_end, n_year_end)
        case PolicyVersion.Rule.CALENDAR_DAY:
            return CalendarDayRule(n, n_quarter_end, n_year_end)
        case PolicyVersion.Rule.DAY_OF_MONTH:
            return DayOfMonthRule(n)
    raise ValueError(f"no rule is called {kind!r}")


def _over(own: Wording, above: EffectivePolicy) -> EffectivePolicy:
    judge = JudgePolicy(
        alert_after_days=_or(own.alert_after_days, above.judge.alert_after_days),
        unit=above.judge.unit if own.lateness_unit is None else LatenessUnit(own.lateness_unit),
        on_hold_counts_as_closed=_or(own.on_hold_counts_as_closed, above.judge.on_hold_counts_as_closed),
    )
    beside = (
        _or(own.ledger_restricted_means_on_hold, above.ledger_restricted_means_on_hold),
        _or(own.overdue_reason_required, above.overdue_reason_required),
    )
    if own.rule is None or own.n is None:
        return EffectivePolicy(
            above.rule, above.cut_off, above.version_id, above.name, above.number, judge, *beside
        )
    rule = rule_of(
        own.rule, own.n, first_is=own.first_is, n_quarter_end=own.n_quarter_end, n_year_end=own.n_year_end
    )
    return EffectivePolicy(rule, own.cut_off, own.version_id, own.name, own.number, judge, *beside)


def _or(own: _T | None, above: _T) -> _T:
    return above if own is None else own
