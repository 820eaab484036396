"""Builds the rows of every Finance & Operations set once, and patches them where the world differs from its base."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import date
from typing import Any
from zlib import crc32

from simulator.odata.query import Row
from simulator.odata.tables import FINOPS_SETS, MODULES, PERIODS_V1, PERIODS_V2, EntitySet
from simulator.products.finops_sets import cased, hidden, is_work, values_of
from simulator.products.finops_work import EMPTY_DATE, FIRST_RECORD, Values, record
from simulator.world.profile import Profile
from simulator.world.story import Company, Period, PeriodKey, PeriodState, Story, World

NO_GUID = "00000000-0000-0000-0000-000000000000"
NEVER_ENDS = "2154-12-31T23:59:59Z"

COUNTRIES = {  # ISO 3 -> ISO 2, the product's name of the time zone
    "GBR": ("GB", "GMT_DUBLIN_EDINBURGH_LISBON_LONDON"),
    "USA": ("US", "GMTMINUS0500EASTERNTIME"),
    "NLD": ("NL", "GMTPLUS0100_AMSTERDAM_BERLIN_BERN_ROME"),
    "DEU": ("DE", "GMTPLUS0100_AMSTERDAM_BERLIN_BERN_ROME"),
    "FRA": ("FR", "GMTPLUS0100BRUSSELS_COPENHAGEN_MADRID"),
    "IRL": ("IE", "GMT_DUBLIN_EDINBURGH_LISBON_LONDON"),
}


def etag(version: int, record: int) -> str:
    """A weak etag with the record's version and id, quotes included, as in recorded answers."""
    return 'W/"' + base64.b64encode(f"'{version},{record}'".encode()).decode() + '"'


def blank(entity_set: EntitySet, **values: Any) -> list[Any]:
    """A row with these values and the empty value of its type in all other columns; index 0 is for the etag."""
    row: list[Any] = [""]
    for column in entity_set.columns:
        if column.name in values:
            row.append(values[column.name])
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
            case "Boolean":
                row.append(False)
            case "Guid":
                row.append(NO_GUID)
            case _:
                row.append(None)
    return row


def tagged(row: list[Any], record: int, version: int = 1) -> Row:
    row[0] = etag(version, FIRST_RECORD + record)
    return tuple(row)


class Rows:
    """The rows of each set. Rows are tuples: the etag, then the properties in the set's order."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self._base_rows: dict[tuple[str, Profile], list[Row]] = {}
        self._index: dict[tuple[str, PeriodKey], int] = {}
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
        return {name: one for name, one in sorted(served.items()) if not hidden(name, profile)}

    def of(self, entity_set: EntitySet, world: World, profile: Profile) -> Sequence[Row]:
        """All rows of a set at the world's instant."""
        if is_work(entity_set):
            return self._work(entity_set, world, profile)
        if entity_set.name == "FiscalYears":
            return self._fiscal_years(entity_set, world, profile)
        if entity_set.name not in {PERIODS_V1.name, PERIODS_V2.name}:
            return self._unchanging(entity_set, profile)
        version = (world.version, profile)
        latest = self._latest.get(entity_set.name)
        if latest is None or latest[0] != version:
            rows = self._unchanging(entity_set, profile).copy()
            for (code, key), state in world.states.items():
                index = self._index.get((code, key))
                if index is not None:
                    company = self.story.by_code[code]
                    period = self.story.periods_by_key[company.calendar][key]
                    rows[index] = self._status_row(entity_set, company, period, state, index, profile)
            latest = self._latest[entity_set.name] = (version, rows)
        return latest[1]

    def _work(self, entity_set: EntitySet, world: World, profile: Profile) -> Sequence[Row]:
        version = (world.version, profile)
        latest = self._latest.get(entity_set.name)
        if latest is None or latest[0] != version:
            rows = [
                work_row(entity_set, values, profile)
                for values in values_of(entity_set, self.story, world, profile)
            ]
            latest = self._latest[entity_set.name] = (version, rows)
        return latest[1]

    def per_company(self, entity_set: EntitySet, profile: Profile) -> bool:
        """Whether the set holds only the default company's rows without `cross-company=true`."""
        if entity_set.name in {PERIODS_V1.name, PERIODS_V2.name}:
            return profile.period_scope == "company"
        return "dataAreaId" in entity_set.column

    def of_default_company(self, entity_set: EntitySet, rows: Sequence[Row]) -> Sequence[Row]:
        index = entity_set.position.get("dataAreaId") or entity_set.position.get("LegalEntityId")
        if index is None:
            return rows
        default = self.story.default_company
        return [row for row in rows if row[index].upper() == default]

    def _unchanging(self, entity_set: EntitySet, profile: Profile) -> list[Row]:
        key = (entity_set.name, profile)
        if key not in self._base_rows:
            if len(self._base_rows) > 40:
                self._base_rows.clear()
            self._base_rows[key] = self._build(entity_set, profile)
        return self._base_rows[key]

    def _build(self, entity_set: EntitySet, profile: Profile) -> list[Row]:
        match entity_set.name:
            case "LegalEntities":
                return [
                    tagged(legal_entity(entity_set, item, number), number)
                    for number, item in self._companies()
                ]
            case "Ledgers":
                return [
                    tagged(ledger(entity_set, item, number), number) for number, item in self._companies()
                ]
            case "FiscalCalendarsEntity":
                names = enumerate(self.story.calendars, start=1)
                return [
                    tagged(blank(entity_set, CalendarId=name, Description=f"{name} calendar"), number)
                    for number, name in names
                ]
            case "FiscalCalendarYears":
                return self._calendar_years(entity_set, profile)
            case "FiscalPeriods":
                periods = [period for periods in self.story.calendars.values() for period in periods]
                return [
                    tagged(fiscal_period(entity_set, item, profile), number)
                    for number, item in enumerate(periods, start=1)
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
                self._index[company.code, period.key] = len(rows)
                rows.append(self._status_row(entity_set, company, period, state, len(rows), profile))
        return rows

    def _status_row(
        self,
        entity_set: EntitySet,
        company: Company,
        period: Period,
        state: PeriodState,
        index: int,
        profile: Profile,
    ) -> Row:
        row = self._template(entity_set, profile).copy()  # a fleet has 120,000 rows: six fields are cheap
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
        return tagged(row, 1000 + index, 1 + state.changes)

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
        latest = self._latest.get(entity_set.name)
        if latest is not None and latest[0] == version:
            return latest[1]
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
    """A date without a time: noon UTC in all recorded answers, UNVERIFIED for fiscal periods."""
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


def legal_entity(entity_set: EntitySet, company: Company, number: int) -> list[Any]:
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
        PartyNumber=f"{number:09}",
        AddressValidTo=NEVER_ENDS,
        AddressValidFrom="1900-01-01T00:00:00Z",
    )


def ledger(entity_set: EntitySet, company: Company, number: int) -> list[Any]:
    return blank(
        entity_set,
        LegalEntityId=company.code.lower(),
        Name=company.code,
        Description=company.name,
        FiscalCalendar=company.calendar,
        ChartOfAccounts="Shared",
        ChartOfAccountsRecId=FIRST_RECORD,
        LedgerRecId=FIRST_RECORD + number,
        AccountingCurrency=company.currency,
        ReportingCurrency=company.currency,
        ExchangeRateType="Default",
        BudgetExchangeRateType="Default",
        ReportingCurrencyExchangeRateType="Default",
        AccountStructureName1="Standard",
    )


def work_row(entity_set: EntitySet, values: Values, profile: Profile) -> Row:
    """A row of a set that shows work; its etag changes with its content."""
    if "dataAreaId" in entity_set.column:
        values = values | {"dataAreaId": cased(entity_set, str(values["dataAreaId"]), profile)}
    row = blank(entity_set, **values)
    key = record(entity_set.name, *(row[entity_set.position[name]] for name in entity_set.key))
    row[0] = etag(1 + crc32(repr(row).encode()) % 1000, key)
    return tuple(row)
