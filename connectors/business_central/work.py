"""Reads the unfinished work of Business Central's companies, in four turns of at most six requests per company.

Besides these a turn reads the list of companies and the companion's service document (08-blockers-and-tasks 2, 11).
What neither the standard API nor the companion shows is not readable, which is never zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from closing.blockers.blocker_facts import BlockerFact, Doubt
from closing.blockers.blocker_kinds import BlockerKind, DocumentPart
from closing.blockers.work_readings import PartRead, WorkGap, WorkReadResult
from closing.calendar.days import DateSpan
from connectors.business_central import pending_transactions as pending
from connectors.business_central import periodic_runs as runs
from connectors.business_central import unposted_documents as documents
from connectors.business_central import unposted_lines as lines
from connectors.business_central.api_groups import (
    COMPANION,
    INTERCOMPANY,
    central_client,
    published_sets,
)
from connectors.business_central.company_work import CompanyWork
from connectors.business_central.partner_balances import read_partner_balances
from connectors.business_central.work_companies import listed_companies, read_companies
from connectors.ledger_source import SourceSettings
from connectors.work_source import Coverage, PartCoverage, PartKey, WorkRef
from connectors.work_tally import parts_of_positions
from infra.outbound.entra_tokens import TokenCache
from infra.outbound.session import RequestLimits

TOO_LATE = "Not every company could be read in the time of one read; the others are read first at the next."
_NOT_SHOWN = PartCoverage(Coverage.NOT_READABLE, Doubt.NOT_SHOWN)
NEVER_SHOWN: tuple[PartKey, ...] = (
    (BlockerKind.UNPOSTED_DOCUMENTS, DocumentPart.INVENTORY_JOURNALS),
    (BlockerKind.UNPOSTED_DOCUMENTS, DocumentPart.PROJECT_JOURNALS),
    (BlockerKind.UNPOSTED_DOCUMENTS, DocumentPart.EXPENSE_JOURNALS),
    (BlockerKind.ACCRUAL_REVERSALS, ""),
)


class _Turn(NamedTuple):
    """The parts of one turn, and how a company's are read; `extended` if the companion shows any of them."""

    parts: tuple[PartKey, ...]
    read: tuple[Callable[[CompanyWork], None], ...]
    extended: bool = True


_TURNS = (
    _Turn(
        (lines.LINES, lines.RECURRING, *lines.PAYMENTS, *NEVER_SHOWN), (lines.read_lines, lines.read_payments)
    ),
    _Turn(
        (*documents.DOCUMENTS, documents.LATE, documents.APPROVALS),
        (documents.read_documents,),
        extended=False,
    ),
    _Turn((*runs.REPORTS.values(), runs.INVENTORY, runs.BANK), (runs.read_runs,)),
    _Turn((pending.PENDING,), (pending.read_pending,)),
)
CENTRAL_TURNS = len(_TURNS)


@dataclass(frozen=True)
class BusinessCentralWorkSource:
    """The unfinished work of one Business Central environment (WorkSource)."""

    settings: SourceSettings
    tokens: TokenCache
    limits: RequestLimits

    def read_work(
        self, refs: Sequence[WorkRef], days: DateSpan, read_at: datetime, *, turn: int
    ) -> WorkReadResult:
        """Read the parts of one turn; see WorkSource.

        A company that is not listed is a gap of all its parts, and so is one that the time was too short for.
        """
        this = _TURNS[turn]
        with central_client(self.settings, self.tokens, self.limits) as client:
            companion = published_sets(client, self.settings, COMPANION) if this.extended else frozenset()
            shown = _shown(companion, self.settings, intercompany=True)
            found, unlisted = listed_companies(client, self.settings, refs, days, read_at, companion)
            for company in found:
                company.coverage = {part: shown[part] for part in this.parts}
                company.units = {part: unit for part, unit in runs.UNITS.items() if part in this.parts}
            late = {company.ref.entity: company for company in read_companies(found, this.read)}
            missed = [(ref, f"{ref.code}: {words}") for ref, words in unlisted]
            missed += [(company.ref, TOO_LATE) for company in late.values()]
            gaps = [WorkGap(ref.entity, *part, words) for ref, words in missed for part in this.parts]
            facts: list[BlockerFact] = []
            parts: set[PartRead] = set()
            for company in found:
                if company.ref.entity in late:
                    continue
                facts += documents.as_lower_bounds(company, company.facts())
                parts |= company.tally.parts(company.coverage)
                gaps += company.tally.gaps()
            return WorkReadResult(
                tuple(facts),
                frozenset(parts),
                tuple(gaps),
                pages=client.pages_read,
                rows=client.rows_read,
                server_clock=client.server_clock,
            )

    def read_positions(
        self, refs: Sequence[WorkRef], read_at: datetime, entity_of: Mapping[str, str]
    ) -> WorkReadResult:
        """Read the balances with partners, in at most six requests of each company; see WorkSource."""
        with central_client(self.settings, self.tokens, self.limits) as client:
            found = read_partner_balances(client, self.settings, refs, read_at, entity_of)
            parts, gaps = parts_of_positions(found, refs)
            return WorkReadResult(
                (),
                parts,
                gaps,
                pages=client.pages_read,
                rows=client.rows_read,
                server_clock=client.server_clock,
                positions=found,
            )

    def coverage(self) -> Mapping[PartKey, PartCoverage]:
        """What can be read here; see WorkSource."""
        with central_client(self.settings, self.tokens, self.limits) as client:
            companion = published_sets(client, self.settings, COMPANION)
            app = published_sets(client, self.settings, INTERCOMPANY)
        return _shown(companion, self.settings, intercompany=pending.INBOX in app)


def _shown(
    companion: Set[str], settings: SourceSettings, *, intercompany: bool
) -> dict[PartKey, PartCoverage]:
    """How much of each part the environment shows with these sets of the companion."""
    names = tuple(f"journals {name}" for name in lines.templates_of(settings.journal_templates))
    shown = {
        **dict.fromkeys((part for turn in _TURNS for part in turn.parts), _NOT_SHOWN),
        lines.LINES: PartCoverage(Coverage.AT_LEAST, Doubt.PARTY_LINES_HIDDEN, names),
        **{part: PartCoverage(Coverage.AT_LEAST, None, sets) for part, sets in lines.PAYMENTS.items()},
        **{
            part: PartCoverage(Coverage.AT_LEAST, Doubt.RELEASED_LOOK_POSTED, (one.name,))
            for part, one in documents.DOCUMENTS.items()
        },
        documents.PURCHASE_INVOICES: PartCoverage(Coverage.COMPLETE, None, ("purchaseInvoices",)),
        documents.LATE: PartCoverage(Coverage.COMPLETE, None, ("purchaseInvoices",)),
        documents.APPROVALS: PartCoverage(Coverage.COMPLETE, None, ("approvalEntries",), dated=False),
        **{part: PartCoverage(Coverage.AT_LEAST, None, (runs.LOG,)) for part in runs.REPORTS.values()},
        runs.REVALUATION: PartCoverage(Coverage.COMPLETE, None, (runs.LOG,)),
        pending.PENDING: PartCoverage(Coverage.AT_LEAST, None, (pending.INBOX,))
        if intercompany
        else PartCoverage(Coverage.NOT_READABLE, Doubt.NOT_PUBLISHED),
    }
    if lines.ALL_LINES in companion:
        for part in (lines.LINES, lines.RECURRING):
            shown[part] = PartCoverage(Coverage.COMPLETE, None, (lines.ALL_LINES,))
    for part, (name, _) in runs.OPEN_COSTS.items():
        if name in companion:
            shown[part] = PartCoverage(Coverage.COMPLETE, None, (name,))
    if runs.ADJUSTMENTS in companion:
        shown[runs.REVALUATION] = PartCoverage(Coverage.COMPLETE, None, (runs.LOG, runs.ADJUSTMENTS))
    if runs.INVENTORY_PERIODS in companion:
        shown[runs.INVENTORY] = PartCoverage(Coverage.COMPLETE, None, (runs.INVENTORY_PERIODS,))
    if runs.RECONCILIATIONS in companion:
        shown[runs.BANK] = PartCoverage(Coverage.AT_LEAST, None, (runs.RECONCILIATIONS,))
    if pending.BOTH_WAYS in companion:
        shown[pending.PENDING] = PartCoverage(Coverage.COMPLETE, None, (pending.BOTH_WAYS,))
    return shown
