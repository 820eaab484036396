"""Runs the web server, and ends open streams when it gets a stop signal.

A plain uvicorn waits for ever for a stream that is still open (07-dependencies). A module that holds streams
registers a function in `on_exit`; it is called in the signal handler, before the server begins to close, and must
only make its event loop end them (for example by `loop.call_soon_threadsafe`).
"""

from __future__ import annotations

import argparse
import os
import resource
from collections.abc import Callable
from types import FrameType

import uvicorn

MANY_FILES = 16_384  # every open browser is an open file
on_exit: list[Callable[[], None]] = []


class WebServer(uvicorn.Server):
    """A uvicorn server that calls the functions in `on_exit` on a stop signal."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        for hook in on_exit:
            hook()
        super().handle_exit(sig, frame)


def make_server(*, host: str, port: int, trusted_proxies: str = "") -> WebServer:
    """The server for closeboard.asgi.

    `trusted_proxies` are addresses, with commas, whose X-Forwarded headers are trusted; none are by default.
    """
    config = uvicorn.Config(
        "closeboard.asgi:application",
        host=host,
        port=port,
        lifespan="off",
        access_log=False,
        log_config=None,  # Django's settings configure logging
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=trusted_proxies or None,
        timeout_graceful_shutdown=10,
    )
    return WebServer(config)


def allow_many_files() -> None:
    """Raise this process's limit of open files, which its children inherit, to MANY_FILES if the machine allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = MANY_FILES if hard == resource.RLIM_INFINITY else min(MANY_FILES, hard)
    if soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))


def main(argv: list[str] | None = None) -> None:
    """The command line: `python -m closeboard.serve --port 8000`."""
    parser = argparse.ArgumentParser(
        prog="python -m closeboard.serve", description="Serve Closeboard over HTTP."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--trust-proxy",
        default=os.environ.get("TRUSTED_PROXIES", ""),
        metavar="ADDRESSES",
        help="addresses of proxies whose X-Forwarded headers are believed, with commas (or set TRUSTED_PROXIES)",
    )
    options = parser.parse_args(argv)
    allow_many_files()
    make_server(host=options.host, port=options.port, trusted_proxies=options.trust_proxy).run()


if __name__ == "__main__":
    # Imported by its real name, so that other modules share the same `on_exit` list.
    from closeboard.serve import main as serve

    serve()
