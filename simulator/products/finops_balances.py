"""Shows balances between companies as Finance & Operations does: snapshots of trial balances, accounts of partners.

A snapshot is as old as its run: it shows what the companies owed one another then.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from simulator.products.finops_work import (
    FIRST_RECORD,
    PERIODS_FROM,
    Books,
    Values,
    moment_text,
    noon,
    number,
    record,
)
from simulator.world.profile import Profile
from simulator.world.story import Period, Story, World
from simulator.world.work import Balance, monthly

DUE_FROM, DUE_TO = "130400", "210400"
DIMENSIONS = {"partner": ("MA+TP", "TradingPartner"), "account": ("MA", "")}
CHART = "Shared"
ACCOUNTS = {
    "110110": ("Bank", "Asset", False),
    "601200": ("Rent", "Expense", False),
    DUE_FROM: ("Due from group companies", "Asset", True),
    DUE_TO: ("Due to group companies", "Liability", True),
}


def account_of(balance: Balance) -> str:
    return balance.account or (DUE_FROM if balance.side == "due_from" else DUE_TO)


def _taken(books: Books, world: World, profile: Profile) -> tuple[datetime, list[Balance]]:
    age = timedelta(hours=36 if profile.snapshots == "old" else 0)
    return books.story.balances_at(books.company, world, age)


def _tracking(books: Books, year: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"snapshot {books.company.code} {year}"))


def _years(balances: list[Balance]) -> list[int]:
    return sorted({balance.through.year for balance in balances if balance.through})


def snapshot_headers(books: Books, world: World, profile: Profile) -> Iterator[Values]:
    run, balances = _taken(books, world, profile)
    hierarchy, second = DIMENSIONS[profile.snapshot_dimensions]
    for year in _years(balances):
        yield {
            "ExternalTrackingId": _tracking(books, year),
            "LedgerName": books.company.code,
            "YearName": str(year),
            "FocusDimensionHierarchy": hierarchy,
            "DimName1": "MainAccount",
            "DimName2": second,
            "DateLastRan": moment_text(run),
            "Status": "Complete",
            "YearsToProcess": "CurrentFiscalYear",
            "PostingLayer": "Current",
        }


def snapshot_rows(books: Books, world: World, profile: Profile) -> Iterator[Values]:
    """One row for each balance and period from the first of the year to the one after the balance's own."""
    if profile.snapshots == "empty":
        return
    _, balances = _taken(books, world, profile)
    hierarchy, _ = DIMENSIONS[profile.snapshot_dimensions]
    for balance in balances:
        assert balance.through is not None
        year = str(balance.through.year)
        opening, movements = monthly(balance)
        reached = opening
        periods = [
            period
            for period in books.story.calendars[books.company.calendar]
            if period.year == year and period.type == "Operating"
        ]
        for period, movement in zip(periods, [*movements, Decimal()], strict=False):
            yield {
                "SnapshotHeader": record("snapshot", books.company.code, year),
                "DimensionHierarchyId": record(hierarchy),
                "FiscalCalendarYearRecId": record(period.calendar, year),
                "LedgerRecId": FIRST_RECORD + books.number,
                "PostingLayer": "Current",
                "ExternalTrackingId": _tracking(books, balance.through.year),
                "LedgerName": books.company.code,
                "YearName": year,
                "PeriodName": period.name,
                "PeriodStartDate": noon(period.first),
                "PeriodEndDate": noon(period.last),
                "PeriodType": period.type,
                "DimensionValue1": account_of(balance),
                "DimensionValue2": balance.partner if profile.snapshot_dimensions == "partner" else "",
                "OpeningBalance": number(reached if profile.snapshot_opening == "period" else opening),
                "AmountDebit": number(max(movement, Decimal())),
                "AmountCredit": number(max(-movement, Decimal())),
                "Status": "Complete",
                "FocusDimensionHierarchy": hierarchy,
            }
            reached += movement


def partner_accounts(books: Books) -> Iterator[Values]:
    """The accounts of each partner, as somebody has set them up."""
    balances = [balance for balance in books.work.of(Balance) if balance.mapped]
    for partner in dict.fromkeys(balance.partner for balance in balances):
        accounts = {one.side: account_of(one) for one in balances if one.partner == partner}
        yield {
            "OriginatingLegalEntityId": books.company.code.lower(),
            "DestinationLegalEntityId": partner.lower(),
            "Journal": "GenJrn",
            "OriginatingDebitAccountDisplayValue": accounts.get("due_from", ""),
            "OriginatingCreditAccountDisplayValue": accounts.get("due_to", ""),
        }


def main_accounts(story: Story, world: World) -> Iterator[Values]:
    """The shared chart of accounts: a few of everybody's, and those of partners."""
    accounts = dict(ACCOUNTS)
    for company in story.finops:
        for balance in world.work_of(company).of(Balance):
            side = "Due from" if balance.side == "due_from" else "Due to"
            kind = "Asset" if balance.side == "due_from" else "Liability"
            accounts.setdefault(account_of(balance), (f"{side} {balance.partner}", kind, True))
    for account, (name, kind, revalued) in sorted(accounts.items()):
        yield {
            "ChartOfAccounts": CHART,
            "MainAccountId": account,
            "Name": name,
            "MainAccountType": kind,
            "MainAccountRecId": record(CHART, account),
            "ChartOfAccountsRecId": FIRST_RECORD,
            "ForeignCurrencyRevaluation": "Yes" if revalued else "No",
            "DoNotAllowManualEntry": "No",
        }


def fiscal_periods(story: Story) -> Iterator[Values]:
    """Every period of every calendar with its RecId; the declared key, its name, tells none of them apart."""
    place = 0
    for periods in story.calendars.values():
        for period in periods:
            yield _fiscal_period(period, PERIODS_FROM + place)
            place += 1


def _fiscal_period(period: Period, key: int) -> Values:
    month = period.number if period.type == "Operating" and 1 <= period.number <= 12 else None
    return {
        "Name": period.name,
        "ShortName": f"P{period.number}",
        "FiscalCalendarYear": record(period.calendar, period.year),
        "FiscalCalendar": record(period.calendar),
        "StartDate": noon(period.first),
        "EndDate": noon(period.last),
        "SourceKey": key,
        "Month": f"Month{month}" if month else None,
        "Type": period.type,
    }
