"""Builds the rows of the sets that show work, and decides which of them are public."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from simulator.odata.tables import FINOPS_SETS, EntitySet
from simulator.products import finops_balances, finops_documents, finops_work
from simulator.products.finops_balances import fiscal_periods, main_accounts, partner_accounts
from simulator.products.finops_work import Books, Values
from simulator.world import work as model
from simulator.world.profile import Profile
from simulator.world.story import Story, World

SNAPSHOTS = frozenset({"TrialBalanceFiscalYearSnapshotHeaders", "TrialBalanceFiscalYearSnapshots"})
# The sets of lines: with `company_case` mixed they write the company in upper case.
LINES = ("Lines", "Trans", "TransBiEntities")


def hidden(name: str, profile: Profile) -> bool:
    """Whether a set is not public in this environment."""
    if name in {one.strip() for one in profile.missing_sets.split(",")}:
        return True
    if name in SNAPSHOTS:
        return profile.snapshots == "absent"
    return profile.bi_sets == "hidden" and name.endswith("BiEntities")


def values_of(entity_set: EntitySet, story: Story, world: World, profile: Profile) -> Iterator[Values]:
    """The values of the rows of a set, company by company."""
    match entity_set.name:
        case "MainAccounts":
            yield from main_accounts(story, world)
        case "FiscalCalendarPeriodBiEntities":
            yield from fiscal_periods(story)
    for place, company in enumerate(story.finops, start=1):
        if company.code.casefold() == profile.row_security.casefold():
            continue
        templates = profile.periodic_journals == "shown"
        books = Books(story, company, place, world.work_of(company), templates)
        for values in _of_company(entity_set, books, world, profile):
            yield {name: company.code.lower() for name in ("dataAreaId", "CompanyId")} | values
        for given in books.work.of(model.Row):
            if given.set == entity_set.name:
                yield {name: company.code.lower() for name in ("dataAreaId", "CompanyId")} | dict(
                    given.values
                )


def _of_company(entity_set: EntitySet, books: Books, world: World, profile: Profile) -> Iterable[Values]:
    match entity_set.name:
        case "TrialBalanceFiscalYearSnapshotHeaders":
            return finops_balances.snapshot_headers(books, world, profile)
        case "TrialBalanceFiscalYearSnapshots":
            return finops_balances.snapshot_rows(books, world, profile)
        case "LedgerInterCompanyAccounts":
            return partner_accounts(books, world)
    shown = finops_work.SHOWN.get(entity_set.name) or finops_documents.SHOWN.get(entity_set.name)
    return shown(books) if shown else ()


def cased(entity_set: EntitySet, code: str, profile: Profile) -> str:
    """A company's code in `dataAreaId`, in the case that the profile chooses."""
    is_line = entity_set.name.endswith(LINES)
    upper = profile.company_case == "upper" or (profile.company_case == "mixed" and is_line)
    return code.upper() if upper else code.lower()


def is_work(entity_set: EntitySet) -> bool:
    """Whether a set's rows are made here."""
    return entity_set.name in WORK_SETS


def joined(entity_set: EntitySet, target: EntitySet) -> Sequence[tuple[str, str]]:
    """The properties by which a navigation joins two sets."""
    pair = (entity_set.name, target.name)
    if pair in JOINS:
        return JOINS[pair]
    if (target.name, entity_set.name) in JOINS:
        return [(theirs, ours) for ours, theirs in JOINS[target.name, entity_set.name]]
    key = entity_set.key if len(entity_set.key) < len(target.key) else target.key
    return [(name, name) for name in key]


JOINS: dict[tuple[str, str], Sequence[tuple[str, str]]] = {
    ("JournalTables", "JournalTrans"): (("dataAreaId", "dataAreaId"), ("JournalBatchNumber", "JournalId")),
    ("LedgerJournalHeaders", "LegalEntities"): (("dataAreaId", "LegalEntityId"),),
    ("VendorPaymentJournalLines", "DimensionCombinations"): (("AccountDisplayValue", "DisplayValue"),),
    ("CustomerPaymentJournalLines", "DimensionCombinations"): (("AccountDisplayValue", "DisplayValue"),),
}
PERIOD_SETS = frozenset(
    {
        "LedgerFiscalPeriods",
        "FiscalPeriods",
        "FiscalYears",
        "FiscalCalendarsEntity",
        "FiscalCalendarYears",
        "LegalEntities",
        "Ledgers",
    }
)
WORK_SETS = frozenset(FINOPS_SETS) - PERIOD_SETS
