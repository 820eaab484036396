"""The whole demo, as a person lives through it: first start, sign in, Ctrl-C, second start, an accident."""

from __future__ import annotations

import http.cookiejar
import os
import re
import shlex
import signal
import urllib.parse
import urllib.request
from pathlib import Path

import psycopg
import pytest

from closeboard.ops.demo_state import demo_env
from closeboard.up import LOGIN_DOMAIN, LOGIN_PASSWORD
from tests.closeboard.processes import poll_until, processes_mentioning, python
from tests.closeboard.test_up import free_port


class Demo:
    """A running `make demo` with its own state folder and port, its output in a file."""

    def __init__(self, state_folder: Path) -> None:
        self.port = free_port()
        self.said = state_folder / "said"
        words = ["-m", "closeboard.up", "demo", "--port", str(self.port)]
        with open(self.said, "w") as out:
            env = {
                "CLOSEBOARD_STATE": str(state_folder),
                "ALLOWED_HOSTS": "",
                "PUBLIC_BASE_URL": "",
                "SECRET_KEY": "",
            }
            self.process = python(
                *words, env={**env, "ENCRYPTION_KEYS": "", "ERP_ALLOWED_HOSTS": ""}, output=out
            )
        url = f"http://localhost:{self.port}/"
        poll_until(lambda: self.ended() or url in self.said.read_text(), 150, "the demo prints its URL")
        assert not self.ended(), self.said.read_text()

    def ended(self) -> bool:
        return self.process.poll() is not None

    def finish(self, seconds: float = 60) -> int:
        return self.process.wait(seconds)


def board_of(port: int, person: str, *pages: str) -> str:
    """What a person sees after signing in, and on further pages."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar)
    )
    login = f"http://localhost:{port}/login/"
    form = browser.open(login, timeout=20).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert token
    said = {
        "csrfmiddlewaretoken": token[1],
        "username": f"{person}@{LOGIN_DOMAIN}",
        "password": LOGIN_PASSWORD,
    }
    texts = [browser.open(login, urllib.parse.urlencode(said).encode(), timeout=20).read().decode()]
    for path in pages:
        texts.append(browser.open(f"http://localhost:{port}{path}", timeout=20).read().decode())
    return "\n".join(texts)


def changes_stored(state_folder: Path) -> int:
    found = re.search(r"DATABASE_URL='?([^'\n]+)", (state_folder / "environment").read_text())
    assert found
    with psycopg.connect(found[1]) as connection:
        row = connection.execute("SELECT count(*) FROM periods_statechange").fetchone()
    assert row
    return int(row[0])


def prove_alerts(demo: Demo, state_folder: Path) -> str:
    """What `manage.py prove_alerts` prints about the running demo."""
    env = demo_env(state_folder, "127.0.0.1", demo.port)
    lines = (state_folder / "environment").read_text().splitlines()
    env |= dict(shlex.split(line)[1].split("=", 1) for line in lines)
    out, err = python("manage.py", "prove_alerts", env=env).communicate(timeout=60)
    return out + err


@pytest.mark.slow
@pytest.mark.fault
@pytest.mark.timeout(500)
def test_from_the_first_start_to_an_accident(state_folder: Path) -> None:
    first = Demo(state_folder)
    assert "Loading the demo group" in first.said.read_text()
    for person in ("finance", "owner", "administrator", "auditor"):
        assert "Meridian" in board_of(first.port, person)
    seen = board_of(first.port, "finance", "/tasks/", "/tasks/mine/", "/entities/NLDT/tasks/")
    assert "61 lines not posted" in seen  # in the way of EU DTC BV, whose people work on its close
    for progress in ("UK Retail Ltd", "Meridian Group", "Post all open journals in every module"):
        assert progress in seen
    assert re.search(r"\b[1-9]\d* of \d\d\b", seen)
    stored = changes_stored(state_folder)
    assert stored > 0
    assert "all of them do." in prove_alerts(first, state_folder)
    first.process.send_signal(signal.SIGINT)
    assert first.finish() == 0
    assert processes_mentioning(state_folder) == {}
    assert not (state_folder / "environment").exists()

    second = Demo(state_folder)
    assert "Loading the demo group" not in second.said.read_text()
    assert "Meridian" in board_of(second.port, "finance")
    assert changes_stored(state_folder) >= stored
    assert "all of them do." in prove_alerts(second, state_folder)
    workers = [pid for pid, words in processes_mentioning(state_folder).items() if "celery" in words]
    os.kill(min(workers), signal.SIGKILL)
    assert second.finish() == 1
    assert "worker ended unexpectedly" in second.said.read_text()
    assert processes_mentioning(state_folder) == {}


@pytest.mark.slow
@pytest.mark.fault
@pytest.mark.timeout(300)
def test_a_killed_supervisor_takes_the_whole_demo_with_it(state_folder: Path) -> None:
    demo = Demo(state_folder)
    demo.process.kill()
    demo.finish()
    poll_until(
        lambda: not processes_mentioning(state_folder), 40, "web, worker, beat, simulator and services end"
    )
    again = Demo(state_folder)
    assert "Loading the demo group" not in again.said.read_text()
    again.process.send_signal(signal.SIGTERM)
    assert again.finish() == 0
    assert processes_mentioning(state_folder) == {}
