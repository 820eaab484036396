"""The one HTTP door against a server that answers byte for byte what a test says; TLS with a real handshake."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from closing.facts.readings import ReadResult
from connectors.ledger_source import CompanyRef
from infra.outbound.entra_tokens import ClientCredentials, TokenCache
from infra.outbound.errors import AccessRefused, AnswerMisread, RequestFailed, ServerUnavailable
from infra.outbound.guarded_transport import TimeBudget
from infra.outbound.session import OutboundSession, RequestLimits
from tests.connectors.simulator_sources import MAY, QUICK, source

TOKEN = "eyJ0eXAiOiJKV1Qi.eyJhdWQiOiJ4In0.c2lnbmF0dXJl"  # in the form of a JWT, good for nothing
GOOD_TOKEN = json.dumps({"token_type": "Bearer", "expires_in": 3599, "access_token": TOKEN})


@dataclass
class Server:
    """A server of raw bytes on this machine; `seen` holds every request as it came."""

    url: str
    seen: list[str] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)  # what TLS clients asked for (SNI)


def reply(body: str | bytes, status: int = 200, **headers: str) -> bytes:
    given = {"content_type": "application/json", "connection": "close", **headers}
    data = body.encode() if isinstance(body, str) else body
    head = [f"HTTP/1.1 {status} X", f"content-length: {len(data)}"]
    head += [f"{name.replace('_', '-')}: {value}" for name, value in given.items()]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + data


@contextmanager
def serving(
    answer: Callable[[str], bytes | Iterator[bytes]], tls: ssl.SSLContext | None = None
) -> Iterator[Server]:
    """Answer every request by a function of it; an iterator sends its pieces one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}")
    if tls:
        tls.sni_callback = lambda _socket, name, _context: server.names.append(name)

    def serve(connection: socket.socket) -> None:
        try:
            with tls.wrap_socket(connection, server_side=True) if tls else connection as stream:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += stream.recv(65_536)
                length = next(
                    (
                        int(line.split(b":")[1])
                        for line in data.lower().split(b"\r\n")
                        if line.startswith(b"content-length:")
                    ),
                    0,
                )
                while len(data.partition(b"\r\n\r\n")[2]) < length:
                    data += stream.recv(65_536)
                server.seen.append(data.decode("latin-1"))
                told = answer(server.seen[-1])
                for piece in [told] if isinstance(told, bytes) else told:
                    stream.sendall(piece)
        except OSError:
            pass  # the client went away, as some tests want it

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        listener.close()


def finops(answers: Callable[[str], bytes | Iterator[bytes]]) -> Callable[[str], bytes | Iterator[bytes]]:
    """A good token endpoint, and something else for everything else."""
    return lambda request: (
        reply(GOOD_TOKEN) if "/oauth2/" in request.partition("\r\n")[0] else answers(request)
    )


def read(server: Server, **changes: object) -> ReadResult:
    return source("finops", server.url, **changes).read([CompanyRef("UKHC")], MAY)  # type: ignore[arg-type]


def wire(server: Server, limits: RequestLimits = QUICK, seconds: float = 5.0) -> OutboundSession:
    return OutboundSession([server.url.partition("//")[2]], TimeBudget(seconds), limits)


def test_an_opaque_link_goes_out_byte_for_byte() -> None:
    path = "/data/X?cross-company=true&$skip=10&$filter=Name%20eq%20'O%27Brien'&a=%2f%7E~|{}[]^`@:;,!*()&a=b"
    with serving(lambda _: reply("{}")) as server, wire(server) as door:
        door.get(server.url + path, {}, cap=1_000)
    assert server.seen[0].partition("\r\n")[0] == f"GET {path} HTTP/1.1"
    assert f"\r\nHost: {server.url.partition('//')[2]}\r\n" in server.seen[0]


def test_what_no_request_line_can_hold_is_refused_before_it_is_sent() -> None:
    with serving(lambda _: reply("{}")) as server, wire(server) as door:
        for bad in ("/a b", "/a\r\nHost: x", "/ä", "/a#b", "/a\\b", "/\x00"):
            with pytest.raises(AccessRefused):
                door.get(server.url + bad, {}, cap=1_000)
    assert server.seen == []


def test_a_token_or_secret_that_comes_back_in_an_error_is_never_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)

    def echo(request: str) -> bytes:
        bearer = next(line for line in request.split("\r\n") if line.lower().startswith("authorization"))
        return reply(
            json.dumps({"error": {"code": "", "message": f"{bearer} s3cret/of+us s3cret%2Fof%2Bus {TOKEN}"}}),
            400,
        )

    with serving(finops(echo)) as server, pytest.raises(AnswerMisread) as misread:
        read(server, secret="s3cret/of+us")
    assert "***" in misread.value.words
    for text in (misread.value.words, repr(misread.value), caplog.text):
        assert "s3cret" not in text
        assert TOKEN not in text
        assert "eyJ" not in text


@pytest.mark.parametrize("status", [200, 500])
def test_a_page_that_holds_a_token_is_shown_without_it(status: int) -> None:
    page = reply(
        f'<html>{{"access_token":"{TOKEN}"}} Bearer {TOKEN} client_secret=s3cret&x=1',
        status,
        content_type="text/html",
    )
    with serving(finops(lambda _: page)) as server, pytest.raises(RequestFailed) as wrong:
        read(server, secret="s3cret")
    assert "<html>" in wrong.value.words
    assert "eyJ" not in wrong.value.words
    assert "s3cret" not in wrong.value.words


def test_control_characters_of_an_answer_never_reach_a_log() -> None:
    page = reply("<html>\x1b[31mred\r\nlevel=error forged", content_type="text/html")
    with serving(finops(lambda _: page)) as server, pytest.raises(AnswerMisread) as wrong:
        read(server)
    assert wrong.value.words.isprintable()


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"\x8b\x03\x80{}", content_encoding="br"),
        reply(b"{}", content_encoding="zstd"),
        reply(b"{}", content_encoding="gzip, gzip"),
    ],
)
def test_an_encoding_that_was_not_asked_for_is_a_misread(answer: bytes) -> None:
    with serving(finops(lambda _: answer)) as server, pytest.raises(AnswerMisread, match="encoding"):
        read(server)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 200_000 + b"\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}",
        reply(b"not gzip at all", content_encoding="gzip"),
    ],
)
def test_bytes_that_are_no_answer_are_unavailable(answer: bytes) -> None:
    with serving(finops(lambda _: answer)) as server, pytest.raises(ServerUnavailable):
        read(server)


def drip(pieces: bytes, seconds: float) -> Iterator[bytes]:
    for place in range(len(pieces)):
        yield pieces[place : place + 1]
        time.sleep(seconds)


@pytest.mark.parametrize("which", ["head", "body"])
def test_e07_a_drip_of_bytes_cannot_prolong_an_attempt(which: str) -> None:
    whole = reply('{"value":[]}' + " " * 500)
    head, _, body = whole.partition(b"\r\n\r\n")

    def slowly(_: str) -> Iterator[bytes]:
        if which == "head":
            yield from drip(head, 0.05)
        yield head + b"\r\n\r\n"
        yield from drip(body, 0.05)

    since = time.monotonic()
    with (
        serving(finops(slowly)) as server,
        pytest.raises(ServerUnavailable, match="did not finish within its 1 seconds"),
    ):
        read(server, budget_seconds=1.0)
    assert time.monotonic() - since < 1 + 5


def test_cookies_and_other_headers_of_an_answer_change_nothing_for_the_token_host() -> None:
    with serving(finops(lambda _: reply('{"value":[]}', set_cookie="ARRAffinity=1"))) as server:
        with pytest.raises(RequestFailed):
            read(server)
        asked = [request.partition("\r\n")[0] for request in server.seen]
    assert asked[0].startswith("POST /meridian.example/oauth2/v2.0/token ")
    assert "authorization" not in server.seen[0].lower()
    assert all("authorization: bearer" in request.lower() for request in server.seen[1:])


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        '{"access_token":"","token_type":"Bearer","expires_in":3599}',
        '{"access_token":"a b","token_type":"Bearer","expires_in":3599}',
        '{"access_token":"a\\r\\nx: y","token_type":"Bearer","expires_in":3599}',
        '{"access_token":7,"token_type":"Bearer","expires_in":3599}',
        '{"access_token":"abc","token_type":"mac","expires_in":3599}',
        '{"access_token":"abc","expires_in":3599}',
        '{"access_token":"abc","token_type":"Bearer"}',
        '{"access_token":"abc","token_type":"Bearer","expires_in":true}',
        '{"access_token":"abc","token_type":"Bearer","expires_in":-5}',
        '{"access_token":"abc","access_token":"abd","token_type":"Bearer","expires_in":3599}',
    ],
)
def test_a_token_answer_that_is_none_is_a_misread_and_is_not_kept(body: str) -> None:
    tokens = TokenCache()
    with serving(lambda _: reply(body)) as server:
        for turn in (1, 2):
            with pytest.raises(AnswerMisread):
                read(server, tokens=tokens)
            assert len(server.seen) == turn


def test_a_short_lived_token_is_used_for_half_its_life() -> None:
    now = [0.0]
    tokens = TokenCache(clock=lambda: now[0])
    body = '{"access_token":"abc","token_type":"bearer","expires_in":"60"}'
    with serving(lambda _: reply(body)) as server:
        who = ClientCredentials(server.url, "meridian.example", "app", "https://x/.default", "secret")
        for now[0], asked in ((0.0, 1), (29.0, 1), (31.0, 2)):
            with wire(server) as door:
                assert tokens.token(door, who) == "abc"
            assert len(server.seen) == asked
    assert "secret" not in repr(who)


def test_e02_every_thread_of_a_refused_refresh_hears_why() -> None:
    expired = '{"error":"invalid_client","error_description":"AADSTS7000222: gone"}'
    answers = iter([reply(GOOD_TOKEN), reply(expired, 401)])
    tokens = TokenCache()
    with serving(lambda _: next(answers)) as server:
        who = ClientCredentials(server.url, "meridian.example", "app", "https://x/.default", "secret")
        with wire(server) as door:
            token = tokens.token(door, who)
            for _ in range(2):  # the thread that refreshed, and one that had sent the same token
                with pytest.raises(AccessRefused, match="The client secret has expired"):
                    tokens.renew(door, who, token)
        assert len(server.seen) == 2


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """A server context with a certificate for 127.0.0.1 that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + built.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_a_server_that_cannot_prove_who_it_is_gets_neither_secret_nor_token(tmp_path: Path) -> None:
    with serving(finops(lambda _: reply("{}")), certificate(tmp_path, "localhost")) as server:
        with pytest.raises(AccessRefused, match="has no trusted certificate"):
            read(server)
        assert server.seen == []


def test_the_name_of_the_host_is_kept_for_the_handshake_at_a_checked_address(tmp_path: Path) -> None:
    with serving(finops(lambda _: reply("{}")), certificate(tmp_path, "localhost")) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        with pytest.raises(AccessRefused, match="has no trusted certificate"):
            source("finops", url).read([CompanyRef("UKHC")], MAY)
        assert server.names[0] == "localhost"
