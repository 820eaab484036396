"""Groups for evaluations: on a live database, with hundreds of entities, without deadlines, with an administrator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from closing.judging.notice_rules import NoticeKind
from entities.models import Connection, Group, Membership, Person
from tests.alerts.evaluate.evaluation_groups import CHANGED_AT, HOUR, MINUTE
from tests.alerts.evaluations import (
    Role,
    read_and_evaluate,
    save_evaluation_span,
    save_group_with_recipients,
    save_member,
)
from tests.builders import CLOSED, ON_HOLD, OPEN, utc
from tests.db_builders import SampleGroup, save_sample_group
from tests.periods.recorded_reads import connect_four_entities
from tests.sample_entities import NLDT


@pytest.fixture
def administered_group(meridian: SampleGroup) -> SampleGroup:
    """Carl administers the cast, which was read and evaluated on 9 June without news of its connection."""
    save_member("carl", Role.ADMINISTRATOR, Group.objects.get(code="MERIDIAN"))
    news_of_connections = (NoticeKind.STALE, NoticeKind.REFUSED)
    assert read_and_evaluate(meridian, utc("2026-06-09 08:00"), news_of_connections, NLDT=OPEN) == []
    return meridian


@pytest.fixture
def group_without_deadlines() -> SampleGroup:
    """The cast has agreed nothing; Carl administers it."""
    group = save_group_with_recipients(policy=False)
    save_member("carl", Role.ADMINISTRATOR, Group.objects.get(code="MERIDIAN"))
    return group


@pytest.fixture
def live_group(live_database: str, empty_redis: None) -> SampleGroup:
    """A group on a live database has a May that is long overdue on the day of the test."""
    return save_group_with_recipients()


@pytest.fixture
def large_group(mails_leave: None) -> SampleGroup:
    """300 entities are due on 9 June; Rosa is finance of all of them, Carl administers them, and mails leave."""
    codes = [f"E{number:03}" for number in range(1, 301)]
    made = save_sample_group(replace(NLDT, code=code, name=f"Entity {code}") for code in codes)
    place = Group.objects.get(code="MERIDIAN")
    save_member("rosa", Role.FINANCE, place)
    save_member("carl", Role.ADMINISTRATOR, place)
    sanne = Person.objects.get(name="Sanne de Wit")
    Membership.objects.create(person=sanne, role=Role.OWNER, group=place)
    return made


@pytest.fixture
def cast_connection(db: None) -> Connection:
    """The cast's connection is made once for all examples; each example is rolled back."""
    return connect_four_entities()[0]


@pytest.fixture
def clock_ahead(monkeypatch: pytest.MonkeyPatch) -> Callable[[], pytest.MonkeyPatch]:
    """A function sets this process's clock ten minutes ahead, until the patch is undone."""

    def set_ahead() -> pytest.MonkeyPatch:
        right = timezone.now
        monkeypatch.setattr(timezone, "now", lambda: right() + timedelta(minutes=10))
        return monkeypatch

    return set_ahead


@pytest.fixture
def group_on_hold(meridian: SampleGroup) -> SampleGroup:
    """Whether on hold counts as closed decides alerts, reopenings and group closes of this group.

    US Retail was put on hold and is past the line, EU DTC BV was on hold for three hours and is open again, and the
    United Kingdom has been closed or on hold for an hour.
    """
    save_member("olga", Role.OWNER, Group.objects.get(code="UK"))
    for hours, facts in (
        (5, {"USRT": ON_HOLD, "NLDT": OPEN, "UKHC": CLOSED, "UKRT": OPEN}),
        (4, {"USRT": ON_HOLD, "NLDT": ON_HOLD, "UKHC": CLOSED, "UKRT": OPEN}),
        (1, {"USRT": ON_HOLD, "NLDT": OPEN, "UKHC": CLOSED, "UKRT": ON_HOLD}),
    ):
        meridian.read(CHANGED_AT - hours * HOUR, facts)
    meridian.read(CHANGED_AT - MINUTE, facts)
    save_evaluation_span(CHANGED_AT - MINUTE)
    return meridian
