"""Reads the unfinished work of Finance & Operations in three turns (08-blockers-and-tasks 5).

Each turn reads the service document, JournalNames and at most six lists of all companies at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from closing.blockers.blocker_facts import Doubt
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.work_readings import WorkReadResult
from closing.calendar.days import DateSpan
from connectors.finops.partner_accounts import read_partner_positions
from connectors.finops.turn_reading import LATE_INVOICES, PartSource, TurnReading, covered
from connectors.finops.work_documents import (
    APPROVAL_SOURCE,
    BANK_SOURCES,
    FREE_TEXT_SOURCE,
    INVENTORY_SOURCE,
    PENDING_VENDOR_INVOICE_SOURCE,
    REVERSAL_SOURCE,
    TRANSFER_SOURCE,
    UNITS,
)
from connectors.finops.work_journals import (
    CUSTOMER_INVOICE_SOURCE,
    DEPRECIATION_SOURCE,
    EXPENSE_SOURCE,
    LEDGER_SOURCE,
    PAYMENT_SOURCES,
    PROJECT_SOURCE,
    VENDOR_INVOICE_SOURCE,
)
from connectors.finops.work_lists import SetUnread, WorkLists
from connectors.ledger_source import SourceSettings
from connectors.odata.lists import ODataClient
from connectors.work_source import Coverage, PartCoverage, PartKey, WorkRef
from connectors.work_tally import WorkTally, parts_of_positions
from infra.outbound.entra_tokens import TokenCache
from infra.outbound.errors import AnswerMisread
from infra.outbound.session import RequestLimits

_TURNS: tuple[tuple[PartSource, ...], ...] = (
    (
        LEDGER_SOURCE,
        VENDOR_INVOICE_SOURCE,
        PENDING_VENDOR_INVOICE_SOURCE,
        CUSTOMER_INVOICE_SOURCE,
        FREE_TEXT_SOURCE,
    ),
    (*PAYMENT_SOURCES, INVENTORY_SOURCE, PROJECT_SOURCE, EXPENSE_SOURCE, DEPRECIATION_SOURCE),
    (*BANK_SOURCES, APPROVAL_SOURCE, REVERSAL_SOURCE, TRANSFER_SOURCE),
)
FINOPS_TURNS = len(_TURNS)
# Invoices that nobody has entered yet are late as well.
_AT_LEAST = frozenset({LATE_INVOICES})
# No public set holds them; the last turn says so.
_NOT_SHOWN: Mapping[PartKey, PartCoverage] = {
    (kind, ""): PartCoverage(Coverage.NOT_READABLE, Doubt.NOT_SHOWN)
    for kind in (
        BlockerKind.RECURRING_DUE,
        BlockerKind.REVALUATION_NOT_RUN,
        BlockerKind.INVENTORY_NOT_CLOSED,
        BlockerKind.COSTS_NOT_ADJUSTED,
    )
}


@dataclass(frozen=True)
class FinopsWorkSource:
    """The unfinished work of one Finance & Operations environment (WorkSource)."""

    settings: SourceSettings
    tokens: TokenCache
    limits: RequestLimits

    def read_work(
        self, refs: Sequence[WorkRef], days: DateSpan, read_at: datetime, *, turn: int
    ) -> WorkReadResult:
        """Read the parts of one turn; see WorkSource.

        A company that has no row in JournalNames is hidden by row security: nothing of it is readable.
        """
        with ODataClient(self.settings, self.tokens, self.limits) as client:
            tally = WorkTally(refs, read_at)
            reading = TurnReading(WorkLists(client), tally, days, self.settings.base_url)
            coverage = _read_turn(reading, _TURNS[turn])
            if turn == FINOPS_TURNS - 1:
                coverage |= _NOT_SHOWN
            return WorkReadResult(
                tuple(tally.facts(coverage, UNITS)),
                tally.parts(coverage),
                tally.gaps(),
                pages=client.pages_read,
                rows=client.rows_read,
                server_clock=client.server_clock,
            )

    def read_positions(
        self, refs: Sequence[WorkRef], read_at: datetime, entity_of: Mapping[str, str]
    ) -> WorkReadResult:
        """Read the balances with partners from snapshots, in five requests; see WorkSource."""
        with ODataClient(self.settings, self.tokens, self.limits) as client:
            found = read_partner_positions(WorkLists(client), refs, entity_of)
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
        """What the environment publishes; see WorkSource."""
        with ODataClient(self.settings, self.tokens, self.limits) as client:
            lists = WorkLists(client)
        sources = [source for turn in _TURNS for source in turn]
        unread = {
            source: Doubt.NOT_PUBLISHED for source in sources if not lists.published.issuperset(source.sets)
        }
        return {**covered(sources, unread, _AT_LEAST), **_NOT_SHOWN}


def _read_turn(reading: TurnReading, sources: Sequence[PartSource]) -> dict[PartKey, PartCoverage]:
    """Read the sources one after the other; the result says what they show."""
    unread: dict[PartSource, Doubt] = {}
    try:
        reading.read_names()
    except AnswerMisread as error:
        reading.miss(None, [part for source in sources for part in source.parts], error.words)
        return covered(sources, unread, _AT_LEAST)
    for source in sources:
        try:
            if not reading.lists.published.issuperset(source.sets):
                raise SetUnread(Doubt.NOT_PUBLISHED)
            source.count(reading)
        except SetUnread as error:
            unread[source] = error.doubt
        except AnswerMisread as error:
            reading.miss(None, source.parts, error.words)
    coverage = covered(sources, unread, _AT_LEAST)
    hidden = Doubt.REFUSED if reading.names_listed else Doubt.NO_ROWS
    for ref in reading.tally.refs:
        if not reading.shows(ref):
            for part in coverage:
                reading.tally.refuse(ref, part, hidden)
    return coverage
