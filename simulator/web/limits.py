"""Applies Business Central's limits per principal: five requests at a time, a queue, a rate per five minutes."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from simulator.web.entra import Principal
from simulator.web.wire import Refusal
from simulator.world.profile import Profile

WINDOW = 300.0  # seconds


def _too_many(message: str, profile: Profile, wait: float) -> Refusal:
    # Retry-After is documented for 502 and 503 only (03-erp-contracts 8); the profile can add it.
    headers = (("retry-after", str(max(1, round(wait)))),) if profile.bc_429 == "retry_after" else ()
    return Refusal(429, message, "Application_TooManyRequests", headers)


class Gate:
    """The limits of one principal, in real time, whatever the scenario's clock says."""

    def __init__(self) -> None:
        self.inside = 0
        self.highest = 0
        self.waiting: deque[asyncio.Future[None]] = deque()
        self._seen: deque[float] = deque()

    @asynccontextmanager
    async def enter(self, profile: Profile) -> AsyncIterator[None]:
        """Wait for a free slot; raises `Refusal` 429 when the queue is full or the rate is used up."""
        now = time.monotonic()
        while self._seen and self._seen[0] <= now - WINDOW:
            self._seen.popleft()
        if profile.bc_rate and len(self._seen) >= profile.bc_rate:
            raise _too_many("The rate of requests is over its limit.", profile, self._seen[0] + WINDOW - now)
        if self.inside >= profile.bc_concurrent and len(self.waiting) >= profile.bc_queue:
            raise _too_many("Too many requests are waiting already.", profile, 5)
        self._seen.append(now)
        if self.inside >= profile.bc_concurrent:
            slot = asyncio.get_running_loop().create_future()
            self.waiting.append(slot)
            try:
                await slot  # the request that leaves hands over its slot: `inside` stays as it is
            except asyncio.CancelledError:
                if slot.done() and not slot.cancelled():
                    self._leave()
                elif slot in self.waiting:
                    self.waiting.remove(slot)
                raise
        else:
            self.inside += 1
        self.highest = max(self.highest, self.inside)
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        while self.waiting:
            slot = self.waiting.popleft()
            if not slot.done():
                slot.set_result(None)
                return
        self.inside -= 1


class Gates:
    """The gate of each principal."""

    def __init__(self) -> None:
        self._gates: dict[Principal, Gate] = {}

    def of(self, principal: Principal) -> Gate:
        return self._gates.setdefault(principal, Gate())
