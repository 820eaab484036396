"""Runs real Chromium against a real server on the database of a test's scenario.

State changes cannot be deleted, so pytest-django's way of emptying the tables after a test with a live server
cannot work here. Tests that only read share the run's database of their scenario (`reading`), the others get a copy
of it (`story`) or an empty one (`own_database`), which is dropped. One server of each process serves them all.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime

import pytest
from django.core.cache import cache
from django.db import connections
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.plugin import DjangoDbBlocker

from board.live.hub import Hub
from entities.models import Group, Membership, Person
from tests.alerts.scenarios import save_eu_dtc_alert
from tests.browser.board_states import busy, days_later, meridian_at_noon
from tests.browser.browser_user import (
    ROSA,
    BrowserUser,
    BrowserWindows,
    ClockAt,
    Database,
    Look,
    NewBrowserUser,
)
from tests.browser.site_server import OneDatabase, SiteServer, running_site
from tests.browser_binary import FLAGS, ensure
from tests.builders import WORKED_EXAMPLE_AT, utc
from tests.db_builders import SampleGroup, save_person
from tests.faults.outbox_helpers import save_late_group
from tests.scenario_databases import Build, ScenarioDatabases


@pytest.fixture(scope="session")
def launched_chromium() -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    """One Chromium for this process, and Playwright's event loop, which tests without a browser do not see."""
    program = ensure()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield browser, loop
        asyncio._set_running_loop(loop)
        browser.close()


@pytest.fixture(scope="module")
def chromium(launched_chromium: tuple[Browser, asyncio.AbstractEventLoop]) -> Iterator[Browser]:
    """The Chromium of this process, for the tests of a file.

    Playwright keeps an event loop in this thread: Django would refuse the builders' synchronous database calls, and
    gives code beside a loop connections of its own. Hence the variable. Loop and variable are there for the file
    only, because both would break other tests of this process.
    """
    browser, loop = launched_chromium
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    asyncio._set_running_loop(loop)
    try:
        yield browser
        connections.close_all()
    finally:
        asyncio._set_running_loop(None)
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


# --- the database of a test ---------------------------------------------------------------------------------------


@pytest.fixture
def one_database(django_db_blocker: DjangoDbBlocker) -> Iterator[OneDatabase]:
    """The database of the test, not chosen yet; this process's Redis database is empty before and after."""
    made = OneDatabase()
    with django_db_blocker.unblock():
        cache.clear()
        try:
            yield made
        finally:
            made.close()
            cache.clear()


@pytest.fixture
def reading(one_database: OneDatabase, stories: ScenarioDatabases) -> Database:
    """`reading(busy, person)`: the run's database of these builders, for a test that writes only sessions.

    Returns the result of the first builder: the moment at which the test views the scenario.
    """

    def read(build: Callable[[], datetime], *more: Build) -> datetime:
        return one_database.choose(stories.reading(build, *more))

    return read


@pytest.fixture
def story(one_database: OneDatabase, stories: ScenarioDatabases) -> Database:
    """`story(busy, person)`: a copy of these builders' database, for a test that writes; otherwise as `reading`."""

    def copy(build: Callable[[], datetime], *more: Build) -> datetime:
        found: datetime = one_database.choose(stories.copied(build, *more))
        return found

    return copy


@pytest.fixture
def own_database(one_database: OneDatabase, stories: ScenarioDatabases) -> None:
    """A new migrated database, used by this process (and its server) until the end of the test."""
    one_database.choose(stories.copied())


# --- the server ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def site_server() -> Iterator[SiteServer]:
    """The one server of this process, which serves whatever database the process uses."""
    with running_site() as server:
        yield server


@pytest.fixture
def serving(one_database: OneDatabase) -> Iterator[SiteServer]:
    """A server of the story's own, which it may stop and start again."""
    with running_site() as server:
        yield server
    Hub._of.clear()  # all of them were ended


@pytest.fixture
def site(request: pytest.FixtureRequest, one_database: OneDatabase) -> Iterator[str]:
    """The address of the server: pages and live streams of the test's database."""
    if "serving" in request.fixturenames:
        yield request.getfixturevalue("serving").url
        return
    shared: SiteServer = request.getfixturevalue("site_server")
    yield shared.url
    shared.settle()


@pytest.fixture
def clock_at(monkeypatch: pytest.MonkeyPatch) -> ClockAt:
    """Sets what the view's door reads from the clock; the worked example's noon unless a story says otherwise."""

    def set_to(moment: datetime) -> None:
        monkeypatch.setattr("board.web.board_request.now", lambda: moment)

    set_to(WORKED_EXAMPLE_AT)
    return set_to


# --- browser users --------------------------------------------------------------------------------------------------


@pytest.fixture
def looks(request: pytest.FixtureRequest) -> tuple[Look, ...]:
    """The looks that `look_from_everywhere` uses; `every_look` sets them."""
    found: tuple[Look, ...] = getattr(request, "param", ())
    return found


@pytest.fixture
def new_reader(chromium: Browser, site: str, looks: tuple[Look, ...]) -> Iterator[NewBrowserUser]:
    """Makes readers; at the end any console error, page error, failed request or CSP report fails the test."""
    windows = BrowserWindows(chromium, site, looks)
    yield windows.open
    windows.close()
    assert not windows.complaints(), windows.complaints()


@pytest.fixture
def meridian(
    site: str, one_database: OneDatabase, stories: ScenarioDatabases, clock_at: ClockAt
) -> SampleGroup:
    """The worked example at its noon, with Rosa who may see all of it: a copy, which the test may write to."""
    found: SampleGroup = one_database.choose(stories.copied(meridian_at_noon))
    return found


@pytest.fixture
def meridian_days_later(
    site: str, one_database: OneDatabase, stories: ScenarioDatabases, clock_at: ClockAt
) -> SampleGroup:
    """EU DTC BV is open eight days after its deadline, in a copy which the story may write to."""
    # Not on the minute: a browser may have heard of the server a millisecond before the page's moment.
    clock_at(utc("2026-06-17 12:00:01"))
    found: SampleGroup = one_database.choose(stories.copied(days_later))
    return found


@pytest.fixture
def after_alert(site: str, story: Database, clock_at: ClockAt, monkeypatch: pytest.MonkeyPatch) -> None:
    """The alert of EU DTC BV was raised five minutes ago, in a copy which the story may write to."""
    moment = utc("2026-06-15 12:05")
    story(save_eu_dtc_alert)
    clock_at(moment)
    monkeypatch.setattr("board.notifications.unsubscribe.now", lambda: moment)


@pytest.fixture
def overdue_group_on_site(site: str, own_database: None) -> SampleGroup:
    """A group with an overdue entity stands in a database of the story's own."""
    return save_late_group()


# --- people of these stories --------------------------------------------------------------------------------------


@pytest.fixture
def busy_user(new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database) -> BrowserUser:
    """Rosa Bell has the board of the busy group open."""
    clock_at(reading(busy, save_person))
    reader = new_reader()
    reader.log_in()
    return reader


@pytest.fixture
def rosa_at_noon(meridian: SampleGroup) -> Person:
    """Rosa Bell sees the whole worked example."""
    return Person.objects.get(email=ROSA)


@pytest.fixture
def rosa_after_alert(after_alert: None) -> Person:
    """Rosa Bell is a recipient of the alert of EU DTC BV."""
    return Person.objects.get(email=ROSA)


@pytest.fixture
def nadia_after_alert(after_alert: None) -> Person:
    """Nadia Ward administers the group after the alert of EU DTC BV."""
    return save_person("nadia@meridian.test", "Nadia Ward", role=Membership.Role.ADMINISTRATOR)


@pytest.fixture
def rosa_as_administrator(overdue_group_on_site: SampleGroup) -> Person:
    """Rosa Bell of group finance administers the group with the overdue entity as well."""
    rosa = save_person()
    place = Group.objects.get(code="MERIDIAN")
    Membership.objects.create(person=rosa, role=Membership.Role.ADMINISTRATOR, group=place)
    return rosa


@pytest.fixture
def mail_page(chromium: Browser) -> Iterator[Page]:
    """A window shows a mail without a network; any complaint of its console fails the test."""
    context = chromium.new_context(java_script_enabled=True, locale="en-GB", offline=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    yield page
    with suppress(Exception):
        context.close()
    assert not complaints, complaints
