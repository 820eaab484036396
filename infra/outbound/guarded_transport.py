"""Opens connections to checked addresses only, never past the attempt's end (05-reliability 4.6)."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import httpcore2
import httpx2

from infra.hosts import HostAllowlist, ip_literal
from infra.outbound.errors import ServerUnavailable


class TimeBudget:
    """The instant at which an attempt must end, on the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self.budget = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        return self._end - time.monotonic()

    def cap(self, seconds: float | None) -> float:
        """The seconds that one operation may take; raises ServerUnavailable if none are left."""
        left = self.remaining()
        if left <= 0:
            raise self.exceeded()
        return left if seconds is None else min(seconds, left)

    def exceeded(self) -> ServerUnavailable:
        return ServerUnavailable(
            f"The read did not finish within its {self.budget:g} seconds. It is tried again at the next sync; "
            "if this happens often, the ERP is slow or the connection's time budget too small."
        )


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)  # 20 ms to build: once per process


class GuardedTransport(httpx2.HTTPTransport):
    """httpx2's transport over a pool that connects through `_CheckedBackend`.

    The pool is set as the base class sets it, because httpx2 offers no parameter for a network backend.
    """

    def __init__(self, rules: HostAllowlist, deadline: TimeBudget) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_tls(),
            max_connections=10,
            keepalive_expiry=60.0,
            network_backend=_CheckedBackend(rules, deadline),
        )


class _CheckedBackend(httpcore2.NetworkBackend):
    """Resolves once, checks every address, connects to a checked one; SNI and Host stay the name's."""

    def __init__(self, rules: HostAllowlist, deadline: TimeBudget) -> None:
        self._rules = rules
        self._deadline = deadline
        self._tcp = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        addresses = self._rules.check_addresses(host, self._resolve(host, port))
        for number, address in enumerate(addresses, start=1):
            try:
                seconds = self._deadline.cap(timeout)
                return _Stream(self._tcp.connect_tcp(address, port, seconds), self._deadline)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if number == len(addresses):
                    raise
        raise AssertionError("check_addresses never returns an empty list")

    def _resolve(self, host: str, port: int) -> list[str]:
        if ip_literal(host) is not None:
            return [host]
        addresses: list[str] = []
        errors: list[OSError] = []

        def look_up() -> None:
            try:
                addresses.extend(
                    str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                )
            except OSError as error:
                errors.append(error)

        # The resolver has no timeout; joining its thread has one.
        thread = threading.Thread(target=look_up, daemon=True)
        thread.start()
        thread.join(self._deadline.cap(15.0))
        if not addresses:
            raise httpcore2.ConnectError(
                f"{host} cannot be found: {errors[0] if errors else 'no answer in time'}"
            )
        return addresses


class _Stream(httpcore2.NetworkStream):
    """A connection whose operations all end with the attempt: a slow trickle of bytes cannot prolong it."""

    def __init__(self, inner: httpcore2.NetworkStream, deadline: TimeBudget) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.cap(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.cap(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        secured = self._inner.start_tls(ssl_context, server_hostname, self._deadline.cap(timeout))
        return _Stream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
