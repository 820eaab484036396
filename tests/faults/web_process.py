"""A web server process of a test's own, readers who are signed in at it, and the streams that they listen to."""

from __future__ import annotations

import http.client
import re
import select
import socket
import sys
import time
from collections.abc import Callable, Mapping
from http.cookies import SimpleCookie
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from django.utils import timezone

from closeboard.ops.children import Child, last_lines, spawn, stop, wait_until
from closing.facts.base import NativePeriodFacts
from entities.models import Person
from tests.builders import CLOSED, ON_HOLD, OPEN
from tests.closeboard.processes import PROJECT
from tests.db_builders import PASSWORD, SampleGroup

MAY = "/?month=2026-05"
PATIENCE = 30.0  # seconds for whatever must arrive; the sweep comes every five
_STATES: dict[str, NativePeriodFacts] = {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": ON_HOLD, "NLDT": OPEN}


class Web:
    """A web server process of our own, started with the words a person types."""

    def __init__(self, env: Mapping[str, str], folder: Path, name: str = "web") -> None:
        with socket.socket() as any_port:
            any_port.bind(("127.0.0.1", 0))
            self.port: int = any_port.getsockname()[1]
        self._env = {
            **env,
            "DATABASE_POOL": "true",
            "ALLOWED_HOSTS": "127.0.0.1",
            "PUBLIC_BASE_URL": f"http://127.0.0.1:{self.port}",
        }
        self._log, self._name = folder / f"{name}.log", name
        self.child: Child

    def __enter__(self) -> Self:
        words = ["-m", "closeboard.serve", "--port", str(self.port)]
        self.child = spawn(self._name, [sys.executable, *words], log=self._log, env=self._env, cwd=PROJECT)
        wait_until(self.child, self._answers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop(self.child)
        print(f"--- {self._name}\n{last_lines(self._log, 40)}")  # pytest shows it when the test failed

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def _answers(self) -> bool:
        try:
            told = self.connect()
            told.request("GET", "/login/")
            return told.getresponse().status == 200
        except OSError:
            return False


class Reader:
    """Somebody signed in at a server, with the cookies of a browser."""

    def __init__(self, web: Web, somebody: Person) -> None:
        self._web, self._cookies = web, dict[str, str]()
        page = self._ask("GET", "/login/")[1]
        token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token
        form = {"username": somebody.email, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        assert self._ask("POST", "/login/", urlencode(form))[0] == 302

    def page(self, url: str = MAY) -> str:
        status, text = self._ask("GET", url)
        assert status == 200, text[:300]
        return text

    def listen(self) -> Listening:
        """A stream of the board of May; returns when the server has greeted."""
        told = self._web.connect()
        told.request("GET", "/live/?month=2026-05", headers=self._headers())
        found = Listening(told)
        found.hears(b"event: beat")
        return found

    def _headers(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}

    def _ask(self, method: str, url: str, body: str | None = None) -> tuple[int, str]:
        told = self._web.connect()
        form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        told.request(method, url, body, self._headers() | form)
        answer = told.getresponse()
        for each in answer.headers.get_all("Set-Cookie") or ():
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(each).items()}
        return answer.status, answer.read().decode()


class Listening:
    """An open stream: bytes are waited for, each with a deadline."""

    def __init__(self, told: http.client.HTTPConnection) -> None:
        assert told.sock is not None
        self._socket: socket.socket = told.sock
        self._answer = told.getresponse()
        assert self._answer.status == 200
        assert self._answer.headers["Content-Type"] == "text/event-stream"
        self.heard, self.over = b"", False

    def hears(self, text: bytes, seconds: float = PATIENCE) -> bytes:
        """Everything up to the next event with this text, which is taken: the next wait is for a later one."""
        self._read_until(lambda: text in self.heard and self.heard.endswith(b"\n\n"), seconds, repr(text))
        taken, self.heard = self.heard, b""
        return taken

    def during(self, seconds: float) -> bytes:
        """Everything that is told from now on for so long, which is taken."""
        until, self.heard = time.monotonic() + seconds, b""
        while not self.over and (left := until - time.monotonic()) > 0:
            if select.select([self._socket], [], [], left)[0]:  # a read that times out would be the last one
                self._read(PATIENCE)
        taken, self.heard = self.heard, b""
        return taken

    def ends(self, seconds: float = PATIENCE) -> bytes:
        """What was still sent before the server closed the stream."""
        self._read_until(lambda: self.over, seconds, "the end of the stream")
        return self.heard

    def _read_until(self, true: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            left = deadline - time.monotonic()
            assert left > 0, f"not within {seconds} s: {what}; heard {self.heard!r}"
            assert not self.over, f"the stream ended before {what}; heard {self.heard!r}"
            self._read(left)

    def _read(self, seconds: float) -> None:
        self._socket.settimeout(seconds)
        try:
            more = self._answer.read1(65536)
        except TimeoutError:
            return
        self.heard += more
        self.over = not more


def says(group: SampleGroup, **changed: NativePeriodFacts) -> None:
    """The connection is read now, by this process: no server is told but through the database and Redis."""
    group.read(timezone.now(), _STATES | changed)
