"""Plays Business Central: the standard API v2.0, Microsoft's intercompany app and the companion, below `/api/`."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from simulator.faults.active import Active
from simulator.odata import query as odata
from simulator.odata.edmx import bc_metadata
from simulator.odata.query import Dialect, Query, Row
from simulator.odata.tables import (
    BC_COMPANION,
    BC_GROUPS,
    BC_INTERCOMPANY,
    BC_SETS,
    BC_STANDARD,
    Column,
    EntitySet,
)
from simulator.products import central_companion, central_work
from simulator.products.central_rows import CentralBooks, bounds, etag, page_row, stamp, wire_date
from simulator.products.finops import as_json, max_page_size
from simulator.web.wire import Answer, Refusal, Request, json_answer
from simulator.world.profile import Profile
from simulator.world.story import Company, Story, World

JSON = "application/json; odata.metadata=minimal; odata.streaming=true"
VERSION = ("odata-version", "4.0")
DIALECT = Dialect(wildcards=False, ignore_case=False, functions=True)
MORE_COMPANY_FIELDS = (
    Column("timestamp", "String", True),
    Column("systemCreatedAt", "DateTimeOffset", True),
    Column("systemModifiedAt", "DateTimeOffset", True),
)
SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$", "CAD": "$", "MXN": "$"}
# Lines that are refused without their journal, with the text of the refusal.
NEED_JOURNAL = {"journalLines", "customerPayments", "vendorPayments"}
NO_JOURNAL = "You must specify a journal batch ID or a journal ID to get a journal line."


def not_found(path: str) -> Refusal:
    return Refusal(404, f"No HTTP resource was found that matches '{path}'.", "BadRequest_ResourceNotFound")


@dataclass(frozen=True)
class ApiCall:
    """One request with all that its answer depends on; `parts` is the path that is not yet resolved."""

    request: Request
    api: str
    context: str
    parts: tuple[str, ...]
    world: World
    profile: Profile
    active: Active

    def below(self, name: str, *parts: str) -> ApiCall:
        return replace(self, context=f"{self.context}/{name}", parts=parts)


class BusinessCentral:
    """Answers requests below one of the APIs of one tenant's environments."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self._cache: dict[object, list[Row]] = {}

    def answer(
        self, request: Request, base: str, rest: str, world: World, profile: Profile, active: Active
    ) -> Answer:
        """Answer `{base}/{rest}`; raises `Refusal` for everything the product refuses."""
        if request.method not in {"GET", "HEAD"}:
            raise Refusal(405, "Entity does not support this operation.", "BadRequest_MethodNotAllowed")
        api = base.partition("/api/")[2]
        sets = served(api, profile)
        if not sets:
            raise not_found(rest)
        parts = tuple(part for part in rest.split("/") if part)
        if not parts:
            value = [{"name": "companies", "kind": "EntitySet", "url": "companies"}]
            if api != BC_STANDARD:
                value = [{"name": name, "kind": "EntitySet", "url": name} for name in sets]
            return json_answer(
                {"@odata.context": f"{base}/$metadata", "value": value}, kind=JSON, headers=(VERSION,)
            )
        if parts == ("$metadata",):
            return Answer(200, (("content-type", "application/xml"), VERSION), bc_metadata(sets.values()))
        call = ApiCall(request, api, f"{base}/$metadata#companies", parts[1:], world, profile, active)
        return self._companies(call, parts[0], sets)

    def _companies(self, call: ApiCall, first: str, sets: Mapping[str, EntitySet]) -> Answer:
        name, key = _split(first)
        if name != "companies":
            raise not_found(first)
        company_set = BC_SETS["companies"]
        if call.profile.bc_company_fields == "more":
            company_set = replace(company_set, columns=(*company_set.columns, *MORE_COMPANY_FIELDS))
        companies = [company for company in self.story.bc if not call.active.hides(company.code)]
        rows = [self._company_row(company, company_set, call) for company in companies]
        if key is None:
            return self._set(call, company_set, rows)
        row = _by_id(rows, key, company_set)
        if row is None:
            raise Refusal(404, "The company was not found.", "BadRequest_ResourceNotFound")
        company = companies[rows.index(row)]
        if company.access == "forbidden":
            raise Refusal(
                403, f"You have no access to the company {company.name}.", "Authorization_RequestDenied"
            )
        if not call.parts:
            query = odata.parse(call.request.options, company_set, DIALECT)
            return _one(f"{call.context}/$entity", row, company_set, query)
        if call.api == BC_COMPANION and call.profile.bc_companion == "forbidden":
            raise Refusal(403, "Sorry, the current permissions prevented the action.", "Authorization_Denied")
        return self._inside(replace(call, context=f"{call.context}({row[1]})"), company, sets)

    def _inside(self, call: ApiCall, company: Company, sets: Mapping[str, EntitySet]) -> Answer:
        """Answer a request below `companies({id})`, and below one of its rows."""
        name, key = _split(call.parts[0])
        entity_set = sets.get(name)
        if entity_set is None or name == "companies":
            raise not_found(call.parts[0])
        filtered = dict(call.request.options).get("$filter", "")
        books = CentralBooks(self.story, company, call.world, call.profile, *bounds(filtered))
        inside = call.below(name, *call.parts[1:])
        rows = self._rows(entity_set, books, call)
        if key is None:
            self._refuse_without_journal(entity_set, filtered, call.profile)
            if name == "journals" and "templateDisplayName" not in filtered:
                place, first = entity_set.position["templateDisplayName"], central_work.first_template(books)
                rows = [row for row in rows if row[place] == first]
            return self._set(inside, entity_set, rows, books)
        row = _by_id(rows, key, entity_set)
        if row is None:
            raise not_found(call.parts[0])
        if inside.parts:
            return self._below_row(inside, entity_set, row, books)
        query = odata.parse(call.request.options, entity_set, DIALECT)
        related = self._related(inside, entity_set, query, books)
        return _one(f"{inside.context}/$entity", row, entity_set, query, related)

    @staticmethod
    def _refuse_without_journal(entity_set: EntitySet, filtered: str, profile: Profile) -> None:
        needed = entity_set.name in NEED_JOURNAL
        if entity_set.name != "journalLines" and profile.bc_payment_lines == "served":
            needed = False
        if needed and "journalId eq" not in filtered and "id eq" not in filtered:
            raise Refusal(400, NO_JOURNAL, "Application_DialogException")

    def _below_row(self, call: ApiCall, entity_set: EntitySet, row: Row, books: CentralBooks) -> Answer:
        """Answer `journals({id})/journalLines`: the rows that belong to one row."""
        navigation = next((one for one in entity_set.navigation if one.name == call.parts[0]), None)
        if navigation is None:
            raise not_found(call.parts[0])
        target = BC_GROUPS[call.api][navigation.target]
        ours = row[entity_set.position[central_work.JOINS[target.name][1]]]
        theirs = target.position[central_work.JOINS[target.name][0]]
        rows = [one for one in self._rows(target, books, call) if one[theirs] == ours]
        return self._set(call.below(target.name, *call.parts[1:]), target, rows, books)

    def _rows(self, entity_set: EntitySet, books: CentralBooks, call: ApiCall) -> list[Row]:
        if call.api == BC_STANDARD:
            match entity_set.name:
                case "accountingPeriods":
                    return self._periods(books)
                case "generalLedgerSetup":
                    return [self._setup(books, call.active)]
        shown = {
            BC_STANDARD: central_work.SHOWN,
            BC_INTERCOMPANY: central_companion.INTERCOMPANY,
            BC_COMPANION: central_companion.COMPANION,
        }[call.api].get(entity_set.name)
        values = [*(shown(books) if shown else ()), *books.given(entity_set.name)]
        return [page_row(entity_set, one, call.profile) for one in values]

    def _related(
        self, call: ApiCall, entity_set: EntitySet, query: Query, books: CentralBooks | None
    ) -> Callable[[Row], dict[str, Any]]:
        """A function that gives, for a row, the rows that $expand names; its options apply to them."""
        found = []
        for part in query.expand:
            navigation = next((one for one in entity_set.navigation if one.name == part.name), None)
            if navigation is None or books is None:
                raise odata.bad(f"Could not find a property named '{part.name}' on type '{entity_set.type}'.")
            target = BC_GROUPS[call.api][navigation.target]
            inner = odata.parse(part.options, target, DIALECT)
            rows = inner.rows(call.active.rows_seen(target, self._rows(target, books, call)))
            theirs, ours = central_work.JOINS[target.name]
            found.append((part.name, target, inner, rows, entity_set.position[ours], target.position[theirs]))

        def related(row: Row) -> dict[str, Any]:
            return {
                name: [
                    _json(one, target, inner)
                    for one in rows[inner.skip :][: inner.top]
                    if one[theirs] == row[ours]
                ]
                for name, target, inner, rows, ours, theirs in found
            }

        return related

    def _set(
        self, call: ApiCall, entity_set: EntitySet, rows: Sequence[Row], books: CentralBooks | None = None
    ) -> Answer:
        query = odata.parse(call.request.options, entity_set, DIALECT)
        related = self._related(call, entity_set, query, books)
        rows = query.rows(call.active.rows_seen(entity_set, rows))
        if call.parts == ("$count",):
            return Answer(200, (("content-type", "text/plain"), VERSION), str(len(rows)).encode())
        if call.parts:
            raise not_found(call.parts[0])
        page, link, applied = self._page(call, rows, query, keyed="id" in entity_set.key)
        value: dict[str, Any] = {
            "@odata.context": call.context + (f"({','.join(query.select)})" if query.select else "")
        }
        if query.count:
            value["@odata.count"] = len(rows)
        value["value"] = [_json(row, entity_set, query) | related(row) for row in page]
        if link:
            value["@odata.nextLink"] = link
        headers = (("content-type", JSON), VERSION, *applied)
        if call.active.touches_rows:
            return Answer(200, headers, call.active.spoil(value, call.request, entity_set.name))
        return json_answer(value, kind=JSON, headers=(VERSION, *applied))

    @staticmethod
    def _page(
        call: ApiCall, rows: Sequence[Row], query: Query, *, keyed: bool
    ) -> tuple[Sequence[Row], str | None, tuple[tuple[str, str], ...]]:
        """A page, the link to the next one, and the header with the preference that was honoured.

        The skip token is the last row's id; the companion's rows have no lasting id, so their token is a number.
        """
        request, profile = call.request, call.profile
        keyed = keyed and call.api != BC_COMPANION
        preferred = max_page_size(request)
        size = max(1, min(preferred or profile.bc_page_size, profile.bc_page_size))
        applied = (("preference-applied", f"odata.maxpagesize={size}"),) if preferred else ()
        begin = query.skip
        if query.skiptoken is not None:
            last = query.skiptoken.strip("'")
            names = [row[1] for row in rows] if keyed else [str(place) for place in range(1, len(rows) + 1)]
            begin = names.index(last) + 1 if last in names else -1
            if begin < 0:
                raise odata.bad("The skip token names a row that is not there.")
        begin = call.active.shift(begin)
        available = max(len(rows) - begin, 0)
        remaining = available if query.top is None else min(query.top, available)
        page = rows[begin : begin + min(remaining, size)]
        if remaining <= size:
            return page, None, applied
        options = [option for option in request.query.split("&") if option]
        next_options = [
            option
            for option, (name, _) in zip(options, request.options, strict=True)
            if name not in {"$skip", "$top", "$skiptoken"}
        ]
        if query.top is not None:
            next_options.append(f"$top={remaining - size}")
        next_options.append(f"$skiptoken='{page[-1][1] if keyed else begin + size}'")
        return page, f"{request.address}?{'&'.join(next_options)}", applied

    def _periods(self, books: CentralBooks) -> list[Row]:
        company, profile = books.company, books.profile
        key = (company.code, books.world.version, profile)
        if key in self._cache:
            return self._cache[key]
        closed = books.world.windows[company.code].closed_years
        rows: list[Row] = []
        for day, year, begins_year in company.period_starts():
            # Close Year locks the closed year's periods and the first period of the next one.
            locked_by = closed.get(year) or (closed.get(year - 1) if begins_year else None)
            rows.append(
                _row(
                    profile,
                    1 + (locked_by is not None),
                    str(uuid.uuid5(uuid.UUID(company.id), day.isoformat())),
                    day.isoformat(),
                    f"{day:%B}",
                    begins_year,
                    year in closed,
                    locked_by is not None,
                    stamp(locked_by or self.story.long_ago),
                )
            )
        if len(self._cache) > 10_000:
            self._cache.clear()
        self._cache[key] = rows
        return rows

    @staticmethod
    def _setup(books: CentralBooks, active: Active) -> Row:
        company, window = books.company, books.world.windows[books.company.code]
        allowed_from, allowed_to = active.window(window.allowed_from, window.allowed_to)
        return _row(
            books.profile,
            1 + window.changes,
            str(uuid.uuid5(uuid.UUID(company.id), "generalLedgerSetup")),
            wire_date(allowed_from),
            wire_date(allowed_to),
            "",
            company.currency,
            SYMBOLS.get(company.currency, ""),
            stamp(window.changed_at),
            False,
            "DEPARTMENT",
            "PROJECT",
            *[""] * 6,
        )

    def _company_row(self, company: Company, entity_set: EntitySet, call: ApiCall) -> Row:
        values: list[Any] = [
            call.active.identity(company.code, company.id),
            "29.0.0.0",
            company.name,
            company.display_name or company.name,
            "",
        ]
        if "timestamp" in entity_set.column:
            created = stamp(self.story.long_ago)
            values += ["1", created, created]
        return _row(call.profile, 1, *values)


def served(api: str, profile: Profile) -> Mapping[str, EntitySet]:
    """The sets of one API in this environment; none where its extension is not installed."""
    if api == BC_INTERCOMPANY and profile.bc_intercompany_app == "absent":
        return {}
    if api == BC_COMPANION and profile.bc_companion == "absent":
        return {}
    sets = BC_GROUPS.get(api, {})
    if api == BC_COMPANION and profile.bc_companion == "partly":
        return {
            name: one for name, one in sets.items() if name in central_companion.PARTLY or name == "companies"
        }
    return sets


def _row(profile: Profile, version: int, *values: Any) -> Row:
    return (etag(profile, version, values[0]), *values)


def _json(row: Row, entity_set: EntitySet, query: Query) -> dict[str, Any]:
    value = as_json(row, entity_set, query.select)
    if value["@odata.etag"] is None:
        del value["@odata.etag"]
    for column in entity_set.columns:
        if column.type == "Stream" and column.name in value:
            place = f"{entity_set.name}({row[1]})/{column.name}"
            value = {
                f"{name}@odata.mediaReadLink" if name == column.name else name: place
                if name == column.name
                else one
                for name, one in value.items()
            }
    return value


def _one(
    context: str,
    row: Row,
    entity_set: EntitySet,
    query: Query,
    related: Callable[[Row], dict[str, Any]] = lambda row: {},
) -> Answer:
    value = {"@odata.context": context, **_json(row, entity_set, query), **related(row)}
    return json_answer(value, kind=JSON, headers=(VERSION,))


def _split(segment: str) -> tuple[str, str | None]:
    """`companies(GUID)` -> its name and key; a key must be a bare GUID."""
    name, bracket, key = segment.partition("(")
    if not bracket:
        return name, None
    try:
        return name, str(uuid.UUID(key.removesuffix(")")))
    except ValueError:
        raise Refusal(400, f"Bad key predicate '({key}'.", "BadRequest") from None


def _by_id(rows: Sequence[Row], key: str, entity_set: EntitySet) -> Row | None:
    if not entity_set.key:
        return None
    place = entity_set.position[entity_set.key[0]]
    return next((row for row in rows if row[place] == key), None)


def refusal(refused: Refusal, profile: Profile) -> Answer:
    """An error in Business Central's format; the correlation id at its end is UNVERIFIED."""
    message = refused.message
    if profile.bc_error_ids == "present":
        message += f"  CorrelationId:  {uuid.uuid4()}."
    code = refused.code or "BadRequest"
    return json_answer({"error": {"code": code, "message": message}}, refused.status, headers=refused.headers)
