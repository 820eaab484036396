"""Tokens of Entra: client credentials, kept in this process, one refresh for all, refusals remembered.

Our own small POST and not msal: msal's extra discovery requests know neither our host rules nor our deadline, it
refuses the simulator's plain-http authority, and for client credentials with a secret it adds nothing to one form.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from infra.outbound.errors import AccessRefused, AnswerMisread, RequestFailed, ServerUnavailable
from infra.outbound.session import OutboundResponse, OutboundSession

EARLY = 300.0  # seconds before its expiry at which a token is no longer used
REFUSAL_KEPT = 900.0  # a definite refusal is not asked about again for this long (05-reliability E2)
FORCED_GAP = 60.0  # at most one forced refresh in this many seconds (E1)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """As whom to ask for what; `scope` is the resource with "/.default"."""

    authority: str
    tenant: str
    client_id: str
    scope: str
    secret: str = field(repr=False)


@dataclass(slots=True)
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str = ""
    good_until: float = 0.0
    forced_at: float | None = None
    refusal: AccessRefused | None = None
    refused_until: float = 0.0


class TokenCache:
    """Tokens by (authority, tenant, client, scope, secret); `clock` counts seconds and never goes back.

    The secret is part of the key (as a keyed digest), so a corrected secret is tried at once.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[tuple[str, ...], _Entry] = {}
        self._lock = threading.Lock()
        self._salt = secrets.token_bytes(16)

    def token(self, wire: OutboundSession, who: ClientCredentials) -> str:
        """A token that is good for some minutes; raises AccessRefused, also from memory, or ServerUnavailable."""
        entry = self._entry(who)
        with _Held(entry.lock, wire):
            if entry.token and self._clock() < entry.good_until:
                wire.register_secrets(entry.token)
                return entry.token
            return self._fetch(wire, who, entry)

    def renew(self, wire: OutboundSession, who: ClientCredentials, refused: str) -> str:
        """A token other than the refused one: whatever another thread fetched meanwhile, else one forced refresh.

        Raises AccessRefused when the refused token is itself the fruit of a recent forced refresh.
        """
        entry = self._entry(who)
        with _Held(entry.lock, wire):
            if entry.token and entry.token != refused:
                return entry.token
            now = self._clock()
            if entry.forced_at is not None and now - entry.forced_at < FORCED_GAP:
                if entry.refusal is not None:  # another thread's refresh was refused: its words say more
                    return self._fetch(wire, who, entry)
                raise AccessRefused(NOT_ACCEPTED, status=401)
            entry.forced_at = now
            entry.token = ""
            return self._fetch(wire, who, entry)

    def _entry(self, who: ClientCredentials) -> _Entry:
        digest = hashlib.blake2b(who.secret.encode(), key=self._salt).hexdigest()
        key = (who.authority, who.tenant, who.client_id, who.scope, digest)
        with self._lock:
            return self._entries.setdefault(key, _Entry())

    def _fetch(self, wire: OutboundSession, who: ClientCredentials, entry: _Entry) -> str:
        now = self._clock()
        if entry.refusal is not None and now < entry.refused_until:
            raise AccessRefused(
                entry.refusal.words, status=entry.refusal.status, retry_after=entry.refused_until - now
            )
        try:
            token, lifetime = _ask(wire, who)
        except AccessRefused as refusal:
            if refusal.status is not None:  # Entra itself said no; a forbidden address is not remembered
                entry.refusal, entry.refused_until = refusal, now + REFUSAL_KEPT
            raise
        entry.refusal = None
        entry.token = token
        entry.good_until = now + max(lifetime - EARLY, lifetime / 2)
        return token


NOT_ACCEPTED = (
    "The ERP does not accept this application's token, also not a fresh one. Check that the application is "
    "registered in the ERP, that tenant and environment belong together, and that the address is the environment's."
)


class _Held:
    """Holds the lock, waiting for another thread's refresh no longer than this attempt may last."""

    def __init__(self, lock: threading.Lock, wire: OutboundSession) -> None:
        self._lock, self._wire = lock, wire

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=self._wire.deadline.cap(None)):
            raise self._wire.deadline.exceeded()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _ask(wire: OutboundSession, who: ClientCredentials) -> tuple[str, float]:
    """One request for a token, with its lifetime in seconds."""
    wire.register_secrets(who.secret)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}", who.tenant):
        raise AccessRefused("The tenant must be its id or its domain name. Correct the connection's tenant.")
    url = f"{who.authority.rstrip('/')}/{who.tenant}/oauth2/v2.0/token"
    try:
        answer = wire.post_form(
            url,
            {
                "grant_type": "client_credentials",
                "client_id": who.client_id,
                "client_secret": who.secret,
                "scope": who.scope,
            },
        )
    except ServerUnavailable as wrong:
        raise ServerUnavailable(
            f"No token: {wrong.words}", status=wrong.status, retry_after=wrong.retry_after
        ) from None
    if not 200 <= answer.status < 300:
        raise _refusal(wire, answer)
    found = answer.document
    token = found.get("access_token") if isinstance(found, dict) else None
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]{1,16384}", token):
        raise AnswerMisread(
            "The token endpoint answered without a usable token. Check the connection's authority."
        )
    wire.register_secrets(token)
    kind, lifetime = found.get("token_type"), found.get("expires_in")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise AnswerMisread("The token endpoint answered with a token that is not a bearer token.")
    if isinstance(lifetime, bool) or not re.fullmatch(r"\d{1,9}", str(lifetime)):
        raise AnswerMisread("The token endpoint did not say how long its token lives.")
    return token, min(float(str(lifetime)), 86_400.0)


# Entra's own numbers for what a person must mend, most telling first.
_NUMBERS = {
    "7000222": "The client secret has expired. Create a new one in Entra and enter it in the connection.",
    "7000215": "The client secret is wrong. Enter the secret's value (not its id) in the connection.",
    "7000216": "The client secret is missing. Enter it in the connection.",
    "700016": "Entra does not know this application in this tenant. Check client id and tenant.",
    "7000112": "The application is disabled in Entra. Enable it there.",
    "90002": "Entra does not know this tenant. Check the connection's tenant.",
    "900023": "Entra does not know this tenant. Check the connection's tenant.",
    "500011": "Entra does not know this environment in this tenant. Check the connection's address and tenant.",
    "53003": "A conditional access policy blocks this application. Ask the tenant's administrator.",
}
_CODES = {
    "invalid_client": "Entra refuses the client id or the secret. Check both in the connection.",
    "unauthorized_client": "Entra does not know this application in this tenant, or it may not sign in. Check both.",
    "invalid_scope": "Entra does not know this environment as a resource. Check the connection's address.",
    "invalid_resource": "Entra does not know this environment as a resource. Check the connection's address.",
}


def _refusal(wire: OutboundSession, answer: OutboundResponse) -> RequestFailed:
    if 300 <= answer.status < 400:
        return AnswerMisread(
            "The token endpoint redirects elsewhere. Check the authority.", status=answer.status
        )
    problem = answer.problem or {}
    code, told = str(problem.get("error", "")), str(problem.get("error_description", ""))
    number = re.search(r"AADSTS(\d+)", told)
    words = (
        _NUMBERS.get(number[1]) if number and number[1] in _NUMBERS else _CODES.get(code)
    ) or "Entra refuses a token. Check tenant, client id, secret and address of the connection."
    detail = " ".join(part for part in (number[0] if number else "", wire.scrub(code)[:40]) if part)
    return AccessRefused(
        f"{words} (token endpoint: {answer.status}{' ' + detail if detail else ''})", status=answer.status
    )
