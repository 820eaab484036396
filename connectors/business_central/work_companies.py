"""The companies whose work is read, found in the environment's list and read a few at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime
from threading import Event

from closing.calendar.days import DateSpan
from connectors.business_central.accounting_periods import CompanyFailed
from connectors.business_central.api_groups import group_url
from connectors.business_central.company_work import CompanyWork
from connectors.business_central.source import AT_ONCE, ListedCompanies
from connectors.ledger_source import CompanyRef, SourceSettings
from connectors.odata.lists import ODataClient, odata_query
from connectors.work_source import WorkRef
from infra.outbound.errors import ServerUnavailable


def listed_companies(
    client: ODataClient,
    settings: SourceSettings,
    refs: Sequence[WorkRef],
    days: DateSpan,
    read_at: datetime,
    companion: Set[str],
) -> tuple[list[CompanyWork], list[tuple[WorkRef, str]]]:
    """The companies that the environment lists, and the others with the reason in words."""
    options = odata_query(select="id,name,displayName", orderby="name")
    listed = ListedCompanies(client.rows(f"{group_url(client, settings)}/companies{options}"))
    found, unlisted = [], []
    for ref in refs:
        try:
            identity = listed.identity(CompanyRef(ref.erp_id, ref.identity))
        except CompanyFailed as failed:
            unlisted.append((ref, failed.words))
        else:
            found.append(
                CompanyWork(client, settings, ref, identity, listed.names[identity], days, read_at, companion)
            )
    return found, unlisted


def read_companies(
    companies: Sequence[CompanyWork], readers: Iterable[Callable[[CompanyWork], None]]
) -> list[CompanyWork]:
    """Read each company by all readers; returns those that the time of one read was too short for.

    Raises the error of an environment that answers for none of them.
    """
    readers, failed = tuple(readers), Event()
    unread: list[CompanyWork] = []

    def read(company: CompanyWork) -> None:
        if failed.is_set():
            return  # an environment that is away, or asks for rest, is not asked for another company
        time = company.client.session.deadline
        try:
            if time.remaining() <= 0:
                raise time.exceeded()
            for reader in readers:
                reader(company)
        except ServerUnavailable as error:
            if time.remaining() > 0 or error.retry_after is not None:
                failed.set()
                raise
            unread.append(company)
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        futures = [pool.submit(read, company) for company in companies]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if unread and len(unread) == len(companies):
        raise unread[0].client.session.deadline.exceeded()
    errors = [error for company in companies for error in company.errors]
    if errors and not any(company.answered for company in companies):
        raise errors[0]
    return unread
