"""The web server's runner: it ends although a stream is open, and does not say what it is."""

from __future__ import annotations

import http.client
import signal
import socket

import pytest

from closeboard.serve import make_server
from tests.closeboard.processes import poll_until, python

STREAMING = """
import asyncio, sys
import uvicorn
from closeboard import serve

ending = asyncio.Event()

async def app(scope, receive, send):
    loop = asyncio.get_running_loop()
    serve.on_exit.append(lambda: loop.call_soon_threadsafe(ending.set))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    await send({"type": "http.response.body", "body": b": hello\\n\\n", "more_body": True})
    await ending.wait()
    await send({"type": "http.response.body", "body": b"event: bye\\n\\n"})

made = serve.make_server(host="127.0.0.1", port=int(sys.argv[1]))
made.config.app = app
made.config.timeout_graceful_shutdown = None
made.run()
"""


@pytest.mark.fault
def test_an_open_stream_is_ended_when_the_server_is_told_to_stop() -> None:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        port = any_port.getsockname()[1]
    process = python("-c", STREAMING, str(port))

    def listening() -> bool:
        with socket.socket() as knock:
            return knock.connect_ex(("127.0.0.1", port)) == 0

    poll_until(listening, 20, "the server listens")
    stream = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    stream.request("GET", "/events")
    reply = stream.getresponse()
    assert reply.getheader("server") is None
    assert reply.readline() == b": hello\n"
    process.terminate()
    assert reply.read() == b"\nevent: bye\n\n"
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGTERM


def test_forwarded_headers_are_believed_only_from_named_proxies() -> None:
    assert make_server(host="127.0.0.1", port=8000).config.proxy_headers is False
    behind = make_server(host="127.0.0.1", port=8000, trusted_proxies="10.0.0.1").config
    assert behind.proxy_headers is True
    assert behind.forwarded_allow_ips == "10.0.0.1"
