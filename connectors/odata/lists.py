"""Reading lists over OData: bearer to one origin only, pages followed verbatim, errors in words, strict fields."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from connectors.ledger_source import SourceSettings
from connectors.odata.entra import NOT_ACCEPTED, ClientCredentials, TokenCache
from infra.hosts import ForbiddenAddress, parse_url
from infra.outbound.errors import AccessRefused, AnswerMisread, ServerUnavailable
from infra.outbound.guarded_transport import TimeBudget
from infra.outbound.session import OutboundResponse, OutboundSession, RequestLimits


class InvalidRow(Exception):
    """One row is not what the contract says; the text says which field, never more than its beginning."""


class ODataClient:
    """One ERP environment during one attempt: knows its origin, its token and how much was read.

    The token is asked for `resource`, by default the environment itself. Use it as a context manager: entering it
    signs in. Raises AccessRefused when the connection's own address cannot be used.
    """

    def __init__(
        self,
        settings: SourceSettings,
        tokens: TokenCache,
        limits: RequestLimits,
        *,
        resource: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.pages_read = 0
        self.rows_read = 0
        self.server_clock: datetime | None = None
        self._limits = limits
        self._tokens = tokens
        self._headers = dict(headers or {})
        self._lock = threading.Lock()
        base = settings.base_url.rstrip("/")
        try:
            target = parse_url(base)
            if target.path != "/":
                raise ForbiddenAddress("it has a path")
        except ForbiddenAddress as wrong:
            raise AccessRefused(
                f"The connection's address must be the environment's origin, such as https://name.example: {wrong}."
            ) from None
        self.base = f"{target.scheme}://{target.netloc}"  # lower case, no slash: what Entra wants as audience
        self._origin = target.origin
        self._who = ClientCredentials(
            settings.authority,
            settings.tenant,
            settings.client_id,
            f"{resource or self.base}/.default",
            settings.secret,
        )
        try:
            self.session = OutboundSession(
                settings.allowed_hosts, TimeBudget(settings.budget_seconds), limits
            )
        except ValueError as wrong:
            raise AccessRefused(f"The connection's allowed hosts cannot be used: {wrong}.") from None
        self.session.register_secrets(settings.secret)
        self.session.check(self.base)  # before a token is asked for: no socket at all for a forbidden address

    def __enter__(self) -> ODataClient:
        self.session.__enter__()
        try:
            # Before any thread asks: a token endpoint in trouble is met once, not by each of them in turn.
            self._tokens.token(self.session, self._who)
        except BaseException:
            self.session.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *raised: Any) -> None:
        self.session.__exit__(*raised)

    def get(self, url: str, *, big: bool = False) -> OutboundResponse:
        """GET a document of this environment; raises AccessRefused (401, 403, 404) or AnswerMisread."""
        self._pin(url)
        token = self._tokens.token(self.session, self._who)
        answer = self._get(url, token, big)
        if answer.status == 401:
            answer = self._get(url, self._tokens.renew(self.session, self._who, token), big)
        if 200 <= answer.status < 300:
            with self._lock:
                self.server_clock = answer.server_clock or self.server_clock
            return answer
        raise self._error(answer)

    def pages(self, url: str, *, big: bool = False) -> Iterator[list[Any]]:
        """The pages of one list, each as its rows; `big` pages have the larger cap.

        Raises AnswerMisread for a link that loops, leaves or never ends, ServerUnavailable when fewer rows came than
        the answer had counted: pages by number skip rows when data changes meanwhile (05-reliability E12).
        """
        seen: set[str] = set()
        counted, came = 0, 0
        before: list[Any] = []
        while True:
            if len(seen) >= self._limits.pages:
                raise AnswerMisread(f"A list has more than {self._limits.pages} pages. Split the connection.")
            seen.add(url)
            answer = self.get(url, big=big)
            rows, link, count = _envelope(answer)
            # A page that begins inside the one before hides that elsewhere a row was skipped.
            again = len(before) - before.index(rows[0]) if rows and rows[0] in before else 0
            counted, came, before = max(counted, count), came + len(rows) - again, rows[-100:]
            with self._lock:
                self.pages_read += 1
                self.rows_read += len(rows)
            yield rows
            if link is None:
                break
            url = _on_the_line(link)
            if url in seen:
                raise AnswerMisread(
                    f"{answer.target.without_query}: the link to the next page leads to one already read."
                )
            self._pin(url)
        if 0 < came < counted:  # nothing at all is for the connectors to judge
            raise ServerUnavailable(
                f"{answer.target.without_query}: {came} of {counted} rows came; the list changed while it was read. "
                "It is read again at the next sync."
            )

    def rows(self, url: str) -> list[Any]:
        """All rows of one list."""
        return [row for page in self.pages(url) for row in page]

    def _get(self, url: str, token: str, big: bool) -> OutboundResponse:
        cap = self._limits.page_bytes if big else self._limits.small_page_bytes
        return self.session.get(url, {**self._headers, "Authorization": f"Bearer {token}"}, cap=cap)

    def _pin(self, url: str) -> None:
        try:
            same = parse_url(url).origin == self._origin
        except ForbiddenAddress:
            same = False
        if not same:
            # The bearer token must not travel there, and what would come back is not this ERP's word.
            raise AnswerMisread(
                f"The ERP's answer links to another place ({self.session.scrub(url.partition('?')[0])[:99]}) instead "
                f"of {self.base}; it is not followed. Check what stands between us and the ERP."
            )

    def _error(self, answer: OutboundResponse) -> AccessRefused | AnswerMisread:
        said = _said(answer)
        told = f" It says: {self.session.scrub(said)[:200]}" if said else ""
        place, status = answer.target.without_query, answer.status
        if status == 401:
            return AccessRefused(f"{NOT_ACCEPTED}{told}", status=status)
        if status == 403:
            return AccessRefused(
                f"{place}: no permission (403). Give the application's user the right to read this in the ERP.{told}",
                status=status,
            )
        if status in {404, 410}:
            return AccessRefused(
                f"{place}: not found ({status}). Check the address and the environment's name; it may be moved "
                f"or renamed.{told}",
                status=status,
            )
        if 300 <= status < 400:
            return AnswerMisread(
                f"{place} redirects elsewhere ({status}) instead of answering: usually a login page or a wrong "
                "address. It is not followed.",
                status=status,
            )
        return AnswerMisread(f"{place} refuses our question ({status}).{told}", status=status)


SAFE = "(),:'"


def odata_query(**options: str) -> str:
    """A query string of OData options: keyword `filter` becomes $filter; `cross_company` stays without the mark."""
    parts = []
    for name, value in options.items():
        key = "cross-company" if name == "cross_company" else f"${name}"
        parts.append(f"{key}={quote(value, safe=SAFE)}")
    return "?" + "&".join(parts)


def text_literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def or_filter(name: str, values: Iterable[str]) -> str:
    """A chain of `or`, because neither product understands `in` everywhere."""
    return "(" + " or ".join(f"{name} eq {text_literal(value)}" for value in values) + ")"


def _envelope(answer: OutboundResponse) -> tuple[list[Any], str | None, int]:
    """Rows, link to the next page and the count of the whole list (0 where none is told)."""
    found, place, status = answer.document, answer.target.without_query, answer.status
    rows = found.get("value") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise AnswerMisread(f"{place}: the answer is JSON but holds no list of values.", status=status)
    link, count = found.get("@odata.nextLink"), found.get("@odata.count", 0)
    if link is not None and (not isinstance(link, str) or not link):
        raise AnswerMisread(f"{place}: the link to the next page is not a text.", status=status)
    if not isinstance(count, int) or isinstance(count, bool):
        raise AnswerMisread(f"{place}: the count of rows is not a number.", status=status)
    return rows, link, count


def _on_the_line(link: str) -> str:
    """The link as it was given; only what no request line can hold (blanks, quotes, other scripts) is encoded."""
    return re.sub(r"[^!$-;=?-\[\]-~#\\]", lambda mark: quote(mark[0], safe=""), link)


def _said(answer: OutboundResponse) -> str:
    """What an error answer says: F&O puts the business text into innererror, Business Central into message."""
    error = (answer.problem or {}).get("error")
    if isinstance(error, dict):
        inner = error.get("innererror")
        texts = (
            inner.get("message") if isinstance(inner, dict) else None,
            error.get("message"),
            error.get("code"),
        )
        return next(
            (text_field for text_field in texts if isinstance(text_field, str) and text_field.strip()), ""
        )
    return answer.sample


# Strict fields of one row. Each raises InvalidRow and shows no more of a wrong value than its beginning.


def text_field(row: Mapping[str, Any], name: str) -> str:
    """A text that is there and not blank."""
    value = optional_text_field(row, name)
    if not value:
        raise InvalidRow(f"{name} is empty")
    return value


def optional_text_field(row: Mapping[str, Any], name: str) -> str | None:
    """A text or null; a missing property is an error, since the contract has it."""
    value = _there(row, name)
    if value is None:
        return None
    if not isinstance(value, str) or not _storable(value):
        raise InvalidRow(f"{name} is not a text: {_shown(value)}")
    return value


def bool_field(row: Mapping[str, Any], name: str) -> bool:
    value = _there(row, name)
    if not isinstance(value, bool):
        raise InvalidRow(f"{name} is not true or false: {_shown(value)}")
    return value


def date_field(row: Mapping[str, Any], name: str) -> date | None:
    """Business Central's date: yyyy-MM-dd, where 0001-01-01 (or null) means blank (03-erp-contracts fact 8)."""
    value = _there(row, name)
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise InvalidRow(f"{name} is not a date: {_shown(value)}")
    found = _real_date(value, name)
    return None if found == date.min else found


def noon_date_field(row: Mapping[str, Any], name: str) -> date:
    """Finance & Operations' date, "2026-05-31T12:00:00Z": the date part as written, no zone shift; 1900 is blank."""
    value = _there(row, name)
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise InvalidRow(f"{name} is not a date: {_shown(value)}")
    found = _real_date(value[:10], name)
    if found == date(1900, 1, 1):
        raise InvalidRow(f"{name} is blank")
    return found


def datetime_field(row: Mapping[str, Any], name: str) -> datetime | None:
    """An instant with its zone; null and the year 1 mean blank."""
    value = _there(row, name)
    if value is None:
        return None
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise InvalidRow(f"{name} is not a moment: {_shown(value)}")
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidRow(f"{name} is not a moment: {_shown(value)}") from None
    return None if found.year == 1 else found


_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _real_date(value: str, name: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise InvalidRow(f"{name} is not a date: {_shown(value)}") from None


def _there(row: Mapping[str, Any], name: str) -> Any:
    if not isinstance(row, dict):
        raise InvalidRow("the row is not an object")
    try:
        return row[name]
    except KeyError:
        raise InvalidRow(f"{name} is missing") from None


def _storable(value: str) -> bool:
    """False for what no database text can hold: NUL and halves of surrogate pairs."""
    return value.isprintable() or not any(mark == "\x00" or "\ud800" <= mark <= "\udfff" for mark in value)


def _shown(value: Any) -> str:
    return repr(value)[:40]
