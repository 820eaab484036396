"""Reads the unfinished work of a running simulator through a connector, without a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from closing.blockers.blocker_facts import BlockerFact
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.work_readings import WorkReadResult
from closing.calendar.days import DateSpan
from closing.calendar.months import month_end
from connectors.registry import build_work_source, turns_of_parts
from connectors.work_source import WorkPeriod, WorkRef, WorkSource
from infra.outbound.entra_tokens import TokenCache
from infra.outbound.session import RequestLimits
from simulator.run import Running
from tests.builders import utc
from tests.connectors.simulator_sources import QUICK, settings

NOON = utc("2026-06-12 12:00")
MONTHS = (date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1))
SPRING = DateSpan(MONTHS[0], month_end(MONTHS[-1]))
LINES = BlockerKind.UNPOSTED_JOURNALS
# Codes, the simulator's names of companies, by the ids that the ERP gives them.
WORK_COMPANIES = {
    "finops": {"UKHC": "ukhc", "UKRT": "ukrt", "USRT": "usrt", "NLDT": "nldt"},
    "business_central": {"ESIB": "Ibérica SL", "IEOP": "Ireland Operations"},
}


def work_source(kind: str, url: str, *, limits: RequestLimits = QUICK, **changes: Any) -> WorkSource:
    """A connector with tokens of its own."""
    return build_work_source(settings(kind, url, **changes), tokens=TokenCache(), limits=limits)


def work_refs(kind: str, *codes: str) -> list[WorkRef]:
    """These companies, or all, with April, May and June: the id of a period is that of its entity with its month."""
    refs = []
    for place, (code, erp_id) in enumerate(WORK_COMPANIES[kind].items(), start=1):
        periods = tuple(
            WorkPeriod(100 * place + month.month, DateSpan(month, month_end(month)), month)
            for month in MONTHS
        )
        if not codes or code in codes:
            refs.append(WorkRef(place, code, erp_id, "", periods))
    return refs


@dataclass
class WorkRead:
    """The facts of all turns of a read, by company, month, kind and part; month None is work of no period."""

    kind: str
    results: list[WorkReadResult] = field(default_factory=list)

    def fact(
        self, code: str, kind: BlockerKind = LINES, part: str = "", *, month: int | None = 5
    ) -> BlockerFact | None:
        """The only fact, or None."""
        entity = list(WORK_COMPANIES[self.kind]).index(code) + 1
        period = None if month is None else 100 * entity + month
        found = [
            fact
            for result in self.results
            for fact in result.facts
            if (fact.entity, fact.period, fact.kind, fact.part) == (entity, period, kind, part)
        ]
        assert len(found) <= 1
        return found[0] if found else None

    def count(
        self, code: str, kind: BlockerKind = LINES, part: str = "", *, month: int | None = 5
    ) -> int | None:
        """The count of a fact that is there."""
        fact = self.fact(code, kind, part, month=month)
        assert fact is not None
        return fact.count

    @property
    def facts(self) -> list[BlockerFact]:
        return [fact for result in self.results for fact in result.facts]

    @property
    def gaps(self) -> set[tuple[str, str, str]]:
        """Code, kind and part of each gap."""
        codes = list(WORK_COMPANIES[self.kind])
        return {
            (codes[gap.entity - 1], gap.kind.value, gap.part)
            for result in self.results
            for gap in result.gaps
        }


def read_work(
    kind: str, sim: Running, *codes: str, turns: tuple[int, ...] = (), at: datetime = NOON, **changes: Any
) -> WorkRead:
    """One read of these turns, or of all."""
    read = WorkRead(kind)
    for turn in turns or range(turns_of_parts()[kind]):
        source = work_source(kind, sim.url, **changes)
        read.results.append(source.read_work(work_refs(kind, *codes), SPRING, at, turn=turn))
    return read
