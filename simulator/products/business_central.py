"""Plays Business Central's API v2.0: companies, accounting periods, general ledger setup, and empty journals."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from simulator.faults.active import Active
from simulator.odata import query as odata
from simulator.odata.edmx import bc_metadata
from simulator.odata.query import Dialect, Query, Row
from simulator.odata.tables import BC_SETS, Column, EntitySet
from simulator.products.finops import as_json, max_page_size
from simulator.web.wire import Answer, Refusal, Request, json_answer
from simulator.world.profile import Profile
from simulator.world.story import Company, Story, World

JSON = "application/json; odata.metadata=minimal; odata.streaming=true"
VERSION = ("odata-version", "4.0")
BLANK_DATE = "0001-01-01"
DIALECT = Dialect(wildcards=False, ignore_case=False, functions=True)
MORE_COMPANY_FIELDS = (
    Column("timestamp", "String", True),
    Column("systemCreatedAt", "DateTimeOffset", True),
    Column("systemModifiedAt", "DateTimeOffset", True),
)
SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$", "CAD": "$", "MXN": "$"}


def not_found(path: str) -> Refusal:
    return Refusal(404, f"No HTTP resource was found that matches '{path}'.", "BadRequest_ResourceNotFound")


class BusinessCentral:
    """Answers requests below `.../api/v2.0` of one tenant's environments."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self._cache: dict[object, list[Row]] = {}

    def answer(
        self, request: Request, base: str, rest: str, world: World, profile: Profile, active: Active
    ) -> Answer:
        """Answer `{base}/{rest}`; raises `Refusal` for everything the product refuses."""
        if request.method not in {"GET", "HEAD"}:
            raise Refusal(405, "Entity does not support this operation.", "BadRequest_MethodNotAllowed")
        parts = [part for part in rest.split("/") if part]
        company_set = BC_SETS["companies"]
        if profile.bc_company_fields == "more":
            company_set = EntitySet(
                company_set.name,
                company_set.type,
                company_set.key,
                (*company_set.columns, *MORE_COMPANY_FIELDS),
            )
        if not parts:
            value = [{"name": "companies", "kind": "EntitySet", "url": "companies"}]
            return json_answer(
                {"@odata.context": f"{base}/$metadata", "value": value}, kind=JSON, headers=(VERSION,)
            )
        if parts == ["$metadata"]:
            return Answer(200, (("content-type", "application/xml"), VERSION), bc_metadata(BC_SETS.values()))
        name, key = _split(parts[0])
        if name != "companies":
            raise not_found(parts[0])
        companies = [company for company in self.story.bc if not active.hides(company.code)]
        rows = [self._company_row(company, company_set, profile, active) for company in companies]
        if key is None:
            return self._set(
                request, f"{base}/$metadata#companies", company_set, rows, parts[1:], profile, active
            )
        row = _by_id(rows, key)
        if row is None:
            raise Refusal(404, "The company was not found.", "BadRequest_ResourceNotFound")
        company = companies[rows.index(row)]
        if company.access == "forbidden":
            raise Refusal(
                403, f"You have no access to the company {company.name}.", "Authorization_RequestDenied"
            )
        if len(parts) == 1:
            query = odata.parse(request.options, company_set, DIALECT)
            return _one(f"{base}/$metadata#companies/$entity", row, company_set, query)
        context = f"{base}/$metadata#companies({row[1]})"
        return self._inside(request, context, company, parts[1:], world, profile, active)

    def _inside(
        self,
        request: Request,
        context: str,
        company: Company,
        parts: list[str],
        world: World,
        profile: Profile,
        active: Active,
    ) -> Answer:
        """Answer a request below `companies({id})`."""
        name, key = _split(parts[0])
        entity_set = BC_SETS.get(name)
        if entity_set is None or name == "companies":
            raise not_found(parts[0])
        context = f"{context}/{name}"
        rows = self._rows(entity_set, company, world, profile, active)
        if key is None:
            return self._set(request, context, entity_set, rows, parts[1:], profile, active)
        row = _by_id(rows, key)
        if row is None or len(parts) > 1:
            raise not_found(parts[0])
        return _one(f"{context}/$entity", row, entity_set, odata.parse(request.options, entity_set, DIALECT))

    def _set(
        self,
        request: Request,
        context: str,
        entity_set: EntitySet,
        rows: Sequence[Row],
        rest: list[str],
        profile: Profile,
        active: Active,
    ) -> Answer:
        query = odata.parse(request.options, entity_set, DIALECT)
        if [name for name in query.expand if (entity_set.name, name) != ("journals", "journalLines")]:
            raise odata.bad(
                f"Could not find a property named '{query.expand[0]}' on type '{entity_set.type}'."
            )
        rows = query.rows(active.rows_seen(entity_set, rows))
        if rest == ["$count"]:
            return Answer(200, (("content-type", "text/plain"), VERSION), str(len(rows)).encode())
        if rest:
            raise not_found(rest[0])
        page, link, applied = self._page(request, rows, query, profile, active)
        value: dict[str, Any] = {
            "@odata.context": context + (f"({','.join(query.select)})" if query.select else "")
        }
        if query.count:
            value["@odata.count"] = len(rows)
        value["value"] = [_json(row, entity_set, query) for row in page]
        if link:
            value["@odata.nextLink"] = link
        headers = (("content-type", JSON), VERSION, *applied)
        if active.touches_rows:
            return Answer(200, headers, active.spoil(value, request, entity_set.name))
        return json_answer(value, kind=JSON, headers=(VERSION, *applied))

    @staticmethod
    def _page(
        request: Request, rows: Sequence[Row], query: Query, profile: Profile, active: Active
    ) -> tuple[Sequence[Row], str | None, tuple[tuple[str, str], ...]]:
        preferred = max_page_size(request)
        size = max(1, min(preferred or profile.bc_page_size, profile.bc_page_size))
        applied = (("preference-applied", f"odata.maxpagesize={size}"),) if preferred else ()
        begin = query.skip
        if query.skiptoken is not None:
            last = query.skiptoken.strip("'")
            begin = next((index for index, row in enumerate(rows, start=1) if row[1] == last), -1)
            if begin < 0:
                raise odata.bad("The skip token names a row that is not there.")
        begin = active.shift(begin)
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
        next_options.append(f"$skiptoken='{page[-1][1]}'")
        return page, f"{request.address}?{'&'.join(next_options)}", applied

    def _rows(
        self, entity_set: EntitySet, company: Company, world: World, profile: Profile, active: Active
    ) -> list[Row]:
        match entity_set.name:
            case "accountingPeriods":
                return self._periods(company, world, profile)
            case "generalLedgerSetup":
                return [self._setup(company, world, profile, active)]
        return []

    def _periods(self, company: Company, world: World, profile: Profile) -> list[Row]:
        key = (company.code, world.version, profile)
        if key in self._cache:
            return self._cache[key]
        closed = world.windows[company.code].closed_years
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

    def _setup(self, company: Company, world: World, profile: Profile, active: Active) -> Row:
        window = world.windows[company.code]
        allowed_from, allowed_to = active.window(window.allowed_from, window.allowed_to)
        return _row(
            profile,
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

    def _company_row(self, company: Company, entity_set: EntitySet, profile: Profile, active: Active) -> Row:
        values: list[Any] = [
            active.identity(company.code, company.id),
            "29.0.0.0",
            company.name,
            company.display_name or company.name,
            "",
        ]
        if "timestamp" in entity_set.column:
            created = stamp(self.story.long_ago)
            values += ["1", created, created]
        return _row(profile, 1, *values)


def _row(profile: Profile, version: int, *values: Any) -> Row:
    match profile.bc_etag:
        case "base64":
            text = base64.b64encode(f"19;{values[0]};1;{version};".encode()).decode()
            tag: str | None = f'W/"{text}"'
        case "short":
            tag = f'W/"{version}"'
        case _:
            tag = None
    return (tag, *values)


def _json(row: Row, entity_set: EntitySet, query: Query) -> dict[str, Any]:
    value = as_json(row, entity_set, query.select)
    if value["@odata.etag"] is None:
        del value["@odata.etag"]
    return value | {name: [] for name in query.expand}


def _one(context: str, row: Row, entity_set: EntitySet, query: Query) -> Answer:
    return json_answer(
        {"@odata.context": context, **_json(row, entity_set, query)}, kind=JSON, headers=(VERSION,)
    )


def _split(segment: str) -> tuple[str, str | None]:
    """`companies(GUID)` -> its name and key; a key must be a bare GUID."""
    name, bracket, key = segment.partition("(")
    if not bracket:
        return name, None
    try:
        return name, str(uuid.UUID(key.removesuffix(")")))
    except ValueError:
        raise Refusal(400, f"Bad key predicate '({key}'.", "BadRequest") from None


def _by_id(rows: Sequence[Row], key: str) -> Row | None:
    return next((row for row in rows if row[1] == key), None)


def wire_date(day: date | None) -> str:
    return day.isoformat() if day else BLANK_DATE


def stamp(moment: datetime) -> str:
    """A time stamp with up to three decimals, as SQL Server writes it; whole seconds have none."""
    text = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}".rstrip("0").rstrip(".")
    return text + "Z"


def refusal(refused: Refusal, profile: Profile) -> Answer:
    """An error in Business Central's format; the correlation id at its end is UNVERIFIED."""
    message = refused.message
    if profile.bc_error_ids == "present":
        message += f"  CorrelationId:  {uuid.uuid4()}."
    code = refused.code or "BadRequest"
    return json_answer({"error": {"code": code, "message": message}}, refused.status, headers=refused.headers)
