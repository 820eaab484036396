"""Builds the worked example's group for the pure core: four entities, May 2026, and readable builders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from closing.calendar.days import DateSpan
from closing.calendar.deadlines import Deadline
from closing.calendar.workdays import WorkdayCalendar
from closing.judging.standing import JudgingPolicy, ObservedChange, fold, judge
from closing.judging.states import PeriodState
from closing.scoreboard.board import GroupNode, Scoreboard
from closing.scoreboard.row import Row, ranked

OPEN, ON_HOLD, CLOSED = PeriodState.OPEN, PeriodState.ON_HOLD, PeriodState.CLOSED
UNKNOWN, NOT_STARTED = PeriodState.UNKNOWN, PeriodState.NOT_STARTED

MAY = DateSpan(date(2026, 5, 1), date(2026, 5, 31))
DEFAULT = JudgingPolicy()
ON_HOLD_COUNTS = JudgingPolicy(on_hold_counts_as_closed=True)

ENGLAND = WorkdayCalendar(
    "England",
    days_off={
        date(2026, 1, 1): "New Year's Day",
        date(2026, 4, 3): "Good Friday",
        date(2026, 4, 6): "Easter Monday",
        date(2026, 5, 4): "Early May bank holiday",
        date(2026, 5, 25): "Spring bank holiday",
        date(2026, 8, 31): "Summer bank holiday",
        date(2026, 12, 25): "Christmas Day",
        date(2026, 12, 28): "Boxing Day (observed)",
    },
    covered_years=frozenset({2026}),
)
IRELAND = WorkdayCalendar(
    "Ireland",
    days_off={
        date(2026, 1, 1): "New Year's Day",
        date(2026, 4, 6): "Easter Monday",
        date(2026, 5, 4): "May Day",
        date(2026, 6, 1): "June holiday",
        date(2026, 8, 3): "August holiday",
        date(2026, 10, 26): "October holiday",
        date(2026, 12, 25): "Christmas Day",
    },
    covered_years=frozenset({2026}),
)


@dataclass(frozen=True)
class Entity:
    code: str
    name: str
    group: str
    zone: str


UK_HOLDCO = Entity("UKHC", "UK HoldCo", "UK", "Europe/London")
UK_RETAIL = Entity("UKRT", "UK Retail Ltd", "UK", "Europe/London")
US_RETAIL = Entity("USRT", "US Retail Inc", "US", "America/New_York")
EU_DTC = Entity("NLDT", "EU DTC BV", "EU", "Europe/Amsterdam")

GROUPS = (
    GroupNode("GROUP", "The group", ""),
    GroupNode("EMEA", "Europe", "GROUP"),
    GroupNode("UK", "United Kingdom", "EMEA"),
    GroupNode("EU", "European Union", "EMEA"),
    GroupNode("US", "United States", "GROUP"),
)


def utc(text: str) -> datetime:
    """The instant of a text like "2026-06-12 12:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def deadline_on(on: str, zone: str = "Europe/London", cut_off: time | None = None) -> Deadline:
    return Deadline(date.fromisoformat(on), zone, cut_off)


def change_seen(state: PeriodState, at: str, after: str | None = None) -> ObservedChange:
    """A state seen by the read at one time; the read before it was `after` (None: never read before)."""
    return ObservedChange(state, utc(at), utc(after) if after else None)


def row(
    entity: Entity,
    changes: list[ObservedChange],
    deadline: Deadline | None,
    as_of: str,
    *,
    policy: JudgingPolicy = DEFAULT,
    **other: Any,
) -> Row:
    """An entity's row as a snapshot builds it."""
    history = fold(changes, policy)
    moment = utc(as_of)
    values: dict[str, Any] = {
        "entity_id": hash(entity.code),
        "code": entity.code,
        "name": entity.name,
        "group": entity.group,
        "country": entity.group,
        "zone": entity.zone,
        "owner": "",
        "connection": "simulated",
        "state": history.state,
        "because": "",
        "native_facts": None,
        "span": MAY,
        "period_name": "May 2026",
        "deadline": deadline,
        "standing": judge(history, deadline, as_of=moment, period=MAY, policy=policy, zone=entity.zone),
        "fresh": True,
        "read_at": moment,
        "counts_as_closed": policy.counts_as_closed(history.state),
        "on_hold_counts": policy.on_hold_counts_as_closed,
    }
    return Row(**{**values, **other})


def board(*rows: Row, as_of: str = "2026-06-12 12:00", groups: tuple[GroupNode, ...] = GROUPS) -> Scoreboard:
    return Scoreboard(date(2026, 5, 1), utc(as_of), ranked(rows), groups)


# The worked example of 01-domain 1.8, read every few hours from 1 June on.
UK_HOLDCO_STORY = [
    change_seen(OPEN, "2026-06-01 09:00"),
    change_seen(CLOSED, "2026-06-05 18:00", after="2026-06-05 12:00"),
]
UK_RETAIL_STORY = [
    change_seen(OPEN, "2026-06-01 09:00"),
    change_seen(CLOSED, "2026-06-08 18:00", after="2026-06-08 12:00"),
]
US_RETAIL_STORY = [
    change_seen(OPEN, "2026-06-01 09:00"),
    change_seen(ON_HOLD, "2026-06-10 22:00", after="2026-06-10 18:00"),
]
EU_DTC_STORY = [change_seen(OPEN, "2026-06-01 09:00")]


def worked_example(as_of: str = "2026-06-12 12:00", *, policy: JudgingPolicy = DEFAULT) -> Scoreboard:
    """The board of the worked example at a moment, with all changes seen by then."""
    moment = utc(as_of)
    told = [
        (UK_HOLDCO, UK_HOLDCO_STORY, deadline_on("2026-06-09")),
        (UK_RETAIL, UK_RETAIL_STORY, deadline_on("2026-06-09")),
        (US_RETAIL, US_RETAIL_STORY, deadline_on("2026-06-11", "America/New_York")),
        (EU_DTC, EU_DTC_STORY, deadline_on("2026-06-09", "Europe/Amsterdam")),
    ]
    rows = [
        row(entity, [change for change in story if change.seen_at <= moment], deadline, as_of, policy=policy)
        for entity, story, deadline in told
    ]
    return board(*rows, as_of=as_of)


# From Honolulu to Kiritimati: half and quarter hours, a summer time of 30 minutes, midnights that do not exist.
TWENTY_ZONES = (
    "Pacific/Honolulu",
    "America/Los_Angeles",
    "America/Chicago",
    "America/New_York",
    "America/Santiago",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Atlantic/Azores",
    "Europe/London",
    "Europe/Amsterdam",
    "Africa/Johannesburg",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Kiritimati",
)
