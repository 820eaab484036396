"""The ASGI application: routes requests to the simulated servers and adds the common headers."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from email.utils import formatdate
from time import time
from typing import Any

from simulator import control
from simulator.faults.active import Active
from simulator.odata import metadata
from simulator.products import business_central, finops
from simulator.state import SimulatorState
from simulator.web import entra
from simulator.web.breakage import broken, hang
from simulator.web.entra import BC_AUDIENCE, Principal, TokenRefused
from simulator.web.journal import Entry
from simulator.web.wire import Answer, Refusal, Request, html_answer, json_answer
from simulator.world.times import instant

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

TOKEN = re.compile(r"/([^/]+)/oauth2/(?:(v2\.0)/)?token/?")
OPENID = re.compile(r"/([^/]+)/v2\.0/\.well-known/openid-configuration")
CENTRAL = re.compile(r"(/v2\.0(?:/([^/]+))?/([^/]+)/api/(?:v2\.0|[^/]+/[^/]+/v[\d.]+))(?:/(.*))?")


class Simulator(SimulatorState):
    """The ASGI application that answers as Entra, Finance & Operations and Business Central."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = await _read(scope, receive)
        if request is None:
            return
        if request.path.startswith("/_control"):
            await _send(send, control.answer(self, request), request)
            return
        entry, started = self.journal.open(request)
        active = self.faults.striking(request)
        entry.faults = active.names
        try:
            answer = await self._answer(request, entry, active)
            entry.status, entry.bytes = answer.status, len(answer.body)
            await self._deliver(answer, request, active, scope, receive, send)
        finally:
            self.journal.close(entry, started)

    async def _deliver(
        self, answer: Answer, request: Request, active: Active, scope: Scope, receive: Receive, send: Send
    ) -> None:
        fault = active.breakage()
        headers = _head(answer, active.skew())
        if fault is None:
            await _send(send, answer, request, headers)
            return
        if fault.kind == "read_hang":
            await hang(receive)
            return
        connection = scope.get("extensions", {}).get("simulator.transport")
        if connection is None:
            raise RuntimeError(
                f"'{fault.kind}' needs the simulator's own server: use simulator.run.running()"
            )
        transport = connection["transport"]
        await broken(fault.kind, fault.options, transport, receive, answer.status, headers, answer.body)

    async def _answer(self, request: Request, entry: Entry, active: Active) -> Answer:
        """Route one request; the roots `data` and `metadata` are matched without case, the sets below are not."""
        first, _, rest = request.path.lstrip("/").partition("/")
        wait = self.latency_ms / 1000 + active.delay
        central = CENTRAL.fullmatch(request.path)
        if central:
            base, tenant, environment, rest = central.groups()
            return await self._central(request, entry, base, tenant, environment, rest or "", active, wait)
        if wait:
            await asyncio.sleep(wait)
        if answer := active.replacement():
            return answer
        if first.lower() in {"data", "metadata"}:
            return self._finops(request, entry, first.lower(), rest, active)
        if match := TOKEN.fullmatch(request.path):
            return self._token(request, match[1], active, v1=match[2] is None)
        if match := OPENID.fullmatch(request.path):
            return entra.discovery(request, match[1])
        if request.path == "/common/discovery/instance":
            return entra.instances(request)
        return html_answer("404 - File or directory not found.", "There is nothing at this address.", 404)

    def _token(self, request: Request, tenant: str, active: Active, *, v1: bool) -> Answer:
        if fault := active.token_refusal():
            fields = dict.fromkeys(("client", "tenant", "grant", "scope", "method"), entra.CLIENT_ID)
            return entra.refusal(fault[0], fields, status=fault[1])
        if refused := active.refusal():
            return json_answer({"error": "temporarily_unavailable"}, refused.status, headers=refused.headers)
        return self.entra.token(request, tenant, v1=v1)

    def _finops(self, request: Request, entry: Entry, root: str, rest: str, active: Active) -> Answer:
        try:
            try:
                # F&O expects its own address as audience: lower case, without a slash at its end.
                principal = self.entra.check(request, request.origin.lower())
            except TokenRefused:
                challenge = f'Bearer authorization_uri="{request.origin}/common/oauth2/authorize"'
                raise Refusal(401, "Unauthorized", headers=(("www-authenticate", challenge),)) from None
            self._record_principal(entry, principal, "finops")
            if refused_by_fault := active.refusal():
                raise refused_by_fault
            if root == "metadata":
                return metadata.answer(request, rest, self.finops.rows.sets(self.profile))
            return self.finops.answer(request, rest, self.world(), self.profile, active)
        except Refusal as refused:
            return finops.refusal(refused, self.profile)

    async def _central(
        self,
        request: Request,
        entry: Entry,
        base: str,
        tenant: str | None,
        environment: str,
        rest: str,
        active: Active,
        wait: float,
    ) -> Answer:
        if answer := active.replacement():
            return answer
        try:
            try:
                principal = self.entra.check(request, BC_AUDIENCE)
                if tenant is not None and principal.tenant != entra.tenant_id(tenant):
                    raise TokenRefused("tenant")
            except TokenRefused:
                raise Refusal(
                    401,
                    "The server has rejected the client credentials.",
                    "Authentication_InvalidCredentials",
                ) from None
            self._record_principal(entry, principal, "business_central")
            async with self.gates.of(principal).enter(self.profile):
                if wait:
                    await asyncio.sleep(wait)  # inside the gate: a slow answer keeps its slot
                if refused_by_fault := active.refusal():
                    raise refused_by_fault
                if environment.lower() not in {name.lower() for name in self.story.bc_environments}:
                    raise Refusal(404, f"Environment '{environment}' does not exist.", "NoEnvironment")
                return self.central.answer(
                    request, f"{request.origin}{base}", rest, self.world(), self.profile, active
                )
        except Refusal as refused:
            return business_central.refusal(refused, self.profile)

    def _record_principal(self, entry: Entry, principal: Principal, product: str) -> None:
        self.journal.known(entry, f"{principal.app}@{principal.tenant} {product}")


def build(
    scenario: str = "worked_example", clock: str | datetime | None = None, latency_ms: float = 0
) -> Simulator:
    """The ASGI application for a scenario; without a clock it follows the real one. Raises `BadScenario`."""
    return Simulator(scenario, instant(clock) if isinstance(clock, str) else clock, latency_ms)


async def _read(scope: Scope, receive: Receive) -> Request | None:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    # A proxy that ends TLS in front of us sends the scheme that links must have.
    scheme = headers.get("x-forwarded-proto") or scope.get("scheme", "http")
    return Request(scope["method"], scope["path"], query, headers, body, scheme)


def _head(answer: Answer, skew: float = 0) -> list[tuple[str, str]]:
    """The headers of an answer with the common ones; its own headers win."""
    own = {name for name, _ in answer.headers}
    common = {
        "date": formatdate(time() + skew, usegmt=True),
        "server": "Microsoft-IIS/10.0",
        "request-id": str(uuid.uuid4()),
        "content-length": str(len(answer.body)),
    }
    return [*answer.headers, *((name, value) for name, value in common.items() if name not in own)]


async def _send(
    send: Send, answer: Answer, request: Request, headers: list[tuple[str, str]] | None = None
) -> None:
    sent = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers or _head(answer)]
    await send({"type": "http.response.start", "status": answer.status, "headers": sent})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else answer.body})
