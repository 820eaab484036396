"""A thousand open browsers at one server: each hears everything once, none costs much, all are let go in the end."""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg
import pytest

from bench.stream_load import Crowd, crowd, pss
from bench.web import session_of
from closeboard.serve import allow_many_files
from tests.builders import CLOSED, ON_HOLD
from tests.db_builders import SampleGroup, save_person
from tests.faults.web_process import PATIENCE, Web, says

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(240)]
STREAMS = 1_000
MOST_KIB = 50  # memory of one stream
MOST_CONNECTIONS = 20  # to the database, whatever the number of streams
MAY = "/live/?month=2026-05"


def test_a_thousand_streams_cost_little_and_miss_nothing(
    live_database: str, live_stack_env: dict[str, str], live_meridian: SampleGroup, tmp_path: Path
) -> None:
    allow_many_files()
    cookies = [session_of(save_person(f"reader{n}@meridian.test", f"Reader {n}")) for n in range(20)]
    with Web(live_stack_env, tmp_path) as web:
        pid = web.child.pid
        with crowd(web.port, MAY, cookies[:1]) as first:  # what the first one loads is no stream's cost
            says(live_meridian, NLDT=CLOSED)
            assert first.wait(1, PATIENCE)["at"]
        before = pss(pid)
        with crowd(web.port, MAY, [cookies[n % len(cookies)] for n in range(STREAMS)]) as browsers:
            heard = 0
            for turn in range(6):
                says(live_meridian, NLDT=ON_HOLD if turn % 2 == 0 else CLOSED)
                heard += 1
                _all_heard(browsers, heard)
            assert (pss(pid) - before) / STREAMS <= MOST_KIB
            assert _at_work(live_database) == 0
            assert _connections(live_database) <= MOST_CONNECTIONS

            web.child.process.send_signal(signal.SIGTERM)
            told = browsers.wait(heard + 1, PATIENCE)
            assert (told["ended"], told["at"]) == (STREAMS, [])
            assert web.child.process.wait(PATIENCE) == -signal.SIGTERM


def _all_heard(browsers: Crowd, number: int) -> None:
    told = browsers.wait(number, PATIENCE)
    assert len(told["at"]) == STREAMS  # none lost
    assert (told["too_many"], told["broken"], told["ended"]) == (0, 0, 0)  # none twice, none out of order


def _at_work(url: str) -> int:
    return _sessions(url, "AND state <> 'idle'")


def _connections(url: str) -> int:
    return _sessions(url, "AND application_name <> 'counting'")


def _sessions(url: str, which: str) -> int:
    with psycopg.connect(url, autocommit=True, application_name="counting") as session:
        found = session.execute(
            "SELECT count(*) FROM pg_stat_activity"
            f" WHERE datname = current_database() AND pid <> pg_backend_pid() {which}"
        ).fetchone()
    assert found
    return int(found[0])
