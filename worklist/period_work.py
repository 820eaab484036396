"""All unfinished work of one period as known at a moment, each fact with its weight: for the page of its entity."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db.models import Q

from closing.blockers.blocker_facts import BlockerFact
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.row_blockers import (
    BlockerInputs,
    DatedBlocker,
    DatedFact,
    RowBlockers,
    seen_by,
    weighed_for,
)
from closing.close_tasks.template_cells import stored_check
from closing.scoreboard.row import Row
from entities.models import LegalEntity, Person
from worklist.blocker_reads import read_blockers
from worklist.models import BlockerReading, CloseTask, WorkAttempt
from worklist.recording.fact_rows import fact_of


@dataclass(frozen=True, slots=True)
class WeighedFact:
    """A fact with its weight; `dated` is None for counterparties of which the reader may not see both."""

    dated: DatedFact | None
    weighed: DatedBlocker


@dataclass(frozen=True, slots=True)
class PeriodWork:
    """The facts of a period and those of no period, and the policy, profile and marks by which they are weighed."""

    inputs: BlockerInputs
    facts: tuple[WeighedFact, ...]


def read_period_work(
    row: Row, month: date, as_of: datetime, visible: Collection[int] | None
) -> PeriodWork | None:
    """The work of a row's period at a moment, for who sees these entities (None: all); None if none was read.

    A kind that is not tracked is not among it.
    """
    if row.period_id is None:
        return None
    loaded = read_blockers({row.period_id: (row.entity_id, month)}, as_of, whole=True)
    value = loaded.values.get(row.period_id)
    if value is None:
        return None
    facts = []
    for dated in value.inputs.facts:
        one = weighed_for(RowBlockers(replace(value.inputs, facts=(dated,))), row, as_of)
        if not one.blockers:
            continue
        hidden = dated.partner is not None and visible is not None and dated.partner not in visible
        if hidden:
            one = seen_by(one, frozenset({row.entity_id}))
        facts.append(WeighedFact(None if hidden else dated, one.blockers[0]))
    return PeriodWork(value.inputs, tuple(facts))


def pending_documents(
    partners: Collection[int], month: date, as_of: datetime
) -> Mapping[int, tuple[LegalEntity, BlockerFact]]:
    """The pending intercompany documents that these entities have in a month, by id of the entity; in one query."""
    rows = BlockerReading.objects.filter(
        Q(superseded_at=None) | Q(superseded_at__gt=as_of),
        entity__in=partners,
        kind=BlockerKind.INTERCOMPANY_PENDING.value,
        period__reporting_month=month,
        read_at__lte=as_of,
    )
    return {row.entity_id: (row.entity, fact_of(row)) for row in rows.select_related("entity")}


@dataclass(frozen=True, slots=True)
class CheckingTask:
    """A close task whose ERP check names kinds of work."""

    task: CloseTask

    def names(self, kind: BlockerKind, part: str) -> bool:
        """Whether its check names this kind and part."""
        return stored_check(self.task.erp_check).names(kind.value, part)


def checking_tasks(person: Person, period_id: int, as_of: datetime) -> list[CheckingTask]:
    """The tasks of a period with an ERP check that the person sees, in the order of their template; in one query."""
    tasks = CloseTask.objects.visible_to(person).filter(period=period_id, generated_at__lte=as_of)
    return [CheckingTask(task) for task in tasks.exclude(erp_check="").order_by("position", "round")]


def newest_work_attempts(connection_id: int | None, as_of: datetime, *, newest: int) -> list[WorkAttempt]:
    """The newest attempts to read the work of a connection at a moment, newest first."""
    attempts = WorkAttempt.objects.filter(connection=connection_id, started_at__lte=as_of)
    return list(attempts.order_by("-started_at")[:newest])
