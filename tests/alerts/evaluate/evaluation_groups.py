"""Groups of any size in which every part of an evaluation has something to read, and evaluations at a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, time, timedelta
from itertools import count
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.evaluate.run import EvaluationResult, run_evaluation_once_a_minute
from alerts.models import AlertRules, EscalationStep, Habits
from closing.facts.base import NativePeriodFacts
from entities.models import CalendarDay, Group, WorkCalendar
from tests.alerts.channels.destination_builders import save_destination
from tests.alerts.evaluations import Role, save_evaluation_span, save_member
from tests.builders import MAY, OPEN, utc
from tests.db_builders import SampleGroup, save_sample_group
from tests.periods.model_builders import policy, top_group
from tests.sample_entities import NLDT, UKRT, USRT

Facts = Mapping[str, NativePeriodFacts]
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
CHANGED_AT = utc("2026-06-18 12:00")  # when somebody changes a policy of a group on hold


def save_rich_group(entities: int) -> SampleGroup:
    """Entities of three regions, open on 1 June and late in working days, with all that routing knows.

    They have own alert rules and escalation steps, days off set by hand, destinations, and recipients of each role
    with hours of their own.
    """
    cast = [
        replace((NLDT, UKRT, USRT)[number % 3], code=f"E{number:03}", name=f"Entity {number:03}")
        for number in range(entities)
    ]
    group, top = save_sample_group(cast), top_group()
    policy(top, rule="workday", n=6, first_is=0, lateness_unit="working_days")
    calendar = WorkCalendar.objects.get(code="GB")
    CalendarDay.objects.create(calendar=calendar, day=MAY, working=False, name="founder's day")
    for role in Role:
        person = save_member(role.value, role, top)
        Habits.objects.create(person=person, calendar=calendar, rests_on_days_off=True, digest_at=time(7))
    save_destination("slack", "https://hooks.slack.test/1")
    save_destination("teams", "https://teams.test/1", "EUROPE")
    AlertRules.objects.create(group=top, due_soon_days=3)
    step = EscalationStep.objects.create(
        group=Group.objects.get(code="UK"), step=1, after_days=3, roles=["auditor"]
    )
    step.people.add(save_member("paul", Role.OWNER, top))
    group.read("2026-06-01 12:00", dict.fromkeys(group.entities, OPEN))
    return group


def evaluate_at(at: datetime, group: SampleGroup, facts: Facts | None) -> tuple[EvaluationResult, list[str]]:
    """Read shortly before (not at all without facts) and evaluate; returns the result and the statements."""
    save_evaluation_span(at - MINUTE)
    if facts is not None:
        group.read(at - MINUTE / 2, facts)
    with CaptureQueriesContext(connection) as statements:
        result = run_evaluation_once_a_minute(lambda: at)
    assert result is not None
    return result, [query["sql"] for query in statements]


@contextmanager
def before_statement(number: int, act: Callable[[], object]) -> Iterator[None]:
    """Act once, before the statement of this number (from 0), as somebody does who commits just then."""
    numbers, acting = count(), False

    def wrap(execute: Callable[..., Any], *args: Any) -> Any:
        nonlocal acting
        if not acting and next(numbers) == number:
            acting = True
            act()
            acting = False
        return execute(*args)

    with connection.execute_wrapper(wrap):
        yield
