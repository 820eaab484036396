"""A stand-in for an ERP with company locks, its connector, and a group that is read from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime

from closing.calendar.date_phrases import month_and_year
from closing.calendar.days import DateSpan
from closing.calendar.months import month_end, next_month
from closing.facts.readings import PeriodReading, PeriodType, ReadResult
from connectors.ledger_source import CompanyRef
from connectors.registry import CONNECTORS, Connector
from connectors.sync import SyncResult, sync_connection
from entities.models import Connection
from tests.builders import utc
from tests.company_lock.company_lock_facts import CompanyLockFacts, LockException, registered
from tests.db_builders import SampleGroup, save_sample_group

NOTHING_LOCKED = CompanyLockFacts(None)


@dataclass
class CompanyLockErp:
    """The locks by company; it lists no periods, so its connector takes calendar months."""

    locks: dict[str, CompanyLockFacts] = field(default_factory=dict)

    def read(self, refs: Sequence[CompanyRef], span: DateSpan) -> ReadResult:
        readings = []
        month = span.first
        while month <= span.last:
            readings += [self._reading(ref.erp_id, month) for ref in refs]
            month = next_month(month)
        return ReadResult(tuple(readings), pages=1, rows=len(refs))

    def _reading(self, erp_id: str, month: date) -> PeriodReading:
        days = DateSpan(month, month_end(month))
        facts = self.locks.get(erp_id, NOTHING_LOCKED)
        name, year = month_and_year(month), str(month.year)
        return PeriodReading(erp_id, f"{month:%Y-%m}", "", year, name, days, PeriodType.OPERATING, facts)


@dataclass
class LockedGroup:
    """The four entities of the sample group, on a connection to such an ERP."""

    erp: CompanyLockErp
    group: SampleGroup
    connection: Connection

    def lock(self, to: date | None, *exceptions: LockException, codes: Sequence[str] = ()) -> None:
        """Set the lock of these companies, or of all."""
        facts = CompanyLockFacts(to, exceptions)
        self.erp.locks |= {code.lower(): facts for code in codes or self.group.entities}

    def read(self, at: str | datetime) -> SyncResult:
        """Read the connection as the worker does."""
        return sync_connection(self.connection, utc(at) if isinstance(at, str) else at)


@contextmanager
def installed() -> Iterator[CompanyLockErp]:
    """Register the kind and its connector."""
    erp = CompanyLockErp()
    with registered():
        CONNECTORS["company_lock"] = Connector(lambda *_: erp, lambda *_: "")
        try:
            yield erp
        finally:
            del CONNECTORS["company_lock"]


def save_locked_group(erp: CompanyLockErp) -> LockedGroup:
    """Save the sample group, never read, on a connection of this kind."""
    group = save_sample_group()
    connection = Connection.objects.get()
    connection.kind, connection.secret = "company_lock", "not used"
    connection.save()
    return LockedGroup(erp, group, connection)
