"""The process: one line when it listens, an orderly end, one sentence when it cannot start."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from simulator.run import running, start

ROOT = Path(__file__).resolve().parents[2]


def launch(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "simulator", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_listens_when_it_says_so_and_ends_in_order(number: signal.Signals) -> None:
    process = launch("--port", "0", "--scenario", "worked_example", "--clock", "2026-06-12T12:00:00Z")
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"Simulator plays worked_example on (http://127\.0\.0\.1:\d+)\n", line)
    assert found
    with urllib.request.urlopen(f"{found[1]}/_control/clock", timeout=10) as answer:
        assert b"2026-06-12T12:00:00Z" in answer.read()
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")


def test_ends_although_a_request_hangs() -> None:
    with running() as sim:
        sim.fault("read_hang")
        host, port = sim.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as caller:
            caller.sendall(b"GET /data/ HTTP/1.1\r\nHost: x\r\n\r\n")
            while not sim.requests("/data/"):
                pass
            assert sim.stop() == 0


def test_ends_with_whoever_started_it() -> None:
    sim = start()
    assert sim.process.stdin is not None
    sim.process.stdin.close()  # what the kernel does when we are killed
    assert sim.process.wait(timeout=10) == 0
    sim.stop()


def test_taken_port_is_one_sentence_and_exit_code_2() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = launch("--port", str(port))
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (2, "")
    assert err == f"Port {port} on 127.0.0.1 is taken; choose another one with --port.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scenario", "nothing"], "There is no scenario 'nothing'"),
        (["--clock", "2026-06-12T12:00:00"], "has no offset"),
        (["--clock", "noon"], "noon"),
        (["--host", "203.0.113.7"], "Cannot listen on 203.0.113.7"),
    ],
)
def test_other_mistakes_are_one_sentence_too(arguments: list[str], words: str) -> None:
    process = launch("--port", "0", *arguments)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1)
    assert words in err


def test_failed_start_is_told_to_the_caller() -> None:
    with pytest.raises(RuntimeError, match="exit code 2"):
        start("nothing")


def test_imports_nothing_of_closeboard() -> None:
    ours = "closing entities periods connectors alerts board closeboard django"
    code = f"import sys, simulator.__main__; print([n for n in '{ours}'.split() if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env={**os.environ}
    )
    assert done.stdout == "[]\n"
