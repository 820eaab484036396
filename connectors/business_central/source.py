"""Reading Business Central: each company's accounting periods and its allowed posting range.

Two questions per company, three at a time of the five that one principal may have open (03-erp-contracts 8). The
list of periods has no ends and no years: both are worked out here from the first days (03-erp-contracts 7.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

from closing.calendar.date_phrases import month_and_year
from closing.calendar.days import DateSpan
from closing.calendar.months import month_end, month_of, next_month
from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.readings import GapReason, ListedCompany, PeriodReading, PeriodType, ReadGap, ReadResult
from connectors.ledger_source import CompanyRef, SourceSettings
from connectors.odata.entra import TokenCache
from connectors.odata.lists import (
    InvalidRow,
    ODataClient,
    bool_field,
    date_field,
    datetime_field,
    odata_query,
    optional_text_field,
    text_field,
)
from infra.outbound.errors import AccessRefused, AnswerMisread, RequestFailed, ServerUnavailable
from infra.outbound.session import RequestLimits

AT_ONCE = 3
RESOURCE = "https://api.businesscentral.dynamics.com"
# A fiscal year may have 1 to 365 periods; a year and a half on each side holds its first day and the next start.
BEFORE, AFTER = timedelta(days=550), timedelta(days=400)


@dataclass(frozen=True, slots=True)
class _Start:
    """One row of accountingPeriods."""

    first: date
    name: str
    opens_year: bool
    year_closed: bool
    date_locked: bool


@dataclass(frozen=True, slots=True)
class _Window:
    """The one row of generalLedgerSetup."""

    allowed_from: date | None
    allowed_to: date | None
    changed_at: datetime | None


class _Trouble(Exception):
    """One company cannot be read; the others can."""

    def __init__(self, reason: GapReason, words: str) -> None:
        super().__init__(words)
        self.reason, self.words = reason, words


@dataclass(frozen=True)
class BusinessCentralSource:
    """One Business Central environment (LedgerSource)."""

    settings: SourceSettings
    tokens: TokenCache
    limits: RequestLimits

    def read(self, wanted: Sequence[CompanyRef], span: DateSpan) -> ReadResult:
        """Read the periods of the wanted companies that touch the span; see LedgerSource.

        A company is named by its id or its name, without case; its identity is its id.
        """
        with self._service() as service:
            root = self._root(service)
            companies = _companies(
                service.rows(root + odata_query(select="id,name,displayName", orderby="name"))
            )
            readings: list[PeriodReading] = []
            gaps: list[ReadGap] = []
            with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
                asked: list[tuple[CompanyRef, Future[list[Any]], Future[list[Any]]]] = []
                for one in {wish.erp_id.casefold(): wish for wish in wanted}.values():
                    try:
                        company = _find(one, companies)
                    except _Trouble as trouble:
                        gaps.append(ReadGap(one.erp_id, trouble.reason, trouble.words))
                        continue
                    place = f"{root}({company.identity})"
                    asked.append(
                        (
                            one,
                            pool.submit(service.rows, f"{place}/accountingPeriods{_around(span)}"),
                            pool.submit(service.rows, f"{place}/generalLedgerSetup"),
                        )
                    )
                try:
                    for one, periods, setup in asked:
                        try:
                            rows, window = _answered(periods), _window(_answered(setup))
                            beyond = not rows and self._has_periods(service, root, one, companies)
                            readings += _readings(one.erp_id, rows, window, span, beyond=beyond)
                        except _Trouble as trouble:
                            gaps.append(ReadGap(one.erp_id, trouble.reason, trouble.words))
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)  # ask nothing more of a source that fails
                    raise
            return ReadResult(
                readings=tuple(readings),
                gaps=tuple(gaps),
                companies=tuple(companies.values()),
                pages=service.pages_read,
                rows=service.rows_read,
                server_clock=service.server_clock,
            )

    def _service(self) -> ODataClient:
        # Tokens are issued for the product, not for the address: only a sovereign cloud's own host names another.
        own = self.settings.base_url.lower().startswith("https://api.businesscentral.")
        return ODataClient(
            self.settings,
            self.tokens,
            self.limits,
            resource=None if own else RESOURCE,
            headers={"Data-Access-Intent": "ReadOnly"},
        )

    def _root(self, service: ODataClient) -> str:
        tenant, environment = (
            quote(part, safe="") for part in (self.settings.tenant, self.settings.environment)
        )
        if not environment:
            raise AccessRefused("The connection names no Business Central environment, such as 'production'.")
        return f"{service.base}/v2.0/{tenant}/{environment}/api/v2.0/companies"

    def _has_periods(
        self, service: ODataClient, root: str, one: CompanyRef, companies: Mapping[str, ListedCompany]
    ) -> bool:
        """Whether a company without periods around the span has any at all."""
        place = f"{root}({_find(one, companies).identity})"
        try:
            return bool(
                service.rows(f"{place}/accountingPeriods" + odata_query(select="id,startingDate", top="1"))
            )
        except RequestFailed as wrong:
            raise _of_one_company(wrong) from None


def _around(span: DateSpan) -> str:
    first = max(span.first - BEFORE, date(1753, 1, 1)) if span.first > date(1755, 1, 1) else date(1753, 1, 1)
    last = span.last + AFTER if span.last < date(9998, 1, 1) else span.last
    return odata_query(filter=f"startingDate ge {first} and startingDate le {last}", orderby="startingDate")


def _answered(future: Future[list[Any]]) -> list[Any]:
    try:
        return future.result()
    except RequestFailed as wrong:
        raise _of_one_company(wrong) from None


NO_ACCESS = (
    "The application may not read this company (403). Give its permission sets in Business Central the right to read"
    " accounting periods and the general ledger setup."
)
NOT_FOUND = "Business Central no longer finds this company (404). It may have been deleted, renamed or moved."


def _of_one_company(wrong: RequestFailed) -> Exception:
    """The trouble of one company, or the error itself when it concerns all of them."""
    if isinstance(wrong, AccessRefused) and wrong.status == 403:
        return _Trouble(GapReason.NO_ACCESS, NO_ACCESS)
    if isinstance(wrong, AccessRefused) and wrong.status in {404, 410}:
        return _Trouble(GapReason.NOT_FOUND, NOT_FOUND)
    if isinstance(wrong, AnswerMisread) and wrong.status == 200:
        return _Trouble(GapReason.BAD_ROW, wrong.words)
    if isinstance(wrong, ServerUnavailable) and wrong.status == 500:
        # An extension that fails in one company answers 500 for ever; it must not hide the other 299.
        return _Trouble(GapReason.FAILED, wrong.words)
    return wrong


def _companies(rows: Sequence[Any]) -> dict[str, ListedCompany]:
    """The companies by id; a row that names none fails the read, since nobody could say whose row it was."""
    found: dict[str, ListedCompany] = {}
    for row in rows:
        try:
            identity = str(UUID(text_field(row, "id")))
            company = ListedCompany(erp_id=identity, name=text_field(row, "name"), identity=identity)
        except (InvalidRow, ValueError) as wrong:
            raise AnswerMisread(f"The list of companies has a row that cannot be read: {wrong}.") from None
        if found.setdefault(identity, company) != company:
            raise AnswerMisread(f"The list of companies names {identity} twice with different names.")
    return found


def _find(wanted: CompanyRef, companies: Mapping[str, ListedCompany]) -> ListedCompany:
    asked, pinned = wanted.erp_id.casefold(), wanted.identity.lower()
    found = companies.get(asked) or next(
        (one for one in companies.values() if one.name.casefold() == asked), None
    )
    if found is None and pinned in companies:
        raise _Trouble(
            GapReason.MISSING,
            f"The company is now called {companies[pinned].name!r}. Correct its name in the connection.",
        )
    if found is None:
        raise _Trouble(
            GapReason.MISSING,
            "Business Central does not list this company. Check its name and environment, and that the application "
            "has permission in it.",
        )
    if pinned and found.identity != pinned:
        raise _Trouble(
            GapReason.IDENTITY_CHANGED,
            f"A company of this name exists, but it is another one ({found.identity} instead of {pinned}): a copy, a "
            "restored one or another environment. Confirm the new identity in the connection.",
        )
    return found


def _window(rows: Sequence[Any]) -> _Window:
    if len(rows) != 1:
        raise _Trouble(GapReason.BAD_ROW, f"Its general ledger setup has {len(rows)} rows instead of one.")
    try:
        return _Window(
            allowed_from=date_field(rows[0], "allowPostingFrom"),
            allowed_to=date_field(rows[0], "allowPostingTo"),
            changed_at=datetime_field(rows[0], "lastModifiedDateTime"),
        )
    except InvalidRow as wrong:
        raise _Trouble(GapReason.BAD_ROW, f"Its general ledger setup cannot be read: {wrong}.") from None


def _starts(rows: Sequence[Any]) -> list[_Start]:
    found: dict[date, _Start] = {}
    for row in rows:
        try:
            first = date_field(row, "startingDate")
            if first is None:
                raise InvalidRow("startingDate is blank")
            if first.year > 9000:
                raise InvalidRow(f"startingDate is {first}")
            start = _Start(
                first,
                optional_text_field(row, "name") or "",
                bool_field(row, "newFiscalYear"),
                bool_field(row, "closed"),
                bool_field(row, "dateLocked"),
            )
        except InvalidRow as wrong:
            raise _Trouble(GapReason.BAD_ROW, f"An accounting period cannot be read: {wrong}.") from None
        if found.setdefault(first, start) != start:
            raise _Trouble(
                GapReason.CONFLICT, f"The accounting period of {first} came twice with different values."
            )
    return [found[first] for first in sorted(found)]


def _readings(
    erp_id: str, rows: Sequence[Any], window: _Window, span: DateSpan, *, beyond: bool
) -> list[PeriodReading]:
    """The company's periods that touch the span; calendar months when it keeps no accounting periods at all."""
    starts = _starts(rows)
    if not starts and not beyond:
        return [
            _reading(erp_id, start, last, str(start.first.year), window, True)
            for start, last in _months(span)
        ]
    found: list[PeriodReading] = []
    year = ""
    for place, start in enumerate(starts):
        # A fiscal year bears the calendar year it begins in; before the first known beginning, the period's own.
        year = str(start.first.year) if start.opens_year or not year else year
        assumed = place + 1 == len(starts)
        last = month_end(start.first) if assumed else starts[place + 1].first - timedelta(days=1)
        if start.first <= span.last and last >= span.first:
            found.append(_reading(erp_id, start, last, year, window, assumed))
    if not found:
        raise _Trouble(
            GapReason.EMPTY,
            "Its accounting periods do not reach into these months. Create the fiscal year in Business Central.",
        )
    return found


def _reading(
    erp_id: str, start: _Start, last: date, year: str, window: _Window, assumed_end: bool
) -> PeriodReading:
    return PeriodReading(
        erp_id=erp_id,
        erp_key=start.first.isoformat(),
        calendar="",
        year=year,
        name=start.name,
        span=DateSpan(start.first, last),
        type=PeriodType.OPERATING,
        facts=PostingWindowFacts(
            allowed_from=window.allowed_from,
            allowed_to=window.allowed_to,
            year_closed=start.year_closed,
            date_locked=start.date_locked,
            assumed_end=assumed_end,
        ),
        erp_changed_at=window.changed_at,
    )


def _months(span: DateSpan) -> list[tuple[_Start, date]]:
    found = []
    first = month_of(span.first)
    while first <= span.last:
        last = month_end(first)
        found.append((_Start(first, month_and_year(first), False, False, False), last))
        first = next_month(first)
    return found
