"""Databases of designed states, each built once a run by the first worker that needs it.

The workers of a run share one PostgreSQL. A worker that builds, copies or drops a scenario's database holds the
advisory lock of its name; a worker that reads it holds the same lock shared, because PostgreSQL refuses to copy a
database that has connections. The builders' results are stored, pickled, as the database's comment: it also marks
the scenario as finished, for every worker.
"""

from __future__ import annotations

import os
import pickle
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import count
from typing import Any, Literal, TypeVar
from uuid import uuid4

import psycopg
from django.core.management import call_command
from psycopg import sql

from tests.databases import copy_database, drop_database, in_use, maintenance

T = TypeVar("T")
Build = Callable[[], Any]
Server = psycopg.Connection[Any]
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid4().hex  # the same in all workers of a run


def migrated() -> None:
    """The builder of the database that every scenario begins from: all migrations, and empty tables."""
    call_command("migrate", verbosity=0, run_syncdb=True)


class ScenarioDatabases:
    """The scenario databases of a run, as one of its workers uses them; the last to close drops them all."""

    def __init__(self, run: str = RUN) -> None:
        self.prefix = f"story_{run[:10]}_"  # two runs may share a server
        self._copies = count(1)
        self._worker = os.environ.get("PYTEST_XDIST_WORKER", "lone")
        self._presence = maintenance()
        _lock(self._presence, self.prefix, "shared")

    def close(self) -> None:
        """Leave the run; the last worker drops its databases."""
        with self._presence as server:
            server.execute("SELECT pg_advisory_unlock_all()")
            if _locked_at_once(server, self.prefix):
                for name in _names(server, self.prefix):
                    drop_database(server, name)

    def template(self) -> str:
        """The name of the run's migrated database, to which nobody can connect: copy it."""
        with maintenance() as server:
            return self._held(server, (migrated,), "shared")[0]

    @contextmanager
    def reading(self, build: Callable[[], T], *more: Build) -> Iterator[T]:
        """Make this process use the run's database of a scenario, for a test that only reads; yields `build`'s value.

        PostgreSQL refuses every write there except in a transaction set to READ WRITE, for a person's session.
        Other workers may read the same database at the same time.
        """
        with maintenance() as server:
            name, made = self._held(server, (build, *more), "shared")
            with in_use(name):
                yield made[0]

    @contextmanager
    def copied(self, *builders: Build) -> Iterator[Any]:
        """Make this process use its own copy of a scenario, dropped afterwards; yields the first builder's result.

        Without builders: an empty migrated database.
        """
        with maintenance() as server:
            source, made = self._held(server, builders or (migrated,), "exclusive" if builders else "shared")
            name = f"{self.prefix}{self._worker}_{next(self._copies)}"
            copy_database(server, source, name)
            server.execute("SELECT pg_advisory_unlock_all()")
            try:
                with in_use(name):
                    yield made[0]
            finally:
                drop_database(server, name)

    def _held(
        self, server: Server, builders: tuple[Build, ...], how: Literal["shared", "exclusive"]
    ) -> tuple[str, list[Any]]:
        """A scenario's finished database, built here if missing, with its lock held, and its builders' results."""
        name = self._name(builders)
        _lock(server, name, how)
        while (made := _kept(server, name)) is None:
            server.execute("SELECT pg_advisory_unlock_all()")
            _lock(server, name, "exclusive")
            if _kept(server, name) is None:
                self._build(server, name, builders)
            server.execute("SELECT pg_advisory_unlock_all()")
            _lock(server, name, how)
        return name, made

    def _build(self, server: Server, name: str, builders: tuple[Build, ...]) -> None:
        drop_database(server, name)  # an unfinished one
        first = builders == (migrated,)
        copy_database(server, "template1" if first else self.template(), name)
        with in_use(name):
            found = [build() for build in builders]
        after = "WITH ALLOW_CONNECTIONS false" if first else "SET default_transaction_read_only = on"
        server.execute(sql.SQL("ALTER DATABASE {} ").format(sql.Identifier(name)) + sql.SQL(after))
        kept = b64encode(pickle.dumps(found)).decode()
        server.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(kept))
        )

    def _name(self, builders: tuple[Build, ...]) -> str:
        """A name that all workers give to the database of these builders, from their modules and names."""
        names = [f"{build.__module__}.{build.__qualname__}" for build in builders]
        assert "<" not in "".join(names), f"a story's builders are functions of a module: {names}"
        words = re.sub(r"\W+", "_", "_".join(build.__name__ for build in builders)).lower()
        return f"{self.prefix}{words[:30]}_{sha256(' '.join(names).encode()).hexdigest()[:8]}"


def _lock(server: Server, name: str, how: Literal["shared", "exclusive"]) -> None:
    kind = "pg_advisory_lock_shared" if how == "shared" else "pg_advisory_lock"
    server.execute(sql.SQL("SELECT {}(hashtextextended({}, 0))").format(sql.SQL(kind), sql.Literal(name)))


def _locked_at_once(server: Server, name: str) -> bool:
    found = server.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name]).fetchone()
    return bool(found and found[0])


def _names(server: Server, prefix: str) -> list[str]:
    found = server.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix])
    return [name for (name,) in found.fetchall()]


def _kept(server: Server, name: str) -> list[Any] | None:
    """The results of the builders of a finished scenario, unpickled each time; None if it does not exist yet."""
    found = server.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
    ).fetchone()
    return pickle.loads(b64decode(found[0])) if found and found[0] else None
