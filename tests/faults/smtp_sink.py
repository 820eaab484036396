"""A mail server for tests: accepts, refuses, delays, drops and counts as set, over real SMTP on loopback.

`python -m tests.faults.smtp_sink` runs one that accepts everything; it prints its port, and after each line on
standard input the number of accepted mails.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import socket
import socketserver
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Self

TAKEN = "250 2.0.0 taken"


@dataclass(frozen=True)
class Copy:
    """One mail that arrived whole, whatever the answer was."""

    message_id: str
    recipient: str
    at: float  # time.monotonic()
    raw: bytes
    peer: int  # the sender's port

    @property
    def mail(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def sender(self) -> int:
        """The process at the other end, 0 when it has ended."""
        return _who_holds(self.peer)


def _take(_: Copy) -> str | None:
    return TAKEN


def _nothing(_: Copy) -> None:
    pass


class Sink:
    """The server; its attributes may be changed while it runs.

    `recipient` answers RCPT; `judge` is called with each whole mail and returns the answer, None to hang up instead;
    `afterwards` is called once the answer has been sent.
    """

    def __init__(self, port: int = 0) -> None:
        self.greeting = "220 sink ready"
        self.delay = 0.0  # seconds before each answer
        self.dribble = 0.0  # seconds between the letters of each answer
        self.login: tuple[str, str] | None = None
        self.accepts_token: Callable[[str, str], bool] | None = None  # XOAUTH2: mailbox and token
        self.tls: ssl.SSLContext | None = None  # offers STARTTLS and takes no mail without it
        self.tls_from_the_start = False
        self.extensions = ["8BITMIME"]  # what EHLO offers beside TLS and signing in
        self.name_answer = "250"  # to EHLO and HELO
        self.names: list[str] = []  # the names that clients gave themselves
        self.senders: list[str] = []  # the arguments of MAIL, with their parameters
        self.sender_answer = "250 sender ok"
        self.recipient: Callable[[str], str] = lambda _: "250 recipient ok"
        self.judge: Callable[[Copy], str | None] = _take
        self.afterwards: Callable[[Copy], None] = _nothing
        self.copies: list[Copy] = []
        self.commands: Counter[str] = Counter()  # the number of each command, and of CONNECT
        self.lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._port = port
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = _Server(("127.0.0.1", self._port), self)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on, and end the open ones."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        with self.lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    @property
    def port(self) -> int:
        return self._port

    def url(self, who: str = "") -> str:
        """MAIL_URL of this server; `who` is user:password."""
        return f"plain+smtp://{who and who + '@'}127.0.0.1:{self._port}"

    @property
    def ids(self) -> Counter[str]:
        """The number of arrived copies of each message."""
        with self.lock:
            return Counter(copy.message_id for copy in self.copies)

    @property
    def extra(self) -> int:
        """Copies beyond the first of each message."""
        ids = self.ids
        return ids.total() - len(ids)

    def to(self, address: str) -> list[Copy]:
        with self.lock:
            return [copy for copy in self.copies if copy.recipient == address]

    def most_in(self, seconds: float) -> int:
        """The highest number of mails within so many seconds, wherever those begin."""
        with self.lock:
            at = sorted(copy.at for copy in self.copies)
        return max((sum(1 for other in at if one <= other < one + seconds) for one in at), default=0)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sink: Sink) -> None:
        self.sink = sink
        super().__init__(address, _Talk)


class _Hangup(Exception):
    pass


class _Talk(socketserver.StreamRequestHandler):
    """One SMTP conversation."""

    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        sink = self.server.sink
        with sink.lock:
            sink._open.add(self.connection)
            sink.commands["CONNECT"] += 1
        try:
            self._talk(sink)
        except (OSError, _Hangup):
            pass
        finally:
            with sink.lock:
                sink._open.discard(self.connection)

    def _talk(self, sink: Sink) -> None:
        known, to = sink.login is None and sink.accepts_token is None, ""
        private = sink.tls is None or sink.tls_from_the_start
        if sink.tls_from_the_start:
            self._encrypt(sink)
        self._say(sink.greeting)
        while line := self.rfile.readline().decode("latin-1").rstrip():
            verb, _, rest = line.partition(" ")
            verb = verb.upper()
            with sink.lock:
                sink.commands[verb] += 1
            match verb:
                case "EHLO" | "HELO" if not sink.name_answer.startswith("250"):
                    self._say(sink.name_answer)
                case "EHLO":
                    sink.names.append(rest)
                    offers = [*sink.extensions]
                    offers += [
                        *([] if private else ["STARTTLS"]),
                        *(["AUTH PLAIN"] if sink.login else []),
                        *(["AUTH LOGIN XOAUTH2"] if sink.accepts_token else []),
                    ]
                    words = ["sink", *offers]
                    self._say(*(f"250-{each}" for each in words[:-1]), f"250 {words[-1]}")
                case "STARTTLS":
                    self._say("220 go ahead")
                    self._encrypt(sink)
                    private = True
                case _ if not private and verb != "QUIT":
                    self._say("530 5.7.0 must issue a STARTTLS command first")
                case "AUTH":
                    known = self._sign_in(sink, base64.b64decode(rest.rpartition(" ")[2]).decode())
                case "MAIL":
                    sink.senders.append(rest)
                    self._say(sink.sender_answer if known else "530 5.7.0 sign in first")
                case "RCPT":
                    to = rest.partition("<")[2].partition(">")[0]
                    self._say(sink.recipient(to))
                case "DATA":
                    self._say("354 go on")
                    self._take(sink, to)
                case "QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 ok")

    def _sign_in(self, sink: Sink, given: str) -> bool:
        """Answer AUTH; a token as Exchange Online does: the reasons of a refusal, its code after an empty line."""
        if sink.accepts_token is None:
            known = tuple(given.split("\0")[1:]) == sink.login
            self._say("235 welcome" if known else "535 5.7.8 credentials invalid")
            return known
        match = re.fullmatch("user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01", given)
        known = match is not None and sink.accepts_token(match[1], match[2])
        if not known:
            self._say("334 " + base64.b64encode(b'{"status":"401","schemes":"bearer"}').decode())
            assert self.rfile.readline() == b"\r\n"
        refused = f"535 5.7.3 Authentication unsuccessful [{match[2] if match is not None else given}]"
        self._say("235 2.7.0 Authentication successful" if known else refused)
        return known

    def _encrypt(self, sink: Sink) -> None:
        assert sink.tls is not None
        self.connection = sink.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", 0)

    def _take(self, sink: Sink, to: str) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        if line == b"":  # the client hung up in the middle: no mail arrived
            raise _Hangup
        raw = b"".join(lines)
        found = re.search(rb"^message-id:\s*(\S+)", raw, re.IGNORECASE | re.MULTILINE)
        copy = Copy(found[1].decode() if found else "", to, time.monotonic(), raw, self.client_address[1])
        answer = sink.judge(copy)
        if answer is None or answer.startswith("2"):
            with sink.lock:
                sink.copies.append(copy)
        if answer is None:
            raise _Hangup
        self._say(answer)
        sink.afterwards(copy)

    def _say(self, *lines: str) -> None:
        """Answer; a line break within an answer continues it, as servers do."""
        sink = self.server.sink
        if len(lines) == 1 and "\n" in lines[0]:
            *first, last = lines[0].split("\n")
            code = last[:3] if last[:3].isdigit() else lines[0][:3]
            texts = [each.removeprefix(code).lstrip("- ") for each in (*first, last)]
            lines = (*(f"{code}-{each}" for each in texts[:-1]), f"{code} {texts[-1]}")
        if sink.delay:
            time.sleep(sink.delay)
        words = "".join(f"{line}\r\n" for line in lines).encode()
        if not sink.dribble:
            self.wfile.write(words)
            return
        for letter in words:
            self.wfile.write(bytes([letter]))
            time.sleep(sink.dribble)


def _who_holds(port: int) -> int:
    """The process whose end of a loopback connection has this port."""
    inode = ""
    for row in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = row.split()
        if int(columns[1].rpartition(":")[2], 16) == port:
            inode = columns[9]
    for folder in Path("/proc").glob("[0-9]*/fd") if inode not in ("", "0") else ():
        if int(folder.parent.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            for each in folder.iterdir():
                with contextlib.suppress(OSError):
                    if str(each.readlink()) == f"socket:[{inode}]":
                        return int(folder.parent.name)
    return 0


def main() -> None:
    with Sink() as sink:
        print(sink.port, flush=True)
        for _ in sys.stdin:
            print(len(sink.copies), flush=True)


if __name__ == "__main__":
    main()
