"""The rows of every Finance & Operations set: built once, and patched where the world differs from its base."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import date
from typing import Any

from simulator.odata.query import Row
from simulator.odata.tables import FINOPS_SETS, MODULES, PERIODS_V1, PERIODS_V2, EntitySet
from simulator.world.profile import Profile
from simulator.world.story import Company, Period, PeriodKey, PeriodState, Story, World

EMPTY_DATE = "1900-01-01T12:00:00Z"
NEVER_ENDS = "2154-12-31T23:59:59Z"
FIRST_RECORD = 5_637_144_576  # where RecIds of the product begin

COUNTRIES = {  # ISO 3 -> ISO 2, time zone as the product calls it
    "GBR": ("GB", "GMT_DUBLIN_EDINBURGH_LISBON_LONDON"),
    "USA": ("US", "GMTMINUS0500EASTERNTIME"),
    "NLD": ("NL", "GMTPLUS0100_AMSTERDAM_BERLIN_BERN_ROME"),
    "DEU": ("DE", "GMTPLUS0100_AMSTERDAM_BERLIN_BERN_ROME"),
    "FRA": ("FR", "GMTPLUS0100BRUSSELS_COPENHAGEN_MADRID"),
    "IRL": ("IE", "GMT_DUBLIN_EDINBURGH_LISBON_LONDON"),
}


def etag(version: int, record: int) -> str:
    """A weak etag that holds the record's version and id, quotes included, as recorded answers do."""
    return 'W/"' + base64.b64encode(f"'{version},{record}'".encode()).decode() + '"'


def blank(entity_set: EntitySet, **known: Any) -> list[Any]:
    """A row with what is known filled in and the rest as empty as its type says; place 0 is left for the etag."""
    row: list[Any] = [""]
    for column in entity_set.columns:
        if column.name in known:
            row.append(known[column.name])
            continue
        match column.type:
            case "String":
                row.append("")
            case "DateTimeOffset":
                row.append(EMPTY_DATE)
            case "Decimal" | "Int32" | "Int64":
                row.append(0)
            case "NoYes":
                row.append("No")
            case _:
                row.append(None)
    return row


def tagged(row: list[Any], record: int, version: int = 1) -> Row:
    row[0] = etag(version, FIRST_RECORD + record)
    return tuple(row)


class Rows:
    """What each set contains. Rows are tuples: the etag, then the properties in wire order."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self._still: dict[tuple[str, Profile], list[Row]] = {}
        self._place: dict[tuple[str, PeriodKey], int] = {}
        self._templates: dict[tuple[str, Profile], list[Any]] = {}
        self._latest: dict[str, tuple[object, Sequence[Row]]] = {}

    def sets(self, profile: Profile) -> dict[str, EntitySet]:
        """The public sets of this environment, by name, in the order of the service document."""
        served = dict(FINOPS_SETS)
        del served[PERIODS_V1.name]
        chosen = {"V1": [PERIODS_V1], "V2": [PERIODS_V2], "both": [PERIODS_V1, PERIODS_V2]}[
            profile.period_set
        ]
        for entity_set in chosen:
            absent = ("ITMAccessLevel", "ITMUserGroupInfo") if profile.landed_cost == "absent" else ()
            served[entity_set.name] = entity_set.without(*absent)
        return dict(sorted(served.items()))

    def of(self, entity_set: EntitySet, world: World, profile: Profile) -> Sequence[Row]:
        """All rows of a set at the world's instant."""
        if entity_set.name == "FiscalYears":
            return self._fiscal_years(entity_set, world, profile)
        if entity_set.name not in {PERIODS_V1.name, PERIODS_V2.name}:
            return self._unchanging(entity_set, profile)
        version = (world.version, profile)
        known = self._latest.get(entity_set.name)
        if known is None or known[0] != version:
            rows = self._unchanging(entity_set, profile).copy()
            for (code, key), state in world.states.items():
                place = self._place.get((code, key))
                if place is not None:
                    company = self.story.by_code[code]
                    period = self.story.periods_by_key[company.calendar][key]
                    rows[place] = self._status_row(entity_set, company, period, state, place, profile)
            known = self._latest[entity_set.name] = (version, rows)
        return known[1]

    def per_company(self, entity_set: EntitySet, profile: Profile) -> bool:
        """Does the set hold only the default company's rows without `cross-company=true`."""
        if entity_set.name in {PERIODS_V1.name, PERIODS_V2.name}:
            return profile.period_scope == "company"
        return "dataAreaId" in entity_set.column

    def of_default_company(self, entity_set: EntitySet, rows: Sequence[Row]) -> Sequence[Row]:
        place = entity_set.position.get("dataAreaId") or entity_set.position.get("LegalEntityId")
        if place is None:
            return rows
        default = self.story.default_company
        return [row for row in rows if row[place].upper() == default]

    def _unchanging(self, entity_set: EntitySet, profile: Profile) -> list[Row]:
        key = (entity_set.name, profile)
        if key not in self._still:
            if len(self._still) > 40:
                self._still.clear()
            self._still[key] = self._build(entity_set, profile)
        return self._still[key]

    def _build(self, entity_set: EntitySet, profile: Profile) -> list[Row]:
        match entity_set.name:
            case "LegalEntities":
                return [
                    tagged(legal_entity(entity_set, one, place), place) for place, one in self._companies()
                ]
            case "Ledgers":
                return [tagged(ledger(entity_set, one, place), place) for place, one in self._companies()]
            case "FiscalCalendarsEntity":
                names = enumerate(self.story.calendars, start=1)
                return [
                    tagged(blank(entity_set, CalendarId=name, Description=f"{name} calendar"), place)
                    for place, name in names
                ]
            case "FiscalCalendarYears":
                return self._calendar_years(entity_set, profile)
            case "FiscalPeriods":
                periods = [period for periods in self.story.calendars.values() for period in periods]
                return [
                    tagged(fiscal_period(entity_set, one, profile), place)
                    for place, one in enumerate(periods, start=1)
                ]
            case "LedgerJournalHeaders" | "LedgerJournalLines":
                return [
                    tagged(journal(entity_set, one, self.story), place)
                    for place, one in enumerate(self.story.journals, start=1)
                ]
        return self._status_rows(entity_set, profile)

    def _companies(self) -> enumerate[Company]:
        return enumerate(self.story.finops, start=1)

    def _status_rows(self, entity_set: EntitySet, profile: Profile) -> list[Row]:
        rows: list[Row] = []
        for company in self.story.finops:
            if not company.status_rows:
                continue
            for period in self.story.calendars[company.calendar]:
                state = PeriodState(self.story.base_status(period))
                self._place[company.code, period.key] = len(rows)
                rows.append(self._status_row(entity_set, company, period, state, len(rows), profile))
        return rows

    def _status_row(
        self,
        entity_set: EntitySet,
        company: Company,
        period: Period,
        state: PeriodState,
        place: int,
        profile: Profile,
    ) -> Row:
        row = self._template(
            entity_set, profile
        ).copy()  # a fleet has 120,000 of them: filling in six fields is cheap
        position = entity_set.position
        row[position["LedgerName"]] = company.code
        row[position["Calendar"]] = period.calendar
        row[position["YearName"]] = period.year
        row[position["PeriodName"]] = period.name
        row[position["PeriodStatus"]] = state.status
        row[position["LegalEntityId"]] = (
            company.code.lower() if profile.entity_id_case == "lower" else company.code
        )
        for module, (level, group) in state.access.items():
            if f"{module}AccessLevel" in position:
                row[position[f"{module}AccessLevel"]] = level
                row[position[f"{module}UserGroupInfo"]] = group
        return tagged(row, 1000 + place, 1 + state.changes)

    def _template(self, entity_set: EntitySet, profile: Profile) -> list[Any]:
        key = (entity_set.name, profile)
        if key not in self._templates:
            unrestricted = "All" if profile.access_levels == "word" else None
            self._templates[key] = blank(
                entity_set, **{f"{module}AccessLevel": unrestricted for module in MODULES}
            )
        return self._templates[key]

    def _fiscal_years(self, entity_set: EntitySet, world: World, profile: Profile) -> Sequence[Row]:
        version = (world.version, profile)
        known = self._latest.get(entity_set.name)
        if known is not None and known[0] == version:
            return known[1]
        rows: list[Row] = []
        for company in self.story.finops:
            years: dict[str, bool] = {}
            for period in self.story.calendars[company.calendar]:
                state = world.states.get((company.code, period.key))
                status = state.status if state else self.story.base_status(period)
                years[period.year] = years.get(period.year, True) and status == "Closed"
            for year, closed in years.items():
                row = blank(
                    entity_set,
                    LegalEntityId=company.code.lower(),
                    Calendar=company.calendar,
                    FiscalYear=year,
                    Status="Close" if closed else "Open",
                    LegalEntityName=company.name,
                )
                rows.append(tagged(row, len(rows) + 1, 2 if closed else 1))
        self._latest[entity_set.name] = (version, rows)
        return rows

    def _calendar_years(self, entity_set: EntitySet, profile: Profile) -> list[Row]:
        rows: list[Row] = []
        for name, periods in self.story.calendars.items():
            for year in dict.fromkeys(period.year for period in periods):
                of_year = [period for period in periods if period.year == year]
                row = blank(
                    entity_set,
                    Calendar=name,
                    FiscalYear=year,
                    StartDate=wire_date(of_year[0].first, profile),
                    EndDate=wire_date(of_year[-1].last, profile),
                    Description=f"Fiscal year {year}",
                )
                rows.append(tagged(row, len(rows) + 1))
        return rows


def wire_date(day: date, profile: Profile) -> str:
    """A date without a time: noon UTC in everything recorded so far, which is UNVERIFIED for fiscal periods."""
    return f"{day.isoformat()}T{'12' if profile.period_dates == 'noon' else '00'}:00:00Z"


def fiscal_period(entity_set: EntitySet, period: Period, profile: Profile) -> list[Any]:
    quarters = {"Opening": 1, "Closing": 4}
    quarter = quarters.get(period.type, min(4, (max(period.number, 1) - 1) // 3 + 1))
    month = {"Opening": 1, "Closing": 12}.get(period.type, min(12, period.number))
    return blank(
        entity_set,
        Calendar=period.calendar,
        FiscalYear=period.year,
        StartDate=wire_date(period.first, profile),
        EndDate=wire_date(period.last, profile),
        PeriodName=period.name,
        Quarter=f"Q{quarter}",
        Days=(period.last - period.first).days + 1,
        Month=f"Month{month}",
        Type=period.type,
        ShortName=f"P{period.number}",
    )


def legal_entity(entity_set: EntitySet, company: Company, place: int) -> list[Any]:
    region, zone = COUNTRIES.get(company.country, ("None", None))
    return blank(
        entity_set,
        LegalEntityId=company.code.lower(),
        Name=company.name,
        CompanyName=company.name,
        NameAlias=company.code,
        LanguageId=company.language,
        TimeZone=zone,
        AddressTimeZone=zone,
        AddressCountryRegionId=company.country,
        AddressCountryRegionISOCode=region,
        LocalizationCountryRegionCode=region,
        CompanyType="Blank",
        PartyNumber=f"{place:09}",
        AddressValidTo=NEVER_ENDS,
        AddressValidFrom="1900-01-01T00:00:00Z",
    )


def ledger(entity_set: EntitySet, company: Company, place: int) -> list[Any]:
    return blank(
        entity_set,
        LegalEntityId=company.code.lower(),
        Name=company.code,
        Description=company.name,
        FiscalCalendar=company.calendar,
        ChartOfAccounts="Shared",
        ChartOfAccountsRecId=FIRST_RECORD,
        LedgerRecId=FIRST_RECORD + place,
        AccountingCurrency=company.currency,
        ReportingCurrency=company.currency,
        ExchangeRateType="Default",
        BudgetExchangeRateType="Default",
        ReportingCurrencyExchangeRateType="Default",
        AccountStructureName1="Standard",
    )


def journal(entity_set: EntitySet, told: Any, story: Story) -> list[Any]:
    """The one header or the one line of a scenario's journal."""
    company = story.company(str(told["company"]))
    assert company is not None, told
    day = f"{told['date']}T12:00:00Z"
    known = {
        "dataAreaId": company.code.lower(),
        "JournalBatchNumber": told["number"],
        "AccountingCurrency": company.currency,
        "JournalName": "GenJrn",
        "Description": told["description"],
        "PostingLayer": "Current",
        "IsPosted": "Yes" if told["posted"] else "No",
        "JournalTotalCredit": told["amount"],
        "JournalTotalDebit": told["amount"],
        "LineNumber": 1,
        "Voucher": f"V-{told['number']}",
        "Text": told["description"],
        "TransDate": day,
        "DocumentDate": EMPTY_DATE,
        "DebitAmount": told["amount"],
        "CreditAmount": 0,
        "CurrencyCode": company.currency,
        "Company": company.code.lower(),
        "AccountType": "Ledger",
        "OffsetAccountType": "Ledger",
        "ExchRate": 100,
    }
    return blank(entity_set, **known)
