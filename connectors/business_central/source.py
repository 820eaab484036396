"""Reads Business Central: each company's accounting periods and its allowed posting range.

Two requests per company, three at a time of the five that one principal may have open (03-erp-contracts 8). The
list of periods has no ends and no years: both are derived here from the first days (03-erp-contracts 7.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal
from uuid import UUID

from closing.calendar.days import DateSpan
from closing.facts.readings import GapReason, PeriodReading, ReadGap, ReadResult
from connectors.business_central.accounting_periods import CompanyFailed, period_readings, posting_window
from connectors.business_central.api_groups import central_client, group_url
from connectors.ledger_source import CompanyRef, SourceSettings, name_key
from connectors.odata.lists import (
    InvalidRow,
    ODataClient,
    odata_query,
    text_field,
)
from infra.outbound.entra_tokens import TokenCache
from infra.outbound.errors import AccessRefused, AnswerMisread, RequestFailed, ServerUnavailable
from infra.outbound.session import RequestLimits

AT_ONCE = 3
STOP_AFTER = 5  # companies in a row for which nothing answers
# A fiscal year may have 1 to 365 periods; a year and a half on each side holds its first day and the next start.
BEFORE, AFTER = timedelta(days=550), timedelta(days=400)


@dataclass(frozen=True)
class BusinessCentralSource:
    """One Business Central environment (LedgerSource)."""

    settings: SourceSettings
    tokens: TokenCache
    limits: RequestLimits

    def read(self, refs: Sequence[CompanyRef], span: DateSpan) -> ReadResult:
        """Read the periods of the requested companies that touch the span; see LedgerSource.

        A company is named by its id, its name or its display name (`name_key`); its identity is its id.
        """
        with central_client(self.settings, self.tokens, self.limits) as client:
            root = f"{group_url(client, self.settings)}/companies"
            listed = ListedCompanies(
                client.rows(root + odata_query(select="id,name,displayName", orderby="name"))
            )
            read = _CompanyReads()
            with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
                for ref in {name_key(ref.erp_id): ref for ref in refs}.values():
                    try:
                        identity = listed.identity(ref)
                    except CompanyFailed as failed:
                        read.gaps[ref.erp_id] = ReadGap(ref.erp_id, failed.reason, failed.words)
                    else:
                        read.identities[ref.erp_id] = identity
                        url = f"{root}({identity})"
                        read.futures[pool.submit(_read_company, client, url, ref.erp_id, span)] = ref.erp_id
                try:
                    read.collect()
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
            return ReadResult(
                readings=tuple(reading for ref in refs for reading in read.readings.pop(ref.erp_id, ())),
                gaps=tuple(read.gaps.values()),
                identities=read.identities,
                keep_periods=frozenset(read.keep_periods),
                pages=client.pages_read,
                rows=client.rows_read,
                server_clock=client.server_clock,
                retry_after=read.retry_after,
            )


class _CompanyReads:
    """The reads of the companies, as they come in: the trouble of one company is a gap of that company alone.

    It is the environment's trouble, and the whole read fails, when no company was read and all failed alike.
    """

    def __init__(self) -> None:
        self.futures: dict[Future[tuple[list[PeriodReading], bool]], str] = {}
        self.readings: dict[str, list[PeriodReading]] = {}
        self.gaps: dict[str, ReadGap] = {}
        self.identities: dict[str, str] = {}
        self.keep_periods: set[str] = set()
        self.retry_after: float | None = None
        self._errors: list[RequestFailed] = []
        self._of_companies = 0  # failures that only a company can cause
        self._unavailable_in_a_row = 0

    def collect(self) -> None:
        """Wait for every read; raise the error of an environment that answers for no company."""
        for future in as_completed(self.futures):
            erp_id = self.futures[future]
            try:
                self.readings[erp_id], keeps_periods = future.result()
                if keeps_periods:
                    self.keep_periods.add(erp_id)
                self._unavailable_in_a_row = 0
            except CancelledError:
                words = f"This company was not read: {self._errors[-1].words}"
                self.gaps[erp_id] = ReadGap(erp_id, GapReason.FAILED, words)
            except CompanyFailed as failed:
                self._of_companies += 1
                self.gaps[erp_id] = ReadGap(erp_id, failed.reason, failed.words)
            except RequestFailed as error:
                self._note_failure(error)
                reason = GapReason.NO_ACCESS if isinstance(error, AccessRefused) else GapReason.FAILED
                self.gaps[erp_id] = ReadGap(erp_id, reason, error.words)
        alike = len({_manner(error) for error in self._errors}) == 1
        if alike and not self.readings and not self._of_companies:
            raise self._errors[0]

    def _note_failure(self, error: RequestFailed) -> None:
        self._errors.append(error)
        self._unavailable_in_a_row += isinstance(error, ServerUnavailable)
        if error.retry_after is not None:
            self.retry_after = max(self.retry_after or 0.0, error.retry_after)
        if error.retry_after is not None or self._unavailable_in_a_row >= STOP_AFTER:
            # What has begun is finished; a source that asks for rest, or only fails, is not asked anything more.
            for future in self.futures:
                future.cancel()


def _manner(error: RequestFailed) -> tuple[object, ...]:
    """How a request failed; a source that is not available says so with many a status."""
    return (ServerUnavailable,) if isinstance(error, ServerUnavailable) else (type(error), error.status)


def _read_company(
    client: ODataClient, url: str, erp_id: str, span: DateSpan
) -> tuple[list[PeriodReading], bool]:
    """The readings of the company at `url`, and whether it keeps accounting periods at all.

    Raises CompanyFailed for what only a company can cause, or RequestFailed.
    """
    try:
        rows = client.rows(f"{url}/accountingPeriods{_periods_query(span)}")
        window, changed_at = posting_window(client.rows(f"{url}/generalLedgerSetup"))
        any_period = odata_query(select="id,startingDate", top="1")
        keeps_periods = bool(rows or client.rows(f"{url}/accountingPeriods{any_period}"))
    except RequestFailed as error:
        raise _company_failure(error) from None
    return period_readings(erp_id, rows, window, changed_at, span), keeps_periods


def _periods_query(span: DateSpan) -> str:
    first = max(span.first - BEFORE, date(1753, 1, 1)) if span.first > date(1755, 1, 1) else date(1753, 1, 1)
    last = span.last + AFTER if span.last < date(9998, 1, 1) else span.last
    return odata_query(filter=f"startingDate ge {first} and startingDate le {last}", orderby="startingDate")


NO_ACCESS = (
    "The application may not read this company (403). Give its permission sets in Business Central the right to read"
    " accounting periods and the general ledger setup."
)
NOT_FOUND = "Business Central no longer finds this company (404). It may have been deleted, renamed or moved."


def _company_failure(error: RequestFailed) -> Exception:
    """A CompanyFailed for what only a company can cause, else the error itself."""
    if isinstance(error, AccessRefused) and error.status == 403:
        return CompanyFailed(GapReason.NO_ACCESS, NO_ACCESS)
    if isinstance(error, AccessRefused) and error.status in {404, 410}:
        return CompanyFailed(GapReason.NOT_FOUND, NOT_FOUND)
    if isinstance(error, AnswerMisread) and error.status == 200:
        return CompanyFailed(GapReason.BAD_ROW, error.words)
    if isinstance(error, ServerUnavailable) and error.status == 500:
        # An extension that fails in one company gives 500 every time; it must not hide the other 299 companies.
        return CompanyFailed(GapReason.FAILED, error.words)
    return error


class ListedCompanies:
    """The names of the companies that the environment lists, by id; a row that cannot be read hides no other."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.names: dict[str, str] = {}
        self._twice: set[str] = set()  # ids that came with two names
        self._bad_row = ""
        display_names: dict[str, str] = {}
        for row in rows:
            try:
                identity, name = str(UUID(text_field(row, "id"))), text_field(row, "name")
            except (InvalidRow, ValueError) as error:
                self._bad_row = f"The list of companies has a row that cannot be read: {error}."
                continue
            if self.names.setdefault(identity, name) != name:
                self._twice.add(identity)
            if isinstance(row.get("displayName"), str):
                display_names[identity] = row["displayName"]
        if rows and not self.names:
            raise AnswerMisread(self._bad_row)
        # The name stands before the display name, which several companies may share, and the closer match first.
        self._by_name = [
            (form, _ids_by_name(of, form)) for form in _FORMS for of in (self.names, display_names)
        ]

    def identity(self, ref: CompanyRef) -> str:
        """The id of the company that is named; raises CompanyFailed for none, several, or another than pinned."""
        pinned = ref.identity.lower()
        ids = self._ids(ref.erp_id)
        if not ids and pinned in self.names:
            raise CompanyFailed(
                GapReason.MISSING,
                f"The company is now called {self.names[pinned]!r}. Correct its name in the connection.",
            )
        if not ids and self._bad_row:
            raise CompanyFailed(GapReason.BAD_ROW, f"{self._bad_row} This company is in no other row.")
        if not ids:
            raise CompanyFailed(
                GapReason.MISSING,
                "Business Central does not list this company. Check its name and environment, and that the "
                "application has permission in it.",
            )
        if len(ids) > 1 and pinned not in ids:
            names = " and ".join(sorted(repr(self.names[identity]) for identity in ids))
            raise CompanyFailed(
                GapReason.CONFLICT,
                f"Several companies are displayed by this name: {names}. Enter one of these names, or the company's "
                "id, in the connection.",
            )
        identity = pinned if pinned in ids else ids[0]
        if identity in self._twice:
            raise CompanyFailed(GapReason.CONFLICT, f"The list of companies names {identity} with two names.")
        if pinned and identity != pinned:
            raise CompanyFailed(
                GapReason.IDENTITY_CHANGED,
                f"A company of this name exists, but it is another one ({identity} instead of {pinned}): a "
                "copy, a restored one or another environment. Confirm the new identity in the connection.",
            )
        return identity

    def _ids(self, id_or_name: str) -> Sequence[str]:
        """The ids of the companies that this may name; more than one only by a display name, or by looser letters."""
        identity = name_key(id_or_name).strip("{}")
        if identity in self.names:
            return (identity,)
        found = (ids.get(name_key(id_or_name, form)) for form, ids in self._by_name)
        return next((ids for ids in found if ids), ())


def _ids_by_name(names: Mapping[str, str], form: Literal["NFC", "NFKC"]) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for identity, name in names.items():
        ids.setdefault(name_key(name, form), []).append(identity)
    ids.pop("", None)
    return ids


_FORMS: tuple[Literal["NFC", "NFKC"], ...] = ("NFC", "NFKC")
