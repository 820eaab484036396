"""The command line: `python -m simulator --port 9100 --scenario worked_example --clock 2026-06-12T12:00:00Z`."""

from __future__ import annotations

import argparse
import sys

from simulator.app import build
from simulator.server import CannotListen, bind, serve
from simulator.world.scenarios import BadScenario
from simulator.world.times import instant


def main(arguments: list[str] | None = None) -> int:
    """Run until a stop signal; returns 2, with one sentence on stderr, when it cannot start."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="Stand-ins for Finance & Operations and Business Central, with Entra's token endpoint.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100, help="0 takes any free one")
    parser.add_argument(
        "--scenario",
        default="worked_example",
        help="a built-in name, fleet:N or another fleet, or a file",
    )
    parser.add_argument(
        "--clock", metavar="ISO", help="freeze the ERPs' clock; without it they follow the real one"
    )
    parser.add_argument("--latency-ms", type=float, default=0, help="how long every answer waits")
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="also stop at the end of standard input"
    )
    options = parser.parse_args(arguments)
    try:
        clock = instant(options.clock) if options.clock else None
        simulator = build(options.scenario, clock, options.latency_ms)
        listener = bind(options.host, options.port)
    except (BadScenario, CannotListen, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    serve(simulator, listener, until_stdin_closes=options.until_stdin_closes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
