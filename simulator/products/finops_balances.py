"""Shows balances between companies as Finance & Operations does: snapshots of trial balances, accounts of partners.

A snapshot shows the balances at the moment of its run.
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
from simulator.world.work import Balance, movements

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


def _tracking(books: Books, year: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"snapshot {books.company.code} {year}"))


def _year_of(books: Books, balance: Balance) -> list[Period]:
    """The operating periods of the fiscal year that a balance is in, through the one after its own."""
    periods = [one for one in books.story.calendars[books.company.calendar] if one.type == "Operating"]
    own = next((one for one in periods if balance.through and one.first <= balance.through <= one.last), None)
    if own is None:
        return []
    return [one for one in periods if one.year == own.year and one.number <= own.number + 1]


def snapshot_headers(books: Books, world: World, profile: Profile) -> Iterator[Values]:
    run, balances = _taken(books, world, profile)
    hierarchy, second = DIMENSIONS[profile.snapshot_dimensions]
    for year in sorted({period.year for balance in balances for period in _year_of(books, balance)}):
        yield {
            "ExternalTrackingId": _tracking(books, year),
            "LedgerName": books.company.code,
            "YearName": year,
            "FocusDimensionHierarchy": hierarchy,
            "DimName1": "MainAccount",
            "DimName2": second,
            "DateLastRan": moment_text(run),
            "Status": "Complete",
            "YearsToProcess": "CurrentFiscalYear",
            "PostingLayer": "Current",
        }


def snapshot_rows(books: Books, world: World, profile: Profile) -> Iterator[Values]:
    """One row for each balance and period from the first of the year through the one after the balance's own."""
    if profile.snapshots == "empty":
        return
    _, balances = _taken(books, world, profile)
    hierarchy, _ = DIMENSIONS[profile.snapshot_dimensions]
    for balance in balances:
        periods = _year_of(books, balance)
        own = sum(balance.through is not None and one.first <= balance.through for one in periods)
        opening, booked = movements(balance, own)
        reached = opening
        for period, movement in zip(periods, [*booked, Decimal()], strict=False):
            yield {
                "SnapshotHeader": record("snapshot", books.company.code, period.year),
                "DimensionHierarchyId": record(hierarchy),
                "FiscalCalendarYearRecId": record(period.calendar, period.year),
                "LedgerRecId": FIRST_RECORD + books.number,
                "PostingLayer": "Current",
                "ExternalTrackingId": _tracking(books, period.year),
                "LedgerName": books.company.code,
                "YearName": period.year,
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


def partner_accounts(books: Books, world: World) -> Iterator[Values]:
    """The accounts that are set up for each partner: both, also where only one of them, or none, has a balance."""
    own = books.work.of(Balance)
    partners = [balance.partner for balance in own if balance.mapped]
    partners += [
        company.code
        for company in books.story.finops
        for balance in world.work_of(company).of(Balance)
        if balance.partner == books.company.code and balance.mapped
    ]
    unmapped = {balance.partner for balance in own if not balance.mapped}
    for partner in dict.fromkeys(one for one in partners if one not in unmapped):
        accounts = {one.side: account_of(one) for one in own if one.partner == partner}
        yield {
            "OriginatingLegalEntityId": books.company.code.lower(),
            "DestinationLegalEntityId": partner.lower(),
            "Journal": "GenJrn",
            "OriginatingDebitAccountDisplayValue": accounts.get("due_from", DUE_FROM),
            "OriginatingCreditAccountDisplayValue": accounts.get("due_to", DUE_TO),
        }


def main_accounts(story: Story, world: World) -> Iterator[Values]:
    """The shared chart of accounts: a few usual accounts, and those of partners."""
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
    """Every period of every calendar with its RecId; its name, the declared key, is not unique."""
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
