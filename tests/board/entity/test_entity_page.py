"""The page of an entity through HTTP: who sees it, what it explains, and what people say there."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import unquote

import pytest
from django.test import Client

from closing.facts.finops_facts import FinopsFacts
from closing.facts.readings import GapReason, ReadGap
from entities.models import LegalEntity, Membership, Person
from periods.models import PolicyVersion, Remark
from periods.remarks import add_note
from tests.board.entity import entity_scenarios as stories
from tests.builders import CLOSED, MAY, OPEN, WORKED_EXAMPLE_AT, utc
from tests.db_builders import PASSWORD, SampleGroup, save_person, save_sample_group
from tests.settable_clock import SettableClock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
HTMX = {"HX-Request": "true"}


def signed_in(email: str = "rosa.bell@meridian.test", **who: Any) -> Client:
    client = Client()
    client.force_login(save_person(email, email.split(".", maxsplit=1)[0].title(), **who))
    return client


def shown(answer: Any) -> str:
    """The page as a reader reads it: without tags, every run of white space one blank."""
    text = re.sub(r"<(svg|title|script)\b.*?</\1>", " ", answer.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text))).replace(" ,", ",").replace(" .", ".")


def html(answer: Any) -> str:
    text: str = answer.content.decode()
    return text


# --- who sees it --------------------------------------------------------------------------------------------------


def test_what_is_foreign_or_unknown_is_not_there(meridian: SampleGroup) -> None:
    uma = signed_in("uma.x@meridian.test", group="UK")
    assert uma.get("/entities/UKHC/").status_code == 200
    for address in ("/entities/NLDT/", "/entities/NOBODY/", "/entities/nldt/"):
        assert uma.get(address).status_code == 404
    for code in ("NLDT", "NOBODY"):
        said = {"kind": "note", "month": "2026-05", "text": "Hello"}
        assert uma.post(f"/entities/{code}/remarks/", said).status_code == 404
    assert not Remark.objects.exists()


def test_a_reading_tells_nothing_of_the_other_companies_that_it_brought(meridian: SampleGroup) -> None:
    meridian.read(
        "2026-06-12 11:59",
        {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": OPEN},
        gaps=[ReadGap("nldt", GapReason.NO_ACCESS, "The ERP refused access to this company (403).")],
    )
    uma = shown(signed_in("uma.x@meridian.test", group="UK").get("/entities/UKHC/"))
    assert "nldt" not in uma.lower()
    assert "403" not in uma
    assert "Rows" not in uma  # how many would tell of others
    everything = shown(signed_in().get("/entities/NLDT/"))
    assert "Not in the answer" in everything
    assert "The ERP refused access to this company (403)." in everything
    assert "Rows" not in everything  # nobody knows whether the connection brings more than they see
    boss = Client()
    boss.force_login(Person.objects.create_superuser("boss@meridian.test", PASSWORD, name="Boss"))
    assert "Rows" in shown(boss.get("/entities/NLDT/"))


def test_a_note_on_an_entity_that_was_never_read_stays_when_its_period_comes(
    db: None, clock: SettableClock
) -> None:
    group = save_sample_group()
    rosa = signed_in()
    page = html(rosa.get("/entities/NLDT/?month=2026-05"))
    assert "has not been read yet" in page
    assert '<form class="note" id="note"' in page
    said = {"kind": "note", "month": "2026-05"}
    answer = rosa.post("/entities/NLDT/remarks/", {**said, "text": "Access is asked for, ticket 4711"})
    assert answer.status_code == 303
    assert "Access is asked for, ticket 4711" in shown(rosa.get("/entities/NLDT/?month=2026-05"))
    assert "4711" not in shown(rosa.get("/entities/NLDT/?month=2026-04"))
    assert "4711" not in shown(rosa.get("/entities/UKHC/?month=2026-05"))
    note = Remark.objects.get()
    rosa.post("/entities/NLDT/remarks/", {**said, "replaces": note.pk, "text": "Access was given, 4711"})
    # Nothing else can be said before there is a period to judge.
    refused = rosa.post("/entities/NLDT/remarks/", {**said, "kind": "acknowledgement"})
    assert refused.status_code == 422
    assert "only a note can be written about it" in shown(refused)
    reader = signed_in("uma.x@meridian.test", role=Membership.Role.OWNER)
    assert '<form class="note"' not in html(reader.get("/entities/NLDT/?month=2026-05"))
    assert "Access was given, 4711" in shown(reader.get("/entities/NLDT/?month=2026-05"))

    group.read("2026-06-12 11:58", dict.fromkeys(group.entities, OPEN))
    page = shown(rosa.get("/entities/NLDT/?month=2026-05"))
    assert "Access was given, 4711" in page
    assert "What the ERP says" in page
    assert "1 note" in shown(rosa.get("/"))
    newest = Remark.objects.order_by("-pk")[0]
    rosa.post("/entities/NLDT/remarks/", {**said, "replaces": newest.pk, "withdraw": "yes"})
    assert "withdrawn since" in shown(rosa.get("/entities/NLDT/?month=2026-05"))
    assert "1 note" not in shown(rosa.get("/"))


def test_equal_reads_are_one_line(meridian: SampleGroup) -> None:
    """The worked example was read every few hours; a read that brings something else has a line of its own."""
    rosa = signed_in()
    table = re.search(r'<section class="card attempts".*?</section>', html(rosa.get("/entities/NLDT/")), re.S)
    assert table is not None
    assert len(re.findall(r"<tr>", table[0])) == 2  # the heading, and one line
    assert re.search(r"Read, \d+ times</td>", table[0])
    assert re.search(r"<small>since [^<]+</small>", table[0])
    meridian.read(
        "2026-06-12 11:59",
        {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": OPEN},
        gaps=[ReadGap("nldt", GapReason.NO_ACCESS, "The ERP refused access to this company (403).")],
    )
    lines = re.findall(r"<tr>.*?</tr>", html(rosa.get("/entities/NLDT/")), re.S)
    assert "Not in the answer</td>" in lines[1]
    assert "times</td>" in lines[2]


def test_the_page_is_for_one_person_never_kept_and_has_nothing_inline(writer: Client) -> None:
    answer = writer.get("/entities/NLDT/")
    assert answer["Cache-Control"] == "no-store"
    assert not re.search(r"<[^>]+\sstyle=|<style|<script(?![^>]*\ssrc=)|<[^>]+\son\w+=|hx-on", html(answer))


def test_names_and_words_are_text(writer: Client) -> None:
    evil = '"><script>alert(1)</script>'
    LegalEntity.objects.filter(code="NLDT").update(name=evil)
    said = {"month": "2026-05", "text": f"{evil}\n{evil}"}
    writer.post("/entities/NLDT/remarks/", {**said, "kind": "note"})
    writer.post("/entities/NLDT/remarks/", {**said, "kind": "expected_close", "expected_on": "2026-06-15"})
    answer = html(writer.get("/entities/NLDT/"))
    assert "<script>alert" not in answer
    assert answer.count("&lt;script&gt;alert(1)") > 5


# --- what it explains ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("story", stories.STORIES, ids=lambda story: story.__name__)
def test_every_story_in_a_sentence(story: Callable[[], datetime], clock: SettableClock) -> None:
    code, sentence = stories.STORIES[story]
    clock.at = story()
    stories.rosa()
    client = Client()
    client.force_login(stories.rosa())
    answer = client.get(f"/entities/{code}/?month=2026-05")
    assert answer.status_code == 200
    assert sentence in shown(answer).replace(" of today", " of today")


def test_the_whole_story_of_a_late_entity(clock: SettableClock) -> None:
    clock.at = stories.over_the_line()
    client = Client()
    client.force_login(stories.rosa())
    page = shown(client.get("/entities/NLDT/"))
    for words in (
        "Board › Continental Europe",
        "owner Sanne de Wit sanne.de.wit@meridian.test",
        "Alerting since Mon 15 June: more than 5 days late.",
        "Expected on Thu 18 June, says Sanne de Wit. Usual close is",
        "working day 5 (last 12: 4 to 9).",
        "Policy “Group close”, version 1, set by Rosa Bell on 12 January 2026.",
        "Wed 17 June 2026, working day 12, 8 days late, alerting, today",
        "Tue 9 June 2026, working day 6, due",
        "Sat 6 June 2026, weekend",
        "Ledger User FINCLOSE",
        "Vendor None",
        "Open, because: six modules restricted: Ledger only for user group FINCLOSE,",
        "Rule F&O-2.",
        "8 of 12 on time, 66.7 %, below the 90 % line.",
        "Customer, Inventory, Purchasing, Sales, Vendor access set to None seen between 15:30 and 15:45",
        "Ledger access set to User FINCLOSE",
        "Overdue: the deadline of Tue 9 June passed",
        "Alerting: more than 5 days past the deadline of Tue 9 June",
        "Sanne de Wit gave the overdue reason: Waiting for another entity",
        "Rosa Bell wrote edited by Rosa Bell, Fri 12 Jun 09:30",
        "Bank file of ING is missing. Rosa Bell, Wed 10 Jun 10:10",
    ):
        assert words in page, words
    assert "the overdue reason is missing" not in page.lower()


def test_a_missing_reason_is_said_until_it_is_given(clock: SettableClock) -> None:
    clock.at = stories.on_watch_without_a_reason()
    client = Client()
    client.force_login(stories.rosa())
    assert "The overdue reason is missing." in shown(client.get("/entities/NLDT/"))
    said = {"kind": "overdue_reason", "month": "2026-05", "reason": "people_away"}
    assert client.post("/entities/NLDT/remarks/", said).status_code == 303
    page = shown(client.get("/entities/NLDT/"))
    assert "The overdue reason is missing." not in page
    assert "People away" in page


def test_what_business_central_says_is_drawn_against_the_period(clock: SettableClock) -> None:
    clock.at = stories.posting_window_after()
    client = Client()
    client.force_login(stories.rosa())
    answer = client.get("/entities/USRT/?month=2026-05")
    page = shown(answer)
    assert "Allow Posting From Mon 1 June 2026 Allow Posting To blank" in page
    assert "Closed, because: posting allowed only from 1 June 2026. Rule BC-1." in page
    assert "The blank end is no limit, or a date formula that the API does not show." in page
    period = re.search(r'class="period" x="([\d.]+)%" y="6" width="([\d.]+)%"', html(answer))
    allowed = re.search(r'class="allowed" x="([\d.]+)%" y="6" width="([\d.]+)%"', html(answer))
    assert period is not None
    assert allowed is not None
    assert float(period[1]) + float(period[2]) == pytest.approx(float(allowed[1]), abs=0.02)
    assert float(allowed[1]) + float(allowed[2]) == pytest.approx(100, abs=0.02)  # open to the right
    link = "https://businesscentral.dynamics.com/meridian/production?company=US%20Retail%20Inc"
    assert f'href="{link}" rel="noopener"' in html(answer)


def test_the_way_into_finance_and_operations(writer: Client) -> None:
    link = "https://meridian.operations.dynamics.com/?cmp=nldt&amp;mi=LedgerFiscalCalendar"
    assert f'href="{link}" rel="noopener"' in html(writer.get("/entities/NLDT/"))


def test_a_holiday_is_named_where_the_count_passes_it(clock: SettableClock) -> None:
    clock.at = stories.not_due()
    client = Client()
    client.force_login(stories.rosa())
    page = shown(client.get("/entities/NLDT/"))
    assert "Not worked: Thu 4 June Office moves." in page
    assert "Thu 4 June 2026, Office moves" in page


def test_a_restricting_policy_of_today_does_not_rewrite_what_was_read(
    meridian: SampleGroup, writer: Client
) -> None:
    restricted = FinopsFacts("Open", {"Ledger": "None"})
    meridian.read("2026-06-12 11:59", dict.fromkeys(meridian.entities, restricted))
    PolicyVersion.objects.update(ledger_restricted_means_on_hold=True)
    page = shown(writer.get("/entities/NLDT/"))
    assert "Open, because: one module restricted: Ledger for nobody." in page
    assert "By the policy of today this would be On hold (F&O-2 by policy)" in page


def test_a_long_count_is_folded(clock: SettableClock) -> None:
    clock.at = stories.a_long_way_past()
    client = Client()
    client.force_login(stories.rosa())
    answer = client.get("/entities/NLDT/?month=2026-05")
    strip = re.search(r'<ol class="strip.*?</ol>', html(answer), re.S)
    assert strip is not None
    assert strip[0].count("<li") == 39
    assert "51 more days" in strip[0]
    assert "+80" in strip[0]


def test_a_past_moment_is_shown_as_it_was_known_and_only_read(writer: Client) -> None:
    said = {"kind": "expected_close", "month": "2026-05", "expected_on": "2026-06-15", "text": ""}
    assert writer.post("/entities/NLDT/remarks/", said).status_code == 303
    now, then = writer.get("/entities/NLDT/"), writer.get("/entities/NLDT/?at=2026-06-08T13:05")
    assert "Expected on Mon 15 June" in shown(now)
    page = shown(then)
    assert "This is the past" in page
    assert "Due in 1 day, on Tue 9 June" in page
    assert "Expected on" not in page
    assert "Late: the deadline" not in page
    assert 'action="/entities/NLDT/remarks/"' not in html(then)
    assert "hx-get" not in html(then)
    assert 'href="/entities/NLDT/?month=2026-04&amp;at=2026-06-08T13:05+01:00"' in unquote(html(then))
    assert 'href="/?at=2026-06-08T13:05+01:00"' in unquote(html(then))


def test_how_far_ahead_a_deadline_lies_is_not_told_from_an_old_reading(writer: Client) -> None:
    page = shown(writer.get("/entities/NLDT/?at=2026-06-08T10:00"))
    assert "Not closed when last read; its deadline is Tue 9 June" in page
    assert "Due in" not in page
    page = shown(writer.get("/entities/NLDT/?at=2026-06-10T10:00"))
    assert "Not closed when last read; its deadline of Tue 9 June has passed since" in page


def test_a_bad_month_is_said_with_a_way_on(writer: Client) -> None:
    assert writer.get("/entities/NLDT/?month=May").status_code == 400
    assert writer.post("/entities/NLDT/remarks/", {"kind": "note", "month": "May"}).status_code == 400


# --- what people say ----------------------------------------------------------------------------------------------


def test_a_note_is_kept_and_leads_back_to_itself(writer: Client) -> None:
    answer = writer.post(
        "/entities/NLDT/remarks/",
        {"kind": "note", "month": "2026-05", "text": " Bank file missing.\r\nAsked ING.\0 "},
    )
    note = Remark.objects.get()
    assert note.text == "Bank file missing.\nAsked ING."
    assert answer.status_code == 303
    assert answer["Location"] == f"/entities/NLDT/?month=2026-05#remark-{note.pk}"
    page = writer.get(answer["Location"])
    assert "The note is saved." in shown(page)
    assert f'id="remark-{note.pk}"' in html(page)
    assert "Rosa wrote Bank file missing. Asked ING." in shown(page)


@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        ("/past-deadline/?at=2026-06-11", "/past-deadline/?at=2026-06-11"),
        ("https://evil.example/", "/entities/NLDT/"),
        ("//evil.example/", "/entities/NLDT/"),
        ("/\\evil.example/", "/entities/NLDT/"),
        ("javascript:alert(1)", "/entities/NLDT/"),
        ("past-deadline/", "/entities/NLDT/"),
    ],
)
def test_only_our_own_addresses_are_followed(writer: Client, wanted: str, leads_to: str) -> None:
    said = {"kind": "acknowledgement", "month": "2026-05", "text": "", "next": wanted}
    location = writer.post("/entities/NLDT/remarks/", said)["Location"]
    assert location.startswith(leads_to)
    assert "evil" not in location


@pytest.mark.parametrize(
    ("said", "words", "kept"),
    [
        (
            {"kind": "expected_close", "expected_on": "2026-06-01", "text": "IC with US"},
            "Mon 1 June 2026 is past.",
            ['value="2026-06-01"', "IC with US</textarea>"],
        ),
        (
            {"kind": "expected_close", "expected_on": "tomorrow"},
            "“tomorrow” is not a date.",
            ['value="tomorrow"'],
        ),
        ({"kind": "expected_close", "text": "IC"}, "Choose the day on which you expect", ["IC</textarea>"]),
        ({"kind": "overdue_reason", "reason": "mood", "text": "Flu"}, "Choose a reason", ["Flu</textarea>"]),
        (
            {"kind": "overdue_reason", "reason": "other", "text": " "},
            "Describe the other reason in a few words.",
            ['value="other" selected'],
        ),
        ({"kind": "overdue_reason", "reason": "", "text": "Flu"}, "Choose a reason", ["Flu</textarea>"]),
        ({"kind": "note", "text": " "}, "Write the note first.", []),
        ({"kind": "note", "text": "x" * 2001}, "2001 letters long", [f"{'x' * 2001}</textarea>"]),
        ({"kind": "acknowledgement", "text": "x" * 2001}, "2001 letters long", [f"{'x' * 2001}</textarea>"]),
        ({"kind": "gossip", "text": "x"}, "The form is not complete.", []),
        (
            {"kind": "note", "replaces": "999", "text": "Typed"},
            "There is no such note.",
            ["Typed</textarea>"],
        ),
    ],
)
def test_what_is_wrong_is_said_beside_what_was_typed(
    writer: Client, said: dict[str, str], words: str, kept: list[str]
) -> None:
    answer = writer.post("/entities/NLDT/remarks/", {"month": "2026-05", **said})
    assert answer.status_code == 422
    assert html(answer).count('role="alert"') == 1
    assert words in shown(answer)
    for each in kept:
        assert each in html(answer)
    assert not Remark.objects.exists()


def test_an_edit_comes_back_with_its_note_or_where_it_was_overtaken(
    writer: Client, meridian: SampleGroup
) -> None:
    writer.post("/entities/NLDT/remarks/", {"kind": "note", "month": "2026-05", "text": "First"})
    note = Remark.objects.get()
    edit = {"kind": "note", "month": "2026-05", "replaces": str(note.pk)}
    refused = writer.post("/entities/NLDT/remarks/", {**edit, "text": " "})
    assert refused.status_code == 422
    assert f'id="edit-{note.pk}" open' in html(refused)
    assert "A note cannot be empty." in shown(refused)

    assert writer.post("/entities/NLDT/remarks/", {**edit, "text": "Second"}).status_code == 303
    overtaken = writer.post("/entities/NLDT/remarks/", {**edit, "text": "Third"})
    assert overtaken.status_code == 422
    assert "Meanwhile Rosa has edited this note." in shown(overtaken)
    assert "Third</textarea>" in html(overtaken)

    newest = Remark.objects.latest("pk")
    taken_back = {**edit, "replaces": str(newest.pk), "withdraw": "1"}
    assert writer.post("/entities/NLDT/remarks/", taken_back).status_code == 303
    page = shown(writer.get("/entities/NLDT/"))
    assert "wrote a note, withdrawn since by Rosa" in page
    assert "Second" in page  # among the earlier wordings


def test_who_only_reads_sees_no_form_and_is_told_so_in_words(meridian: SampleGroup) -> None:
    olga = signed_in("olga.x@meridian.test", group="MERIDIAN", role=Membership.Role.OWNER)
    page = olga.get("/entities/NLDT/")
    assert 'action="/entities/NLDT/remarks/"' not in html(page)
    assert "You can only read this entity." in shown(page)
    for text in ("x", ""):
        answer = olga.post("/entities/NLDT/remarks/", {"kind": "note", "month": "2026-05", "text": text})
        assert answer.status_code == 403
        assert "You can only read EU DTC BV" in shown(answer)
    assert not Remark.objects.exists()


def test_an_owner_of_the_entity_itself_may_write(meridian: SampleGroup) -> None:
    sanne = save_person("sanne.x@meridian.test", "Sanne", group=None)
    Membership.objects.create(person=sanne, role="owner", entity=meridian.entities["NLDT"])
    client = Client()
    client.force_login(sanne)
    said = {"kind": "expected_close", "month": "2026-05", "expected_on": "2026-06-18"}
    assert client.post("/entities/NLDT/remarks/", said).status_code == 303


def test_nothing_is_said_without_a_token_or_by_a_get(writer: Client, meridian: SampleGroup) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(save_person("kim.x@meridian.test", "Kim"))
    said = {"kind": "note", "month": "2026-05", "text": "x"}
    assert strict.post("/entities/NLDT/remarks/", said).status_code == 403
    assert writer.get("/entities/NLDT/remarks/", said).status_code == 405
    assert Client().post("/entities/NLDT/remarks/", said).status_code == 302
    assert not Remark.objects.exists()


# --- while it stays open ------------------------------------------------------------------------------------------


def poll_of(answer: Any) -> str:
    found = re.search(r'hx-get="([^"]+)" hx-trigger="every 60s"', html(answer))
    assert found is not None
    return unescape(found[1])


def test_an_open_page_follows_the_erp_and_tells_of_news_in_the_history(
    writer: Client, meridian: SampleGroup, clock: SettableClock
) -> None:
    poll = poll_of(writer.get("/entities/NLDT/"))
    same = writer.get(poll, headers=HTMX)
    assert "3 days past its deadline" in shown(same)
    without_moments = re.sub(r'<form method="get".*?</form>', "", html(same), flags=re.S)
    assert not re.search(
        r'<(textarea|select)|<input type="(?!hidden)', without_moments
    )  # nothing typed is lost
    assert "<html" not in html(same)
    assert "something new" not in shown(same)

    add_note(save_person("kim.x@meridian.test", "Kim"), "NLDT", MAY, "Hello", WORKED_EXAMPLE_AT)
    assert "There is something new in the history below." in shown(writer.get(poll, headers=HTMX))
    meridian.read("2026-06-12 12:01", dict.fromkeys(meridian.entities, CLOSED))
    clock.at = utc("2026-06-12 12:02")
    assert "Closed late on Fri 12 June, 3 days past" in shown(writer.get(poll, headers=HTMX))


def test_a_page_that_waits_for_its_first_reading_loads_itself_when_it_is_in(clock: SettableClock) -> None:
    clock.at = stories.never_read()
    client = Client()
    client.force_login(stories.rosa())
    poll = poll_of(client.get("/entities/NLDT/?month=2026-05"))
    assert "HX-Refresh" not in client.get(poll, headers=HTMX)
    group = SampleGroup(LegalEntity.objects.get().connection, {"NLDT": LegalEntity.objects.get()})  # type: ignore[arg-type]
    stories.read(group, "2026-06-12 11:59", OPEN)
    assert client.get(poll, headers=HTMX)["HX-Refresh"] == "true"


def test_a_very_long_history_is_cut_with_a_link_to_all(writer: Client, meridian: SampleGroup) -> None:
    by = save_person("kim.x@meridian.test", "Kim")
    stories.save_notes(by, meridian.entities["NLDT"], 105, WORKED_EXAMPLE_AT - timedelta(seconds=200))
    short = html(writer.get("/entities/NLDT/"))
    assert "Note 104" in short
    assert "Note 0<" not in short
    found = re.search(r'href="([^"]+)" id="all-history">Show (\d+) older', short)
    assert found is not None
    whole = html(writer.get(unescape(found[1]).partition("#")[0]))
    assert "Note 0<" in whole
    assert whole.count('<p class="when">') == 100 + int(found[2])


def test_months_before_anybody_looked_are_no_closes(writer: Client) -> None:
    page = shown(writer.get("/entities/NLDT/?month=2025-05"))
    assert "The ERP lists no period for May 2025" in page
    assert date(2025, 5, 1) < MAY
