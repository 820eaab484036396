"""The live stream while something breaks: what is told late is told all the same, and nobody is told too much."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import psycopg
import pytest
from django.db import connection as database
from pytest_django.fixtures import Settings

from entities.models import Group, Membership
from tests.builders import CLOSED, ON_HOLD, OPEN
from tests.db_builders import SampleGroup, save_person
from tests.faults.stack import Valkey
from tests.faults.web_process import PATIENCE, Reader, Web, says

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_change_that_another_process_commits_arrives(
    live_stack_env: dict[str, str], live_meridian: SampleGroup, tmp_path: Path
) -> None:
    with Web(live_stack_env, tmp_path) as web:
        rosa = Reader(web, save_person())
        assert "EU DTC BV" in rosa.page()
        stream = rosa.listen()
        says(live_meridian, NLDT=CLOSED)
        told = stream.hears(b"what:row-NLDT")
        assert b"what:row-UKHC" not in told
        assert b"1 of 4 outstanding" in told


def test_b5_a_change_arrives_while_redis_is_away(
    live_stack_env: dict[str, str], live_meridian: SampleGroup, valkey: Valkey, tmp_path: Path
) -> None:
    """Nobody can nudge: the hub looks by itself, pages answer, and when Redis is back all goes on."""
    with Web(live_stack_env | {"REDIS_URL": valkey.url}, tmp_path) as web:
        rosa = Reader(web, save_person())
        stream = rosa.listen()
        valkey.stop()
        says(live_meridian, NLDT=CLOSED)
        stream.hears(b"what:row-NLDT")
        assert "1 of 4 outstanding" in rosa.page()
        late = Reader(web, save_person("late@meridian.test", "Late Comer")).listen()
        valkey.start()
        says(live_meridian, NLDT=CLOSED, USRT=CLOSED)
        stream.hears(b"what:row-USRT")
        late.hears(b"what:row-USRT")
        assert "Group closed" in rosa.page()


def test_a_flushed_redis_does_no_harm(
    live_stack_env: dict[str, str],
    live_meridian: SampleGroup,
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
            says(live_meridian, **changed)
            stream.hears(b"what:row-NLDT")
            assert "EU DTC BV" in rosa.page()


def test_a_stream_outlives_the_connections_to_the_database(
    live_database: str, live_stack_env: dict[str, str], live_meridian: SampleGroup, tmp_path: Path
) -> None:
    """PostgreSQL ends every session of the server, as in a restart: the stream goes on, and so do changes."""
    with Web(live_stack_env, tmp_path) as web:
        rosa = Reader(web, save_person())
        stream = rosa.listen()
        for changed in ({"NLDT": CLOSED}, {"NLDT": ON_HOLD}):
            assert end_sessions(live_database) > 0
            says(live_meridian, **changed)
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
    live_stack_env: dict[str, str], live_meridian: SampleGroup, tmp_path: Path
) -> None:
    with Web(live_stack_env, tmp_path, "one") as one, Web(live_stack_env, tmp_path, "two") as two:
        rosa = save_person()
        streams = [Reader(web, rosa).listen() for web in (one, two)]
        for changed in ({"NLDT": CLOSED}, {"NLDT": ON_HOLD}):
            says(live_meridian, **changed)
            told = [stream.hears(b"what:row-NLDT") for stream in streams]
            ids = [re.findall(rb"id: (\S+)", each)[-1] for each in told]
            assert ids[0] == ids[1]  # both say the same of the same change: a browser may change its server


def test_a_stream_ends_with_the_role_and_tells_nothing_after(
    live_stack_env: dict[str, str], live_meridian: SampleGroup, tmp_path: Path
) -> None:
    """Rosa loses Continental Europe and gets the United Kingdom: not a word of EU DTC BV after that."""
    with Web(live_stack_env, tmp_path) as web:
        somebody = save_person(group="EUROPE")
        rosa = Reader(web, somebody)
        stream = rosa.listen()
        says(live_meridian, NLDT=ON_HOLD)
        assert b"EU DTC BV" in stream.hears(b"what:row-NLDT")
        Membership.objects.filter(person=somebody).delete()
        says(live_meridian, NLDT=CLOSED)
        assert not names_europe(stream.ends().decode())

        Membership.objects.create(
            person=somebody, role=Membership.Role.FINANCE, group=Group.objects.get(code="UK")
        )
        page = rosa.page()
        assert "UK Retail Ltd" in page
        assert not names_europe(page)
        again = rosa.listen()
        says(live_meridian, NLDT=OPEN, UKRT=ON_HOLD)
        told = again.hears(b"what:row-UKRT").decode()
        assert not names_europe(told)


def names_europe(text: str) -> bool:
    return any(word in text for word in ("NLDT", "EU DTC", "EUROPE", "Sanne"))


def test_a_server_that_is_told_to_stop_ends_its_streams(
    live_stack_env: dict[str, str], live_meridian: SampleGroup, tmp_path: Path
) -> None:
    with Web(live_stack_env, tmp_path) as web:
        rosa = Reader(web, save_person())
        streams = [rosa.listen() for _ in range(3)]
        web.child.process.send_signal(signal.SIGTERM)
        for stream in streams:
            assert stream.ends() == b""
        assert web.child.process.wait(PATIENCE) == -signal.SIGTERM
        assert "Traceback" not in web.child.log.read_text()
