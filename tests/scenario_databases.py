"""Databases that hold a designed state, each built once a run by whichever worker needs it first.

The workers of a run share one PostgreSQL. Whoever builds, copies or drops a story's database holds the advisory lock
of its name; whoever reads it holds the same lock shared, because PostgreSQL refuses to copy a database that somebody
is connected to. What the builders returned is kept, pickled, as the database's comment: there it also says that the
story is finished, and every worker finds it.
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
    """The builder of the database that every story begins from: all migrations, and nothing in the tables."""
    call_command("migrate", verbosity=0, run_syncdb=True)


class ScenarioDatabases:
    """The story databases of a run, as one of its workers uses them; the last worker that closes drops them all."""

    def __init__(self, run: str = RUN) -> None:
        self.prefix = f"story_{run[:10]}_"  # two runs may share a server
        self._copies = count(1)
        self._worker = os.environ.get("PYTEST_XDIST_WORKER", "lone")
        self._presence = maintenance()
        _lock(self._presence, self.prefix, "shared")

    def close(self) -> None:
        """Leave the run; where nobody else is in it any more, drop its databases."""
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
        """Let this process use the run's one database of a story, for a test that only reads; what `build` returned.

        PostgreSQL refuses every write there but those of a transaction that says READ WRITE: a person's session.
        Other workers may read the same database meanwhile.
        """
        with maintenance() as server:
            name, made = self._held(server, (build, *more), "shared")
            with in_use(name):
                yield made[0]

    @contextmanager
    def copied(self, *builders: Build) -> Iterator[Any]:
        """Let this process use a copy of a story of its own, dropped afterwards; what the first builder returned.

        Without builders: a migrated database with nothing in it.
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
        """A story's finished database, built here if need be, with its lock held, and what its builders returned."""
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
        drop_database(server, name)  # one that was left unfinished
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
        """A name that all workers give to what these builders make; they are known by where they are defined."""
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
    """What the builders of a finished story returned, each time anew; None where there is no such story yet."""
    found = server.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
    ).fetchone()
    return pickle.loads(b64decode(found[0])) if found and found[0] else None
