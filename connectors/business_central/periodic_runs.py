"""Runs that a close needs: depreciation, revaluation, costs, inventory periods and bank reconciliations.

The standard API shows runs only in the log of the job queue, where a run by hand leaves nothing: a period without an
entry there is not readable. The companion shows what is left to adjust, transfer, reconcile and close.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from closing.blockers.blocker_facts import BlockerFact, Doubt, FactId, FactItem
from closing.blockers.blocker_kinds import KINDS, BlockerKind, CountedUnit
from closing.blockers.inventory_runs import InventoryRun, RunKind, RunStatus, inventory_fact, reversal_order
from connectors.business_central.api_groups import COMPANION
from connectors.business_central.company_work import CompanyWork, option_field
from connectors.odata.lists import (
    InvalidRow,
    bool_field,
    date_field,
    datetime_field,
    decimal_field,
    optional_text_field,
    text_field,
    whole_number_field,
)
from connectors.work_source import Coverage, PartKey, WorkPeriod
from connectors.work_tally import WorkItem

DEPRECIATION: PartKey = (BlockerKind.DEPRECIATION_NOT_POSTED, "")
REVALUATION: PartKey = (BlockerKind.REVALUATION_NOT_RUN, "")
COSTS: PartKey = (BlockerKind.COSTS_NOT_ADJUSTED, "")
TRANSFERS: PartKey = (BlockerKind.SUBLEDGER_NOT_TRANSFERRED, "")
INVENTORY: PartKey = (BlockerKind.INVENTORY_NOT_CLOSED, "")
BANK: PartKey = (BlockerKind.BANK_NOT_RECONCILED, "")
LOG = "jobQueueLogEntries"
ADJUSTMENTS = "exchangeRateAdjustments"
OPEN_COSTS: Mapping[PartKey, tuple[str, str]] = {
    COSTS: ("unadjustedCosts", "valuationDate"),
    TRANSFERS: ("unpostedInventoryCosts", "postingDate"),
}
INVENTORY_PERIODS, RECONCILIATIONS = "inventoryPeriods", "openBankReconciliations"
UNITS = {TRANSFERS: CountedUnit.ENTRIES, BANK: CountedUnit.STATEMENTS}
# Report -> what it does. Calculate Depreciation only fills a journal, and costs may arrive after an adjustment: a
# good run of these shows no more than that the work was begun.
REPORTS = {5692: DEPRECIATION, 596: REVALUATION, 795: COSTS, 1002: TRANSFERS}
_STATUSES = frozenset({"Success", "In Process", "Error"})


@dataclass(frozen=True, slots=True)
class _JobRun:
    part: PartKey
    started: datetime
    status: str
    name: str


def read_runs(company: CompanyWork) -> None:
    """State for each period whether its runs were done, and count what the companion shows as left."""
    entries = [part for part in OPEN_COSTS if _read_entries(company, part)]
    _read_inventory(company)
    _read_reconciliations(company)
    _read_log(company, [part for part in REPORTS.values() if part not in entries])


def _read_entries(company: CompanyWork, part: PartKey) -> bool:
    """Count the cost entries that the companion shows; False where only the log of jobs can show anything."""
    name, day_name = OPEN_COSTS[part]
    if name not in company.companion:
        return False
    rows = company.rows(name, [part], COMPANION, refused=[])
    if rows is None and not company.is_missed(part):
        company.cover(part, Coverage.AT_LEAST, None, LOG)
        return False
    with company.checked(name, part):
        for row in rows or ():
            day, count = date_field(row, day_name), whole_number_field(row, "entryCount")
            if count < 0:
                raise InvalidRow(f"entryCount is {count}")
            if count:
                shown = day.isoformat() if day else ""
                company.tally.add(company.ref, part, day, WorkItem(shown, count, shown, day))
    return True


def _read_inventory(company: CompanyWork) -> None:
    if INVENTORY_PERIODS not in company.companion:
        return
    rows = company.rows(INVENTORY_PERIODS, [INVENTORY], COMPANION)
    if rows is None:
        return
    runs = []
    with company.checked(INVENTORY_PERIODS, INVENTORY):
        for row in rows:
            through, closed = date_field(row, "endingDate"), bool_field(row, "closed")
            if through is None:
                raise InvalidRow("endingDate is blank")
            name = optional_text_field(row, "name") or ""
            if closed:
                runs.append(
                    InventoryRun(company.ref.entity, through, RunKind.CLOSING, RunStatus.DONE, voucher=name)
                )
    company.made[INVENTORY] = [
        inventory_fact(
            runs,
            period.span.last,
            entity=company.ref.entity,
            period=period.period,
            read_at=company.read_at,
            order=reversal_order("business_central"),
            link=company.link(INVENTORY_PERIODS),
        )
        for period in company.ref.periods
    ]


def _read_reconciliations(company: CompanyWork) -> None:
    """Count the reconciliations that are begun and not posted; one that nobody has begun is not there."""
    if RECONCILIATIONS not in company.companion:
        return
    rows = company.rows(RECONCILIATIONS, [BANK], COMPANION)
    with company.checked(RECONCILIATIONS, BANK):
        for row in rows or ():
            day, account = date_field(row, "statementDate"), text_field(row, "bankAccountNumber")
            statement = text_field(row, "statementNumber")
            item = WorkItem(
                text_field(row, "id"), 1, f"{account} {statement}", day, decimal_field(row, "totalDifference")
            )
            company.tally.add(company.ref, BANK, day, item)


def _read_log(company: CompanyWork, parts: Sequence[PartKey]) -> None:
    """Make the facts of these parts from the latest run after the end of each period; an error undoes a success."""
    register = _read_register(company)
    reports = [number for number, part in REPORTS.items() if part in parts]
    rows = company.rows(
        LOG,
        parts,
        refused=[part for part in parts if part != REVALUATION or register is None],
        filter=f"startDateTime ge {company.days.first}T00:00:00Z and ("
        + " or ".join(f"objectIdToRun eq {number}" for number in reports)
        + ")",
        select="objectTypeToRun,objectIdToRun,status,startDateTime,description",
    )
    jobs: list[_JobRun] = []
    with company.checked(LOG, *parts):
        jobs = [run for row in rows or () if (run := _job_run(row)) is not None]
    for part in parts:
        days = register if part == REVALUATION else None
        if rows is not None or days is not None:
            own = [run for run in jobs if run.part == part]
            company.made[part] = [
                _run_fact(company, part, period.period, window, own, days)
                for period, window in _windows(company)
            ]


def _job_run(row: Any) -> _JobRun | None:
    part, started = (
        REPORTS.get(whole_number_field(row, "objectIdToRun")),
        datetime_field(row, "startDateTime"),
    )
    status = option_field(row, "status", _STATUSES)
    if part is None or started is None or optional_text_field(row, "objectTypeToRun") != "Report":
        return None
    return _JobRun(part, started, status, optional_text_field(row, "description") or "")


def _read_register(company: CompanyWork) -> list[date] | None:
    """The days of the register of exchange rate adjustments, which also has runs by hand; None without it."""
    if ADJUSTMENTS not in company.companion:
        return None
    rows = company.rows(ADJUSTMENTS, [REVALUATION], COMPANION, refused=[])
    if rows is None:
        company.cover(REVALUATION, Coverage.COMPLETE, None, LOG)
    days: list[date] | None = None
    with company.checked(ADJUSTMENTS, REVALUATION):
        if rows is not None:
            days = [day for row in rows if (day := date_field(row, "creationDate")) is not None]
    return days


def _windows(company: CompanyWork) -> list[tuple[WorkPeriod, tuple[date, date]]]:
    """Each period with the days on which its runs are made: from its last day until the next one's last day."""
    periods = company.ref.periods
    ends = [*(period.span.last for period in periods[1:]), date.max]
    return [
        (period, (period.span.last, min(until, period.span.last + timedelta(days=31))))
        for period, until in zip(periods, ends, strict=True)
    ]


def _run_fact(
    company: CompanyWork,
    part: PartKey,
    period: int,
    window: tuple[date, date],
    runs: Sequence[_JobRun],
    register: Sequence[date] | None,
) -> BlockerFact:
    def within(day: date) -> bool:
        return window[0] <= day < window[1]

    own = sorted((run for run in runs if within(run.started.date())), key=lambda run: run.started)
    registered = register is not None and any(within(day) for day in register)
    latest = own[-1] if own else None
    tried = any(run.status == "Success" for run in own)
    done = (latest is not None and latest.status == "Success") or (registered and not tried)
    count = 0 if done else 1 if latest is not None or register is not None else None
    return BlockerFact(
        company.ref.entity,
        period,
        part[0],
        UNITS.get(part, KINDS[part[0]].unit),
        count,
        company.read_at,
        at_least=count is not None and part != REVALUATION,
        doubt=Doubt.NO_ROWS if count is None else None,
        ids=(FactId(f"{part[0]} {window[0]}", 1),) if count else (),
        items=(FactItem(f"{latest.name} ({latest.status})", latest.started.date(), link=company.link(LOG)),)
        if latest is not None
        else (),
    )
