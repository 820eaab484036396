"""Weighs a fact: the level of a blocker and its because, by the rows of chapter 4 (08-blockers-and-tasks)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from closing.blockers import blocker_phrases as phrases
from closing.blockers.blocker_facts import CANNOT_COMPARE, BlockerFact
from closing.blockers.blocker_kinds import KINDS, BlockerKind, CountedUnit, excluded_because, noun, shown_as
from closing.blockers.blocker_phrases import EntityNames
from closing.blockers.blocker_policy import BlockerPolicy, KindTracking, WeighedPeriod
from closing.blockers.carried import CarriedMark, CarriedUnits, carried_of, carried_phrases
from closing.blockers.entity_profile import EntityProfile
from closing.blockers.intercompany import is_over_tolerance
from closing.calendar.instants import local_date, zone_named
from closing.judging.states import PeriodState

NOT_NEEDED = "not applicable: not needed by policy"
POLICY_NOT_UNDERSTOOD = "the policy for {} is not understood by this Closeboard"


class BlockerLevel(StrEnum):
    """How much a blocker stands in the way; NOT_READABLE is never CLEAR."""

    CLEAR = "clear"
    NOTE = "note"
    WARNING = "warning"
    NOT_READABLE = "not_readable"


@dataclass(frozen=True, slots=True)
class Blocker:
    """The judgement of a fact: its level, the because, and a short phrase for the board.

    `count` and `amount` are without the `carried` units, which are carried on purpose; None if not readable.
    `rule` is the row of chapter 4 that decided. Neither text holds an age: equal blockers look the same.
    """

    kind: BlockerKind
    part: str
    unit: CountedUnit
    level: BlockerLevel
    because: str
    short: str
    rule: int
    count: int | None
    at_least: bool = False
    amount: Decimal | None = None
    currency: str | None = None
    carried: int = 0
    undated: bool = False

    @property
    def applies(self) -> bool:
        """Whether the kind applies to the entity, by profile and policy."""
        return self.rule != _NOT_APPLICABLE

    @property
    def left_behind(self) -> bool:
        """Whether the work is left behind in a period in which nobody can post any more (row 6)."""
        return self.rule == _LEFT_BEHIND

    @property
    def entity_page_only(self) -> bool:
        """Whether only the page of the entity shows it: of a running period, undated, or a signal."""
        return self.undated or self.rule == _RUNNING or self.kind is BlockerKind.ACCRUAL_REVERSALS

    @property
    def partly_covered(self) -> bool:
        """Whether nothing was seen by a source that does not show all (row 3)."""
        return self.rule == _NONE_SEEN


_NOT_APPLICABLE, _UNREAD, _NONE_SEEN, _NONE_LEFT, _RUNNING, _LEFT_BEHIND = range(1, 7)
_LINES, _DOCUMENTS, _DOUBT, _IMBALANCE, _USUAL_ACCRUALS, _MANY_ACCRUALS, _INVENTORY, _ELSE = range(7, 15)
# Approved or not, nobody can post lines that are left behind; and nothing can stand apart from none.
_WITHOUT_APART = frozenset({_NONE_SEEN, _NONE_LEFT, _LEFT_BEHIND})
_Found = tuple[int, BlockerLevel, str]


@dataclass(frozen=True, slots=True)
class _Case:
    """A readable fact of a kind that applies, with the rest of its count."""

    fact: BlockerFact
    count: int
    carried: CarriedUnits
    period: WeighedPeriod | None
    policy: BlockerPolicy
    names: EntityNames
    near: bool
    due: bool
    ended: bool

    @property
    def many_lines(self) -> int | None:
        """The limit of unposted lines where it is passed."""
        above = self.policy.unposted_warn_above
        return above if self.fact.kind is BlockerKind.UNPOSTED_JOURNALS and self.count > above else None


def weigh(
    fact: BlockerFact,
    period: WeighedPeriod | None,
    policy: BlockerPolicy,
    profile: EntityProfile,
    *,
    near: bool,
    due: bool,
    as_of: datetime,
    source: str = "The source",
    marks: Iterable[CarriedMark] = (),
    names: EntityNames | None = None,
    viewer: str = "",
) -> Blocker | None:
    """Weigh a fact at a moment; None for a kind that is not tracked. The first row of chapter 4 that fits decides.

    `period` is None for an undated fact. `near`: the deadline is near (`is_near`), of counterparties either. `due`: a
    task whose ERP check names the kind and part is due today or past due, of counterparties for either. `source` is
    the name of the ERP, `marks` are those of the fact's key, `names` has the names of entities by code, `viewer` is
    the code of the entity on whose row the blocker stands. Days are those of the period's zone, else of UTC.
    """
    names = names or {}
    tracking = policy.tracks(fact.kind)
    if tracking is KindTracking.NOT_TRACKED:
        return None
    excluded = excluded_because(profile, fact.kind, fact.part)
    if tracking is KindTracking.NO or excluded:
        because = excluded or NOT_NEEDED
        found = _NOT_APPLICABLE, BlockerLevel.CLEAR, because
        return _blocker(fact, found, because, count=0, undated=period is None)
    if fact.count is None or fact.kind in policy.not_understood:
        because = phrases.not_readable(fact, source, names)
        if fact.count is not None:
            because = POLICY_NOT_UNDERSTOOD.format(shown_as(fact.kind))
        found = _UNREAD, BlockerLevel.NOT_READABLE, because
        short = f"{shown_as(fact.kind, fact.part)} not readable"
        if fact.counterparties is not None:
            short = f"{phrases.with_counterparty(fact, names, viewer)} not readable"
        return _blocker(fact, found, short, count=None, undated=period is None)
    today = local_date(as_of, zone_named(period.zone)) if period is not None else as_of.astimezone(UTC).date()
    carried = carried_of(fact, marks, today)
    case = _Case(
        fact,
        count=0 if _is_within_tolerance(fact, policy) else fact.count - carried.units,
        carried=carried,
        period=period,
        policy=policy,
        names=names,
        near=near,
        due=due,
        ended=period is not None and today > period.span.last,
    )
    rule, level, because = _first_row(case)
    beside = phrases.apart_phrases(fact) if rule not in _WITHOUT_APART else []
    beside = [*beside, *carried_phrases(carried, more=case.count > 0)]
    found = rule, level, "; ".join([because, *beside])
    amount = fact.amount - carried.amount if fact.amount is not None else None
    short = _short(case, rule, because, viewer)
    blocker = _blocker(fact, found, short, count=case.count, undated=period is None)
    return replace(blocker, amount=amount, carried=carried.units)


def _blocker(fact: BlockerFact, found: _Found, short: str, *, count: int | None, undated: bool) -> Blocker:
    rule, level, because = found
    at_least = fact.at_least and rule > _UNREAD
    return Blocker(
        fact.kind,
        fact.part,
        fact.unit,
        level,
        because,
        short,
        rule,
        count,
        at_least,
        currency=fact.currency,
        undated=undated,
    )


def _is_within_tolerance(fact: BlockerFact, policy: BlockerPolicy) -> bool:
    """Whether counterparties were compared and are near enough."""
    compared = fact.kind is BlockerKind.INTERCOMPANY_IMBALANCE and fact.doubt not in CANNOT_COMPARE
    return compared and fact.amount is not None and not is_over_tolerance(fact, policy.tolerance)


def _first_row(case: _Case) -> _Found:
    """Rows 3 to 6, which concern every kind, then those of single kinds."""
    fact, period = case.fact, case.period
    if case.count == 0:
        return _nothing_left(case)
    if period is None:
        return _ELSE, BlockerLevel.NOTE, phrases.remaining(fact, case.count, None)
    if not case.ended:
        return _RUNNING, BlockerLevel.NOTE, _so_far(case)
    if KINDS[fact.kind].left_behind and (period.state is PeriodState.CLOSED or period.held):
        because = phrases.left_behind(fact, case.count, period, above=case.many_lines)
        return _LEFT_BEHIND, BlockerLevel.WARNING, because
    return _row_of_kind(case, period)


def _nothing_left(case: _Case) -> _Found:
    fact = case.fact
    if fact.at_least:
        return _NONE_SEEN, BlockerLevel.NOTE, phrases.none_seen(fact, carried=case.carried.units > 0)
    warnings = fact.apart.get(phrases.LOG_WARNINGS, 0)
    if fact.kind is BlockerKind.INVENTORY_NOT_CLOSED and warnings and not case.carried.units:
        return _NONE_LEFT, BlockerLevel.NOTE, phrases.log_warnings(warnings)
    if case.carried.units:
        return _NONE_LEFT, BlockerLevel.CLEAR, phrases.NONE_LEFT
    return _NONE_LEFT, BlockerLevel.CLEAR, phrases.none_left(fact, case.policy)


def _so_far(case: _Case) -> str:
    if case.fact.kind is not BlockerKind.INTERCOMPANY_IMBALANCE:
        return phrases.remaining(case.fact, case.count, case.period, so_far=True)
    return _imbalance(case)


def _imbalance(case: _Case) -> str:
    if case.fact.doubt in CANNOT_COMPARE:
        return phrases.cannot_compare(case.fact, case.names)
    return phrases.out_of_step(case.fact, case.policy, case.names)


def _row_of_kind(case: _Case, period: WeighedPeriod) -> _Found:
    """Rows 7 to 14; rows 7, 8, 10 and 13 have the same words as notes until something is near or due."""
    fact = case.fact
    left = phrases.remaining(fact, case.count, period)
    near_or_due = BlockerLevel.WARNING if case.near or case.due else BlockerLevel.NOTE
    match fact.kind:
        case BlockerKind.UNPOSTED_JOURNALS if case.many_lines is not None:
            return _LINES, near_or_due, f"{left}, above {case.many_lines:,}"
        case BlockerKind.UNPOSTED_DOCUMENTS | BlockerKind.RECURRING_DUE:
            level = BlockerLevel.WARNING if case.near else BlockerLevel.NOTE
            return _DOCUMENTS, level, left + phrases.due(period)
        case BlockerKind.INTERCOMPANY_IMBALANCE if fact.doubt in CANNOT_COMPARE:
            return _DOUBT, BlockerLevel.NOTE, _imbalance(case)
        case BlockerKind.INTERCOMPANY_IMBALANCE:
            return _IMBALANCE, near_or_due, _imbalance(case)
        case BlockerKind.ACCRUAL_REVERSALS if case.count <= case.policy.accruals_warn_above:
            return _USUAL_ACCRUALS, BlockerLevel.CLEAR, left
        case BlockerKind.ACCRUAL_REVERSALS:
            return _MANY_ACCRUALS, BlockerLevel.NOTE, f"{left}: unusually many"
        case BlockerKind.INVENTORY_NOT_CLOSED:
            return _INVENTORY, near_or_due, left
    return _ELSE, BlockerLevel.NOTE, left


def _short(case: _Case, rule: int, because: str, viewer: str) -> str:
    """The phrase for the narrow column of the board: "61 lines not posted", "inventory close missing"."""
    fact = case.fact
    if rule == _NONE_SEEN:
        return f"{shown_as(fact.kind, fact.part)}: none seen"
    if case.count == 0:
        return because
    if fact.kind is BlockerKind.INTERCOMPANY_IMBALANCE:
        pair = phrases.with_counterparty(fact, case.names, viewer)
        if fact.doubt in CANNOT_COMPARE or fact.amount is None:
            return f"{pair} not comparable" if fact.doubt else f"{pair} out of step"
        return f"{pair} {phrases.money(fact.amount, fact.currency)}"
    if fact.kind is BlockerKind.INVENTORY_NOT_CLOSED:
        return "inventory close missing"
    if fact.kind is BlockerKind.LATE_INVOICES:
        at_least = "at least " if fact.at_least else ""
        return f"{at_least}{case.count:,} late {noun(fact.kind, fact.part, fact.unit, case.count)}"
    left = phrases.remaining(fact, case.count, case.period)
    return left.replace(KINDS[fact.kind].ending, "left behind") if rule == _LEFT_BEHIND else left


def is_revalued(revaluation: Blocker | None, *, task_done: bool) -> bool:
    """Whether an entity's exchange rate revaluation is shown done: by its task, or by a clear `revaluation_not_run`.

    An entity whose profile or policy needs none is clear. None (not tracked) shows nothing.
    """
    return task_done or (revaluation is not None and revaluation.level is BlockerLevel.CLEAR)


def without_counterparty(blocker: Blocker) -> Blocker:
    """A blocker of counterparties for a reader who may not see both: its level, without names, codes and amounts."""
    because = "intercompany with an entity that you may not see"
    return replace(blocker, part="", because=because, short=because, amount=None, currency=None)
