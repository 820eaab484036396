"""Fetches Entra tokens by client credentials and caches them per process, with one refresh for all and refusals.

Our own small POST and not msal: msal's extra discovery requests ignore our host rules and our deadline, it
refuses the simulator's plain-http authority, and for client credentials with a secret it adds nothing to one form.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from infra.outbound.errors import AccessRefused, AnswerMisread, RequestFailed, ServerUnavailable
from infra.outbound.session import OutboundResponse, OutboundSession

EARLY = 300.0  # seconds before its expiry at which a token is no longer used
REFUSAL_KEPT = 900.0  # seconds without a new request after a definite refusal (05-reliability E2)
FORCED_GAP = 60.0  # at most one forced refresh in this many seconds (E1)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """The client credentials of a token request; `scope` is the resource with "/.default".

    `place` says where people enter them, in errors.
    """

    authority: str
    tenant: str
    client_id: str
    scope: str
    secret: str = field(repr=False)
    place: str = "the connection"


@dataclass(slots=True)
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str = ""
    good_until: float = 0.0
    forced_at: float | None = None
    refusal: AccessRefused | None = None
    refused_until: float = 0.0


class TokenCache:
    """Tokens by (authority, tenant, client, scope, secret); `clock` is a monotonic clock in seconds.

    The secret is part of the key (as a keyed digest), so a corrected secret is tried at once.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[tuple[str, ...], _Entry] = {}
        self._lock = threading.Lock()
        self._salt = secrets.token_bytes(16)

    def token(self, session: OutboundSession, credentials: ClientCredentials) -> str:
        """A token valid for some minutes; raises AccessRefused (a cached refusal too) or ServerUnavailable."""
        entry = self._entry(credentials)
        with _locked(entry.lock, session):
            if entry.token and self._clock() < entry.good_until:
                session.register_secrets(entry.token)
                return entry.token
            return self._fetch(session, credentials, entry)

    def renew(self, session: OutboundSession, credentials: ClientCredentials, refused: str) -> str:
        """A token other than the refused one: from another thread's refresh meanwhile, else one forced refresh.

        Raises AccessRefused when the refused token is itself the result of a recent forced refresh.
        """
        entry = self._entry(credentials)
        with _locked(entry.lock, session):
            if entry.token and entry.token != refused:
                return entry.token
            now = self._clock()
            if entry.forced_at is not None and now - entry.forced_at < FORCED_GAP:
                if entry.refusal is not None:  # another thread's refresh was refused: its message says more
                    return self._fetch(session, credentials, entry)
                raise AccessRefused(NOT_ACCEPTED, status=401)
            entry.forced_at = now
            entry.token = ""
            return self._fetch(session, credentials, entry)

    def _entry(self, credentials: ClientCredentials) -> _Entry:
        digest = hashlib.blake2b(credentials.secret.encode(), key=self._salt).hexdigest()
        key = (credentials.authority, credentials.tenant, credentials.client_id, credentials.scope, digest)
        with self._lock:
            return self._entries.setdefault(key, _Entry())

    def _fetch(self, session: OutboundSession, credentials: ClientCredentials, entry: _Entry) -> str:
        now = self._clock()
        if entry.refusal is not None and now < entry.refused_until:
            raise AccessRefused(
                entry.refusal.words, status=entry.refusal.status, retry_after=entry.refused_until - now
            )
        try:
            token, lifetime = _request_token(session, credentials)
        except AccessRefused as refusal:
            if refusal.status is not None:  # Entra itself refused; a forbidden address is not cached
                entry.refusal, entry.refused_until = refusal, now + REFUSAL_KEPT
            raise
        entry.refusal = None
        entry.token = token
        entry.good_until = now + max(lifetime - EARLY, lifetime / 2)
        return token


NOT_ACCEPTED = (
    "The server does not accept this application's token, also not a fresh one. Check that the application is "
    "registered there, that tenant and environment belong together, and that the address is the environment's."
)


@contextmanager
def _locked(lock: threading.Lock, session: OutboundSession) -> Iterator[None]:
    """Hold the lock; waits for another thread's refresh at most as long as this attempt may last."""
    if not lock.acquire(timeout=session.deadline.cap(None)):
        raise session.deadline.exceeded()
    try:
        yield
    finally:
        lock.release()


def _request_token(session: OutboundSession, credentials: ClientCredentials) -> tuple[str, float]:
    """Request a token; returns it with its lifetime in seconds."""
    session.register_secrets(credentials.secret)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}", credentials.tenant):
        raise AccessRefused(
            f"The tenant must be its id or its domain name. Correct it in {credentials.place}."
        )
    url = f"{credentials.authority.rstrip('/')}/{credentials.tenant}/oauth2/v2.0/token"
    try:
        response = session.post_form(
            url,
            {
                "grant_type": "client_credentials",
                "client_id": credentials.client_id,
                "client_secret": credentials.secret,
                "scope": credentials.scope,
            },
        )
    except ServerUnavailable as error:
        raise ServerUnavailable(
            f"No token: {error.words}", status=error.status, retry_after=error.retry_after
        ) from None
    if not 200 <= response.status < 300:
        raise _refusal(session, response, credentials.place)
    document = response.document
    token = document.get("access_token") if isinstance(document, dict) else None
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]{1,16384}", token):
        raise AnswerMisread(
            f"The token endpoint answered without a usable token. Check the authority in {credentials.place}."
        )
    session.register_secrets(token)
    kind, lifetime = document.get("token_type"), document.get("expires_in")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise AnswerMisread("The token endpoint answered with a token that is not a bearer token.")
    if isinstance(lifetime, bool) or not re.fullmatch(r"\d{1,9}", str(lifetime)):
        raise AnswerMisread("The token endpoint did not give the lifetime of its token.")
    return token, min(float(str(lifetime)), 86_400.0)


# Entra's error numbers for problems that a person must fix, the most specific first.
_BY_NUMBER = {
    "7000222": "The client secret has expired. Create a new one in Entra and enter it in {place}.",
    "7000215": "The client secret is wrong. Enter the secret's value (not its id) in {place}.",
    "7000216": "The client secret is missing. Enter it in {place}.",
    "700016": "Entra does not know this application in this tenant. Check client id and tenant.",
    "7000112": "The application is disabled in Entra. Enable it there.",
    "90002": "Entra does not know this tenant. Check the tenant in {place}.",
    "900023": "Entra does not know this tenant. Check the tenant in {place}.",
    "500011": "Entra does not know this environment in this tenant. Check address and tenant in {place}.",
    "53003": "A conditional access policy blocks this application. Ask the tenant's administrator.",
}
_BY_CODE = {
    "invalid_client": "Entra refuses the client id or the secret. Check both in {place}.",
    "unauthorized_client": "Entra does not know this application in this tenant, or it may not sign in. Check both.",
    "invalid_scope": "Entra does not know this environment as a resource. Check the address in {place}.",
    "invalid_resource": "Entra does not know this environment as a resource. Check the address in {place}.",
}


def _refusal(session: OutboundSession, response: OutboundResponse, place: str) -> RequestFailed:
    if 300 <= response.status < 400:
        return AnswerMisread(
            "The token endpoint redirects elsewhere. Check the authority.", status=response.status
        )
    problem = response.problem or {}
    code, description = str(problem.get("error", "")), str(problem.get("error_description", ""))
    number = re.search(r"AADSTS(\d+)", description)
    sentence = (
        _BY_NUMBER.get(number[1]) if number and number[1] in _BY_NUMBER else _BY_CODE.get(code)
    ) or "Entra refuses a token. Check tenant, client id, secret and address in {place}."
    detail = " ".join(part for part in (number[0] if number else "", session.scrub(code)[:40]) if part)
    return AccessRefused(
        f"{sentence.format(place=place)} (token endpoint: {response.status}{' ' + detail if detail else ''})",
        status=response.status,
    )
