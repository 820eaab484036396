"""The supervisor behind `make demo`, `make reset` and `make test`: starts everything, watches it, stops everything.

Standard library only. `demo` runs services, simulator, web and worker as children and ends them all when one of
them dies or when it is told to stop; `run` lends PostgreSQL and Valkey to one command; `reset` forgets the demo.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from closeboard.ops import backing_services
from closeboard.ops.children import (
    Child,
    ServiceError,
    adopt_orphans,
    die_with_parent,
    end_orphans,
    last_lines,
    spawn,
    stop,
    wait_until,
)
from closeboard.ops.demo_state import (
    ALL_INTERFACES,
    OUR_OWN,
    DemoState,
    demo_env,
    fingerprint_of_migrations,
    port_is_open,
    port_is_taken,
    write_private,
)

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PROJECT = Path(__file__).resolve().parent.parent
# The people of demo/group.yaml; the demo listens on this machine only.
LOGINS = ("finance", "owner", "administrator", "auditor")
LOGIN_DOMAIN = "meridian.example"
LOGIN_PASSWORD = "closeboard demo"  # noqa: S105 - printed on purpose


class Stopped(BaseException):
    """A stop signal arrived: Ctrl-C, SIGTERM or a closed terminal."""


class ChildDied(Exception):
    """A child that must keep running has ended."""

    def __init__(self, child: Child) -> None:
        self.child = child
        super().__init__(f"{child.name} ended unexpectedly with exit code {child.process.returncode}")


@dataclass
class Stack:
    """The children that must all keep running, in the order of their start."""

    log: Path
    children: list[Child] = field(default_factory=list)

    def start(self, name: str, argv: list[str], env: Mapping[str, str], *, grace: float = 10) -> Child:
        child = spawn(name, argv, log=self.log / f"{name}.log", env=env, cwd=PROJECT, grace=grace)
        self.children.append(child)
        return child

    def check(self) -> None:
        """Raise ChildDied if one of them has ended."""
        for child in self.children:
            if child.ended():
                raise ChildDied(child)

    def wait_for(self, ready: Callable[[], bool], child: Child) -> None:
        """Wait until `ready` returns True, watching all children; raises ChildDied, or ServiceError about `child`."""

        def all_run_and_ready() -> bool:
            self.check()
            return ready()

        wait_until(child, all_run_and_ready, seconds=90)


class Progress:
    """Prints lines with the seconds since the start."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.open_line = False

    def say(self, text: str) -> None:
        ended, self.open_line = ("\r\x1b[K" if self.open_line else ""), False
        print(f"{ended}{time.monotonic() - self.started:6.1f} s  {text}", flush=True)

    def detail(self, text: str) -> None:
        """Show a step's own output: in a terminal each line replaces the one before; the log keeps them all."""
        if sys.stdout.isatty():
            self.open_line = True
            print(f"\r\x1b[K          {text[:68]}", end="", flush=True)


# demo -------------------------------------------------------------------------------------------------------


def demo(folder: Path, host: str, port: int) -> int:
    """Start the whole product with its demo group and keep it running; returns the exit code."""
    if port_is_taken(host, port):
        other = next((n for n in range(port + 1, port + 100) if not port_is_taken(host, n)), port + 1)
        print(f"Port {port} is taken by another program: run `make demo PORT={other}`.", file=sys.stderr)
        return 2
    progress = Progress()
    stop_on_signals()
    adopt_orphans()
    try:
        state = backing_services.open_state(folder)
        with exclusive_lock(state), contextlib.ExitStack() as undo:
            log = state / "log"
            log.mkdir(exist_ok=True)
            (state / "mails").mkdir(mode=0o700, exist_ok=True)
            stack = Stack(log)
            undo.callback(lambda: stop(*reversed(stack.children)))
            try:
                _bring_up(stack, state, host, port, progress, undo)
                while True:  # until a child ends, or a signal comes
                    stack.check()
                    time.sleep(0.2)
            finally:
                ignore_signals()
    except Stopped:
        print()
        progress.say("Stopped; the data is kept for the next `make demo`.")
        return 0
    except ChildDied as died:
        print(f"\n{died}. Everything was stopped. The end of {died.child.log}:", file=sys.stderr)
        print(last_lines(died.child.log) or "(nothing)", file=sys.stderr)
        return 1
    except ServiceError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    finally:
        end_orphans()


def _bring_up(
    stack: Stack, state: Path, host: str, port: int, progress: Progress, undo: contextlib.ExitStack
) -> None:
    demo_state = DemoState(state / "demo.json")
    database = demo_state.database_fingerprint(os.environ)
    first_time = not demo_state.matches("loaded", database)
    if first_time and database == OUR_OWN:
        backing_services.reset_state(state)  # a first load that was cut short is repeated from the beginning
        demo_state.remember("migrated", "")

    env = demo_env(state, host, port)
    simulator_port = demo_state.simulator_port()
    simulator = f"http://127.0.0.1:{simulator_port}"
    python = sys.executable
    simulator_child = stack.start(
        "simulator", [python, "-m", "simulator", "--port", str(simulator_port), "--scenario", "demo"], env
    )

    progress.say("Starting PostgreSQL and Valkey")
    services = undo.enter_context(backing_services.run_services(state, "demo"))
    # All others end before the services.
    undo.callback(lambda: stop(*(one for one in reversed(stack.children) if one not in services.children)))
    stack.children += services.children
    env |= services.env
    write_private(
        state / "environment",
        "".join(f"export {k}={shlex.quote(v)}\n" for k, v in sorted(services.env.items())),
    )
    undo.callback((state / "environment").unlink, missing_ok=True)

    migrations = fingerprint_of_migrations(PROJECT)
    if database != OUR_OWN or not demo_state.matches("migrated", migrations):
        progress.say("Preparing the database")
        _run_step(stack, progress, "migrate", [python, "manage.py", "migrate", "--no-input"], env)
        demo_state.remember("migrated", migrations)

    serve = [python, "-m", "closeboard.serve", "--host", host, "--port", str(port)]
    web = stack.start("web", serve, env | {"DATABASE_POOL": "true"})
    if first_time or demo_state.matches("simulator moved", "yes"):
        progress.say("Loading the demo group and playing its last months (the first time only)")
        stack.wait_for(lambda: port_is_open(simulator_port), simulator_child)
        _run_step(
            stack, progress, "load_demo", [python, "manage.py", "load_demo", "--simulator", simulator], env
        )
        demo_state.remember("loaded", database)
        demo_state.remember("simulator moved", "no")

    progress.say("Waiting for the board to answer")
    local = "127.0.0.1" if host in ALL_INTERFACES else f"[{host}]" if ":" in host else host
    local = f"http://{local}:{port}"
    stack.wait_for(lambda: responds(f"{local}/readyz") and responds(f"{local}/login/"), web)
    progress.say("The board answers")

    # Started last: on two cores its start would delay the first page.
    beat = state / "beat"
    beat.mkdir(exist_ok=True)
    for stale in beat.glob("schedule*"):
        stale.unlink()
    worker = [python, "-m", "celery", "-A", "closeboard", "worker", "--pool", "threads", "--concurrency", "4"]
    worker += ["--queues", "sync,alerts,exports", "--loglevel", "INFO"]
    worker += ["--beat", "--schedule", str(beat / "schedule"), "--without-gossip", "--without-mingle"]
    stack.start("worker", worker, env)

    print(f"\n  {env['PUBLIC_BASE_URL']}/\n")
    for name in LOGINS:
        print(f"  {name + '@' + LOGIN_DOMAIN:<34}{LOGIN_PASSWORD}")
    if env["MAIL_URL"].startswith("file:"):
        print(
            f"\n  {env['PUBLIC_BASE_URL']}/mail/ shows administrator@{LOGIN_DOMAIN} the mails it would send"
        )
    print(f"\n  Logs: {stack.log}. Ctrl-C stops everything; `make reset` forgets the data.\n", flush=True)


def _run_step(stack: Stack, progress: Progress, name: str, argv: list[str], env: Mapping[str, str]) -> None:
    """Run a command to its end and show its output; raises ServiceError with its last lines if it fails."""
    child = spawn(name, argv, log=stack.log / f"{name}.log", env=env, cwd=PROJECT)
    try:
        with open(child.log, errors="replace") as output:
            ended = False
            while not ended:
                stack.check()
                ended = child.ended()  # checked before the last reading, so that no line is missed
                for line in output:
                    progress.detail(line.strip())
                time.sleep(0.02)
    finally:
        stop(child)
    if child.process.returncode:
        raise ServiceError(
            f"`{name}` failed with exit code {child.process.returncode}; the end of {child.log}:\n"
            f"{last_lines(child.log)}"
        )


# run and reset ----------------------------------------------------------------------------------------------


def run(command: list[str], profile: str) -> int:
    """Run one command with PostgreSQL and Valkey in a temporary folder; returns its exit code."""
    stop_on_signals()
    adopt_orphans()
    state = backing_services.new_state(in_memory=profile == "test")
    try:
        with exclusive_lock(state), backing_services.run_services(state, profile) as running:
            process: subprocess.Popen[bytes] | None = None
            pending: list[int] = []

            def forward(number: int, _frame: FrameType | None) -> None:
                # The terminal sends Ctrl-C to the command as well: we wait for the command to end.
                if process is None:
                    pending.append(number)
                elif number != signal.SIGINT:
                    process.send_signal(signal.SIGTERM)

            for number in STOP_SIGNALS:
                signal.signal(number, forward)
            process = subprocess.Popen(
                command,
                env=dict(os.environ) | running.env,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - we have one thread
            )
            if pending:
                process.send_signal(signal.SIGTERM)
            code = process.wait()
            return code if code >= 0 else 128 - code
    except Stopped:
        return 130
    except (ServiceError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        end_orphans()
        backing_services.remove_state(state)


def reset(folder: Path) -> int:
    """Delete the demo's data; refuses while it runs. Returns the exit code."""
    if not folder.exists():
        print("There is nothing to reset.")
        return 0
    try:
        with exclusive_lock(backing_services.open_state(folder)):
            backing_services.remove_state(folder)
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Removed {folder}.")
    return 0


# shared -----------------------------------------------------------------------------------------------------


def stop_on_signals() -> None:
    """Raise Stopped at the first signal and ignore all later ones, so that they cannot disturb the shutdown."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        ignore_signals()
        raise Stopped

    for number in STOP_SIGNALS:
        signal.signal(number, handle)


def ignore_signals() -> None:
    """Ignore all stop signals from now on."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def exclusive_lock(state: Path) -> Iterator[None]:
    """Lock the state folder; raises ServiceError if another supervisor holds it."""
    with open(state / "lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServiceError(
                f"A demo runs in {state} already: stop it with Ctrl-C in its terminal first."
            ) from None
        yield


def responds(url: str) -> bool:
    """True if a GET of the address gives 200; no proxy is used."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m closeboard.up", description=__doc__)
    subcommands = parser.add_subparsers(dest="what", required=True)
    demo_parser = subcommands.add_parser("demo", help="the whole product with its demo group")
    demo_parser.add_argument("--host", default="127.0.0.1")
    demo_parser.add_argument("--port", type=int, default=8000)
    subcommands.add_parser("reset", help="forget the demo's data")
    run_parser = subcommands.add_parser("run", help="PostgreSQL and Valkey for one command")
    run_parser.add_argument("--profile", choices=["test", "bench"], default="test")
    run_parser.add_argument("command", nargs="+", help="after --")
    options = parser.parse_args(argv)
    folder = Path(os.environ.get("CLOSEBOARD_STATE") or PROJECT / ".local")
    if options.what == "demo":
        return demo(folder, options.host, options.port)
    if options.what == "reset":
        return reset(folder)
    return run(options.command, options.profile)


if __name__ == "__main__":
    sys.exit(main())
