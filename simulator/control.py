"""Answers the control API under /_control/ (clock, states, profile, latency, faults, log) for tests and the demo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from simulator.state import SimulatorState
from simulator.web.wire import Answer, Request, json_answer
from simulator.world.scenarios import change_of
from simulator.world.situations import situations
from simulator.world.story import Change
from simulator.world.times import instant, iso, month_of

ROUTE_HELP = {
    "GET /_control/": "this list",
    "GET, PUT /_control/clock": 'the ERPs\' instant: {"now": "2026-06-12T12:00:00Z"}; null follows the real clock',
    "GET /_control/state": "every period and posting window that differs from the scenario's base, at the clock",
    "PUT /_control/state": (
        'what happens at the clock\'s instant: {"company": "NLDT", "period": "2026-05", "status": "Closed"}, or'
        ' "access": {"Ledger": ["User", "FINCLOSE"], "Vend": "None"}, or for Business Central {"company": "ESIB",'
        ' "allow_posting_from": "2026-06-01", "allow_posting_to": null}; or its work (simulator/README.md), such as'
        ' {"company": "NLDT", "month": "2026-05", "situation": "unposted_61"}, {"company": "NLDT", "finish": "*"} or'
        ' {"company": "NLDT", "play": 1}; a list of such changes many at once'
    ),
    "GET /_control/work": "the work of every company at the clock",
    "GET /_control/situations": "the situations that a company's work can be put into",
    "DELETE /_control/state": "forget what was set by PUT",
    "GET, PUT /_control/profile": "the switches for what is unverified; PUT sets those that are named",
    "GET, PUT /_control/latency": '{"ms": 20}: every answer waits that long',
    "GET, POST, DELETE /_control/faults": 'faults: {"kind": "throttled", "match": "FiscalPeriods", "times": 2}',
    "GET, DELETE /_control/requests": "the log of requests and the most that were under way at once",
    "POST /_control/reset": "clock, states, profile, latency, faults and log as at start-up",
}


def answer(simulator: SimulatorState, request: Request) -> Answer:
    """Answer one control request; a mistake in it gives a 400 with the reason."""
    try:
        return _answer(simulator, request, request.path.removeprefix("/_control").strip("/"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else str(error)
        return json_answer({"error": message}, 400)


def _answer(simulator: SimulatorState, request: Request, path: str) -> Answer:
    handler = ROUTES.get((request.method, path))
    if handler is None:
        return json_answer({"error": "no such control", "routes": ROUTE_HELP}, 404)
    return json_answer(handler(simulator, request))


def _index(simulator: SimulatorState, request: Request) -> Any:
    story = simulator.story
    return {
        "scenario": story.name,
        "finops": [company.code for company in story.finops],
        "business_central": {company.code: company.id for company in story.bc},
        "environments": story.bc_environments,
        "routes": ROUTE_HELP,
    }


def _clock(simulator: SimulatorState, request: Request) -> Any:
    clock = simulator.clock
    return {"now": iso(clock.now()), "frozen": clock.frozen is not None, "started": iso(clock.start)}


def _set_clock(simulator: SimulatorState, request: Request) -> Any:
    now = request.json()["now"]
    simulator.clock.frozen = None if now is None else instant(str(now))
    return _clock(simulator, request)


def _profile(simulator: SimulatorState, request: Request) -> Any:
    return simulator.profile.as_dict()


def _set_profile(simulator: SimulatorState, request: Request) -> Any:
    simulator.profile = simulator.profile.changed(request.json())
    return simulator.profile.as_dict()


def _latency(simulator: SimulatorState, request: Request) -> Any:
    return {"ms": simulator.latency_ms}


def _set_latency(simulator: SimulatorState, request: Request) -> Any:
    simulator.latency_ms = max(0.0, float(request.json()["ms"]))
    return {"ms": simulator.latency_ms}


def _forget_states(simulator: SimulatorState, request: Request) -> Any:
    simulator.story.forget_added()
    return {"set": 0}


def _requests(simulator: SimulatorState, request: Request) -> Any:
    return simulator.journal.as_json()


def _clear_requests(simulator: SimulatorState, request: Request) -> Any:
    simulator.journal.clear()
    return {"count": 0}


def _faults(simulator: SimulatorState, request: Request) -> Any:
    return simulator.faults.as_json()


def _add_fault(simulator: SimulatorState, request: Request) -> Any:
    return simulator.faults.add(request.json(), simulator.story, simulator.entra)


def _clear_faults(simulator: SimulatorState, request: Request) -> Any:
    simulator.faults.clear()
    return {"faults": []}


def _reset(simulator: SimulatorState, request: Request) -> Any:
    simulator.reset()
    return _clock(simulator, request)


def _state(simulator: SimulatorState, request: Request) -> Any:
    world = simulator.world()
    return {
        "periods": [
            {
                "company": code,
                "period": f"{key.year}/{key.name}",
                "status": state.status,
                "access": state.access,
            }
            for (code, key), state in world.states.items()
        ],
        "windows": {
            code: {
                "allow_posting_from": window.allowed_from and window.allowed_from.isoformat(),
                "allow_posting_to": window.allowed_to and window.allowed_to.isoformat(),
                "closed_years": sorted(window.closed_years),
            }
            for code, window in world.windows.items()
        },
    }


def _set_state(simulator: SimulatorState, request: Request) -> Any:
    body = request.json()
    requested: list[Mapping[str, Any]] = body if isinstance(body, list) else [body]
    story, now, changes = simulator.story, simulator.clock.now(), []
    for item in requested:
        company = story.company(str(item["company"]))
        if company is None:
            raise ValueError(f"there is no company '{item['company']}'")
        if "play" in item:
            steps = story.next_steps(company, int(item["play"]), now)
            changes += [Change(now, company.code, work=step) for step in steps]
            continue
        period = item.get("period")
        month = None if period is None or "/" in str(period) else month_of(str(period), simulator.clock.start)
        changes.append(change_of(story, company, item, now, simulator.clock.start, month))
    for change in changes:
        story.add(change)
    try:
        story.at(now)
    except TypeError as error:  # an item that has no such field
        story.forget(changes)
        raise ValueError(str(error)) from None
    return {"set": len(changes), "at": iso(now)}


def _work(simulator: SimulatorState, request: Request) -> Any:
    return {
        code: [
            {"kind": type(item).__name__.lower(), "number": item.number}
            | {one.name: plain(getattr(item, one.name)) for one in fields(item)}
            for item in work.items.values()
        ]
        for code, work in simulator.world().work.items()
    }


def plain(value: Any) -> Any:
    """A field of an item as JSON; of lines only their number."""
    if isinstance(value, tuple):
        return len(value)
    if value is None or isinstance(value, bool | int | dict):
        return value
    return str(value)


def _situations(simulator: SimulatorState, request: Request) -> Any:
    return {name: situation["about"] for name, situation in situations().items()}


ROUTES: dict[tuple[str, str], Callable[[SimulatorState, Request], Any]] = {
    ("GET", ""): _index,
    ("GET", "clock"): _clock,
    ("PUT", "clock"): _set_clock,
    ("GET", "state"): _state,
    ("PUT", "state"): _set_state,
    ("DELETE", "state"): _forget_states,
    ("GET", "work"): _work,
    ("GET", "situations"): _situations,
    ("GET", "profile"): _profile,
    ("PUT", "profile"): _set_profile,
    ("GET", "latency"): _latency,
    ("PUT", "latency"): _set_latency,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "requests"): _requests,
    ("DELETE", "requests"): _clear_requests,
    ("POST", "reset"): _reset,
}
