"""The HTTP session of every outbound request: host rules, one deadline, byte caps, retries, strict JSON.

Nothing else in this package opens a connection. An `OutboundSession` lives for one attempt and is safe to share
between threads.
"""

from __future__ import annotations

import logging
import random
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import quote_plus, urlencode

import httpx2

from infra.hosts import ForbiddenAddress, HostAllowlist, UrlParts
from infra.outbound.errors import AccessRefused, AnswerMisread, RequestFailed, ServerUnavailable
from infra.outbound.guarded_transport import GuardedTransport, TimeBudget
from infra.outbound.strict_json import InvalidJson, parse_strict_json

LONGEST_WAIT = 900.0  # seconds; caps a longer Retry-After (05-reliability E5)
RETRY_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
ERROR_BYTES = 65_536
SAMPLE = 200

# At INFO these write every URL with its query, at DEBUG the headers: neither belongs in a log.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The limits of one attempt; sizes are counted after decompression.

    The largest page holds 10,000 rows of about 1.2 kB, so 12 MB; 20 MB leaves room for long names. The attempt's cap
    fits 5,000 x 36 rows of that size (216 MB). Pages are reduced one by one, so memory follows the page, not the
    attempt. Small lists are read several at once and have a cap of their own.
    """

    page_bytes: int = 20_000_000
    small_page_bytes: int = 5_000_000
    attempt_bytes: int = 300_000_000
    pages: int = 200
    retries: int = 3
    first_pause: float = 0.5  # seconds before the first own retry; doubles, with jitter
    operation_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """One response: `document` is the strict JSON of a 2xx, `sample` the scrubbed beginning of any other body."""

    target: UrlParts
    status: int
    headers: httpx2.Headers
    document: Any = None
    sample: str = ""
    problem: Mapping[str, Any] | None = None  # the body of an error response, if it is a JSON object

    @property
    def server_clock(self) -> datetime | None:
        return _http_date(self.headers.get("date"))


class _RetryableFailure(RequestFailed):
    """A failure that may pass in a moment; `words` without a full stop. It does not leave the session."""


class OutboundSession:
    """A session with the allowed hosts for one attempt.

    `register_secrets` names texts (secrets, tokens) that never appear in a sample or an error. `is_passing` finds
    error responses beyond RETRY_STATUSES, by status and body, that may pass by themselves.
    """

    def __init__(
        self,
        allowed_hosts: Iterable[str],
        deadline: TimeBudget,
        limits: RequestLimits,
        *,
        is_passing: Callable[[int, str], bool] = lambda status, body: False,
    ) -> None:
        self.deadline = deadline
        self._is_passing = is_passing
        self.limits = limits
        self._rules = HostAllowlist(tuple(allowed_hosts))
        self._hidden: set[str] = set()
        self._lock = threading.Lock()
        self._bytes = 0
        self._not_before = 0.0
        self._client = httpx2.Client(
            transport=GuardedTransport(self._rules, deadline),
            follow_redirects=False,
            trust_env=False,
            headers={
                "User-Agent": "closeboard",
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._client.close()

    def register_secrets(self, *texts: str) -> None:
        self._hidden.update(form for text in texts if text for form in (text, quote_plus(text)))

    def scrub(self, text: str) -> str:
        """The text without secrets, tokens and control characters."""
        for hidden in sorted(self._hidden, key=len, reverse=True):
            text = text.replace(hidden, "***")
        text = _TOKENISH.sub("***", text)
        return "".join(mark if mark.isprintable() else " " for mark in text)

    def _sample(self, body: bytes) -> str:
        return self.scrub(body[:ERROR_BYTES].decode("utf-8", "replace"))[:SAMPLE]

    def check(self, url: str) -> UrlParts:
        """The URL in parts if this session may contact it; raises AccessRefused."""
        try:
            return self._rules.check(url)
        except ForbiddenAddress as error:
            raise AccessRefused(
                f"This address may not be contacted: {self.scrub(str(error))}. "
                "Correct the connection's address or its list of allowed hosts."
            ) from None

    def get(self, url: str, headers: Mapping[str, str], *, cap: int) -> OutboundResponse:
        """GET up to `cap` bytes, with retries; returns also a status that no retry helps. Raises RequestFailed."""
        return self._request("GET", url, headers, None, cap)

    def post_form(self, url: str, form: Mapping[str, str]) -> OutboundResponse:
        """POST a form, as token endpoints require; otherwise like `get`."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._request("POST", url, headers, urlencode(form).encode(), ERROR_BYTES)

    def post_json(self, url: str, headers: Mapping[str, str], content: bytes) -> OutboundResponse:
        """POST JSON; the body of a 2xx is not read, only its status counts. Otherwise like `get`."""
        return self._request("POST", url, {"Content-Type": "application/json", **headers}, content, 0)

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, cap: int
    ) -> OutboundResponse:
        # Not stamina: waits must follow Retry-After, slow every thread of this session, never outlast the budget
        # and hand an overlong wait to the caller, which keeps the countdown in SQL.
        target = self.check(url)
        for turn in range(self.limits.retries + 1):
            self._wait_for_principal()
            try:
                return self._once(method, target, headers, content, cap)
            except _RetryableFailure as failure:
                if self.deadline.remaining() <= 0:
                    raise self.deadline.exceeded() from None
                wait = min(failure.retry_after or 0.0, LONGEST_WAIT)
                delay = self._delay(wait, turn)
                if turn == self.limits.retries or delay >= self.deadline.remaining():
                    raise ServerUnavailable(
                        f"{target.without_query}: {failure.words}. It is tried again later; act only if it"
                        " persists.",
                        status=failure.status,
                        retry_after=wait or None,
                        reached=failure.reached,
                    ) from None
                if failure.status in {429, 503}:
                    with self._lock:
                        self._not_before = max(self._not_before, time.monotonic() + delay)
                else:
                    time.sleep(delay)
        raise AssertionError("the last turn either returns or raises")

    def _delay(self, wait: float, turn: int) -> float:
        if wait:
            return wait + random.uniform(0, min(1.0, wait / 10))  # noqa: S311 - never shorter than asked
        return self.limits.first_pause * float(2**turn) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret

    def _wait_for_principal(self) -> None:
        """Hold every request while the server has asked us to slow down."""
        while (delay := self._not_before - time.monotonic()) > 0:
            if delay >= self.deadline.remaining():
                raise ServerUnavailable(
                    "The ERP asked to wait longer than an attempt may take. It is tried again later.",
                    status=429,
                    retry_after=min(delay, LONGEST_WAIT),
                )
            time.sleep(delay)

    def _once(
        self, method: str, target: UrlParts, headers: Mapping[str, str], content: bytes | None, cap: int
    ) -> OutboundResponse:
        seconds = self.deadline.cap(self.limits.operation_seconds)
        request = self._client.build_request(
            method,
            f"{target.scheme}://{target.netloc}/",
            headers=headers,
            content=content,
            timeout=seconds,
            # The path is sent byte for byte: a client that normalises an opaque next link breaks it.
            extensions={"target": target.path.encode("ascii")},
        )
        try:
            response = self._client.send(request, stream=True)
            try:
                return self._read(target, response, cap)
            finally:
                response.close()
        except RequestFailed:
            raise
        except ForbiddenAddress as error:
            raise AccessRefused(
                f"This address may not be contacted: {error}. Correct the connection's address."
            ) from None
        except httpx2.DecodingError:
            raise _RetryableFailure("the compressed answer is damaged") from None
        except httpx2.ConnectTimeout:
            raise _RetryableFailure(f"no connection within {seconds:.0f} seconds", reached=False) from None
        except httpx2.TimeoutException:
            raise _RetryableFailure(f"no answer within {seconds:.0f} seconds") from None
        except httpx2.ConnectError as error:
            if _is_certificate_error(error):
                raise AccessRefused(
                    f"{target.netloc} has no trusted certificate (TLS): {self.scrub(str(error))[:SAMPLE]}. "
                    "Check the address, and that this machine trusts the certificate's issuer."
                ) from None
            raise _RetryableFailure("no connection", reached=False) from None
        except httpx2.TransportError as error:
            raise _RetryableFailure(f"the connection broke ({type(error).__name__})") from None

    def _read(self, target: UrlParts, response: httpx2.Response, cap: int) -> OutboundResponse:
        status, headers = response.status_code, response.headers
        if not 200 <= status < 300:
            return self._read_problem(target, response)
        if not cap:
            return OutboundResponse(target, status, headers)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"identity", "gzip", "deflate"}:
            raise AnswerMisread(
                f"{target.without_query} answered in an encoding that was not asked for ({encoding[:20]})."
            )
        if kind != "application/json":
            sample = self._sample(self._body(target, response, ERROR_BYTES, whole=False))
            raise AnswerMisread(
                f"{target.without_query} answered {kind or 'a document without a type'} instead of JSON: usually a "
                f"login page or a proxy between Closeboard and the ERP. It begins: {sample}",
                status=status,
            )
        body = self._body(target, response, cap)
        try:
            return OutboundResponse(target, status, headers, document=parse_strict_json(body))
        except InvalidJson as error:
            if error.cut_short:
                raise _RetryableFailure(f"the answer is cut off ({error})", status=status) from None
            raise AnswerMisread(
                f"{target.without_query} answered JSON that cannot be trusted: {self.scrub(str(error))[:SAMPLE]}. "
                f"It begins: {self._sample(body)}",
                status=status,
            ) from None

    def _read_problem(self, target: UrlParts, response: httpx2.Response) -> OutboundResponse:
        status, headers = response.status_code, response.headers
        body = self._body(target, response, ERROR_BYTES, whole=False)
        sample = self._sample(body)
        if status in RETRY_STATUSES or self._is_passing(status, body.decode("utf-8", "replace")):
            wait = _retry_after(headers)
            wait_phrase = f" and asked to wait {min(wait, LONGEST_WAIT):.0f} seconds" if wait else ""
            raise _RetryableFailure(
                f"answered {status}{wait_phrase}" + (f": {sample}" if sample else ""),
                status=status,
                retry_after=wait,
            )
        try:
            problem = parse_strict_json(body)
        except InvalidJson:
            problem = None
        return OutboundResponse(
            target, status, headers, sample=sample, problem=problem if isinstance(problem, dict) else None
        )

    def _body(self, target: UrlParts, response: httpx2.Response, cap: int, *, whole: bool = True) -> bytes:
        """Read a body up to the cap; a longer one is an error, or is cut off if not `whole`."""
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_bytes():
            self.deadline.cap(None)
            size += len(chunk)
            with self._lock:
                self._bytes += len(chunk)
                too_much = self._bytes > self.limits.attempt_bytes
            if too_much:
                raise AnswerMisread(
                    f"The ERP sent more than {self.limits.attempt_bytes / 1e6:g} MB in one attempt. "
                    "Split the connection into several with fewer companies."
                )
            if size > cap and whole:
                raise AnswerMisread(f"{target.without_query} sent more than {cap / 1e6:g} MB in one answer.")
            chunks.append(chunk)
            if size > cap:
                break
        return b"".join(chunks)[:cap]


_TOKENISH = re.compile(
    r"eyJ[\w-]{8,}(?:\.[\w-]*)*|(?i:bearer\s+[\w.~+/=-]{8,})"
    r"|(?i:(?<=access_token\":\")|(?<=access_token=)|(?<=client_secret=)|(?<=client_secret\":\"))[^\s\"&]+"
)


def _is_certificate_error(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return isinstance(cause, ssl.SSLCertVerificationError)
        cause = cause.__cause__ or cause.__context__
    return False


def _http_date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (TypeError, ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _retry_after(headers: httpx2.Headers) -> float | None:
    """The seconds of a Retry-After header, or None if it is absent, garbage, negative or past."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,12}(\.\d+)?", text):
        return float(text) or None
    until = _http_date(text)
    if until is None:
        return None
    # Measured by the server's own clock; ours may be an hour off.
    now = _http_date(headers.get("date")) or datetime.now(UTC)
    return max((until - now).total_seconds(), 0.0) or None
