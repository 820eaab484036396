"""Plays Microsoft Entra's token endpoint for one application, in any tenant, by its secret."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simulator.web.wire import Answer, Request, dumps, json_answer

CLIENT_ID = "simulator"
CLIENT_SECRET = "simulator"
REFRESH_TOKEN = "simulator"  # for clients that work on behalf of a person who signed in before
BC_AUDIENCE = "https://api.businesscentral.dynamics.com"
LIFETIME = 3599  # seconds, as Entra says

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)

# error code number -> (HTTP status, error word, text after "AADSTSn: ")
REFUSALS = {
    7000215: (401, "invalid_client", "Invalid client secret provided for app '{client}'."),
    7000222: (401, "invalid_client", "The provided client secret keys for app '{client}' are expired."),
    700016: (
        400,
        "unauthorized_client",
        "Application with identifier '{client}' was not found in '{tenant}'.",
    ),
    70003: (400, "unsupported_grant_type", "The app requested an unsupported grant type '{grant}'."),
    70008: (400, "invalid_grant", "The provided refresh token is expired or was revoked."),
    900144: (400, "invalid_request", "The request body must contain the following parameter: '{missing}'."),
    1002012: (
        400,
        "invalid_scope",
        "The value '{scope}' for scope is not valid: it must end with '/.default'.",
    ),
    500011: (400, "invalid_resource", "The resource principal named {scope} was not found in '{tenant}'."),
    900561: (405, "invalid_request", "The endpoint only accepts POST requests. Received a {method} request."),
}


def tenant_id(tenant: str) -> str:
    """The tenant's GUID; a tenant named by its domain always gets the same invented one."""
    return tenant.lower() if _GUID.match(tenant) else str(uuid.uuid5(uuid.NAMESPACE_DNS, tenant.lower()))


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller: the application and the tenant that issued its token."""

    app: str
    tenant: str


class TokenRefused(Exception):
    """The bearer token is missing, foreign, expired or for another audience; the text says which."""


class Entra:
    """Issues tokens and checks them; tokens live in real time, whatever the scenario's clock says."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._refused_up_to = 0  # serial number: older tokens count as expired
        self._serial = 0

    def expire_all(self) -> None:
        """Every token issued so far counts as expired from now on."""
        self._refused_up_to = self._serial

    def token(self, request: Request, tenant: str, *, v1: bool = False) -> Answer:
        """Answer one request to `/{tenant}/oauth2/v2.0/token` (or the older `/oauth2/token` with `resource`)."""
        form = request.form
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        if not client:
            client, secret = _basic(request)
        scope = form.get("resource" if v1 else "scope", "")
        refreshed = form.get("grant_type") == "refresh_token"
        if refreshed and not scope:  # the scopes were agreed when the person signed in
            scope = dict(request.options).get("resource", BC_AUDIENCE) + "/.default"
        fields = {"client": client, "tenant": tenant, "scope": scope, "method": request.method}
        fields["grant"] = form.get("grant_type", "")
        code = _missing(fields, secret, v1=v1) or _mistake(fields, secret, form.get("refresh_token", ""))
        audience = scope if v1 else scope.removesuffix("/.default")
        if not code and audience == scope and not v1:
            code = 1002012
        if not code and audience.rstrip("/").lower() not in _audiences(request):
            code = 500011
        if code:
            return refusal(code, fields)
        token = self.issue(tenant_id(tenant), audience)
        value: dict[str, Any] = {"token_type": "Bearer", "expires_in": LIFETIME, "ext_expires_in": LIFETIME}
        if v1:
            value |= {
                "expires_in": str(LIFETIME),
                "expires_on": str(int(time.time()) + LIFETIME),
                "resource": scope,
            }
        if refreshed:
            value["refresh_token"] = REFRESH_TOKEN
        return json_answer({**value, "access_token": token}, headers=NO_STORE)

    def issue(self, tenant: str, audience: str, lifetime: int = LIFETIME) -> str:
        """A signed token in the form of a JWT; only this process can check it."""
        self._serial += 1
        now = int(time.time())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{tenant}/",
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "appid": CLIENT_ID,
            "oid": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{tenant}/{CLIENT_ID}")),
            "tid": tenant,
            "uti": self._serial,
            "ver": "1.0",
        }
        text = f"{_pack(dumps({'typ': 'JWT', 'alg': 'HS256'}))}.{_pack(dumps(claims))}"
        return f"{text}.{_pack(self._sign(text))}"

    def check(self, request: Request, audience: str) -> Principal:
        """The sender of the request; raises `TokenRefused` unless its token is ours, fresh and for this audience."""
        token = request.bearer
        if not token:
            raise TokenRefused("no bearer token")
        text, _, signature = token.rpartition(".")
        try:
            if not hmac.compare_digest(_unpack(signature), self._sign(text)):
                raise TokenRefused("signature")
            claims = json.loads(_unpack(text.partition(".")[2]))
        except (ValueError, binascii.Error):
            raise TokenRefused("not a token") from None
        if claims["exp"] <= time.time() or claims["uti"] <= self._refused_up_to:
            raise TokenRefused("expired")
        # The audience is compared exactly: an upper-case host or a trailing slash is another audience.
        if claims["aud"] != audience:
            raise TokenRefused("audience")
        return Principal(claims["appid"], claims["tid"])

    def _sign(self, text: str) -> bytes:
        return hmac.digest(self._secret, text.encode(), hashlib.sha256)


def _audiences(request: Request) -> set[str]:
    return {BC_AUDIENCE, f"http://{request.host}".lower(), f"https://{request.host}".lower()}


def _missing(fields: dict[str, str], secret: str, *, v1: bool) -> int:
    """The code for a missing parameter, or 0; its name is stored in `fields["missing"]`."""
    if fields["method"] != "POST":
        return 900561
    required = {"grant_type": fields["grant"], "client_id": fields["client"], "client_secret": secret}
    required["resource" if v1 else "scope"] = fields["scope"]
    fields["missing"] = next((name for name, text in required.items() if not text), "")
    return 900144 if fields["missing"] else 0


def _mistake(fields: dict[str, str], secret: str, refresh_token: str) -> int:
    """The code for wrong credentials or a wrong grant, or 0."""
    if fields["grant"] not in {"client_credentials", "refresh_token"}:
        return 70003
    if fields["client"] != CLIENT_ID:
        return 700016
    if not hmac.compare_digest(secret.encode(), CLIENT_SECRET.encode()):
        return 7000215
    if fields["grant"] == "refresh_token" and refresh_token != REFRESH_TOKEN:
        return 70008
    return 0


NO_STORE = (("cache-control", "no-store, no-cache"), ("pragma", "no-cache"))


def refusal(code: int, fields: dict[str, str], *, status: int | None = None) -> Answer:
    """Entra's error body with the code, its text and the ids by which support would find the request."""
    default, error, text = REFUSALS[code]
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    message = f"AADSTS{code}: {text.format_map({'missing': '', **fields})}"
    body = {
        "error": error,
        "error_description": f"{message} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {at}",
        "error_codes": [code],
        "timestamp": at,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={code}",
    }
    return json_answer(body, status or default, headers=NO_STORE)


def discovery(request: Request, tenant: str) -> Answer:
    """The OpenID configuration of a tenant, which clients read before they request a token."""
    base, tid = request.origin, tenant_id(tenant)
    return json_answer(
        {
            "token_endpoint": f"{base}/{tenant}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "jwks_uri": f"{base}/{tenant}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": f"{base}/{tid}/v2.0",
            "authorization_endpoint": f"{base}/{tenant}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/{tenant}/oauth2/v2.0/devicecode",
        }
    )


def instances(request: Request) -> Answer:
    """`/common/discovery/instance`: this host is its own and only cloud."""
    host = request.host
    return json_answer(
        {
            "tenant_discovery_endpoint": f"{request.origin}/common/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }
    )


def _basic(request: Request) -> tuple[str, str]:
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        client, _, secret = base64.b64decode(text).decode().partition(":")
    except ValueError:
        return "", ""
    return client, secret


def _pack(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
