"""Connections to a running simulator for tests of connectors, and a count of opened sockets."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from urllib.parse import urlsplit

from closing.calendar.days import DateSpan
from closing.facts.readings import GapReason, PeriodReading, ReadGap, ReadResult
from connectors.ledger_source import CompanyRef, LedgerSource, SourceSettings
from connectors.registry import build_source
from infra.hosts import ip_literal
from infra.outbound.entra_tokens import TokenCache
from infra.outbound.session import RequestLimits

MAY = DateSpan(date(2026, 5, 1), date(2026, 5, 31))
NOON_12_JUNE = "2026-06-12T12:00:00Z"
SPRING = DateSpan(date(2026, 4, 1), date(2026, 6, 30))
KINDS = ("finops", "business_central")
COMPANIES = {
    "finops": ("UKHC", "UKRT", "USRT", "NLDT"),
    "business_central": ("Ibérica SL", "Ireland Operations"),
}
# The lists that contain states.
STATES = {
    "finops": "LedgerFiscalPeriods",
    "business_central": "generalLedgerSetup",
}
IBERICA = "11111111-2222-3333-4444-555555555555"
# Pauses of 20, 40 and 80 ms: enough to test the rule.
QUICK = RequestLimits(first_pause=0.02)


def settings(kind: str, url: str, **changes: object) -> SourceSettings:
    """A connection to the simulator at `url`, with changes."""
    host = urlsplit(url).netloc
    given: dict[str, object] = {
        "name": "Meridian",
        "kind": kind,
        "base_url": url,
        "authority": url,
        "tenant": "meridian.example",
        "client_id": "simulator",
        "secret": "simulator",
        "environment": "production",
        "allowed_hosts": (host,),
        "budget_seconds": 20.0,
        **changes,
    }
    return SourceSettings(**given)  # type: ignore[arg-type]


def source(
    kind: str, url: str, *, limits: RequestLimits = QUICK, tokens: TokenCache | None = None, **changes: object
) -> LedgerSource:
    """A connector with tokens of its own by default."""
    return build_source(settings(kind, url, **changes), tokens=tokens or TokenCache(), limits=limits)


def company_refs(kind: str) -> list[CompanyRef]:
    return [CompanyRef(erp_id) for erp_id in COMPANIES[kind]]


def gaps(harvest: ReadResult) -> dict[str, GapReason]:
    return {gap.erp_id: gap.reason for gap in harvest.gaps}


def gap(harvest: ReadResult) -> ReadGap:
    """The only gap."""
    [one] = harvest.gaps
    return one


def readings_of(harvest: ReadResult, erp_id: str) -> list[PeriodReading]:
    return [reading for reading in harvest.readings if reading.erp_id == erp_id]


def companies_read(harvest: ReadResult) -> set[str]:
    return {reading.erp_id for reading in harvest.readings}


_COUNTING: list[list[str]] = []


def _hear(event: str, given: tuple[object, ...]) -> None:
    if not _COUNTING:
        return
    if event == "socket.connect":
        _COUNTING[-1].append(f"{event} {given[-1]}")
    elif (
        event == "socket.getaddrinfo" and ip_literal(str(given[0])) is None
    ):  # an IP address needs no look-up
        _COUNTING[-1].append(f"{event} {given[0]}")


sys.addaudithook(_hear)


@contextmanager
def sockets_opened() -> Iterator[list[str]]:
    """Every connection or name look-up of this process while the block runs, from the interpreter's audit events."""
    heard: list[str] = []
    _COUNTING.append(heard)
    try:
        yield heard
    finally:
        _COUNTING.remove(heard)
