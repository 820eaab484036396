"""Documents of partners that wait to be accepted: the inbox of Microsoft's app, or the companion's in and out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from closing.blockers.blocker_kinds import BlockerKind
from connectors.business_central.api_groups import COMPANION, INTERCOMPANY
from connectors.business_central.company_work import CompanyWork
from connectors.odata.lists import date_field, optional_text_field, text_field, whole_number_field
from connectors.work_source import Coverage, PartKey
from connectors.work_tally import WorkItem

PENDING: PartKey = (BlockerKind.INTERCOMPANY_PENDING, "")
INBOX = "intercompanyInboxTransactions"
BOTH_WAYS = "intercompanyTransactions"


def read_pending(company: CompanyWork) -> None:
    """Count the documents in the inbox, and where the companion shows them those in the outbox."""
    if BOTH_WAYS in company.companion:
        rows = company.rows(BOTH_WAYS, [PENDING], COMPANION, refused=[])
        if rows is not None or company.is_missed(PENDING):
            _add(company, BOTH_WAYS, "partnerCode", rows or [])
            return
    company.cover(PENDING, Coverage.AT_LEAST, None, INBOX)
    _add(company, INBOX, "icPartnerCode", company.rows(INBOX, [PENDING], INTERCOMPANY) or [])


def _add(company: CompanyWork, name: str, partner: str, rows: Sequence[Any]) -> None:
    link = company.link(INBOX)
    with company.checked(name, PENDING):
        for row in rows:
            day = date_field(row, "postingDate")
            number = optional_text_field(row, "documentNumber") or str(
                whole_number_field(row, "transactionNumber")
            )
            item = WorkItem(text_field(row, "id"), 1, number, day, owner=text_field(row, partner), link=link)
            company.tally.add(company.ref, PENDING, day, item)
