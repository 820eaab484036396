"""The live board in real browsers: what an ERP says, everybody who may see it sees at once, without a reload."""

from __future__ import annotations

import re
from io import StringIO
from threading import Thread
from typing import Literal

import pytest
from django.core.management import call_command
from django.db import transaction
from playwright.sync_api import Page, Response, Route, expect

from entities.models import Group, Membership
from simulator.run import running
from tests.browser.browser_user import ROSA, STREAMS, BrowserUser, ClockAt, NewBrowserUser
from tests.browser.site_server import SiteServer
from tests.builders import CLOSED, ON_HOLD, OPEN, WORKED_EXAMPLE_AT, utc
from tests.db_builders import PASSWORD, SampleGroup, save_person, save_sample_group
from tests.sample_entities import NLDT, TWELVE_ENTITIES, UKHC, UKRT

WORKED = {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": ON_HOLD, "NLDT": OPEN}
NLDT_CLOSES = WORKED | {"NLDT": CLOSED}
SWEPT = 10_000  # ms: what nobody nudged about is found within five seconds, on a machine that is not busy


def live(reader: BrowserUser, email: str = ROSA, path: str = "/") -> Page:
    """The board of somebody, once its stream has greeted; a reload from here on would lose the mark."""
    reader.log_in(email, path)
    expect(reader.page.locator("#live")).to_be_visible()
    reader.page.evaluate("window.never_reloaded = true")
    return reader.page


def assert_never_reloaded(page: Page) -> None:
    assert page.evaluate("window.never_reloaded === true"), "the page was loaded anew"


def codes(page: Page) -> list[str]:
    """The rows from above, by the codes of their entities."""
    found: list[str] = page.locator("#rows tr[id^=row-]").evaluate_all(
        "rows => rows.map((row) => row.id.slice(4))"
    )
    return found


def test_two_people_see_a_period_close(meridian: SampleGroup, new_reader: NewBrowserUser) -> None:
    save_person("dana.field@meridian.test", "Dana Field", zone="America/New_York")
    rosa, dana = live(new_reader()), live(new_reader(), "dana.field@meridian.test")
    before = codes(rosa)
    assert before[0] == "NLDT"
    for page in (rosa, dana):
        expect(page.locator("#sum-EUROPE")).to_contain_text("0/1 closed")

    meridian.read(WORKED_EXAMPLE_AT, NLDT_CLOSES)

    for page in (rosa, dana):
        expect(page.locator("#row-NLDT .state")).to_have_text("Closed")
        expect(page.locator("#row-NLDT")).to_have_class(re.compile(r"\bflash\b"))
        expect(page.locator("#announced")).to_have_text(re.compile(r"^EU DTC BV: closed[^.]*\.$"))
        expect(page.locator("h2")).to_have_text("Not closed: 1 of 4 outstanding")
        expect(page).to_have_title(re.compile("Not closed: 1 of 4 outstanding"))
        expect(page.locator("#chip-outstanding")).to_have_text("Outstanding 1")
        expect(page.locator("#sum-EUROPE")).to_contain_text("1/1 closed")
        expect(page.locator("#row-USRT")).not_to_have_class(re.compile(r"\bflash\b"))
        assert codes(page)[0] == "USRT", codes(page)
        assert sorted(codes(page)) == sorted(before)
        assert_never_reloaded(page)
        told = codes(page)
        page.reload()  # what a reload shows is what was pushed
        assert codes(page) == told


def test_a_change_leaves_the_reader_where_they_were(
    own_database: None, clock_at: ClockAt, new_reader: NewBrowserUser
) -> None:
    group = save_sample_group(TWELVE_ENTITIES)
    group.read("2026-06-01 12:00", dict.fromkeys(group.entities, OPEN))
    group.read("2026-06-12 11:58", dict.fromkeys(group.entities, OPEN))
    save_person()
    page = live(new_reader(1400, 400), path="/?by=none")
    before = codes(page)
    first = before[0]
    row = page.locator(f"#row-{first}")
    page.locator(f"#due-of-{first}").click()
    explained = page.locator(f"#due-{first} p")
    expect(explained).to_be_visible()
    page.locator(f"#to-{first}").focus()
    row.evaluate("row => { row.kept = true }")

    group.read("2026-06-12 11:59", dict.fromkeys(group.entities, OPEN) | {first: CLOSED})

    expect(row.locator(".state")).to_have_text("Closed")
    assert codes(page) == [*before[1:], first]
    assert row.evaluate("row => row.kept"), "the row was made anew"
    assert page.evaluate("document.activeElement.id") == f"to-{first}"
    expect(explained).to_be_visible()
    expect(row).to_have_class(re.compile(r"\bflash\b"))
    assert_never_reloaded(page)


def test_a_page_whose_scripts_come_slowly_is_live_at_once(
    meridian: SampleGroup, new_reader: NewBrowserUser
) -> None:
    """htmx does not wait for its extensions: one that came late once left the board deaf for half a minute."""
    reader = new_reader()
    page = reader.page
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    page.route("**/hx-sse*.js", hold)
    reader.open("/login/")
    page.get_by_label("E-mail").fill(ROSA)
    page.get_by_label("Password").fill(PASSWORD)
    with page.expect_request("**/hx-sse*.js"):
        page.get_by_role("button", name="Log in").click(no_wait_after=True)
    expect(page.locator("#scoreboard")).to_have_attribute("data-htmx-powered", "true")
    late[0].continue_()
    expect(page.locator("#live")).to_be_visible()


def test_a_filter_holds_while_others_close(meridian: SampleGroup, new_reader: NewBrowserUser) -> None:
    page = live(new_reader())
    find = page.locator("#find")
    with page.expect_request(re.compile(r"/live/\?.*q=UK")):
        find.press_sequentially("UK")
    expect(page.locator("#row-NLDT")).to_have_count(0)
    assert sorted(codes(page)) == ["UKHC", "UKRT"]

    find.press_sequentially(" Re")
    meridian.read("2026-06-12 11:59", NLDT_CLOSES)  # while the filter is typed, and elsewhere than it looks
    expect(page.locator("h2")).to_have_text("Not closed: 1 of 4 outstanding")
    expect(page.locator("#row-UKHC")).to_have_count(0)
    assert codes(page) == ["UKRT"]
    expect(find).to_be_focused()
    expect(find).to_have_value("UK Re")

    meridian.read(WORKED_EXAMPLE_AT, NLDT_CLOSES | {"UKRT": OPEN})
    expect(page.locator("#row-UKRT .state")).to_have_text("Open")
    assert codes(page) == ["UKRT"]
    expect(find).to_be_focused()
    expect(find).to_have_value("UK Re")
    find.press_sequentially("tail")
    expect(find).to_have_value("UK Retail")
    assert_never_reloaded(page)


@pytest.mark.slow
def test_who_may_no_longer_see_an_entity_hears_nothing_more_of_it(
    meridian: SampleGroup, new_reader: NewBrowserUser
) -> None:
    tom = save_person("tom.okafor@meridian.test", "Tom Okafor", group="UK")
    Membership.objects.create(
        person=tom, role=Membership.Role.AUDITOR, group=Group.objects.get(code="EUROPE")
    )
    reader = new_reader()
    reader.page.add_init_script(
        "window.told = []; document.addEventListener('htmx:before:sse:message',"
        " (event) => told.push(event.detail.message.data))"
    )
    page = live(reader, "tom.okafor@meridian.test")
    assert sorted(codes(page)) == ["NLDT", "UKHC", "UKRT"]
    meridian.read(WORKED_EXAMPLE_AT, NLDT_CLOSES)
    expect(page.locator("#row-NLDT .state")).to_have_text("Closed")
    assert "EU DTC BV" in "".join(page.evaluate("told"))

    tom.memberships.filter(group__code="EUROPE").delete()
    expect(page.locator("#row-NLDT")).to_have_count(0, timeout=20_000)
    expect(page.locator("#live")).to_be_visible()
    page.evaluate("told.length = 0")
    answers: list[str] = []

    def keep(answer: Response) -> None:
        if "/live/" not in answer.url:
            answers.append(answer.text())

    page.on("response", keep)
    meridian.read(WORKED_EXAMPLE_AT, WORKED | {"UKRT": OPEN})
    expect(page.locator("#row-UKRT .state")).to_have_text("Open")
    for heard in ("".join(page.evaluate("told")), "".join(answers), page.content()):
        assert "NLDT" not in heard
        assert "EU DTC" not in heard
    assert "UK Retail Ltd" in "".join(page.evaluate("told"))
    assert_never_reloaded(page)

    tom.memberships.all().delete()
    expect(page.locator("h2")).to_have_text("You have no entities yet", timeout=20_000)
    meridian.read(WORKED_EXAMPLE_AT, WORKED)
    assert "UK Retail" not in page.content()


def test_logging_out_in_one_tab_ends_the_other(
    meridian: SampleGroup, new_reader: NewBrowserUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Sessions are looked at every 15 seconds otherwise.
    monkeypatch.setattr("board.live.hub.ACCESS_CHECK_SECONDS", 1.0)
    reader = new_reader()
    page = live(reader)
    other = page.context.new_page()
    other.goto(reader.site + "/")
    other.locator("#person summary").click()
    other.get_by_role("button", name="Log out").click()
    expect(other.get_by_role("heading", name="Log in")).to_be_visible()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible(timeout=15_000)
    assert "Meridian" not in page.content()
    reader.forgive("401")


def test_a_deactivated_persons_open_board_stops(
    meridian: SampleGroup, new_reader: NewBrowserUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # People are looked at every 15 seconds otherwise.
    monkeypatch.setattr("board.live.hub.ACCESS_CHECK_SECONDS", 1.0)
    uma = save_person("uma@meridian.test", "Uma", group="EUROPE")
    reader = new_reader()
    page = live(reader, "uma@meridian.test")
    expect(page.locator("#row-NLDT")).to_be_visible()
    uma.is_active = False
    uma.save()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible(timeout=20_000)
    meridian.read(WORKED_EXAMPLE_AT, NLDT_CLOSES)
    for path in ("/", "/entities/NLDT/", "/matrix/"):
        reader.open(path)
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        assert "EU DTC" not in page.content()
    page.go_back()
    assert "EU DTC" not in page.content()
    reader.forgive("401")


def test_a_selection_survives_changes_of_its_row_and_of_others(
    meridian: SampleGroup, new_reader: NewBrowserUser
) -> None:
    page = live(new_reader())
    page.locator("#row-NLDT .entity b").evaluate("name => getSelection().selectAllChildren(name)")
    selected = "getSelection().toString()"
    assert page.evaluate(selected) == "EU DTC BV"
    meridian.read("2026-06-12 11:59", WORKED | {"USRT": CLOSED})
    expect(page.locator("#row-USRT .state")).to_have_text("Closed")
    assert page.evaluate(selected) == "EU DTC BV"
    meridian.read(WORKED_EXAMPLE_AT, WORKED | {"USRT": CLOSED, "NLDT": ON_HOLD})
    expect(page.locator("#row-NLDT .state")).to_have_text("On hold")
    assert page.evaluate(selected) == "EU DTC BV"
    assert_never_reloaded(page)


@pytest.mark.parametrize(
    ("at", "motion"),
    [
        ("row", "no-preference"),
        pytest.param("row", "reduce", marks=pytest.mark.slow),
        pytest.param("top", "no-preference", marks=pytest.mark.slow),
        pytest.param("top", "reduce", marks=pytest.mark.slow),
    ],
)
def test_the_page_stays_where_it_is_while_the_focused_row_moves(
    at: str,
    motion: Literal["reduce", "no-preference"],
    own_database: None,
    clock_at: ClockAt,
    new_reader: NewBrowserUser,
) -> None:
    """Chromium follows the focus to where a row was moved, some 500 px away, unless it is told where to stay."""
    group = save_sample_group(TWELVE_ENTITIES)
    group.read("2026-06-01 12:00", dict.fromkeys(group.entities, OPEN))
    group.read("2026-06-12 11:58", dict.fromkeys(group.entities, OPEN))
    save_person()
    page = live(new_reader(1400, 400), path="/?by=none")
    page.emulate_media(reduced_motion="reduce")  # so that the way to the focus takes no time
    first = codes(page)[0]
    page.locator(f"#to-{first}").focus()
    if at == "row":
        page.evaluate(
            f"scrollTo({{top: scrollY + document.getElementById('row-{first}')"
            ".getBoundingClientRect().top - 60, behavior: 'instant'})"
        )
    page.wait_for_function(
        "() => new Promise((done) => { const y = scrollY;"
        " setTimeout(() => done(y === scrollY && y > 0), 200); })"
    )
    page.emulate_media(reduced_motion=motion)
    before = page.evaluate("scrollY")
    group.read("2026-06-12 11:59", dict.fromkeys(group.entities, OPEN) | {first: CLOSED})
    expect(page.locator(f"#row-{first} .state")).to_have_text("Closed")
    assert codes(page)[-1] == first
    page.wait_for_function(
        "() => new Promise((done) => { const y = scrollY; setTimeout(() => done(y === scrollY), 200); })"
    )
    assert abs(page.evaluate("scrollY") - before) <= 2
    assert page.evaluate("document.activeElement.id") == f"to-{first}"


def test_many_changes_at_once_are_fetched_and_announced_in_one_sentence(
    meridian: SampleGroup, new_reader: NewBrowserUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("board.live.screen_diff.MAX_PUSHED_ROWS", 2)  # 60 in earnest
    page = live(new_reader())
    meridian.entities["UKRT"].country = "IE"
    with page.expect_response(re.compile("seen=")), transaction.atomic():  # in one look of the server
        meridian.entities["UKRT"].save()
        meridian.read(WORKED_EXAMPLE_AT, {"UKHC": OPEN, "UKRT": OPEN, "USRT": CLOSED, "NLDT": CLOSED})
    expect(page.locator("#announced")).to_have_text(re.compile(r"^4 entities have changed: .* and others\.$"))
    expect(page.locator("#chip-outstanding")).to_have_text("Outstanding 2")
    expect(page.locator("#row-NLDT .state")).to_have_text("Closed")
    expect(page.locator("#pick-country option[value=IE]")).to_have_count(1)
    assert_never_reloaded(page)


@pytest.mark.slow
def test_a_server_that_dies_is_said_and_what_was_missed_is_shown_once_it_is_back(
    meridian: SampleGroup, new_reader: NewBrowserUser, serving: SiteServer
) -> None:
    reader = new_reader()
    page = live(reader)
    lost = page.get_by_text("Live updates lost at")
    expect(lost).to_be_hidden()
    serving.stop()
    expect(lost).to_be_visible(timeout=70_000)
    expect(page.locator("#live")).to_be_hidden()
    expect(page.locator("h2")).to_have_text("Not closed: 2 of 4 outstanding")
    reader.assert_accessible()
    reader.picture("lost")
    meridian.read(WORKED_EXAMPLE_AT, NLDT_CLOSES)
    serving.start()
    expect(page.locator("h2")).to_have_text("Not closed: 1 of 4 outstanding", timeout=40_000)
    expect(lost).to_be_hidden()
    expect(page.locator("#live")).to_be_visible()
    meridian.read(WORKED_EXAMPLE_AT, NLDT_CLOSES | {"USRT": CLOSED})
    expect(page.locator("h2")).to_have_text(re.compile("^Group closed"))
    assert_never_reloaded(page)
    reader.forgive("ERR_CONNECTION", "ERR_INCOMPLETE", "ERR_EMPTY", "htmx:")


def test_a_board_whose_stream_is_blocked_asks_for_what_is_new(
    meridian: SampleGroup, new_reader: NewBrowserUser
) -> None:
    reader = new_reader()
    page = reader.page
    page.clock.install()
    page.route(STREAMS, lambda route: route.abort())
    reader.log_in()
    expect(page.locator("#live")).to_be_hidden()
    meridian.read(WORKED_EXAMPLE_AT, NLDT_CLOSES)
    page.clock.fast_forward(61_000)
    expect(page.locator("h2")).to_have_text("Not closed: 1 of 4 outstanding")
    expect(page.locator("#row-NLDT .state")).to_have_text("Closed")
    page.clock.fast_forward(5_000)
    expect(page.get_by_text("Live updates lost at")).to_be_visible()
    page.unroute(STREAMS)
    page.clock.fast_forward(31_000)
    expect(page.locator("#live")).to_be_visible()
    expect(page.get_by_text("Live updates lost at")).to_be_hidden()
    reader.forgive("ERR_FAILED", "htmx:")


@pytest.mark.slow
def test_midnight_makes_an_entity_later_by_itself(
    meridian: SampleGroup, clock_at: ClockAt, new_reader: NewBrowserUser
) -> None:
    meridian.read("2026-06-12 21:58", WORKED)
    clock_at(utc("2026-06-12 21:59"))  # in Amsterdam a minute to midnight
    page = live(new_reader())
    expect(page.locator("#row-NLDT .level")).to_have_text("+3d late")
    clock_at(utc("2026-06-12 22:00"))
    expect(page.locator("#row-NLDT .level")).to_have_text("+4d late", timeout=SWEPT)
    expect(page.locator("#announced")).to_have_text(re.compile(r"^EU DTC BV: .*4d late\.$"))
    expect(page.locator("#verdict")).to_contain_text("4 days")
    assert_never_reloaded(page)


@pytest.mark.slow
def test_readings_that_grow_too_old_are_greyed_and_confirm_nothing(
    own_database: None, clock_at: ClockAt, new_reader: NewBrowserUser
) -> None:
    group = save_sample_group((UKHC, UKRT, NLDT))
    group.read("2026-06-01 12:00", dict.fromkeys(group.entities, OPEN))
    group.read("2026-06-05 12:00", {"UKHC": CLOSED, "UKRT": OPEN, "NLDT": OPEN})
    group.read("2026-06-08 12:00", dict.fromkeys(group.entities, CLOSED))
    clock_at(utc("2026-06-08 12:01"))
    save_person()
    reader = new_reader()
    page = live(reader)
    expect(page.locator("h2")).to_have_text("Group closed on 8 June, 1 day early")
    clock_at(utc("2026-06-08 12:21"))
    expect(page.locator("h2")).to_have_text("Unknown: 3 of 3 not read", timeout=SWEPT)
    expect(page.locator("#verdict")).not_to_have_class(re.compile(r"\bclosed\b"))
    expect(page).to_have_title(re.compile("^Unknown"))
    for code in group.entities:
        expect(page.locator(f"#row-{code}")).to_have_class(re.compile(r"\bstale\b"))
        expect(page.locator(f"#row-{code} .read em")).to_have_text("too old")
    reader.assert_accessible()
    assert_never_reloaded(page)


@pytest.mark.slow
def test_a_period_closed_in_the_erp_closes_on_the_open_board(
    own_database: None, clock_at: ClockAt, new_reader: NewBrowserUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running("worked_example", clock="2026-06-01T12:00:00Z") as erp:
        monkeypatch.setenv("SIMULATOR_URL", erp.url)
        call_command("load_group", "demo/worked_example.yaml", stdout=StringIO())
        save_person()

        def sync(instant: str) -> None:
            """As the worker does, in a thread beside the browser's loop."""
            erp.set_clock(instant)
            thread = Thread(
                target=call_command, args=("sync", "--as-of", instant), kwargs={"stdout": StringIO()}
            )
            thread.start()
            thread.join()

        for instant in ("2026-06-01T12:00:00Z", "2026-06-12T11:58:00Z"):
            sync(instant)
        page = live(new_reader())
        expect(page.locator("#row-NLDT .state")).to_have_text("Open")
        erp.set_state("NLDT", period="2026-05", status="Closed")
        sync("2026-06-12T12:00:00Z")
        expect(page.locator("#row-NLDT .state")).to_have_text("Closed")
        expect(page.locator("#row-NLDT .level")).to_contain_text("closed")
        expect(page.locator("h2")).to_have_text("Not closed: 1 of 4 outstanding")
        assert_never_reloaded(page)
