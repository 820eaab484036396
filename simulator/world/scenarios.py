"""Reading scenarios: files under `scenarios/` (YAML or JSON), and the generated fleets for measurements.

What a file may say is shown by `scenarios/worked_example.yaml`; every key is explained in `simulator/README.md`.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml

from simulator.world.story import Change, Company, Loop, Period, Story
from simulator.world.times import (
    Month,
    first_day,
    last_day,
    local,
    month_of,
    plus_workdays,
    shifted,
    span,
    when,
)

FOLDER = Path(__file__).parent / "scenarios"
LANGUAGES = {"GBR": "en-GB", "USA": "en-US", "NLD": "nl", "DEU": "de", "FRA": "fr", "IRL": "en-IE"}


class BadScenario(Exception):
    """A scenario that cannot be played; the text is one sentence for the person who wrote it."""


def load(name: str, start: datetime) -> Story:
    """The story of a built-in name, of `fleet:N` or `fleet-bc:N`, or of a file; raises `BadScenario`."""
    kind, _, count = name.partition(":")
    if kind in {"fleet", "fleet-bc"} and count.isdecimal() and int(count):
        return build(fleet(int(count)) if kind == "fleet" else fleet_bc(int(count)), start)
    built_in = FOLDER / f"{name}.yaml"
    path = built_in if built_in.is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in FOLDER.glob("*.yaml")))
        raise BadScenario(
            f"There is no scenario '{name}': neither a file nor one of {known}, fleet:N, fleet-bc:N."
        )
    text = path.read_text(encoding="utf-8")
    try:
        told = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as mistake:
        raise BadScenario(f"{path.name} is not readable: {' '.join(str(mistake).split())}") from mistake
    if not isinstance(told, dict):
        raise BadScenario(f"{path.name} holds no scenario: a mapping is expected at its top.")
    return build({"name": path.stem, **told}, start)


def build(told: Mapping[str, Any], start: datetime) -> Story:
    """A story from a scenario as data; raises `BadScenario`."""
    try:
        return _build(told, start)
    except (KeyError, ValueError, TypeError, AttributeError) as mistake:
        words = f"the key {mistake} is missing" if isinstance(mistake, KeyError) else str(mistake)
        raise BadScenario(f"Scenario '{told.get('name', '?')}': {words}.") from mistake


def _build(told: Mapping[str, Any], start: datetime) -> Story:
    finops, central = told.get("finops") or {}, told.get("bizcentral") or {}
    calendars = {name: calendar(name, spec, start) for name, spec in (finops.get("calendars") or {}).items()}
    companies = tuple(_finops_company(one, calendars) for one in finops.get("companies") or ())
    bc = tuple(_bc_company(one, start) for one in central.get("companies") or ())
    base = finops.get("base") or {}
    story = Story(
        name=str(told["name"]),
        finops=companies,
        calendars=calendars,
        default_company=str(
            finops.get("default_company") or (companies[0].code if companies else "")
        ).upper(),
        closed_before=first_day(month_of(str(base["closed_before"]), start)) if base else date.min,
        bc=bc,
        bc_environments=tuple(central.get("environments") or ("production",)),
        windows={
            one["code"]: (_day(one.get("from")), _day(one.get("to")))
            for one in central.get("companies") or ()
        },
        loops=(),
        changes=[],
        journals=tuple(finops.get("journals") or ()),
        profile=dict(told.get("profile") or {}),
    )
    changes: list[Change] = []
    for one in finops.get("companies") or ():
        changes += _habit_of_ledger(story, one, start)
    for one in central.get("companies") or ():
        changes += _habit_of_window(story, one, start)
    loops = []
    for event in told.get("events") or ():
        if "loop" in event:
            loops.append(_loop(story, event, start))
        else:
            changes.append(_change(story, event, start))
    story.changes[:] = sorted(changes, key=lambda change: change.at)
    return Story(**{**_fields(story), "loops": tuple(loops)})


def _fields(story: Story) -> dict[str, Any]:
    return {name: getattr(story, name) for name in Story.__dataclass_fields__}


def _day(value: Any) -> date | None:
    return value if value is None or isinstance(value, date) else date.fromisoformat(value)


def _finops_company(one: Mapping[str, Any], calendars: Mapping[str, Any]) -> Company:
    calendar_name = str(one.get("calendar") or next(iter(calendars), ""))
    if calendar_name not in calendars:
        raise ValueError(f"{one['code']} names a calendar '{calendar_name}' that is not described")
    country = str(one.get("country", "NLD"))
    return Company(
        code=str(one["code"]).upper(),
        name=str(one["name"]),
        currency=str(one.get("currency", "EUR")),
        country=country,
        language=LANGUAGES.get(country, "en-US"),
        zone=str(one.get("zone", "UTC")),
        calendar=calendar_name,
        status_rows=bool(one.get("status_rows", True)),
    )


def _bc_company(one: Mapping[str, Any], start: datetime) -> Company:
    first = int(one.get("year_starts", 1))
    months: tuple[Month, ...] = ()
    if one.get("periods") != "none":
        years = one.get("periods") or {}
        begin = int(years.get("from", start.year - int(years.get("years_back", 2))))
        end = int(years.get("to", start.year + int(years.get("years_ahead", 1))))
        # The last row is the lone first month of the next fiscal year, as Create Year leaves it.
        count = (end - begin + 1) * 12 + 1
        months = tuple(shifted((begin, first), number) for number in range(count))
    return Company(
        code=str(one["code"]),
        name=str(one["name"]),
        id=str(one.get("id") or uuid.uuid5(uuid.NAMESPACE_DNS, f"{one['code']}.simulator")),
        currency=str(one.get("currency", "EUR")),
        zone=str(one.get("zone", "UTC")),
        access=str(one.get("access", "granted")),
        months=months,
        year_starts=first,
    )


def calendar(name: str, spec: Mapping[str, Any], start: datetime) -> tuple[Period, ...]:
    """The periods of a calendar: whole years of months or of `weeks` (such as 4-4-5), or plain `months` in a row."""
    if "months" in spec:
        newest = month_of(str(spec.get("newest", "latest + 1")), start)
        months = [shifted(newest, -back) for back in reversed(range(int(spec["months"])))]
        return tuple(
            _operating(name, str(month[0]), first_day(month), last_day(month), month[1]) for month in months
        )
    begin = int(spec.get("from", start.year - int(spec.get("years_back", 2))))
    end = int(spec.get("to", start.year + int(spec.get("years_ahead", 1))))
    periods: list[Period] = []
    for year in range(begin, end + 1):
        spans = (
            _weeks(year, str(spec["weeks"]))
            if "weeks" in spec
            else _months(year, int(spec.get("first_month", 1)))
        )
        operating = [_operating(name, str(year), *days, number) for number, days in enumerate(spans, start=1)]
        if not spec.get("special_periods", True):
            periods += operating
            continue
        first, last = operating[0], operating[-1]
        periods.append(Period(name, str(year), "Period 0", first.first, first.first, "Opening", 0))
        periods += operating
        # A closing period shares the dates of the last operating one (03-erp-contracts fact 6).
        closing = f"Period {len(operating) + 1}"
        periods.append(Period(name, str(year), closing, last.first, last.last, "Closing", len(operating) + 1))
    return tuple(periods)


def _operating(name: str, year: str, first: date, last: date, number: int) -> Period:
    return Period(name, year, f"Period {number}", first, last, "Operating", number)


def _months(year: int, first_month: int) -> list[tuple[date, date]]:
    # A year is called after the one it ends in.
    begin = (year, 1) if first_month == 1 else (year - 1, first_month)
    return [(first_day(shifted(begin, number)), last_day(shifted(begin, number))) for number in range(12)]


def _weeks(year: int, pattern: str) -> list[tuple[date, date]]:
    weeks = [int(part) for part in pattern.split("-")] * 4
    begin, after = _new_year_monday(year), _new_year_monday(year + 1)
    spans = []
    for number, count in enumerate(weeks, start=1):
        next_begin = after if number == len(weeks) else begin + timedelta(weeks=count)
        spans.append((begin, next_begin - timedelta(days=1)))
        begin = next_begin
    return spans


def _new_year_monday(year: int) -> date:
    new_year = date(year, 1, 1)
    return new_year + timedelta(days=(-new_year.weekday() + 3) % 7 - 3)  # the Monday nearest to 1 January


def _company(story: Story, event: Mapping[str, Any]) -> Company:
    company = story.company(str(event["company"]))
    if company is None:
        raise ValueError(f"an event names the company '{event['company']}' that is not described")
    return company


def _change(story: Story, event: Mapping[str, Any], start: datetime) -> Change:
    company = _company(story, event)
    named = event.get("period")
    month = None if named is None or "/" in str(named) else month_of(str(named), start)
    at = event.get("at", "start")
    moment = at.astimezone(UTC) if isinstance(at, datetime) else when(str(at), start=start, month=month)
    return change_of(story, company, event, moment, start, month)


def _bound(value: Any, start: datetime, *, last: bool = False) -> date | None:
    """A posting bound: a day, or a month such as `2026-05` or `latest + 1` for its first (or last) day."""
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        month = month_of(value, start)
        return last_day(month) if last else first_day(month)
    return _day(value)


def change_of(
    story: Story,
    company: Company,
    wish: Mapping[str, Any],
    at: datetime,
    start: datetime,
    month: Month | None,
) -> Change:
    """One change in a scenario's or the control API's words; raises ValueError in words."""
    if company.id:
        known = {"allow_posting_from", "allow_posting_to", "year_closed"}
        if not known & set(wish):
            raise ValueError(f"a change of {company.name} sets {' or '.join(sorted(known))}")
        if "year_closed" in wish:
            return Change(at, company.code, year_closed=int(wish["year_closed"]))
        # A bound that is not named is blank: the pair is one fact.
        window = (
            _bound(wish.get("allow_posting_from"), start),
            _bound(wish.get("allow_posting_to"), start, last=True),
        )
        return Change(at, company.code, window=window)
    period = story.period(company, str(wish.get("period", "")), month)
    if period is None:
        raise ValueError(f"{company.code} has no period '{wish.get('period')}'")
    access = wish.get("access")
    if "status" not in wish and access is None:
        raise ValueError(f"a change of {company.code} sets `status` or `access`")
    levels = None
    if access is not None:
        levels = {
            name: (level, "") if not isinstance(level, list) else tuple(level)
            for name, level in access.items()
        }
    status = wish.get("status")
    return Change(at, company.code, period.key, None if status is None else str(status), levels)


def _loop(story: Story, event: Mapping[str, Any], start: datetime) -> Loop:
    begin = when(str(event["loop"]), start=start, month=None)
    steps = tuple((span(str(step["after"])), _change(story, step, start)) for step in event["steps"])
    every = span(str(event["every"]))
    if any(after >= every for after, _ in steps):
        raise ValueError("a step of a loop comes after the loop's `every`")
    return Loop(begin, every, steps)


def _chance(*words: object) -> float:
    """The same number between 0 and 1 for the same words, on every machine and on every day."""
    digest = hashlib.sha256("|".join(map(str, words)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _habitual(code: str, zone: str, habit: Mapping[str, Any], month: Month) -> datetime:
    """When a company with this habit closes this month: usually on its workday, sometimes some days late."""
    workday = int(habit["workday"]) - int(_chance(code, month, "early") * (int(habit.get("spread", 1)) + 1))
    if _chance(code, month, "slip") < float(habit.get("slips", 0.1)):
        workday = (
            int(habit["workday"]) + 1 + int(_chance(code, month, "days") * int(habit.get("slip_days", 4)))
        )
    day = plus_workdays(last_day(month), max(workday, 1))
    minute = int(_chance(code, month, "minute") * 240)
    return local(day, time(14 + minute // 60, minute % 60), zone)


def _habit_of_ledger(story: Story, one: Mapping[str, Any], start: datetime) -> list[Change]:
    company, changes = story.by_code[str(one["code"]).upper()], []
    habit = one.get("habit")
    if not habit:
        return []
    latest = month_of("latest", start)
    for period in story.calendars[company.calendar]:
        month = (period.last.year, period.last.month)
        at = _habitual(company.code, company.zone, habit, month)
        if month == latest:
            changes += _latest_month(story, company, period, one.get("now", "Closed"), at, start)
        elif period.last >= story.closed_before:
            if habit.get("via_hold"):
                changes.append(Change(at - timedelta(hours=20), company.code, period.key, "OnHold"))
            changes.append(Change(at, company.code, period.key, "Closed"))
    return changes


def _latest_month(
    story: Story, company: Company, period: Period, now: str, at: datetime, start: datetime
) -> list[Change]:
    """The month that is being closed at start-up: on whatever date that is, the company stands where `now` says."""
    if now == "Open":
        return []
    end = local(period.last + timedelta(days=1), time(), company.zone)
    by_now = end + (start - end) * (0.35 + 0.6 * _chance(company.code, "share"))
    return [Change(min(at, by_now), company.code, period.key, now)]


def _habit_of_window(story: Story, one: Mapping[str, Any], start: datetime) -> list[Change]:
    company, changes = story.by_code[str(one["code"])], []
    habit = one.get("habit")
    if not habit:
        return []
    latest = month_of("latest", start)
    for month in company.months:
        at = _habitual(company.code, company.zone, habit, month)
        if month == latest:
            if one.get("now", "Closed") == "Open":
                continue
            end = local(last_day(month) + timedelta(days=1), time(), company.zone)
            at = min(at, end + (start - end) * (0.35 + 0.6 * _chance(company.code, "share")))
        until = last_day(shifted(month, 2)) if habit.get("bounded") else None
        changes.append(Change(at, company.code, window=(first_day(shifted(month, 1)), until)))
        if shifted(month, 1)[1] == company.year_starts:
            closing = local(last_day(month) + timedelta(days=100), time(11), company.zone)
            begun = month[0] if company.year_starts == 1 else month[0] - 1
            changes.append(Change(closing, company.code, year_closed=begun))
    return changes


def fleet(count: int) -> dict[str, Any]:
    """N ledgers on one shared calendar of 24 months without opening and closing periods."""
    return {
        "name": f"fleet:{count}",
        "finops": {
            "calendars": {"Fiscal": {"months": 24}},
            "base": {"closed_before": "latest"},
            "companies": [
                {"code": f"E{number:05}", "name": f"Entity {number}", "country": "GBR", "currency": "GBP"}
                for number in range(1, count + 1)
            ],
        },
    }


def fleet_bc(count: int) -> dict[str, Any]:
    """N Business Central companies, without the limit of requests per five minutes (it would end the measurement)."""
    return {
        "name": f"fleet-bc:{count}",
        "profile": {"bc_rate": 0},
        "bizcentral": {
            "companies": [
                {"code": f"B{number:05}", "name": f"Company {number}", "from": date(2026, 1, 1)}
                for number in range(1, count + 1)
            ],
        },
    }
