"""Plays Dynamics 365 Finance & Operations: the OData sets under /data, as one environment serves them."""

from __future__ import annotations

import base64
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from simulator.faults.active import Active
from simulator.odata import query as odata
from simulator.odata.edmx import finops_metadata
from simulator.odata.query import Dialect, Query, Row
from simulator.odata.tables import EntitySet, Navigation
from simulator.products.finops_rows import Rows
from simulator.products.finops_sets import joined
from simulator.web.wire import Answer, Refusal, Request, dumps, html_answer, json_answer
from simulator.world.profile import Profile
from simulator.world.story import Story, World

JSON_MINIMAL = "application/json; odata.metadata=minimal"
VERSION = ("odata-version", "4.0")
CACHE_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Page:
    """One page of rows to send."""

    rows: Sequence[Row]
    next_link: str | None
    count: int | None


@dataclass(frozen=True)
class Expanded:
    """One navigation that a request expands, with the options for its rows."""

    navigation: Navigation
    target: EntitySet
    query: Query


class Bodies:
    """A cache of finished bodies, so that a benchmark measures the reader and not the simulator."""

    def __init__(self) -> None:
        self._cache: OrderedDict[object, bytes] = OrderedDict()
        self._size = 0

    def get(self, key: object, make: Callable[[], bytes]) -> bytes:
        body = self._cache.get(key)
        if body is not None:
            self._cache.move_to_end(key)
            return body
        body = make()
        self._cache[key] = body
        self._size += len(body)
        while self._size > CACHE_BYTES and len(self._cache) > 1:
            self._size -= len(self._cache.popitem(last=False)[1])
        return body


class Finops:
    """Answers requests to one environment; `rows` holds what its sets contain at the clock's instant."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.rows = Rows(story)
        self._bodies = Bodies()
        self._found_rows: OrderedDict[object, Sequence[Row]] = OrderedDict()

    def answer(self, request: Request, rest: str, world: World, profile: Profile, active: Active) -> Answer:
        """Answer `/data/{rest}`; raises `Refusal` for everything the product refuses."""
        if request.method not in {"GET", "HEAD"}:
            raise Refusal(405, f"The requested resource does not support http method '{request.method}'.")
        sets = self.rows.sets(profile)
        rest = rest.strip("/")
        if not rest:
            return self._service_document(request, sets)
        if rest == "$metadata":
            kind = (("content-type", "application/xml"), VERSION)
            return Answer(200, kind, finops_metadata(sets.values()))
        name, bracket, key = rest.partition("(")
        counted = name.endswith("/$count")
        entity_set = sets.get(name.removesuffix("/$count"))
        if entity_set is None or (bracket and not key.endswith(")")):
            raise Refusal(
                404,
                f"No HTTP resource was found that matches the request URI '{request.origin}/data/{rest}'.",
            )
        dialect = Dialect(wildcards=True, ignore_case=profile.finops_texts == "ignore_case", functions=False)
        query = odata.parse(request.options, entity_set, dialect)
        expanded = self._expanded(query, entity_set, sets, dialect, profile)
        if bracket:
            return self._single(request, key[:-1], entity_set, query, expanded, world, profile, active)
        if counted:
            total = len(self._find(request, entity_set, query, world, profile, active))
            return Answer(200, (("content-type", "text/plain"), VERSION), str(total).encode())
        return self._list(request, entity_set, query, expanded, world, profile, active)

    @staticmethod
    def _expanded(
        query: Query,
        entity_set: EntitySet,
        sets: Mapping[str, EntitySet],
        dialect: Dialect,
        profile: Profile,
    ) -> list[Expanded]:
        """The navigations of $expand, of the first level only; raises `Refusal` where the product refuses them."""
        if query.expand and profile.finops_expand == "refused":
            raise odata.bad("The query option '$expand' is not allowed.")
        found = []
        for part in query.expand:
            navigation = next((one for one in entity_set.navigation if one.name == part.name), None)
            if navigation is None or navigation.target not in sets:
                raise odata.bad(
                    f"Property '{part.name}' on type '{entity_set.type}' is not a navigation property."
                )
            if part.options and profile.finops_expand == "plain":
                raise odata.bad("Options within $expand are not supported.")
            target = sets[navigation.target]
            inner = odata.parse(part.options, target, dialect)
            if inner.expand:
                raise odata.bad("$expand is supported on the first level only.")
            found.append(Expanded(navigation, target, inner))
        return found

    def _related(
        self,
        request: Request,
        entity_set: EntitySet,
        expanded: Sequence[Expanded],
        world: World,
        profile: Profile,
        active: Active,
        *,
        across: bool = False,
    ) -> Callable[[Row], dict[str, Any]]:
        """A function that gives, for a row, the expanded rows by the names of their navigations."""
        indexes = []
        for one in expanded:
            pairs = joined(entity_set, one.target)
            ours = [entity_set.position[name] for name, _ in pairs]
            theirs = [one.target.position[name] for _, name in pairs]
            index: dict[tuple[str, ...], list[dict[str, Any]]] = {}
            for row in self._find(request, one.target, one.query, world, profile, active, across=across):
                key = tuple(str(row[place]).casefold() for place in theirs)
                index.setdefault(key, []).append(as_json(row, one.target, one.query.select))
            indexes.append((one.navigation, ours, index))

        def related(row: Row) -> dict[str, Any]:
            value: dict[str, Any] = {}
            for navigation, ours, index in indexes:
                rows = index.get(tuple(str(row[place]).casefold() for place in ours), [])
                value[navigation.name] = rows if navigation.many else next(iter(rows), None)
            return value

        return related

    def _service_document(self, request: Request, sets: dict[str, EntitySet]) -> Answer:
        value = [{"name": name, "kind": "EntitySet", "url": name} for name in sets]
        context = f"{request.origin}/data/$metadata"
        return json_answer({"@odata.context": context, "value": value}, kind=JSON_MINIMAL, headers=(VERSION,))

    def _find(
        self,
        request: Request,
        entity_set: EntitySet,
        query: Query,
        world: World,
        profile: Profile,
        active: Active,
        *,
        across: bool = False,
    ) -> Sequence[Row]:
        """The rows that a request may see: of all companies with `cross-company=true`, or with `across`."""
        across |= any(
            name.lower() == "cross-company" and value.lower() == "true" for name, value in request.options
        )
        cross = across and not active.only_default_company
        key = (world.version, profile, entity_set.name, cross, query.key)
        if not active.touches_rows and key in self._found_rows:
            return self._found_rows[key]
        rows = self.rows.of(entity_set, world, profile)
        if not cross and (self.rows.per_company(entity_set, profile) or active.only_default_company):
            rows = self.rows.of_default_company(entity_set, rows)
        rows = active.rows_seen(entity_set, rows)
        if profile.row_order == "shuffled" and not query.order:
            rows = sorted(rows, key=lambda row: hashlib.sha256(row[0].encode()).digest())
        rows = query.rows(rows)
        if not active.touches_rows:
            self._found_rows[key] = rows
            while len(self._found_rows) > 64:
                self._found_rows.popitem(last=False)
        return rows

    def _list(
        self,
        request: Request,
        entity_set: EntitySet,
        query: Query,
        expanded: Sequence[Expanded],
        world: World,
        profile: Profile,
        active: Active,
    ) -> Answer:
        def page() -> Page:
            rows = self._find(request, entity_set, query, world, profile, active)
            size = self._page_size(request, profile)
            begin = self._skip(query)
            skip = active.shift(begin)
            remaining = (
                max(len(rows) - skip, 0) if query.top is None else min(query.top, max(len(rows) - skip, 0))
            )
            rows_of_page = rows[skip : skip + min(remaining, size)]
            more = remaining > size
            link = self._next_link(request, query, begin + size, remaining - size, profile) if more else None
            return Page(rows_of_page, link, len(rows) if query.count else None)

        def content() -> dict[str, Any]:
            related = self._related(request, entity_set, expanded, world, profile, active)
            return envelope(context, page(), entity_set, query.select, related)

        shown = [*(query.select or ()), *(f"{one.navigation.name}()" for one in expanded)]
        context = f"{request.origin}/data/$metadata#{entity_set.name}" + (
            f"({','.join(shown)})" if shown else ""
        )
        headers = (("content-type", JSON_MINIMAL), VERSION, ("cache-control", "no-cache"))
        if active.touches_rows:
            return Answer(200, headers, active.spoil(content(), request, entity_set.name))
        key = (
            world.version,
            profile,
            request.origin,
            entity_set.name,
            request.query,
            request.headers.get("prefer"),
        )
        body = self._bodies.get(key, lambda: dumps(content()))
        return Answer(200, headers, body)

    def _single(
        self,
        request: Request,
        key: str,
        entity_set: EntitySet,
        query: Query,
        expanded: Sequence[Expanded],
        world: World,
        profile: Profile,
        active: Active,
    ) -> Answer:
        values = odata.parse_key(key, entity_set)
        rows = active.rows_seen(entity_set, self.rows.of(entity_set, world, profile))
        row = odata.find_by_key(rows, entity_set, values)
        if row is None:
            raise Refusal(404, f"No resources were found when selecting for '{entity_set.name}({key})'.")
        context = f"{request.origin}/data/$metadata#{entity_set.name}/$entity"
        related = self._related(request, entity_set, expanded, world, profile, active, across=True)
        value = {"@odata.context": context, **as_json(row, entity_set, query.select), **related(row)}
        return json_answer(value, kind=JSON_MINIMAL, headers=(VERSION,))

    @staticmethod
    def _page_size(request: Request, profile: Profile) -> int:
        preferred = max_page_size(request) if profile.finops_maxpagesize == "honoured" else None
        return max(1, min(preferred or profile.finops_page_size, profile.finops_page_size))

    @staticmethod
    def _skip(query: Query) -> int:
        if query.skiptoken is None:
            return query.skip
        try:
            return int(base64.urlsafe_b64decode(query.skiptoken))
        except ValueError:
            raise odata.bad("The skip token is not one of ours.") from None

    @staticmethod
    def _next_link(request: Request, query: Query, skip: int, remaining: int, profile: Profile) -> str:
        """The request's own options, followed by `$skip` and `$top` for the remaining rows."""
        skipped = {"$skip", "$top", "$skiptoken"}
        options = [
            option
            for option, (name, _) in zip(
                [p for p in request.query.split("&") if p], request.options, strict=True
            )
            if name not in skipped
        ]
        if profile.next_link == "skiptoken":
            options.append(f"$skiptoken={quote(base64.urlsafe_b64encode(str(skip).encode()).decode())}")
        else:
            options.append(f"$skip={skip}")
        if query.top is not None or profile.next_link == "skip_top":
            options.append(f"$top={remaining}")
        return f"{request.address}?{'&'.join(options)}"


def max_page_size(request: Request) -> int | None:
    """The page size in the header `Prefer: odata.maxpagesize=N`."""
    for part in request.headers.get("prefer", "").replace(";", ",").split(","):
        name, _, value = part.strip().partition("=")
        if name.lower().removeprefix("odata.") == "maxpagesize" and value.strip().isdecimal():
            return int(value)
    return None


def as_json(row: Row, entity_set: EntitySet, select: tuple[str, ...] | None) -> dict[str, Any]:
    """A row as its JSON object, etag first, in the order of the set's properties (or of $select)."""
    if select:
        position = entity_set.position
        return {"@odata.etag": row[0], **{name: row[position[name]] for name in select}}
    return dict(zip(("@odata.etag", *entity_set.names), row, strict=True))


def envelope(
    context: str,
    page: Page,
    entity_set: EntitySet,
    select: tuple[str, ...] | None,
    related: Callable[[Row], dict[str, Any]],
) -> dict[str, Any]:
    value: dict[str, Any] = {"@odata.context": context}
    if page.count is not None:
        value["@odata.count"] = page.count
    value["value"] = [as_json(row, entity_set, select) | related(row) for row in page.rows]
    if page.next_link:
        value["@odata.nextLink"] = page.next_link
    return value


def refusal(refused: Refusal, profile: Profile) -> Answer:
    """An error in Finance & Operations' format; the exact body is UNVERIFIED, so the profile varies it."""
    if refused.status == 401:
        body = (
            dumps({"error": {"code": "", "message": "Unauthorized"}})
            if profile.unauthorized_body == "json"
            else b""
        )
        return Answer(
            401, (*refused.headers, ("content-type", "application/json")) if body else refused.headers, body
        )
    form = profile.not_found_body if refused.status == 404 else "json"
    if form == "empty":
        return Answer(404, refused.headers)
    if form == "html" or profile.error_body == "html":
        return html_answer(f"{refused.status} - Server Error", refused.message, refused.status)
    error: dict[str, Any] = {"code": "", "message": "An error has occurred."}
    if profile.error_body == "innererror":
        error["innererror"] = {
            "message": refused.message,
            "type": "Microsoft.OData.ODataException"
            if refused.status == 400
            else "System.Web.Http.HttpException",
            "stacktrace": "",
        }
    else:
        error["message"] = refused.message
    return json_answer(
        {"error": error}, refused.status, kind=JSON_MINIMAL, headers=(VERSION, *refused.headers)
    )
