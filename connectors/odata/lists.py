"""Reads lists over OData: token to one origin only, links followed verbatim, errors as sentences, strict fields."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote

from connectors.ledger_source import SourceSettings
from infra.hosts import ForbiddenAddress, parse_url
from infra.outbound.entra_tokens import NOT_ACCEPTED, ClientCredentials, TokenCache
from infra.outbound.errors import AccessRefused, AnswerMisread, ServerUnavailable
from infra.outbound.guarded_transport import TimeBudget
from infra.outbound.session import OutboundResponse, OutboundSession, RequestLimits

_T = TypeVar("_T")


class InvalidRow(Exception):
    """A row that breaks the contract; the text names the field and shows no more than the start of its value."""


class ODataClient:
    """A client of one ERP environment for one attempt: holds its origin, its token and counts of pages and rows.

    The token is requested for `resource`, by default the environment itself. Use it as a context manager: entering
    it signs in. Raises AccessRefused when the connection's own address cannot be used.
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
        except ForbiddenAddress as error:
            raise AccessRefused(
                f"The connection's address must be the environment's origin, such as https://name.example: {error}."
            ) from None
        self.base = (
            f"{target.scheme}://{target.netloc}"  # lower case, no slash: the audience that Entra expects
        )
        self._origin = target.origin
        self._credentials = ClientCredentials(
            settings.authority,
            settings.tenant,
            settings.client_id,
            f"{resource or self.base}/.default",
            settings.secret,
        )
        try:
            self.session = OutboundSession(
                settings.allowed_hosts,
                TimeBudget(settings.budget_seconds),
                limits,
                is_passing=_is_passing,
            )
        except ValueError as error:
            raise AccessRefused(f"The connection's allowed hosts cannot be used: {error}.") from None
        self.session.register_secrets(settings.secret)
        self.session.check(self.base)  # before a token is requested: no socket at all for a forbidden address

    def __enter__(self) -> ODataClient:
        self.session.__enter__()
        try:
            # Before any thread starts: a failing token endpoint is met once, not by each thread in turn.
            self._tokens.token(self.session, self._credentials)
        except BaseException:
            self.session.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *raised: Any) -> None:
        self.session.__exit__(*raised)

    def get(self, url: str, *, big: bool = False) -> OutboundResponse:
        """GET a document of this environment; raises AccessRefused (401, 403, 404, 410) or AnswerMisread."""
        self._check_origin(url)
        token = self._tokens.token(self.session, self._credentials)
        response = self._get(url, token, big)
        if response.status == 401:
            response = self._get(url, self._tokens.renew(self.session, self._credentials, token), big)
        if 200 <= response.status < 300:
            with self._lock:
                self.server_clock = response.server_clock or self.server_clock
            return response
        raise self._error(response)

    def pages(
        self, url: str, *, big: bool = False, may_lack_all: bool = True, size: int = 0
    ) -> Iterator[list[Any]]:
        """Yield the rows of each page of one list; `big` pages have the larger size limit.

        With a `size`, no more rows are requested at once; the URL must then ask for their order and count.

        Raises AnswerMisread for links that loop, leave the origin or never end, ServerUnavailable when fewer rows
        came than the answer had counted: pages by number skip rows when data changes meanwhile (05-reliability E12).
        A list without any row is left to the caller to judge, unless not `may_lack_all`.
        """
        seen: set[str] = set()
        counted, came = 0, 0
        before: list[Any] = []
        whole, url = url, f"{url}&$top={size}" if size else url
        while True:
            if len(seen) >= self._limits.pages:
                raise AnswerMisread(f"A list has more than {self._limits.pages} pages. Split the connection.")
            seen.add(url)
            response = self.get(url, big=big)
            rows, link, count = _envelope(response)
            # Rows repeated from the page before would make up for rows skipped elsewhere.
            again = len(before) - before.index(rows[0]) if rows and rows[0] in before else 0
            counted, came, before = max(counted, count), came + len(rows) - again, rows[-100:]
            with self._lock:
                self.pages_read += 1
                self.rows_read += len(rows)
            yield rows
            if link is None and size and rows and came < counted:
                link = f"{whole}&$skip={came}&$top={size}"
            if link is None:
                break
            url = _encode_link(link)
            if url in seen:
                raise AnswerMisread(
                    f"{response.target.without_query}: the link to the next page leads to one already read."
                )
            self._check_origin(url)
        if came < counted and (came or not may_lack_all):
            raise ServerUnavailable(
                f"{response.target.without_query}: {came} of {counted} rows came back; the list changed while it was "
                "read. It is read again at the next sync."
            )

    def rows(self, url: str) -> list[Any]:
        """All rows of one list."""
        return [row for page in self.pages(url) for row in page]

    def _get(self, url: str, token: str, big: bool) -> OutboundResponse:
        cap = self._limits.page_bytes if big else self._limits.small_page_bytes
        return self.session.get(url, {**self._headers, "Authorization": f"Bearer {token}"}, cap=cap)

    def _check_origin(self, url: str) -> None:
        try:
            same_origin = parse_url(url).origin == self._origin
        except ForbiddenAddress:
            same_origin = False
        if not same_origin:
            # The bearer token must not go there, and the answer would not be this ERP's.
            raise AnswerMisread(
                f"The ERP's answer links to another place ({self.session.scrub(url.partition('?')[0])[:99]}) instead "
                f"of {self.base}; it is not followed. Check for a proxy between Closeboard and the ERP."
            )

    def _error(self, response: OutboundResponse) -> AccessRefused | AnswerMisread:
        error_text = _error_text(response)
        detail = f" It says: {self.session.scrub(error_text)[:200]}" if error_text else ""
        location, status = response.target.without_query, response.status
        if status == 401:
            return AccessRefused(f"{NOT_ACCEPTED}{detail}", status=status)
        if status == 403:
            return AccessRefused(
                f"{location}: no permission (403). Give the application's user the right to read this in the ERP."
                f"{detail}",
                status=status,
            )
        if status in {404, 410}:
            return AccessRefused(
                f"{location}: not found ({status}). Check the address and the environment's name; it may be moved "
                f"or renamed.{detail}",
                status=status,
            )
        if 300 <= status < 400:
            return AnswerMisread(
                f"{location} redirects elsewhere ({status}) instead of answering: usually a login page or a wrong "
                "address. It is not followed.",
                status=status,
            )
        return AnswerMisread(f"{location} refuses the request ({status}).{detail}", status=status)


_LOCKED = re.compile("deadlock|locked by another user", re.IGNORECASE)


def _is_passing(status: int, body: str) -> bool:
    """Whether others were writing at that moment: a conflict, or a lock that the products tell under any status."""
    return status == 409 or (status >= 400 and _LOCKED.search(body) is not None)


SAFE = "(),:'"


def odata_query(**options: str) -> str:
    """A query string of OData options: keyword `filter` becomes $filter; `cross_company` gets no dollar sign."""
    parts = []
    for name, value in options.items():
        key = "cross-company" if name == "cross_company" else f"${name}"
        parts.append(f"{key}={quote(value, safe=SAFE)}")
    return "?" + "&".join(parts)


def or_filter(name: str, values: Iterable[str]) -> str:
    """A filter that chains `or`, because neither product supports `in` everywhere."""
    literals = (value.replace("'", "''") for value in values)
    return "(" + " or ".join(f"{name} eq '{literal}'" for literal in literals) + ")"


def _envelope(response: OutboundResponse) -> tuple[list[Any], str | None, int]:
    """Rows, link to the next page and the count of the whole list (0 without a count)."""
    document, location, status = response.document, response.target.without_query, response.status
    rows = document.get("value") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise AnswerMisread(f"{location}: the answer is JSON but holds no list of values.", status=status)
    link, count = document.get("@odata.nextLink"), document.get("@odata.count", 0)
    if link is not None and (not isinstance(link, str) or not link):
        raise AnswerMisread(f"{location}: the link to the next page is not a text.", status=status)
    if not isinstance(count, int) or isinstance(count, bool):
        raise AnswerMisread(f"{location}: the count of rows is not a number.", status=status)
    return rows, link, count


def _encode_link(link: str) -> str:
    """The link unchanged, except that characters invalid in a request line (blanks, quotes, ...) are encoded."""
    return re.sub(r"[^!$-;=?-\[\]-~#\\]", lambda char: quote(char[0], safe=""), link)


def _error_text(response: OutboundResponse) -> str:
    """The text of an error answer: F&O puts the business text into innererror, Business Central into message."""
    error = (response.problem or {}).get("error")
    if isinstance(error, dict):
        inner = error.get("innererror")
        texts = (
            inner.get("message") if isinstance(inner, dict) else None,
            error.get("message"),
            error.get("code"),
        )
        return next((text for text in texts if isinstance(text, str) and text.strip()), "")
    return response.sample


# Strict fields of one row. Each raises InvalidRow, which shows no more than the start of a wrong value.


def text_field(row: Mapping[str, Any], name: str) -> str:
    """A text that is present and not empty."""
    value = optional_text_field(row, name)
    if not value:
        raise InvalidRow(f"{name} is empty")
    return value


def optional_text_field(row: Mapping[str, Any], name: str) -> str | None:
    """A text or null; a missing property is an error, since the contract has it."""
    value = _field(row, name)
    if value is None:
        return None
    if not isinstance(value, str) or not _storable(value):
        raise InvalidRow(f"{name} is not a text: {_start_of(value)}")
    return value


def bool_field(row: Mapping[str, Any], name: str) -> bool:
    value = _field(row, name)
    if not isinstance(value, bool):
        raise InvalidRow(f"{name} is not true or false: {_start_of(value)}")
    return value


def date_field(row: Mapping[str, Any], name: str) -> date | None:
    """A date of Business Central: yyyy-MM-dd; 0001-01-01 or null means blank (03-erp-contracts fact 8)."""
    value = _field(row, name)
    day = date.min if value is None else _parsed(value, name, _DATE, date.fromisoformat, "a date")
    return None if day == date.min else day


def noon_date_field(row: Mapping[str, Any], name: str) -> date:
    """A date of Finance & Operations, "2026-05-31T12:00:00Z": the date part as written, no zone shift.

    Noon and midnight of UTC name a day; any other time of day is the midnight of some zone, whose day may be the next
    one. Raises InvalidRow for it, and for 1900-01-01, which means blank.
    """
    day = optional_noon_date_field(row, name)
    if day is None:
        raise InvalidRow(f"{name} is blank")
    return day


def optional_noon_date_field(row: Mapping[str, Any], name: str) -> date | None:
    """A date as of `noon_date_field`; None for 1900-01-01, which means blank."""
    value = _field(row, name)
    day = _parsed(
        _parsed(value, name, _INSTANT, str, "a date")[:10], name, _DATE, date.fromisoformat, "a date"
    )
    if not _NAMES_A_DAY.fullmatch(value[10:]):
        raise InvalidRow(
            f"{name} is {_start_of(value)}, neither noon nor midnight of UTC, so its day is not certain"
        )
    return None if day == date(1900, 1, 1) else day


def decimal_field(row: Mapping[str, Any], name: str) -> Decimal:
    """A number, as the shortest decimal that reads as the same one."""
    value = _field(row, name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRow(f"{name} is not a number: {_start_of(value)}")
    return Decimal(str(value))


def whole_number_field(row: Mapping[str, Any], name: str) -> int:
    value = _field(row, name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidRow(f"{name} is not a whole number: {_start_of(value)}")
    return value


def datetime_field(row: Mapping[str, Any], name: str) -> datetime | None:
    """An instant with its UTC offset; null and the year 1 mean blank."""
    value = _field(row, name)
    instant = None if value is None else _parsed(value, name, _INSTANT, datetime.fromisoformat, "a moment")
    return None if instant is None or instant.year == 1 else instant


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)

_NAMES_A_DAY = re.compile(r"T(00|12):00:00(\.0+)?(Z|[+-]00:00)")


def _parsed(value: object, name: str, pattern: re.Pattern[str], read: Callable[[str], _T], what: str) -> _T:
    if isinstance(value, str) and pattern.fullmatch(value):
        with suppress(ValueError):
            return read(value)
    raise InvalidRow(f"{name} is not {what}: {_start_of(value)}")


def _field(row: Mapping[str, Any], name: str) -> Any:
    if not isinstance(row, dict):
        raise InvalidRow("the row is not an object")
    try:
        return row[name]
    except KeyError:
        raise InvalidRow(f"{name} is missing") from None


def _storable(value: str) -> bool:
    """False for a text that PostgreSQL cannot store: NUL or half a surrogate pair."""
    return value.isprintable() or not any(char == "\x00" or "\ud800" <= char <= "\udfff" for char in value)


def _start_of(value: Any) -> str:
    return repr(value)[:40]
