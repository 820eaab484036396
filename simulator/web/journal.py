"""Logs the received requests for tests; tokens and secrets never enter the log."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from simulator.web.wire import Request
from simulator.world.times import iso

KEPT = 20_000


@dataclass
class Entry:
    """One request; `concurrent` counts the requests in progress when it arrived, itself included."""

    number: int
    at: str
    method: str
    path: str
    query: str
    bearer: bool
    concurrent: int
    user_agent: str
    prefer: str
    data_access_intent: str
    principal: str | None = None
    status: int | None = None
    milliseconds: float | None = None
    bytes: int = 0
    faults: list[str] = field(default_factory=list)


class Journal:
    """The requests in the order of arrival, and the highest number in progress at once."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=KEPT)
        self.total = 0
        self.under_way: Counter[str] = Counter()
        self.highest: Counter[str] = Counter()

    def clear(self) -> None:
        self.entries.clear()
        self.total = 0
        self.highest.clear()

    def open(self, request: Request) -> tuple[Entry, float]:
        """Record an incoming request; returns its entry and the start time for `close`."""
        self.total += 1
        self._enter("all")
        entry = Entry(
            number=self.total,
            at=iso(datetime.now(UTC)),
            method=request.method,
            path=request.path,
            query=request.query,
            bearer=request.bearer is not None,
            concurrent=self.under_way["all"],
            user_agent=request.headers.get("user-agent", ""),
            prefer=request.headers.get("prefer", ""),
            data_access_intent=request.headers.get("data-access-intent", ""),
        )
        self.entries.append(entry)
        return entry, perf_counter()

    def known(self, entry: Entry, principal: str) -> None:
        """Record the principal once the request's token has been accepted."""
        entry.principal = principal
        self._enter(principal)

    def close(self, entry: Entry, started: float) -> None:
        entry.milliseconds = round((perf_counter() - started) * 1000, 3)
        self.under_way["all"] -= 1
        if entry.principal:
            self.under_way[entry.principal] -= 1

    def _enter(self, key: str) -> None:
        self.under_way[key] += 1
        self.highest[key] = max(self.highest[key], self.under_way[key])

    def as_json(self) -> dict[str, Any]:
        return {
            "count": self.total,
            "max_concurrent": self.highest["all"],
            "max_concurrent_by_principal": {
                name: high for name, high in self.highest.items() if name != "all"
            },
            "requests": [asdict(entry) for entry in self.entries],
        }
