"""Reads Finance & Operations: the status of each ledger period, joined to the dates of its fiscal calendar.

Four lists (03-erp-contracts 2.5): LegalEntities, Ledgers, FiscalPeriods and the status entity, whose set name the
service document decides. It draws no conclusions: a missing or strange status is passed on as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from closing.calendar.days import DateSpan
from closing.facts.finops_facts import FinopsFacts
from closing.facts.readings import GapReason, PeriodReading, PeriodType, ReadGap, ReadResult
from connectors.finops.period_status import StatusCollector, StatusKey
from connectors.ledger_source import CompanyRef, SourceSettings, name_key
from connectors.odata.lists import (
    InvalidRow,
    ODataClient,
    noon_date_field,
    odata_query,
    optional_text_field,
    or_filter,
    text_field,
)
from infra.outbound.entra_tokens import TokenCache
from infra.outbound.errors import AccessRefused, AnswerMisread
from infra.outbound.session import RequestLimits

# In order of preference: an environment has one or the other.
STATUS_SETS = (
    "LedgerFiscalPeriodsV2",
    "LedgerFiscalPeriods",
)
TYPES = {"Operating": PeriodType.OPERATING, "Opening": PeriodType.OPENING, "Closing": PeriodType.CLOSING}
LONGEST_CHAIN = 30  # terms of one `or` chain; beyond it all rows are read and filtered here
FEW = 12  # requested companies up to which the status is filtered by company


class _Period(NamedTuple):
    """One period of a fiscal calendar, as FiscalPeriods has it: of a PeriodReading, what all companies share."""

    key: str
    calendar: str
    year: str
    name: str
    span: DateSpan
    type: PeriodType


@dataclass(slots=True)
class _Calendar:
    periods: dict[StatusKey, _Period] = field(default_factory=dict)
    trouble: tuple[GapReason, str] | None = None


@dataclass(frozen=True)
class FinopsSource:
    """One Finance & Operations environment (LedgerSource)."""

    settings: SourceSettings
    tokens: TokenCache
    limits: RequestLimits

    def read(self, refs: Sequence[CompanyRef], span: DateSpan) -> ReadResult:
        """Read the periods of the requested legal entities that touch the span; see LedgerSource."""
        with ODataClient(self.settings, self.tokens, self.limits) as client:
            data = f"{client.base}/data/"
            with ThreadPoolExecutor(max_workers=4) as pool:
                document = pool.submit(client.get, data)
                lists = [
                    pool.submit(
                        client.rows, data + name + odata_query(cross_company="true", **options, count="true")
                    )
                    for name, options in _lists(span).items()
                ]
                # Checked first: "the entity is not public" says more than the 404 that a list would give.
                status_set = _status_set(document.result().document)
                entity_rows, ledger_rows, period_rows = (future.result() for future in lists)
            companies = _companies(entity_rows)
            ledgers = _Ledgers(ledger_rows)
            calendars = _calendars(period_rows, span)
            listed = {name_key(ref.erp_id): ref for ref in refs if name_key(ref.erp_id) in companies}
            options = _status_filter(list(listed), companies, ledgers, calendars)
            statuses = StatusCollector(
                listed, ledgers.owner, [key for calendar in calendars.values() for key in calendar.periods]
            )
            if options is not None:
                url = data + status_set + odata_query(cross_company="true", **options, count="true")
                for rows in client.pages(url, big=True):
                    statuses.add_rows(rows)
            readings, gaps = _assemble(refs, companies, ledgers, calendars, statuses)
            return ReadResult(
                readings=tuple(readings),
                gaps=tuple(gaps),
                pages=client.pages_read,
                rows=client.rows_read,
                server_clock=client.server_clock,
            )


def _lists(span: DateSpan) -> Mapping[str, Mapping[str, str]]:
    return {
        "LegalEntities": {"select": "LegalEntityId,Name", "orderby": "LegalEntityId"},
        "Ledgers": {"select": "LegalEntityId,Name,FiscalCalendar", "orderby": "LegalEntityId"},
        "FiscalPeriods": {
            "select": "Calendar,FiscalYear,PeriodName,StartDate,EndDate,Type",
            # Dates are noon UTC by convention; whole days on both sides hold whatever the hour is.
            "filter": f"StartDate le {span.last}T23:59:59Z and EndDate ge {span.first}T00:00:00Z",
            "orderby": "Calendar,FiscalYear,StartDate,EndDate,PeriodName",
        },
    }


def _status_set(document: Any) -> str:
    sets = document.get("value") if isinstance(document, dict) else None
    if not isinstance(sets, list):
        raise AnswerMisread("The service document of Finance & Operations holds no list of entity sets.")
    names = {
        item.get("name") for item in sets if isinstance(item, dict) and isinstance(item.get("name"), str)
    }
    missing = [name for name in ("LegalEntities", "Ledgers", "FiscalPeriods") if name not in names]
    chosen = next((name for name in STATUS_SETS if name in names), None)
    if chosen is None:
        missing.append(" or ".join(STATUS_SETS))
    if missing or chosen is None:
        raise AccessRefused(
            f"This environment does not publish the entity {', '.join(missing)}. An administrator of Finance & "
            "Operations must set the data entity (LedgerFiscalPeriodEntity for the period status) to public, or give "
            "the application's user the right to read it."
        )
    return chosen


def _companies(rows: Iterable[Any]) -> dict[str, str]:
    """The ids of the legal entities as written, by id without case; a row without an id is left out."""
    companies: dict[str, str] = {}
    for row in rows:
        with suppress(InvalidRow):
            erp_id = text_field(row, "LegalEntityId")
            companies.setdefault(name_key(erp_id), erp_id)
    return companies


class _Ledgers:
    """The fiscal calendar of each legal entity, by id without case."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self.calendar: dict[str, str] = {}
        self.owner: dict[str, str] = {}  # ledger name -> company, for status rows that name no company
        self.trouble: dict[str, tuple[GapReason, str]] = {}
        for row in rows:
            try:
                company = name_key(text_field(row, "LegalEntityId"))
            except InvalidRow:
                continue
            try:
                calendar = name_key(text_field(row, "FiscalCalendar"))
                if self.calendar.setdefault(company, calendar) != calendar:
                    self.trouble[company] = (
                        GapReason.CONFLICT,
                        "Finance & Operations lists two ledgers with different fiscal calendars.",
                    )
                self.owner[name_key(text_field(row, "Name"))] = company
            except InvalidRow as error:
                if company not in self.calendar:
                    self.trouble[company] = (
                        GapReason.BAD_ROW,
                        f"Its row in Ledgers cannot be read: {error}.",
                    )


def _calendars(rows: Iterable[Any], span: DateSpan) -> dict[str, _Calendar]:
    """The periods that touch the span, by calendar without case; a bad row affects its own calendar only."""
    calendars: dict[str, _Calendar] = {}
    for row in rows:
        try:
            name = text_field(row, "Calendar")
        except InvalidRow as error:
            raise AnswerMisread(f"FiscalPeriods: a row names no calendar: {error}.") from None
        calendar = calendars.setdefault(name_key(name), _Calendar())
        try:
            period = _period(name, row)
        except InvalidRow as error:
            calendar.trouble = (GapReason.BAD_ROW, f"A period of calendar {name} cannot be read: {error}.")
            continue
        if period.span.last < span.first or period.span.first > span.last:
            continue
        key = (name_key(name), name_key(period.year), name_key(period.name))
        if calendar.periods.setdefault(key, period) != period and calendar.trouble is None:
            words = (
                f"Calendar {name} has period {period.name!r} of {period.year} twice with different values."
            )
            calendar.trouble = (GapReason.CONFLICT, words)
    return calendars


def _period(calendar: str, row: Mapping[str, Any]) -> _Period:
    kind = optional_text_field(row, "Type")
    if kind not in TYPES:
        raise InvalidRow(f"Type is {str(kind)[:40]!r}, not one of {', '.join(TYPES)}")
    first, last = noon_date_field(row, "StartDate"), noon_date_field(row, "EndDate")
    if last < first:
        raise InvalidRow(f"it ends ({last}) before it begins ({first})")
    year, name = text_field(row, "FiscalYear"), text_field(row, "PeriodName")
    return _Period(f"{calendar}|{year}|{name}", calendar, year, name, DateSpan(first, last), TYPES[kind])


def _status_filter(
    listed: Sequence[str],
    companies: Mapping[str, str],
    ledgers: _Ledgers,
    calendars: Mapping[str, _Calendar],
) -> dict[str, str] | None:
    """Options of the status list; None when no requested company has a period in the span: no request is needed."""
    used = {ledgers.calendar[company] for company in listed if company in ledgers.calendar}
    years = sorted(
        {period.year for name in used if name in calendars for period in calendars[name].periods.values()}
    )
    if not years:
        return None
    chains = [or_filter("YearName", years)] if len(years) <= LONGEST_CHAIN else []
    if len(listed) <= FEW and len(companies) > 4 * len(listed):
        # How the status entity writes the ids is not documented (03-erp-contracts 11.10): filter by each spelling.
        spellings = {form for key in listed for form in (key, key.upper(), companies[key])}
        chains.append(or_filter("LegalEntityId", sorted(spellings)))
    options = {"orderby": "LedgerName,Calendar,YearName,PeriodName"}
    # No $select: 37 of the 40 properties are needed, and a property that an older version lacks gives a 400.
    return {"filter": " and ".join(chains), **options} if chains else options


NO_STATUS = FinopsFacts(status=None)


def _assemble(
    refs: Sequence[CompanyRef],
    companies: Mapping[str, str],
    ledgers: _Ledgers,
    calendars: Mapping[str, _Calendar],
    statuses: StatusCollector,
) -> tuple[list[PeriodReading], list[ReadGap]]:
    readings: list[PeriodReading] = []
    gaps: list[ReadGap] = []
    for erp_id in {name_key(ref.erp_id): ref.erp_id for ref in refs}.values():
        company = name_key(erp_id)
        calendar = calendars.get(ledgers.calendar.get(company, ""), _Calendar())
        trouble = _problem(company, companies, ledgers, calendar, statuses)
        if trouble:
            gaps.append(ReadGap(erp_id, *trouble))
            continue
        facts = statuses.by_company[company].facts
        # By position and with the calendar's own texts: 120,000 of these are made in one read of a big group.
        readings += [
            PeriodReading(erp_id, *period, facts.get(key, NO_STATUS))
            for key, period in calendar.periods.items()
        ]
    return readings, gaps


def _problem(
    company: str,
    companies: Mapping[str, str],
    ledgers: _Ledgers,
    calendar: _Calendar,
    statuses: StatusCollector,
) -> tuple[GapReason, str] | None:
    """The reason why this company's periods are not to be used; None when they are good."""
    if company not in companies:
        return GapReason.MISSING, (
            "Finance & Operations does not list this legal entity. Check its id, and that the application's user may "
            "read all companies and not only its default company."
        )
    if company in ledgers.trouble:
        return ledgers.trouble[company]
    if company not in ledgers.calendar:
        return GapReason.NOT_FOUND, (
            "Finance & Operations lists this legal entity but no ledger of it. Set up its ledger, or give the "
            "application's user access to this company."
        )
    if calendar.trouble:
        return calendar.trouble
    if not calendar.periods:
        return (
            GapReason.EMPTY,
            "Its fiscal calendar has no period in these months. Create the fiscal year there.",
        )
    status = statuses.by_company[company]
    if status.trouble:
        return status.trouble
    own_statuses = sum(key in status.facts for key in calendar.periods)
    if not own_statuses and any(other.facts for other in statuses.by_company.values()):
        return GapReason.EMPTY, (
            "Finance & Operations returned no period status for this legal entity although others have some. Check"
            " that the application's user may read all companies and not only its default company."
        )
    if not own_statuses:
        return (
            GapReason.EMPTY,
            "Finance & Operations returned no period status at all. The last reading is kept.",
        )
    if own_statuses < len(calendar.periods) and statuses.unattributed_rows:
        return GapReason.BAD_ROW, "Some status rows name no company, and some of this company are missing."
    return None
