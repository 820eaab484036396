"""Web servers for benchmarks, run as in production, and signed-in browsers."""

from __future__ import annotations

import http.client
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from bench.scratch_databases import execute
from closeboard.ops.children import Child, last_lines, spawn, stop, wait_until
from closeboard.serve import allow_many_files
from closeboard.up import PROJECT
from entities.models import Group, Membership, Person

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Server:
    """A web process that answers on a port of this machine only."""

    child: Child
    port: int

    @property
    def pid(self) -> int:
        return self.child.pid


def free_port() -> int:
    """A port on which no program listens at this moment."""
    with socket.socket() as any_port:
        any_port.bind((HOST, 0))
        port: int = any_port.getsockname()[1]
        return port


@contextmanager
def serving(*, beside: bool = False) -> Iterator[Server]:
    """Run `closeboard.serve` with its pool on the database in use; `beside` adds bench.baseline_site's addresses."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    env = os.environ | {
        "DATABASE_URL": url.geturl(),
        "DATABASE_POOL": "true",
        "SECRET_KEY": settings.SECRET_KEY,
        "ALLOWED_HOSTS": HOST,
        "PUBLIC_BASE_URL": "http://127.0.0.1:8000",
        "DJANGO_SETTINGS_MODULE": "bench.baseline_site.settings" if beside else "closeboard.settings",
        "PYTHONUNBUFFERED": "1",
    }
    port = free_port()
    with running("web", ["-m", "closeboard.serve", "--port", str(port)], port, env) as child:
        yield Server(child, port)


@contextmanager
def running(name: str, words: list[str], port: int, env: dict[str, str]) -> Iterator[Child]:
    """Run a Python process of ours, ready when it listens on its port, until the end of the block."""
    allow_many_files()
    with tempfile.TemporaryDirectory(prefix="closeboard-bench-") as folder:
        child = spawn(name, [sys.executable, *words], log=Path(folder) / f"{name}.log", env=env, cwd=PROJECT)
        try:
            wait_until(child, lambda: listens(port))
            try:
                yield child
            except BaseException:
                print(f"--- {name}\n{last_lines(child.log, 40)}", file=sys.stderr)
                raise
        finally:
            stop(child)


def listens(port: int) -> bool:
    """Whether a program accepts connections there."""
    with socket.socket() as knock:
        return knock.connect_ex((HOST, port)) == 0


class Browser:
    """One kept-alive connection of a signed-in person; it reads whole answers without parsing them."""

    def __init__(self, port: int, cookie: str) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=60)
        self._cookie = cookie
        self.last: http.client.HTTPResponse | None = None

    def get(self, path: str, expect: int = 200, **headers: str) -> bytes:
        """The body of an answer; raises RuntimeError when the status is another than expected."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self.last = self._answer(path, told)
        except http.client.RemoteDisconnected:  # idle while another contender had its turn
            self.last = self._answer(path, told)
        body = self.last.read()
        if self.last.status != expect:
            raise RuntimeError(f"GET {path} gave {self.last.status}, not {expect}: {body[:300]!r}")
        return body

    def _answer(self, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        self._connection.request("GET", path, headers={"Cookie": self._cookie, **headers})
        return self._connection.getresponse()

    def close(self) -> None:
        self._connection.close()


def somebody(email: str, group: str = "MERIDIAN", zone: str = "Europe/London") -> Person:
    """A finance person of a group."""
    person = Person.objects.create(email=email, name=email.partition("@")[0].title(), zone=zone)
    Membership.objects.create(
        person=person, group=Group.objects.get(code=group), role=Membership.Role.FINANCE
    )
    return person


def hold(person: Person, group: str) -> None:
    """Save one more membership."""
    Membership.objects.create(
        person=person, group=Group.objects.get(code=group), role=Membership.Role.FINANCE
    )


def session_of(person: Person) -> str:
    """The cookie of a new session of a person."""
    client = Client()
    client.force_login(person)
    return cookie_text(client.cookies)


def cookie_text(cookies: SimpleCookie) -> str:
    return "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())


def read_just_now() -> None:
    """Set the seeded ERP as read a moment ago by the machine's clock, and not stale for a day."""
    execute("UPDATE entities_connection SET stale_after_seconds = 86400")
    execute(
        "INSERT INTO periods_syncattempt (connection_id, started_at, finished_at, lease_until, outcome, pages, rows,"
        " changes, words) SELECT id, %(now)s, %(now)s, %(now)s, 'ok', 15, 120000, 0, '' FROM entities_connection",
        now=timezone.now(),
    )
