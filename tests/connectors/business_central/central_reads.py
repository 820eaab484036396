"""Reads of the unfinished work of Business Central's companies, turn by turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from closing.blockers.blocker_facts import BlockerFact
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.work_readings import WorkReadResult
from connectors.registry import turns_of_parts
from simulator.run import Running
from tests.connectors.work_reads import WORK_COMPANIES, read_work

BC = "business_central"
JOURNALS, DOCUMENTS, RUNS, PARTNERS = range(turns_of_parts()[BC])
APRIL, MAY, JUNE = 4, 5, 6


def read_turn(sim: Running, turn: int, *codes: str, **changes: Any) -> WorkReadResult:
    """One turn of these companies, or of Ireland Operations."""
    [result] = read_work(BC, sim, *(codes or ("IEOP",)), turns=(turn,), **changes).results
    return result


def read_turns(sim: Running) -> list[WorkReadResult]:
    """Every turn of Ireland Operations."""
    return read_work(BC, sim, "IEOP").results


def fact(
    results: WorkReadResult | Sequence[WorkReadResult],
    kind: BlockerKind,
    part: str = "",
    month: int | None = MAY,
    code: str = "IEOP",
) -> BlockerFact:
    """The only fact of a part of a company in a month, or of no period."""
    entity = list(WORK_COMPANIES[BC]).index(code) + 1
    period = None if month is None else 100 * entity + month
    every = [results] if isinstance(results, WorkReadResult) else results
    [found] = [
        each
        for result in every
        for each in result.facts
        if (each.entity, each.kind, each.part, each.period) == (entity, kind, part, period)
    ]
    return found
