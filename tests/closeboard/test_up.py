"""The supervisor: one command brings everything up, and whatever happens everything goes down again."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from closeboard.ops import backing_services
from closeboard.ops.demo_state import OUR_OWN, DemoState, demo_env, fingerprint_of_migrations
from tests.closeboard.processes import poll_until, processes_mentioning, python


def free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return int(any_port.getsockname()[1])


def up(*words: str | Path, state_folder: Path) -> subprocess.Popen[str]:
    return python("-m", "closeboard.up", *words, env={"CLOSEBOARD_STATE": str(state_folder)})


# run --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("command", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_run_gives_the_commands_own_exit_code(command: str, code: int, state_folder: Path) -> None:
    process = up("run", "--", "sh", "-c", command, state_folder=state_folder)
    process.communicate(timeout=60)
    assert process.returncode == code


@pytest.mark.slow
def test_run_lends_both_services_and_leaves_nothing(state_folder: Path, tmp_path: Path) -> None:
    said = 'echo "$DATABASE_URL"; echo "$REDIS_URL"; sleep 600 </dev/null >/dev/null 2>&1 &'
    process = python("-m", "closeboard.up", "run", "--", "sh", "-c", said, env={"MARK": str(tmp_path)})
    out, _ = process.communicate(timeout=60)
    database, valkey = out.split()
    sockets = Path(database.partition("host=")[2]).parent
    assert valkey == f"unix://{sockets}/valkey.sock?db=0"
    assert not sockets.exists()
    assert processes_mentioning(sockets) == {}
    assert processes_mentioning(tmp_path) == {}


@pytest.mark.slow
@pytest.mark.fault
def test_run_passes_sigterm_on_and_cleans_up(tmp_path: Path) -> None:
    talk = "echo started; exec sleep 600"
    process = python("-m", "closeboard.up", "run", "--", "sh", "-c", talk, env={"MARK": str(tmp_path)})
    assert process.stdout
    assert process.stdout.readline() == "started\n"
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert processes_mentioning(tmp_path) == {}


@pytest.mark.slow
def test_run_says_when_the_command_does_not_exist(state_folder: Path) -> None:
    process = up("run", "--", "no-such-program", state_folder=state_folder)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "no-such-program" in err


# demo -------------------------------------------------------------------------------------------------------


def test_a_taken_port_is_named_with_the_way_out_and_nothing_is_touched(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with socket.socket() as other_program:
        other_program.bind(("127.0.0.1", 0))
        other_program.listen()
        port = other_program.getsockname()[1]
        process = up("demo", "--port", str(port), state_folder=state)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert f"Port {port} is taken" in err
    assert "make demo PORT=" in err
    assert not state.exists()


def test_a_second_demo_on_the_same_data_is_refused(state_folder: Path) -> None:
    first = fake_demo(state_folder, "sleep 600")
    try:
        second = up("demo", "--port", str(free_port()), state_folder=state_folder)
        _, err = second.communicate(timeout=30)
        assert second.returncode == 1
        assert "runs in" in err
        third = up("reset", state_folder=state_folder)
        _, err = third.communicate(timeout=30)
        assert third.returncode == 2
        assert "stop it with Ctrl-C" in err
    finally:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=30)


FAKE_DEMO = """
import os, pathlib, sys
from closeboard import up

def bring_up(stack, state, host, port, progress, undo):
    for n, command in enumerate(sys.argv[3:]):
        stack.start(f"child{n}", ["sh", "-c", command], os.environ, grace=1)
    print("up", flush=True)

up._bring_up = bring_up
sys.exit(up.demo(pathlib.Path(sys.argv[1]), "127.0.0.1", int(sys.argv[2])))
"""


def fake_demo(state_folder: Path, *commands: str) -> subprocess.Popen[str]:
    """The real supervisor over children that are only shell commands."""
    env = {"CLOSEBOARD_STATE": str(state_folder)}
    process = python("-c", FAKE_DEMO, state_folder, str(free_port()), *commands, env=env)
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    return process


@pytest.mark.fault
def test_a_dead_child_ends_all_and_its_last_lines_are_shown(state_folder: Path) -> None:
    talk = "for n in $(seq 30); do echo line $n; done; sleep 0.5; exit 3"
    process = fake_demo(state_folder, "sleep 600", talk)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "child1 ended unexpectedly with exit code 3" in err
    shown = [line for line in err.splitlines() if line.startswith("line ")]
    assert shown == [f"line {n}" for n in range(11, 31)]
    assert processes_mentioning(state_folder) == {}


@pytest.mark.fault
@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_and_a_second_one_does_not_disturb(
    state_folder: Path, asked: signal.Signals
) -> None:
    stubborn = "trap '' TERM; while true; do sleep 1; done"
    process = fake_demo(state_folder, "sleep 600", stubborn)
    process.send_signal(asked)
    poll_until(lambda: len(processes_mentioning(state_folder)) <= 3, 10, "the obedient child has ended")
    process.send_signal(asked)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Stopped" in out
    assert processes_mentioning(state_folder) == {}


@pytest.mark.fault
def test_grandchildren_that_left_their_group_are_found_too(state_folder: Path) -> None:
    process = fake_demo(state_folder, "setsid sleep 600 & sleep 600")
    poll_until(lambda: len(processes_mentioning(state_folder)) >= 4, 10, "the grandchild runs")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert processes_mentioning(state_folder) == {}


@pytest.mark.fault
def test_children_do_not_outlive_a_killed_supervisor(state_folder: Path) -> None:
    process = fake_demo(state_folder, "exec sleep 600", "exec sleep 601")
    process.kill()
    process.communicate(timeout=30)
    poll_until(lambda: not processes_mentioning(state_folder), 10, "the children end with their supervisor")


@pytest.mark.slow
def test_reset_forgets_the_data_and_says_so(state_folder: Path) -> None:
    with backing_services.run_services(state_folder, "test", {}):
        pass
    process = up("reset", state_folder=state_folder)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, state_folder.exists()) == (0, False)
    assert str(state_folder) in out
    again = up("reset", state_folder=state_folder)
    out, _ = again.communicate(timeout=30)
    assert (again.returncode, out) == (0, "There is nothing to reset.\n")


# what it keeps ----------------------------------------------------------------------------------------------


def test_secrets_are_made_once_and_only_we_can_read_them(
    state_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS", "PUBLIC_BASE_URL", "ALLOWED_HOSTS", "MAIL_URL"):
        monkeypatch.delenv(name, raising=False)
    env = demo_env(state_folder, "127.0.0.1", 8007)
    assert env["MAIL_URL"] == (state_folder / "mails").as_uri()
    assert stat.S_IMODE((state_folder / "secrets.json").stat().st_mode) == 0o600
    assert env["PUBLIC_BASE_URL"] == "http://localhost:8007"
    assert len(env["SECRET_KEY"]) >= 50
    again = demo_env(state_folder, "board.example", 8007)
    assert (again["SECRET_KEY"], again["ENCRYPTION_KEYS"]) == (env["SECRET_KEY"], env["ENCRYPTION_KEYS"])
    assert "board.example" in again["ALLOWED_HOSTS"].split(",")


def test_what_is_set_outside_wins_over_the_demos_defaults(
    state_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_LOOK_SECONDS", "60")
    monkeypatch.setenv("SECRET_KEY", "")
    env = demo_env(state_folder, "127.0.0.1", 8000)
    assert env["SYNC_LOOK_SECONDS"] == "60"
    assert env["SECRET_KEY"] != ""


def test_the_simulator_keeps_its_port_unless_another_took_it(state_folder: Path) -> None:
    memory = DemoState(state_folder / "demo.json")
    port = memory.simulator_port()
    assert memory.simulator_port() == port
    assert not memory.matches("simulator moved", "yes")
    with socket.socket() as other_program:
        other_program.bind(("127.0.0.1", port))
        other_program.listen()
        assert memory.simulator_port() != port
    assert memory.matches("simulator moved", "yes")


def test_notes_are_about_one_database(state_folder: Path) -> None:
    memory = DemoState(state_folder / "demo.json")
    theirs = memory.database_fingerprint({"DATABASE_URL": "postgresql://db.example/closeboard"})
    assert memory.database_fingerprint({}) == OUR_OWN != theirs
    memory.remember("loaded", OUR_OWN)
    assert not memory.matches("loaded", theirs)
    memory.remember("loaded", "")
    assert not memory.matches("loaded", OUR_OWN)
    (state_folder / "demo.json").write_text("{ torn")
    assert not memory.matches("loaded", OUR_OWN)
    memory.remember("migrated", "x")
    assert json.loads((state_folder / "demo.json").read_text()) == {"migrated": "x"}


def test_a_changed_migration_or_package_list_means_migrating_again(tmp_path: Path) -> None:
    (tmp_path / "periods" / "migrations").mkdir(parents=True)
    (tmp_path / "requirements.txt").write_text("django==5.2.19\n")
    seen = {fingerprint_of_migrations(tmp_path)}
    (tmp_path / "periods" / "migrations" / "0001_initial.py").write_text("operations = []\n")
    seen.add(fingerprint_of_migrations(tmp_path))
    (tmp_path / "requirements.txt").write_text("django==5.2.20\n")
    seen.add(fingerprint_of_migrations(tmp_path))
    assert len(seen) == 3
