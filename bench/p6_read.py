"""P6: read whole fleets from the simulator at 20 ms latency: Finance & Operations and Business Central."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from urllib.parse import quote, urlsplit

import httpx2

from bench.measure import Contender, Figure, Table, alternate
from closing.calendar.days import DateSpan
from closing.facts.readings import ReadResult
from connectors.business_central.api_groups import RESOURCE
from connectors.ledger_source import CompanyRef, LedgerSource, SourceSettings
from connectors.registry import build_source
from infra.outbound.entra_tokens import TokenCache
from infra.outbound.session import RequestLimits
from simulator.run import Running, running

LATENCY_MS = 20
CLOCK = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPAN = DateSpan(date(2024, 11, 1), date(2026, 12, 31))
PORTS = iter(range(9250, 9280))
PATIENT = RequestLimits(operation_seconds=120)  # the simulator needs time for its first pages of a big fleet
OURS = "connectors.registry.build_source(...).read"
RAW = "fetch and json.loads the same pages"


def measure(small: bool) -> Iterator[Table]:
    for count in [500] if small else [500, 5_000]:
        yield _finops(count)
    for count in [50] if small else [100, 300]:
        yield _central(count)


def _finops(count: int) -> Table:
    table = Table(
        "P6", f"read Finance & Operations, {count:,} entities x 24 periods, {LATENCY_MS} ms latency"
    )
    with running(f"fleet:{count}", CLOCK, port=next(PORTS), latency_ms=LATENCY_MS) as sim:
        source = _source("finops", sim)
        wanted = [CompanyRef(f"E{number:05}") for number in range(1, count + 1)]
        harvest, urls = _look(source, wanted, sim)
        sample = min(count, 25)
        crowd = min(count, 200)
        with _Client(sim, sim.url) as client:
            single = [_of_one(sim, one) for one in wanted]
            table.figures = alternate(
                [
                    Contender(OURS, "ours", lambda: source.read(wanted, SPAN)),
                    Contender(
                        RAW, "limit", lambda: client.parse(urls), note="one after the other, nothing checked"
                    ),
                    Contender("fetch the same pages", "limit", lambda: client.fetch(urls), note="bytes only"),
                    Contender(
                        "one company at a time",
                        "baseline",
                        lambda: client.parse(single[:sample]),
                        times=count / sample,
                        note=f"{sample} companies, times {count / sample:g}",
                    ),
                    Contender(
                        "32 companies at once",
                        "baseline",
                        lambda: client.parse(single[:crowd], at_once=32),
                        times=count / crowd,
                        note=f"{crowd} companies, times {count / crowd:g}",
                    ),
                ]
            )
            megabytes = client.fetch(urls) / 1e6
    requests = len(urls)
    _add_limit(table, "pages x latency", requests * LATENCY_MS / 1000, f"{requests} requests")
    table.goal("ours over pages x latency", OURS, "pages x latency", 2.5)
    table.remarks.append(f"{_brought(harvest)}; {megabytes:.1f} MB of JSON")
    return table


def _central(count: int) -> Table:
    table = Table("P6", f"read Business Central, {count:,} companies, {LATENCY_MS} ms latency, 3 at once")
    with running(f"fleet-bc:{count}", CLOCK, port=next(PORTS), latency_ms=LATENCY_MS) as sim:
        source = _source("business_central", sim)
        wanted = [CompanyRef(f"Company {number}") for number in range(1, count + 1)]
        harvest, urls = _look(source, wanted, sim)
        with _Client(sim, RESOURCE) as client:
            sample = urls[: min(len(urls), 41)]
            table.figures = alternate(
                [
                    Contender(OURS, "ours", lambda: source.read(wanted, SPAN)),
                    Contender(
                        RAW, "limit", lambda: client.parse(urls, at_once=3), note="3 at once, nothing checked"
                    ),
                    Contender(
                        "one call at a time",
                        "baseline",
                        lambda: client.parse(sample),
                        times=len(urls) / len(sample),
                        note=f"{len(sample)} calls, times {len(urls) / len(sample):.1f}",
                    ),
                ]
            )
    _add_limit(table, "calls x latency / 3", len(urls) * LATENCY_MS / 3000, f"{len(urls)} calls")
    table.goal("ours over calls x latency / 3", OURS, "calls x latency / 3", 1.3)
    table.remarks.append(_brought(harvest))
    return table


def _source(kind: str, sim: Running) -> LedgerSource:
    settings = SourceSettings(
        name="fleet",
        kind=kind,
        base_url=sim.url,
        authority=sim.url,
        tenant="meridian.example",
        client_id="simulator",
        secret="simulator",
        environment="production",
        allowed_hosts=(urlsplit(sim.url).netloc,),
        budget_seconds=600,
    )
    return build_source(settings, tokens=TokenCache(), limits=PATIENT)


def _look(source: LedgerSource, wanted: Sequence[CompanyRef], sim: Running) -> tuple[ReadResult, list[str]]:
    """Read once before the benchmark; returns the requested addresses."""
    source.read(wanted, SPAN)
    sim.call("DELETE", "requests")
    harvest = source.read(wanted, SPAN)
    asked = [entry for entry in sim.requests() if entry["method"] == "GET"]
    return harvest, [f"{sim.url}{quote(entry['path'])}?{entry['query']}" for entry in asked]


def _of_one(sim: Running, one: CompanyRef) -> str:
    return f"{sim.url}/data/LedgerFiscalPeriodsV2?cross-company=true&$filter=LegalEntityId eq '{one.erp_id}'".replace(
        " ", "%20"
    )


class _Client:
    """An HTTP client without our checks."""

    def __init__(self, sim: Running, resource: str) -> None:
        self.http = httpx2.Client(timeout=120, limits=httpx2.Limits(max_connections=32), trust_env=False)
        form = {
            "grant_type": "client_credentials",
            "client_id": "simulator",
            "client_secret": "simulator",
            "scope": f"{resource}/.default",
        }
        token = self.http.post(f"{sim.url}/meridian.example/oauth2/v2.0/token", data=form).json()[
            "access_token"
        ]
        self.headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    def __enter__(self) -> _Client:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.http.close()

    def fetch(self, urls: Sequence[str]) -> int:
        """The bytes of the body."""
        return sum(len(self._get(url)) for url in urls)

    def parse(self, urls: Sequence[str], *, at_once: int = 1) -> None:
        if at_once == 1:
            for url in urls:
                json.loads(self._get(url))
            return
        with ThreadPoolExecutor(max_workers=at_once) as pool:
            for _ in pool.map(lambda url: json.loads(self._get(url)), urls):
                pass

    def _get(self, url: str) -> bytes:
        answer = self.http.get(url, headers=self.headers)
        answer.raise_for_status()
        return answer.content


def _add_limit(table: Table, name: str, seconds: float, note: str) -> None:
    table.figures.append(Figure(name, "limit", [seconds], f"worked out: {note}"))


def _brought(harvest: ReadResult) -> str:
    return (
        f"{len(harvest.readings):,} readings from {harvest.rows:,} rows on {harvest.pages} pages, "
        f"{len(harvest.gaps)} gaps"
    )
