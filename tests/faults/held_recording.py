"""Holds the transaction that records a reading at one of its steps, so that its process can be killed there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

_LOCK = 20_261_120


@contextmanager
def held(url: str, event: str) -> Iterator[Callable[[], bool]]:
    """Hold every recording at the event of a trigger until the block ends; yields whether somebody waits there."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        session.execute(
            f"CREATE FUNCTION hold_here() RETURNS trigger LANGUAGE plpgsql AS"
            f" 'BEGIN PERFORM pg_advisory_xact_lock({_LOCK}); RETURN NEW; END'"
        )
        kind = "CONSTRAINT TRIGGER" if "DEFERRED" in event else "TRIGGER"
        # An UPDATE of attempts may be another's, who marks them abandoned.
        each = (
            "FOR EACH ROW WHEN (OLD.outcome = 'running' AND NEW.outcome IN ('ok', 'partial'))"
            if event.startswith(("BEFORE UPDATE", "AFTER UPDATE")) and event.endswith("attempt")
            else "FOR EACH ROW"
        )
        session.execute(f"CREATE {kind} hold {event} {each} EXECUTE FUNCTION hold_here()")

        def waits() -> bool:
            found = session.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted",
                [_LOCK],
            ).fetchone()
            return bool(found and found[0])

        yield waits
        session.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
        session.execute("DROP FUNCTION hold_here CASCADE")


def nobody_records(url: str) -> bool:
    """True once the database has ended the session that the killed process held."""
    with psycopg.connect(url) as session:
        found = session.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND query !~ 'array_agg'"
        ).fetchone()
    return bool(found and found[0] == 0)
