"""Defines a fault: its kind, the requests that it strikes, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.web.wire import Request
from simulator.world.story import Company


@dataclass(frozen=True)
class Kind:
    """A kind of fault: the place where it strikes, its options with their defaults, and a description."""

    place: str  # token, answer, rows, page, view, wire, once
    options: Mapping[str, Any]
    does: str


SHAPES = ("no_value", "null_value", "value_object", "list", "row_text", "text")


ROWS: Mapping[str, Any] = {"field": None, "where": {}, "rows": 1}


KINDS: Mapping[str, Kind] = {
    # the token endpoint
    "invalid_client": Kind(
        "token", {"code": 7000215, "status": None}, "the token endpoint refuses; 7000222: expired"
    ),
    "expired_token": Kind("once", {}, "at once: every token issued so far is refused with 401"),
    # other answers than the requested one
    "unauthorized": Kind("answer", {}, "401"),
    "forbidden": Kind("answer", {}, "403"),
    "not_found": Kind("answer", {}, "404"),
    "throttled": Kind(
        "answer", {"retry_after": None, "seconds": 30}, "429; retry_after: anything, or `http-date`"
    ),
    "status": Kind(
        "answer",
        {"status": 503, "retry_after": None, "seconds": 30, "body": "json", "message": "Not now."},
        "that status, with `message` in its JSON",
    ),
    "html_login": Kind("answer", {}, "200 with a login page"),
    "redirect": Kind("answer", {"location": None, "status": 302}, "to the login, or to `location`"),
    "not_json": Kind(
        "answer", {"body": "Service is being updated", "type": "application/json"}, "200, no JSON"
    ),
    "gzip_bomb": Kind("answer", {"megabytes": 1024}, "a small body that unpacks to that size"),
    # on the wire
    "delay": Kind("wire", {"seconds": 5.0}, "the answer comes late"),
    "read_hang": Kind("wire", {}, "no answer at all"),
    "connect_hang": Kind("once", {}, "a port that is listened on but never accepts; the answer names it"),
    "slow_loris": Kind("wire", {"bytes_per_second": 1.0}, "the body trickles"),
    "truncated_length": Kind("wire", {"keep": 0.5}, "less body than Content-Length says"),
    "truncated_chunked": Kind("wire", {"keep": 0.5}, "chunks without the last one"),
    "truncated_close": Kind("wire", {"keep": 0.5}, "neither length nor chunks, cut short: only JSON tells"),
    "reset": Kind("wire", {"keep": 0.5}, "the connection is reset in the middle of the body"),
    "clock_skew": Kind("wire", {"seconds": 3600}, "the Date header is off"),
    # the rows of a list
    "wrong_shape": Kind("rows", {"shape": "no_value"}, f"one of {', '.join(SHAPES)}"),
    "missing_field": Kind("rows", ROWS, "a row lacks a property"),
    "null_field": Kind("rows", ROWS, "a property is null"),
    "wrong_type": Kind("rows", {**ROWS, "value": [1]}, "a property has another type"),
    "unknown_enum": Kind("rows", {**ROWS, "value": "Frozen"}, "a word that the contract does not know"),
    "duplicate_keys": Kind("rows", {**ROWS, "value": "Open"}, "a property twice in one JSON object"),
    "duplicate_rows": Kind("rows", ROWS, "a row twice, equal"),
    "conflicting_rows": Kind("rows", {**ROWS, "value": None}, "a row twice, differing"),
    "empty_list": Kind("rows", {}, "`value` is empty"),
    "huge_page": Kind("rows", {"megabytes": 30}, "valid JSON of that size"),
    "next_link_self": Kind("rows", {}, "a next link to the page itself"),
    "next_link_loop": Kind("rows", {}, "next links in a circle of two"),
    "next_link_endless": Kind("rows", {}, "always another next link"),
    "next_link_host": Kind("rows", {"host": "elsewhere.example"}, "a next link to another host"),
    "next_link_scheme": Kind("rows", {"scheme": None}, "a next link with another scheme"),
    # visible companies and values
    "overlapping_pages": Kind("page", {"shift": 1}, "later pages begin so many rows early (negative: late)"),
    "entity_missing": Kind("view", {}, "a company is no longer in any list"),
    "identity_changed": Kind("view", {}, "a Business Central company has another id under its old name"),
    "default_company_only": Kind("view", {}, "cross-company is ignored"),
    "blank_bc_dates": Kind("view", {"which": "both"}, "posting bounds are blank: both, from or to"),
}


COMMON = {"match": "", "company": None, "times": None, "after": 0}


NEED_COMPANY = {"entity_missing", "identity_changed"}


@dataclass
class Fault:
    """One fault that is switched on."""

    id: int
    kind: str
    match: str
    company: Company | None
    times: int | None
    after: int
    options: dict[str, Any]
    struck: int = 0
    passed: int = 0

    @property
    def over(self) -> bool:
        return self.times is not None and self.struck >= self.times

    def strike(self) -> bool:
        """Count one strike; False for the first `after` requests, or when the fault is over."""
        if self.over:
            return False
        if self.passed < self.after:
            self.passed += 1
            return False
        self.struck += 1
        return True

    def concerns(self, request: Request) -> bool:
        """Whether it may strike this request (the company of faults of rows and views is checked later)."""
        place = KINDS[self.kind].place
        to_token_endpoint = "/oauth2/" in request.path
        if place == "token":
            return to_token_endpoint
        if self.match:
            return self.match.casefold() in request.line.casefold()
        if to_token_endpoint or "/.well-known/" in request.path or request.path.startswith("/common/"):
            return False
        if self.company is None or place in {"rows", "page", "view"}:
            return True
        if self.company.id:
            return self.company.id in request.path.lower()
        return f"'{self.company.code.casefold()}'" in request.line.casefold()

    def as_json(self) -> dict[str, Any]:
        company = self.company.code if self.company else None
        fields = {
            "id": self.id,
            "kind": self.kind,
            "match": self.match,
            "company": company,
            "times": self.times,
        }
        return {**fields, "after": self.after, "struck": self.struck, "over": self.over, **self.options}
