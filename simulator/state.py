"""Holds the simulator's state between two requests: story, clock, faults, tokens, log."""

from __future__ import annotations

from datetime import datetime

from simulator.faults.active import Faults
from simulator.products import business_central, finops
from simulator.web.entra import Entra
from simulator.web.journal import Journal
from simulator.web.limits import Gates
from simulator.world.profile import Profile
from simulator.world.scenarios import load
from simulator.world.story import World
from simulator.world.times import Clock


class SimulatorState:
    """The state of one simulator: Entra, one Finance & Operations environment, one tenant of Business Central."""

    def __init__(self, scenario: str, clock: datetime | None = None, latency_ms: float = 0) -> None:
        self._as_started = (scenario, clock, latency_ms)
        self.journal = Journal()
        self.entra = Entra()
        self.gates = Gates()
        self.faults = Faults()
        self.clock = Clock(clock)
        self.reset()

    def reset(self) -> None:
        """Restore the state at start-up, except that tokens stay valid and `start` stays the same instant."""
        scenario, self.clock.frozen, self.latency_ms = self._as_started
        self.story = load(scenario, self.clock.start)
        self.profile = Profile().changed(self.story.profile)
        self.finops = finops.Finops(self.story)
        self.central = business_central.BusinessCentral(self.story)
        self.faults.clear()
        self.journal.clear()
        self._world: World | None = None

    def world(self) -> World:
        """The world at the clock's instant, rebuilt only after a change."""
        now = self.clock.now()
        if self._world is None or self._world.version != self.story.version(now):
            self._world = self.story.at(now)
        return self._world
