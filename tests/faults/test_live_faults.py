"""The live stream while something breaks: what is told late is told all the same, and nobody is told too much."""

from __future__ import annotations

import http.client
import re
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from http.cookies import SimpleCookie
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import psycopg
import pytest
from django.db import connection as database
from django.utils import timezone
from pytest_django.fixtures import Settings

from closeboard.ops.children import Child, last_lines, spawn, stop, wait_until
from closing.facts.base import NativePeriodFacts
from entities.models import Group, Membership, Person
from tests.builders import CLOSED, ON_HOLD, OPEN
from tests.closeboard.processes import PROJECT
from tests.db_builders import PASSWORD, SampleGroup, record_worked_example, save_person, save_sample_group
from tests.faults.stack import Valkey

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(240)]
MAY = "/?month=2026-05"
PATIENCE = 30.0  # seconds for whatever must arrive; the sweep comes every five


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


@pytest.fixture
def meridian(live_database: str) -> SampleGroup:
    """The worked example, and a reading of this minute so that everything is fresh."""
    group = save_sample_group()
    record_worked_example(group)
    says(group)
    return group


_STATES: dict[str, NativePeriodFacts] = {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": ON_HOLD, "NLDT": OPEN}


def says(group: SampleGroup, **changed: NativePeriodFacts) -> None:
    """The connection is read now, by this process: no server is told but through the database and Redis."""
    group.read(timezone.now(), _STATES | changed)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    with Valkey(tmp_path) as started:
        yield started


def test_a_change_that_another_process_commits_arrives(
    live_stack_env: dict[str, str], meridian: SampleGroup, tmp_path: Path
) -> None:
    with Web(live_stack_env, tmp_path) as web:
        rosa = Reader(web, save_person())
        assert "EU DTC BV" in rosa.page()
        stream = rosa.listen()
        says(meridian, NLDT=CLOSED)
        told = stream.hears(b"what:row-NLDT")
        assert b"what:row-UKHC" not in told
        assert b"1 of 4 outstanding" in told


def test_b5_a_change_arrives_while_redis_is_away(
    live_stack_env: dict[str, str], meridian: SampleGroup, valkey: Valkey, tmp_path: Path
) -> None:
    """Nobody can nudge: the hub looks by itself, pages answer, and when Redis is back all goes on."""
    with Web(live_stack_env | {"REDIS_URL": valkey.url}, tmp_path) as web:
        rosa = Reader(web, save_person())
        stream = rosa.listen()
        valkey.stop()
        says(meridian, NLDT=CLOSED)
        stream.hears(b"what:row-NLDT")
        assert "1 of 4 outstanding" in rosa.page()
        late = Reader(web, save_person("late@meridian.test", "Late Comer")).listen()
        valkey.start()
        says(meridian, NLDT=CLOSED, USRT=CLOSED)
        stream.hears(b"what:row-USRT")
        late.hears(b"what:row-USRT")
        assert "Group closed" in rosa.page()


def test_a_flushed_redis_does_no_harm(
    live_stack_env: dict[str, str],
    meridian: SampleGroup,
    valkey: Valkey,
    settings: Settings,
    tmp_path: Path,
) -> None:
    """FLUSHALL under an open stream: nobody is signed out, nothing is forgotten."""
    settings.REDIS_URL = valkey.url
    with Web(live_stack_env | {"REDIS_URL": valkey.url}, tmp_path) as web:
        rosa = Reader(web, save_person())
        stream = rosa.listen()
        for changed in ({"NLDT": CLOSED}, {"NLDT": ON_HOLD}):
            valkey.server().flushall()
            says(meridian, **changed)
            stream.hears(b"what:row-NLDT")
            assert "EU DTC BV" in rosa.page()


def test_a_stream_outlives_the_connections_to_the_database(
    live_database: str, live_stack_env: dict[str, str], meridian: SampleGroup, tmp_path: Path
) -> None:
    """PostgreSQL ends every session of the server, as in a restart: the stream goes on, and so do changes."""
    with Web(live_stack_env, tmp_path) as web:
        rosa = Reader(web, save_person())
        stream = rosa.listen()
        for changed in ({"NLDT": CLOSED}, {"NLDT": ON_HOLD}):
            assert end_sessions(live_database) > 0
            says(meridian, **changed)
            stream.hears(b"what:row-NLDT", 60)
        assert "EU DTC BV" in rosa.page()


def end_sessions(url: str) -> int:
    """How many sessions in this database were ended; our own is closed before."""
    database.close()
    with psycopg.connect(url, autocommit=True) as session:
        found = session.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert found
    return int(found[0])


def test_a_change_arrives_at_every_web_process(
    live_stack_env: dict[str, str], meridian: SampleGroup, tmp_path: Path
) -> None:
    with Web(live_stack_env, tmp_path, "one") as one, Web(live_stack_env, tmp_path, "two") as two:
        rosa = save_person()
        streams = [Reader(web, rosa).listen() for web in (one, two)]
        for changed in ({"NLDT": CLOSED}, {"NLDT": ON_HOLD}):
            says(meridian, **changed)
            told = [stream.hears(b"what:row-NLDT") for stream in streams]
            ids = [re.findall(rb"id: (\S+)", each)[-1] for each in told]
            assert ids[0] == ids[1]  # both say the same of the same change: a browser may change its server


def test_a_stream_ends_with_the_role_and_tells_nothing_after(
    live_stack_env: dict[str, str], meridian: SampleGroup, tmp_path: Path
) -> None:
    """Rosa loses Continental Europe and gets the United Kingdom: not a word of EU DTC BV after that."""
    with Web(live_stack_env, tmp_path) as web:
        somebody = save_person(group="EUROPE")
        rosa = Reader(web, somebody)
        stream = rosa.listen()
        says(meridian, NLDT=ON_HOLD)
        assert b"EU DTC BV" in stream.hears(b"what:row-NLDT")
        Membership.objects.filter(person=somebody).delete()
        says(meridian, NLDT=CLOSED)
        assert not names_europe(stream.ends().decode())

        Membership.objects.create(
            person=somebody, role=Membership.Role.FINANCE, group=Group.objects.get(code="UK")
        )
        page = rosa.page()
        assert "UK Retail Ltd" in page
        assert not names_europe(page)
        again = rosa.listen()
        says(meridian, NLDT=OPEN, UKRT=ON_HOLD)
        told = again.hears(b"what:row-UKRT").decode()
        assert not names_europe(told)


def names_europe(text: str) -> bool:
    return any(word in text for word in ("NLDT", "EU DTC", "EUROPE", "Sanne"))


def test_a_server_that_is_told_to_stop_ends_its_streams(
    live_stack_env: dict[str, str], meridian: SampleGroup, tmp_path: Path
) -> None:
    with Web(live_stack_env, tmp_path) as web:
        rosa = Reader(web, save_person())
        streams = [rosa.listen() for _ in range(3)]
        web.child.process.send_signal(signal.SIGTERM)
        for stream in streams:
            assert stream.ends() == b""
        assert web.child.process.wait(PATIENCE) == -signal.SIGTERM
        assert "Traceback" not in web.child.log.read_text()
