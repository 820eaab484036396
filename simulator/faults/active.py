"""Applies the faults that the control API switched on to requests and answers (05-reliability 2E).

A fault strikes the requests whose path or query contains its `match`, or those of its `company`; without either,
every request but those to the token endpoint. `after` lets the first requests pass, `times` limits its strikes.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from typing import Any

from simulator.faults import spoil
from simulator.faults.fault import COMMON, KINDS, NEED_COMPANY, SHAPES, Fault
from simulator.odata.query import Row
from simulator.odata.tables import EntitySet
from simulator.web.breakage import DeadPort
from simulator.web.entra import Entra
from simulator.web.wire import Answer, Refusal, Request, html_answer
from simulator.world.story import Story


@dataclass
class Active:
    """The faults that may strike one request; each step of the answer queries the faults of its kind."""

    request: Request
    faults: list[Fault] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def _take(self, *kinds: str, body: tuple[str, ...] = ()) -> Fault | None:
        for fault in self.faults:
            if fault.kind in kinds and (fault.options.get("body") in body or not body) and fault.strike():
                self.names.append(fault.kind)
                return fault
        return None

    def _has(self, kind: str) -> bool:
        return any(fault.kind == kind for fault in self.faults)

    # the token endpoint, then the answer as a whole

    def token_refusal(self) -> tuple[int, int | None] | None:
        fault = self._take("invalid_client")
        return (fault.options["code"], fault.options["status"]) if fault else None

    def refusal(self) -> Refusal | None:
        """The error of a fault, which the product puts into its own body."""
        fault = self._take("unauthorized", "forbidden", "not_found", "throttled", "status")
        if fault is None:
            return None
        match fault.kind:
            case "unauthorized":
                challenge = f'Bearer authorization_uri="{self.request.origin}/common/oauth2/authorize"'
                headers = (("www-authenticate", challenge),)
                return Refusal(401, "Unauthorized", "Authentication_InvalidCredentials", headers)
            case "forbidden":
                return Refusal(403, "You have no access.", "Authorization_RequestDenied")
            case "not_found":
                return Refusal(404, "It is not there.", "BadRequest_ResourceNotFound")
            case "throttled":
                return Refusal(
                    429, "Too many requests.", "Application_TooManyRequests", _retry_after(fault.options)
                )
        return Refusal(
            int(fault.options["status"]),
            str(fault.options["message"]),
            "Internal_ServerError",
            _retry_after(fault.options),
        )

    def replacement(self) -> Answer | None:
        """An answer that replaces the product's."""
        fault = self._take("html_login", "redirect", "not_json", "gzip_bomb")
        fault = fault or self._take("status", body=("html", "empty"))
        if fault is None:
            return None
        options = fault.options
        match fault.kind:
            case "html_login":
                return html_answer("Sign in to your account", "Enter your password.", 200)
            case "redirect":
                login = f"{self.request.origin}/common/oauth2/authorize?response_type=code"
                return Answer(int(options["status"]), (("location", options["location"] or login),))
            case "status":
                page = html_answer("Server Error", "The service is unavailable.", int(options["status"]))
                answer = page if options["body"] == "html" else Answer(int(options["status"]))
                return answer.with_headers(*_retry_after(options))
            case "not_json":
                return Answer(200, (("content-type", options["type"]),), str(options["body"]).encode())
        headers = (("content-type", "application/json"), ("content-encoding", "gzip"))
        return Answer(200, headers, spoil.gzip_bomb(int(options["megabytes"])))

    # the visible companies, and the rows of a list

    @property
    def touches_rows(self) -> bool:
        return any(KINDS[fault.kind].place in {"rows", "page", "view"} for fault in self.faults)

    @property
    def only_default_company(self) -> bool:
        return self._has("default_company_only")

    def hides(self, code: str) -> bool:
        return any(
            fault.kind == "entity_missing" and fault.company is not None and fault.company.code == code
            for fault in self.faults
        )

    def identity(self, code: str, identity: str) -> str:
        for fault in self.faults:
            if fault.kind == "identity_changed" and fault.company is not None and fault.company.code == code:
                return str(uuid.uuid5(uuid.UUID(identity), f"another {fault.id}"))
        return identity

    def window(self, allowed_from: date | None, allowed_to: date | None) -> tuple[date | None, date | None]:
        """The posting window to send; a fault for one company does not change that of others."""
        for fault in self.faults:
            concerned = fault.company is None or fault.company.id in self.request.path.lower()
            if fault.kind == "blank_bc_dates" and concerned:
                bounds = fault.options["which"]
                return None if bounds != "to" else allowed_from, None if bounds != "from" else allowed_to
        return allowed_from, allowed_to

    def shift(self, skip: int) -> int:
        """The row at which a later page begins."""
        fault = self._take("overlapping_pages") if skip else None
        return max(0, skip - int(fault.options["shift"])) if fault else skip

    def rows_seen(self, entity_set: EntitySet, rows: Sequence[Row]) -> Sequence[Row]:
        """All rows of a set but those of hidden companies."""
        hidden = {
            fault.company.code
            for fault in self.faults
            if fault.company is not None
            and (fault.kind == "entity_missing" or (fault.kind == "empty_list" and not fault.company.id))
        }
        owners = ("LegalEntityId", "dataAreaId", "LedgerName", "CompanyId")
        index = next((entity_set.position[name] for name in owners if name in entity_set.position), None)
        if not hidden or index is None:
            return rows
        return [row for row in rows if row[index].upper() not in hidden]

    def spoil(self, value: dict[str, Any], request: Request, set_name: str) -> bytes:
        """The body of a list after the faults of its rows."""
        for fault in self.faults:
            if (
                KINDS[fault.kind].place == "rows"
                and spoil.concerns(fault, value, request, set_name)
                and fault.strike()
            ):
                self.names.append(fault.kind)
                value = spoil.rows(fault, value, request, set_name)
        return spoil.body(value)

    # the connection

    @property
    def delay(self) -> float:
        fault = self._take("delay")
        return float(fault.options["seconds"]) if fault else 0.0

    def skew(self) -> float:
        fault = self._take("clock_skew")
        return float(fault.options["seconds"]) if fault else 0.0

    def breakage(self) -> Fault | None:
        return self._take(
            "read_hang", "slow_loris", "truncated_length", "truncated_chunked", "truncated_close", "reset"
        )


class Faults:
    """All faults that are switched on."""

    def __init__(self) -> None:
        self._on: list[Fault] = []
        self._dead_ports: list[DeadPort] = []
        self._ids = count(1)

    def add(self, spec: Mapping[str, Any], story: Story, entra: Entra) -> dict[str, Any]:
        """Switch a fault on; raises ValueError with a sentence for an unknown kind, option or company."""
        kind = str(spec["kind"])
        if kind not in KINDS:
            raise ValueError(f"there is no fault '{kind}'; there are: {', '.join(KINDS)}")
        defaults = {**COMMON, **KINDS[kind].options}
        unknown = set(spec) - set(defaults) - {"kind"}
        if unknown:
            raise ValueError(
                f"'{kind}' has no option {', '.join(sorted(unknown))}; it has: {', '.join(defaults)}"
            )
        options = {**defaults, **{name: value for name, value in spec.items() if name != "kind"}}
        match, name = str(options.pop("match") or ""), options.pop("company")
        company = story.company(str(name)) if name else story.company(match) if match else None
        if name and company is None:
            raise ValueError(f"there is no company '{name}'")
        if company is not None and not name:
            match = ""  # a company's code given as `match` means the company
        if options.get("shape", "text") not in SHAPES:
            raise ValueError(f"there is no shape '{options['shape']}'; there are: {', '.join(SHAPES)}")
        if kind in NEED_COMPANY and company is None:
            raise ValueError(f"'{kind}' needs a `company`")
        fault = Fault(
            next(self._ids), kind, match, company, options.pop("times"), int(options.pop("after")), options
        )
        if kind == "expired_token":
            entra.expire_all()
            return {**fault.as_json(), "over": True}
        if kind == "connect_hang":
            port = DeadPort()
            self._dead_ports.append(port)
            return {**fault.as_json(), "port": port.number}
        self._on.append(fault)
        return fault.as_json()

    def clear(self) -> None:
        self._on.clear()
        for port in self._dead_ports:
            port.close()
        self._dead_ports.clear()

    def as_json(self) -> dict[str, Any]:
        kinds = {
            name: {"does": kind.does, "options": {**COMMON, **kind.options}} for name, kind in KINDS.items()
        }
        return {"faults": [fault.as_json() for fault in self._on], "kinds": kinds}

    def striking(self, request: Request) -> Active:
        """The faults that may strike this request."""
        active = Active(request)
        for fault in self._on:
            if fault.over or not fault.concerns(request):
                continue
            if KINDS[fault.kind].place == "view":  # it changes what the whole request sees
                if not fault.strike():
                    continue
                active.names.append(fault.kind)
            active.faults.append(fault)
        return active


def _retry_after(options: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    retry_after = options.get("retry_after")
    if retry_after is None:
        return ()
    if retry_after == "http-date":
        moment = datetime.now(UTC) + timedelta(seconds=float(options["seconds"]))
        return (("retry-after", format_datetime(moment, usegmt=True)),)
    return (("retry-after", str(retry_after)),)
