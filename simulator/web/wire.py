"""Defines requests and answers as plain values, independent of ASGI."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, unquote_plus

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """One request: `path` is decoded, `query` is as sent, header names are lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    scheme: str

    @property
    def host(self) -> str:
        return self.headers.get("host", "localhost")

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}"

    @property
    def address(self) -> str:
        """Origin and path, encoded as in a link."""
        return self.origin + quote(self.path, safe="/()$,='")

    @property
    def bearer(self) -> str | None:
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if kind.lower() == "bearer" and token.strip() else None

    @cached_property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @cached_property
    def options(self) -> list[tuple[str, str]]:
        """The decoded query options in the order of the query."""
        pairs = []
        for part in self.query.split("&"):
            if part:
                name, _, value = part.partition("=")
                pairs.append((unquote(name), unquote_plus(value)))
        return pairs

    @cached_property
    def line(self) -> str:
        """Decoded path and query, which a fault's `match` is searched in."""
        return self.path + ("?" + unquote_plus(self.query) if self.query else "")

    def json(self) -> Any:
        return json.loads(self.body.decode("utf-8") or "null")


@dataclass(frozen=True)
class Answer:
    """One answer: status, headers and body."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def with_headers(self, *more: tuple[str, str]) -> Answer:
        return replace(self, headers=(*self.headers, *more))


def dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def json_answer(
    value: Any, status: int = 200, *, kind: str = JSON, headers: Iterable[tuple[str, str]] = ()
) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, (("content-type", kind), *headers), dumps(value))


def html_answer(title: str, text: str, status: int) -> Answer:
    """An HTML page, where a program expects JSON."""
    head, body = f"<head><title>{title}</title></head>", f"<body><h2>{title}</h2><p>{text}</p></body>"
    page = f"<!DOCTYPE html><html>{head}{body}</html>"
    return Answer(status, (("content-type", "text/html; charset=utf-8"),), page.encode())


@dataclass(eq=False)  # not frozen: a context manager must be able to set its traceback
class Refusal(Exception):
    """An error answer to a request; each product puts `code` and `message` into its own body."""

    status: int
    message: str
    code: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=())

    def __str__(self) -> str:
        return self.message
