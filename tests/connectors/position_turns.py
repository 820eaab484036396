"""Reads the periods and the balances with partners of connections to the simulator, without the turns of work."""

from __future__ import annotations

from datetime import timedelta

from connectors.registry import turns_of_parts
from connectors.sync import sync_connection
from connectors.work_sync import sync_work
from entities.models import Connection
from simulator.run import Running
from tests.builders import utc
from worklist.models import WorkAttempt


def read_positions(sim: Running, at: str, *connections: Connection) -> None:
    """Read the turn of positions of these connections, or of all, as of a moment of the ERP's clock.

    The other turns count as read a second before; a later call is of a later moment.
    """
    moment = utc(at)
    sim.set_clock(moment)
    for connection in connections or Connection.objects.order_by("name"):
        sync_connection(connection, moment)
        turns = turns_of_parts()[connection.kind]
        for turn in range(turns):
            WorkAttempt.objects.create(
                connection=connection,
                turn=turn,
                outcome="ok",
                started_at=moment - timedelta(seconds=1),
                finished_at=moment,
                lease_until=moment,
            )
        attempt = sync_work(connection, moment).attempt
        assert attempt is not None
        assert (attempt.turn, attempt.outcome) == (turns, "ok"), attempt.words
