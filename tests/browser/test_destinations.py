"""Destinations in real Chromium: made, tried, in trouble, switched and removed, also without scripts."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import expect

from alerts.models import Destination
from alerts.outbox.sending import send_due_posts
from entities.models import Person
from tests.alerts.channels.destination_builders import PATHS, SECRET, route_to_destinations
from tests.browser.browser_user import EVERY_LOOK, WIDE_BY_DAY, BrowserUser, NewBrowserUser
from tests.db_builders import SampleGroup, save_person
from tests.faults.http_sink import HttpSink, Reply
from tests.faults.outbox_helpers import raise_notice


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("looks", "javascript"),
    [
        pytest.param(WIDE_BY_DAY, True, id="with scripts, wide by day"),
        pytest.param(EVERY_LOOK, True, id="with scripts, every look", marks=pytest.mark.slow),
        pytest.param((), False, id="without scripts", marks=pytest.mark.slow),
    ],
    indirect=["looks"],
)
def test_a_destination_from_its_first_to_its_last_day(
    rosa_as_administrator: Person,
    overdue_group_on_site: SampleGroup,
    http_sink: HttpSink,
    new_reader: NewBrowserUser,
    javascript: bool,
) -> None:
    reader = new_reader(javascript=javascript)
    page = reader.page
    reader.log_in(path="/alerts/")
    page.get_by_role("link", name="Destinations").click()
    expect(page.get_by_role("heading", name="No destinations yet")).to_be_visible()
    seen(reader, "destinations-none", javascript)
    page.get_by_role("link", name="Add a destination").click()
    seen(reader, "destination-add", javascript)

    # what is wrong is said beside the field, and the address is not in the page
    page.get_by_label("Address", exact=True).fill("https://meridian.webhook.office.com/webhookb2/" + SECRET)
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#url-problem")).to_contain_text("Microsoft has retired those")
    expect(page.locator("#name-problem")).to_contain_text("Enter a name")
    assert SECRET not in page.content()
    seen(reader, "destination-wrong", javascript)
    reader.forgive("422")

    page.get_by_label("Slack", exact=True).check()
    page.get_by_label("Name", exact=True).fill("#month-end")
    page.get_by_label("Address", exact=True).fill(http_sink.url(PATHS["slack"]))
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("“#month-end” was added.")).to_be_visible()
    page.get_by_role("button", name="Send a test post to #month-end").click()
    expect(page.get_by_text("Test post delivered to “#month-end”.")).to_be_visible()
    assert "Rosa Bell sent this test post" in http_sink.taken[0].body.decode()

    page.get_by_role("link", name="Add a destination").click()
    page.get_by_label("Signed webhook").check()
    page.get_by_label("Name", exact=True).fill("Data warehouse")
    page.get_by_label("Address", exact=True).fill(http_sink.url(PATHS["webhook"]))
    page.get_by_role("button", name="Add").click()
    secret = page.get_by_label("Secret", exact=True).input_value()
    assert secret.startswith("whsec_")
    seen(reader, "destination-secret", javascript)
    page.get_by_role("link", name="I have copied it").click()
    assert secret not in page.content()

    with transaction.atomic():
        route_to_destinations([raise_notice(overdue_group_on_site)], timezone.now())
    http_sink.judge = lambda came: Reply(404, b"no_service") if "services" in came.path else Reply(200)
    send_due_posts(timezone.now())
    reader.open("/alerts/destinations/")
    expect(page.get_by_text("Refuses the posts")).to_be_visible()
    expect(page.get_by_text("answered 404: no_service.")).to_be_visible()
    expect(page.get_by_text("Works")).to_be_visible()
    assert SECRET not in page.content()
    seen(reader, "destinations", javascript)

    page.get_by_text("New secret for Data warehouse", exact=True).click()
    page.get_by_role("button", name="Make a new secret for Data warehouse").click()
    newer = page.get_by_label("Secret", exact=True).input_value()
    assert newer != secret
    assert Destination.objects.get(name="Data warehouse").secret.split() == [newer, secret]
    page.get_by_role("link", name="I have copied it").click()

    page.get_by_role("link", name="Change #month-end").click()
    assert page.get_by_label("Address", exact=True).input_value() == ""
    page.get_by_label("Name", exact=True).fill("#close")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("“#close” was saved.")).to_be_visible()
    assert Destination.objects.get(name="#close").url == http_sink.url(PATHS["slack"])

    page.get_by_role("button", name="Switch off #close").click()
    expect(page.get_by_text("Switched off", exact=True)).to_be_visible()
    page.get_by_role("button", name="Switch on #close").click()
    page.get_by_text("Remove #close", exact=True).click()
    seen(reader, "destination-remove", javascript)
    page.get_by_role("button", name="Remove #close for good").click()
    expect(page.get_by_text("“#close” was removed, and its address deleted.")).to_be_visible()
    gone = Destination.objects.get(name="#close")
    assert (bytes(gone.sealed_url), gone.enabled) == (b"", False)
    expect(page.locator(".places > li")).to_have_count(1)
    reader.open("/alerts/")
    expect(page.get_by_text("#close").first).to_be_attached()  # what it was told stays in the history


def seen(reader: BrowserUser, name: str, wanted: bool) -> None:
    """Look at what is shown on a wide and a narrow screen, by day and by night; once is enough."""
    if not wanted:
        return
    reader.look_from_everywhere(name)
    reader.look(1400, "light")


def test_it_exists_for_who_administers_the_group_only(
    overdue_group_on_site: SampleGroup, http_sink: HttpSink, new_reader: NewBrowserUser
) -> None:
    save_person()  # Rosa is finance
    reader = new_reader()
    reader.log_in(path="/alerts/")
    expect(reader.page.get_by_role("link", name="Destinations")).to_have_count(0)
    answer = reader.page.request.get(f"{reader.site}/alerts/destinations/")
    assert answer.status == 404
