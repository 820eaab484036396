"""Reads scenarios from files under `scenarios/` (YAML or JSON), and generates fleets for benchmarks.

`scenarios/worked_example.yaml` is an example of a file; `simulator/README.md` explains every key.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml

from simulator.world.calendars import calendar, week_starts
from simulator.world.situations import STEP, step_of
from simulator.world.story import Change, Company, Loop, Period, PeriodStart, Story
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
from simulator.world.work import Step

FOLDER = Path(__file__).parent / "scenarios"
LANGUAGES = {"GBR": "en-GB", "USA": "en-US", "NLD": "nl", "DEU": "de", "FRA": "fr", "IRL": "en-IE"}


class BadScenario(Exception):
    """A scenario that cannot be played; the text is one sentence for its author."""


def load(name: str, start: datetime) -> Story:
    """Load the story of a built-in name, of a fleet such as `fleet:N`, or of a file; raises `BadScenario`."""
    kind, _, count = name.partition(":")
    if kind in FLEETS and count.isdecimal() and int(count):
        return build(FLEETS[kind](int(count)), start)
    built_in = FOLDER / f"{name}.yaml"
    path = built_in if built_in.is_file() else Path(name)
    if not path.is_file():
        names = ", ".join(sorted(file.stem for file in FOLDER.glob("*.yaml")))
        raise BadScenario(
            f"There is no scenario '{name}': neither a file nor one of {names}, "
            f"{', '.join(f'{kind}:N' for kind in FLEETS)}."
        )
    text = path.read_text(encoding="utf-8")
    try:
        data = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise BadScenario(f"{path.name} is not readable: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise BadScenario(f"{path.name} holds no scenario: a mapping is expected at its top.")
    return build({"name": path.stem, **data}, start)


def build(data: Mapping[str, Any], start: datetime) -> Story:
    """Build a story from the data of a scenario; raises `BadScenario`."""
    try:
        return _build(data, start)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        message = f"the key {error} is missing" if isinstance(error, KeyError) else str(error)
        raise BadScenario(f"Scenario '{data.get('name', '?')}': {message}.") from error


def _build(data: Mapping[str, Any], start: datetime) -> Story:
    finops, central = data.get("finops") or {}, data.get("bizcentral") or {}
    calendars = {name: calendar(name, spec, start) for name, spec in (finops.get("calendars") or {}).items()}
    companies = tuple(_finops_company(company, calendars) for company in finops.get("companies") or ())
    bc = tuple(_bc_company(company, start) for company in central.get("companies") or ())
    base = finops.get("base") or {}
    story = Story(
        name=str(data["name"]),
        finops=companies,
        calendars=calendars,
        default_company=str(
            finops.get("default_company") or (companies[0].code if companies else "")
        ).upper(),
        closed_before=first_day(month_of(str(base["closed_before"]), start)) if base else date.min,
        bc=bc,
        bc_environments=tuple(central.get("environments") or ("production",)),
        windows={
            company["code"]: (_day(company.get("from")), _day(company.get("to")))
            for company in central.get("companies") or ()
        },
        loops=(),
        changes=[],
        plays=_plays(data.get("plays") or {}, start),
        profile=dict(data.get("profile") or {}),
    )
    changes: list[Change] = [
        Change(story.long_ago, company.code, work=step_of(spec, company.code, start))
        for spec in data.get("work") or ()
        for company in ([*story.finops, *story.bc] if spec["company"] == "*" else [_company(story, spec)])
    ]
    for company in finops.get("companies") or ():
        changes += _habit_of_ledger(story, company, start)
    for company in central.get("companies") or ():
        changes += _habit_of_window(story, company, start)
    loops = []
    for event in data.get("events") or ():
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


def _finops_company(spec: Mapping[str, Any], calendars: Mapping[str, Any]) -> Company:
    calendar_name = str(spec.get("calendar") or next(iter(calendars), ""))
    if calendar_name not in calendars:
        raise ValueError(f"{spec['code']} names a calendar '{calendar_name}' that is not described")
    country = str(spec.get("country", "NLD"))
    return Company(
        code=str(spec["code"]).upper(),
        name=str(spec["name"]),
        currency=str(spec.get("currency", "EUR")),
        country=country,
        language=LANGUAGES.get(country, "en-US"),
        zone=str(spec.get("zone", "UTC")),
        calendar=calendar_name,
        status_rows=bool(spec.get("status_rows", True)),
    )


def _bc_company(spec: Mapping[str, Any], start: datetime) -> Company:
    first = int(spec.get("year_starts", 1))
    months: tuple[Month, ...] = ()
    starts: tuple[PeriodStart, ...] = ()
    if spec.get("periods") != "none":
        years = spec.get("periods") or {}
        begin = int(years.get("from", start.year - int(years.get("years_back", 2))))
        end = int(years.get("to", start.year + int(years.get("years_ahead", 1))))
        # The last row is the lone first month of the next fiscal year, as Create Year leaves it.
        count = (end - begin + 1) * 12 + bool(years.get("lone_row", True))
        months = tuple(shifted((begin, first), number) for number in range(count))
        if "weeks" in years:
            starts = week_starts(begin, end, str(years["weeks"]))[:count]
            months = ()
        elif "start_day" in years:
            later = timedelta(days=int(years["start_day"]) - 1)
            of_months = Company("", "", months=months, year_starts=first).period_starts()
            starts = tuple(start._replace(day=start.day + later) for start in of_months)
            months = ()
    return Company(
        code=str(spec["code"]),
        name=str(spec["name"]),
        id=str(spec.get("id") or uuid.uuid5(uuid.NAMESPACE_DNS, f"{spec['code']}.simulator")),
        currency=str(spec.get("currency", "EUR")),
        zone=str(spec.get("zone", "UTC")),
        access=str(spec.get("access", "granted")),
        months=months,
        year_starts=first,
        starts=starts,
        display_name=str(spec.get("display_name", "")),
    )


def _company(story: Story, event: Mapping[str, Any]) -> Company:
    company = story.company(str(event["company"]))
    if company is None:
        raise ValueError(f"an event names the company '{event['company']}' that is not described")
    return company


def _change(story: Story, event: Mapping[str, Any], start: datetime) -> Change:
    company = _company(story, event)
    period = event.get("period")
    month = None if period is None or "/" in str(period) else month_of(str(period), start)
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
    spec: Mapping[str, Any],
    at: datetime,
    start: datetime,
    month: Month | None,
) -> Change:
    """One change from the keys of a scenario or of the control API; raises ValueError with a sentence."""
    if set(STEP) & set(spec):
        return Change(at, company.code, work=step_of(spec, company.code, start))
    if company.id:
        settings = {"allow_posting_from", "allow_posting_to", "year_closed"}
        if not settings & set(spec):
            raise ValueError(f"a change of {company.name} sets {' or '.join(sorted(settings))}")
        if "year_closed" in spec:
            return Change(at, company.code, year_closed=int(spec["year_closed"]))
        # A bound that is not named is blank: the pair is one fact.
        window = (
            _bound(spec.get("allow_posting_from"), start),
            _bound(spec.get("allow_posting_to"), start, last=True),
        )
        return Change(at, company.code, window=window)
    period = story.period(company, str(spec.get("period", "")), month)
    if period is None:
        raise ValueError(f"{company.code} has no period '{spec.get('period')}'")
    access = spec.get("access")
    if "status" not in spec and access is None:
        raise ValueError(f"a change of {company.code} sets `status` or `access`")
    levels = None
    if access is not None:
        levels = {
            name: (level, "") if not isinstance(level, list) else tuple(level)
            for name, level in access.items()
        }
    status = spec.get("status")
    return Change(at, company.code, period.key, None if status is None else str(status), levels)


def _plays(plays: Mapping[str, Any], start: datetime) -> dict[str, tuple[Step, ...]]:
    """The steps of each company's play; a step that names no month is of the play's month."""
    return {
        str(code): tuple(
            step_of({"month": play.get("month", "latest"), **step}, str(code), start, played=True)
            for step in play["steps"]
        )
        for code, play in plays.items()
    }


def _loop(story: Story, event: Mapping[str, Any], start: datetime) -> Loop:
    begin = when(str(event["loop"]), start=start, month=None)
    steps = tuple((span(str(step["after"])), _change(story, step, start)) for step in event["steps"])
    every = span(str(event["every"]))
    if any(after >= every for after, _ in steps):
        raise ValueError("a step of a loop comes after the loop's `every`")
    return Loop(begin, every, steps)


def _chance(*parts: object) -> float:
    """A number between 0 and 1 that is always the same for the same parts."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _habitual(code: str, zone: str, habit: Mapping[str, Any], month: Month) -> datetime:
    """The instant at which a company with this habit closes a month: on its workday, sometimes days late."""
    workday = int(habit["workday"]) - int(_chance(code, month, "early") * (int(habit.get("spread", 1)) + 1))
    if _chance(code, month, "slip") < float(habit.get("slips", 0.1)):
        workday = (
            int(habit["workday"]) + 1 + int(_chance(code, month, "days") * int(habit.get("slip_days", 4)))
        )
    day = plus_workdays(last_day(month), max(workday, 1))
    minute = int(_chance(code, month, "minute") * 240)
    return local(day, time(14 + minute // 60, minute % 60), zone)


def _habit_of_ledger(story: Story, spec: Mapping[str, Any], start: datetime) -> list[Change]:
    company, changes = story.by_code[str(spec["code"]).upper()], []
    habit = spec.get("habit")
    if not habit:
        return []
    latest = month_of("latest", start)
    for period in story.calendars[company.calendar]:
        month = (period.last.year, period.last.month)
        at = _habitual(company.code, company.zone, habit, month)
        if month == latest:
            changes += _latest_month(story, company, period, spec.get("now", "Closed"), at, start)
        elif period.last >= story.closed_before:
            if habit.get("via_hold"):
                changes.append(Change(at - timedelta(hours=20), company.code, period.key, "OnHold"))
            changes.append(Change(at, company.code, period.key, "Closed"))
    return changes


def _latest_month(
    story: Story, company: Company, period: Period, now: str, at: datetime, start: datetime
) -> list[Change]:
    """The change of the month that is being closed at start-up; on any start date it leads to the state `now`."""
    if now == "Open":
        return []
    end = local(period.last + timedelta(days=1), time(), company.zone)
    by_now = end + (start - end) * (0.35 + 0.6 * _chance(company.code, "share"))
    return [Change(min(at, by_now), company.code, period.key, now)]


def _habit_of_window(story: Story, spec: Mapping[str, Any], start: datetime) -> list[Change]:
    company, changes = story.by_code[str(spec["code"])], []
    habit = spec.get("habit")
    if not habit:
        return []
    latest = month_of("latest", start)
    for month in company.months:
        at = _habitual(company.code, company.zone, habit, month)
        if month == latest:
            if spec.get("now", "Closed") == "Open":
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


def with_work(data: dict[str, Any], *situations: str) -> dict[str, Any]:
    """A fleet where every company has the same work in the latest month."""
    return data | {"work": [{"company": "*", "situation": list(situations)}]}


FLEETS: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "fleet": fleet,
    "fleet-bc": fleet_bc,
    "fleet-work": lambda count: with_work(fleet(count), "unposted_61", "documents"),
    "fleet-bc-work": lambda count: with_work(
        fleet_bc(count), "seven_lines", "recurring", "purchase_invoices_4"
    ),
}
