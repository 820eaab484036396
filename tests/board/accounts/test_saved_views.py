"""Saved views through HTTP: two people who keep views, and neither sees or changes the other's."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext

from board.accounts.saved_views_menu import Menu, views_menu
from board.web.board_request import resolve_request
from board.web.controls import Pairs
from entities.models import Person, SavedView
from entities.view_store import MAX_SAVED_VIEWS, save_view
from tests.builders import WORKED_EXAMPLE_AT
from tests.db_builders import PASSWORD

pytestmark = pytest.mark.django_db
EU_LATE = "show=late&group=EUROPE"


def save(client: Client, name: str = "EU late", query: str = EU_LATE, **more: str) -> Any:
    return client.post("/views/save/", {"name": name, "screen": "board", "query": query} | more)


def view(name: str = "EU late") -> SavedView:
    return SavedView.objects.get(name=name, deleted_at=None)


def names(email: str = "rosa.bell@meridian.test") -> list[str]:
    kept = SavedView.objects.filter(person__email=email, deleted_at=None).order_by("name")
    return list(kept.values_list("name", flat=True))


def told(answer: Any) -> str:
    """What was said last; what nobody has looked at yet is said before it."""
    return [str(each) for each in get_messages(answer.wsgi_request)][-1]


def text_of(answer: Any) -> str:
    content: bytes = answer.content
    return content.decode()


# --- saving ---------------------------------------------------------------------------------------------------------


def test_a_view_is_kept_as_the_board_understands_it(rosa_in_unread_group: Client) -> None:
    answer = save(rosa_in_unread_group, "  EU \n late ", f"{EU_LATE}&show=alerting&by=group&seen=8f-1&utm=x")
    assert (answer.status_code, told(answer)) == (303, "Saved “EU late”.")
    assert (view().query, view().screen, view().is_start) == ("show=alerting&group=EUROPE", "board", False)
    assert answer["Location"] == "/?show=alerting&group=EUROPE"
    page = text_of(rosa_in_unread_group.get("/views/"))
    assert "Board · Show: Alerting · Group: EUROPE" in page
    assert "Saved “EU late”." in page
    assert "Saved “EU late”." not in text_of(rosa_in_unread_group.get("/views/"))  # said once


def test_month_and_moment_are_dropped_unless_they_are_ticked(rosa_in_unread_group: Client) -> None:
    at = "show=late&month=2026-04&at=2026-05-11T09:00%2B02:00"
    save(rosa_in_unread_group, "living", at)
    save(rosa_in_unread_group, "April", at, keep_month="yes")
    save(rosa_in_unread_group, "that morning", at, keep_month="yes", keep_moment="yes")
    assert view("living").query == "show=late"
    assert view("April").query == "month=2026-04&show=late"
    assert view("that morning").query == "month=2026-04&at=2026-05-11T09%3A00%2B02%3A00&show=late"
    page = text_of(rosa_in_unread_group.get("/views/"))
    assert "Show: Overdue · April 2026 · as of Mon 11 May 2026, 08:00" in page  # in Rosa's zone


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("show=nonsense", "There is no filter “nonsense”"),
        ("month=May", "No such month"),
        ("at=yesterday", "No such moment"),
        (urlencode({"q": "x" * 201}), "longer than 200 letters"),
        ("&".join(f"x{n}=1" for n in range(101)), "more than can be understood"),
    ],
)
def test_what_means_nothing_is_refused_in_words(
    rosa_in_unread_group: Client, query: str, problem: str
) -> None:
    answer = save(rosa_in_unread_group, query=query)
    assert answer.status_code == 400
    assert problem in text_of(answer)
    assert names() == []


def test_too_much_to_keep_is_refused_in_words(rosa_in_unread_group: Client) -> None:
    letters = "表" * 200
    answer = save(
        rosa_in_unread_group,
        query=urlencode(dict.fromkeys(("q", "owner", "erp", "group", "country"), letters)),
    )
    assert answer.status_code == 400
    assert "asks for too much to be saved" in text_of(answer)
    assert names() == []


@pytest.mark.parametrize(
    ("name", "problem"), [("", "needs a name"), (" \0\t ", "needs a name"), ("x" * 61, "61 letters long; 60")]
)
def test_a_name_that_is_none_is_said_beside_what_was_typed(
    rosa_in_unread_group: Client, name: str, problem: str
) -> None:
    answer = save(rosa_in_unread_group, name, keep_month="yes", start="yes")
    page = text_of(answer)
    assert answer.status_code == 400
    assert problem in page
    for kept in ('name="query" value="show=late&amp;group=EUROPE"', 'name="keep_month"', 'name="start"'):
        assert kept in page
    assert names() == []


def test_a_name_is_text_wherever_it_stands(rosa_in_unread_group: Client) -> None:
    save(rosa_in_unread_group, '"><script>alert(1)</script>')
    page = text_of(rosa_in_unread_group.get("/views/"))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_name_that_is_taken_can_be_replaced_but_never_by_accident(rosa_in_unread_group: Client) -> None:
    save(rosa_in_unread_group)
    answer = save(rosa_in_unread_group, "eu LATE", "show=stale")
    assert answer.status_code == 400
    assert "You already have a view called “EU late”. Choose another name, or replace that view." in text_of(
        answer
    )
    assert view().query == EU_LATE
    answer = save(rosa_in_unread_group, "eu LATE", "show=stale", replace="yes")
    assert told(answer) == "Replaced “eu LATE”."
    assert names() == ["eu LATE"]
    assert view("eu LATE").query == "show=stale"


def test_fifty_views_are_enough(rosa_in_unread_group: Client) -> None:
    rosa_bell = Person.objects.get(email="rosa.bell@meridian.test")
    for n in range(MAX_SAVED_VIEWS):
        save_view(rosa_bell, f"view {n}", "board", "")
    answer = save(rosa_in_unread_group)
    assert answer.status_code == 400
    assert "You have 50 saved views, which is the most. Delete one first." in text_of(answer)
    save(rosa_in_unread_group, "view 7", "show=late", replace="yes")
    assert view("view 7").query == "show=late"
    doomed = view("view 8").pk
    rosa_in_unread_group.post(f"/views/{doomed}/delete/")
    save(rosa_in_unread_group)
    undone = rosa_in_unread_group.post(f"/views/{doomed}/restore/")
    assert told(undone) == "You have 50 saved views, which is the most. Delete one first."
    assert len(names()) == MAX_SAVED_VIEWS


def test_each_screen_keeps_what_is_its_own(rosa_in_unread_group: Client) -> None:
    save(rosa_in_unread_group, "two years", "by=erp&months=24&open=UK", screen="matrix")
    save(rosa_in_unread_group, "the close", "country=NL&months=24", screen="calendar")
    save(rosa_in_unread_group, "to call", "", screen="past_deadline")
    assert view("two years").query == "by=erp&months=24"
    page = text_of(rosa_in_unread_group.get("/views/"))
    assert "Matrix · by ERP · 24 months" in page
    assert 'href="/matrix/?by=erp&amp;months=24"' in page
    assert 'href="/calendar/?country=NL"' in page
    assert "Overdue · everything" in page
    refused = save(rosa_in_unread_group, "x", "months=7", screen="matrix")
    assert refused.status_code == 400
    assert "The matrix cannot show “7” months" in text_of(refused)
    assert menu_of({"by": "erp"}, "matrix", [("months", "24")])[0].here == "two years"
    assert menu_of({"by": "erp"}, "matrix")[0].here == ""


# --- renaming, deleting, undoing ------------------------------------------------------------------------------------


def test_renaming(rosa_in_unread_group: Client) -> None:
    save(rosa_in_unread_group)
    save(rosa_in_unread_group, "UK late")
    pk = view().pk
    answer = rosa_in_unread_group.post(f"/views/{pk}/rename/", {"name": "Europe, late", "back": "/views/"})
    assert (answer.status_code, answer["Location"]) == (303, "/views/")
    assert told(answer) == "It is called “Europe, late” now."
    refused = rosa_in_unread_group.post(f"/views/{pk}/rename/", {"name": "uk LATE"})
    assert refused.status_code == 400
    assert re.search(r'value="uk LATE"[^>]*aria-invalid="true"', text_of(refused))
    assert "You already have a view called “UK late”." in text_of(refused)
    assert names() == ["Europe, late", "UK late"]
    rosa_in_unread_group.post(
        f"/views/{pk}/rename/", {"name": "EUROPE, late"}
    )  # its own name in other letters
    assert names() == ["EUROPE, late", "UK late"]


def test_deleting_can_be_undone(rosa_in_unread_group: Client) -> None:
    save(rosa_in_unread_group, start="yes")
    pk = view().pk
    answer = rosa_in_unread_group.post(f"/views/{pk}/delete/", {"back": "/?show=late"})
    assert (answer["Location"], told(answer), names()) == ("/?show=late", "Deleted “EU late”.", [])
    assert rosa_in_unread_group.get("/start/")["Location"] == "/"
    page = text_of(rosa_in_unread_group.get("/views/"))
    assert f'action="/views/{pk}/restore/"' in page
    assert ">Undo</button>" in page
    back = rosa_in_unread_group.post(f"/views/{pk}/restore/", {"back": "/views/"})
    assert told(back) == "“EU late” is back, as your start page."
    assert rosa_in_unread_group.get("/start/")["Location"] == "/?show=late&group=EUROPE"
    assert rosa_in_unread_group.post(f"/views/{pk}/restore/").status_code == 303  # once more does no harm
    assert names() == ["EU late"]


def test_a_deleted_view_makes_room_for_another_of_its_name(rosa_in_unread_group: Client) -> None:
    save(rosa_in_unread_group, start="yes")
    first = view().pk
    rosa_in_unread_group.post(f"/views/{first}/delete/")
    save(rosa_in_unread_group, query="show=stale", start="yes")
    assert (
        told(rosa_in_unread_group.post(f"/views/{first}/restore/"))
        == "You already have a view called “EU late” again. Rename that one first."
    )
    rosa_in_unread_group.post(f"/views/{view().pk}/rename/", {"name": "EU stale"})
    rosa_in_unread_group.post(f"/views/{first}/restore/")
    assert names() == ["EU late", "EU stale"]
    assert (view("EU late").is_start, view("EU stale").is_start) == (False, True)


def test_only_the_last_few_deleted_views_are_kept(rosa_in_unread_group: Client) -> None:
    pks = []
    for n in range(13):
        save(rosa_in_unread_group, f"view {n}")
        pks.append(view(f"view {n}").pk)
        rosa_in_unread_group.post(f"/views/{pks[-1]}/delete/")
    assert SavedView.objects.count() == 10
    assert rosa_in_unread_group.post(f"/views/{pks[0]}/restore/").status_code == 404
    assert rosa_in_unread_group.post(f"/views/{pks[-1]}/restore/").status_code == 303


# --- the page to start with -----------------------------------------------------------------------------------------


def test_the_start_page_is_the_chosen_view_else_the_board(rosa_in_unread_group: Client) -> None:
    assert rosa_in_unread_group.get("/start/")["Location"] == "/"
    save(rosa_in_unread_group)
    save(rosa_in_unread_group, "owners", "by=owner", start="yes")
    assert rosa_in_unread_group.get("/start/")["Location"] == "/?by=owner"
    answer = rosa_in_unread_group.post(f"/views/{view().pk}/start/", {"start": "yes"})
    assert told(answer) == "You start with “EU late” now."
    assert rosa_in_unread_group.get("/start/")["Location"] == "/?show=late&group=EUROPE"
    assert not view("owners").is_start
    answer = rosa_in_unread_group.post(f"/views/{view().pk}/start/", {"start": "no"})
    assert told(answer) == "You start with the board now."
    assert rosa_in_unread_group.get("/start/")["Location"] == "/"


def test_a_login_leads_to_the_start_page_unless_another_was_asked_for(rosa_in_unread_group: Client) -> None:
    save(rosa_in_unread_group, start="yes")
    client = Client()
    assert client.get("/")["Location"] == "/login/?next=/start/"
    assert client.get("/start/")["Location"] == "/login/?next=/start/"
    assert client.get("/?month=2026-04")["Location"] == "/login/?next=/%3Fmonth%3D2026-04"
    assert client.post("/views/1/delete/")["Location"] == "/login/?next=/start/"
    words = {"username": "rosa.bell@meridian.test", "password": PASSWORD}
    assert client.post("/login/", words)["Location"] == "/start/"
    assert client.get("/start/")["Location"] == "/?show=late&group=EUROPE"
    assert client.get("/login/")["Location"] == "/start/"


def test_a_start_page_that_means_nothing_any_more_gives_way_to_the_board(
    rosa_in_unread_group: Client,
) -> None:
    save(rosa_in_unread_group, start="yes")
    SavedView.objects.update(query="show=what-a-later-version-dropped")
    assert rosa_in_unread_group.get("/start/")["Location"] == "/"
    page = text_of(rosa_in_unread_group.get("/views/"))
    assert "Your start page “EU late” asks for something that is no more: here is the board." in page
    assert "There is no filter “what-a-later-version-dropped”" in page
    SavedView.objects.update(query="", screen="a-screen-that-was")
    assert rosa_in_unread_group.get("/start/")["Location"] == "/"
    assert "EU late" not in text_of(rosa_in_unread_group.get("/views/"))


# --- nobody else ----------------------------------------------------------------------------------------------------

VERBS = ("rename", "delete", "restore", "start")


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_sees_or_changes_another_ones_views(
    rosa_in_unread_group: Client, uma_in_unread_group: Client, verb: str
) -> None:
    save(rosa_in_unread_group, start="yes")
    before = SavedView.objects.values().get()
    assert "EU late" not in text_of(uma_in_unread_group.get("/views/"))
    assert uma_in_unread_group.get("/start/")["Location"] == "/"
    answer = uma_in_unread_group.post(f"/views/{view().pk}/{verb}/", {"name": "mine", "start": "no"})
    unknown = uma_in_unread_group.post(f"/views/{view().pk + 1000}/{verb}/", {"name": "mine", "start": "no"})
    assert (answer.status_code, unknown.status_code) == (404, 404)
    token = r'name="csrfmiddlewaretoken" value="\w+"'  # random in the frame of either page
    assert re.sub(token, "", text_of(answer)) == re.sub(token, "", text_of(unknown))
    assert SavedView.objects.values().get() == before
    save(uma_in_unread_group, start="yes")  # the same name, and a start page of her own
    assert names("uma@meridian.test") == names() == ["EU late"]


def test_another_ones_deleted_view_stays_deleted(
    rosa_in_unread_group: Client, uma_in_unread_group: Client
) -> None:
    save(rosa_in_unread_group)
    pk = view().pk
    rosa_in_unread_group.post(f"/views/{pk}/delete/")
    assert uma_in_unread_group.post(f"/views/{pk}/restore/").status_code == 404
    assert names() == []


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_no_view_is_not_there(rosa_in_unread_group: Client, verb: str) -> None:
    for form in ({}, {"name": "mine"}):
        assert rosa_in_unread_group.post(f"/views/{10**30}/{verb}/", form).status_code == 404
    assert rosa_in_unread_group.get(f"/views/1/{verb}/").status_code == 405


def test_a_view_of_no_screen_is_refused(rosa_in_unread_group: Client) -> None:
    assert save(rosa_in_unread_group, screen="setup").status_code == 404
    assert names() == []


@pytest.mark.parametrize(
    "away",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:///evil.example",
        "//[",
        "/login/",
        "/logout/",
        "/nowhere/",
        "views/",
        "",
    ],
)
def test_after_a_form_only_pages_of_ours_are_gone_back_to(rosa_in_unread_group: Client, away: str) -> None:
    save(rosa_in_unread_group)
    answer = rosa_in_unread_group.post(f"/views/{view().pk}/delete/", {"back": away})
    assert answer["Location"] == "/views/"


def test_forms_need_their_token_and_no_page_can_be_framed(rosa_in_unread_group: Client) -> None:
    save(rosa_in_unread_group)
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(Person.objects.get(email="rosa.bell@meridian.test"))
    assert careful.post(f"/views/{view().pk}/delete/").status_code == 403
    assert save(careful, "another").status_code == 403
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text_of(careful.get("/views/")))
    assert token is not None
    assert save(careful, "another", csrfmiddlewaretoken=token[1]).status_code == 303
    for answer in (
        rosa_in_unread_group.get("/views/"),
        save(rosa_in_unread_group),
        rosa_in_unread_group.post(f"/views/{view().pk}/delete/"),
    ):
        assert answer["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert answer["Cache-Control"] == "no-store"


# --- the menu -------------------------------------------------------------------------------------------------------


def menu_of(query: dict[str, str], screen: str = "board", own: Pairs = ()) -> tuple[Menu, str]:
    asked = resolve_request(Person.objects.get(email="rosa.bell@meridian.test"), query, WORKED_EXAMPLE_AT)
    with CaptureQueriesContext(connection) as ran:
        told = views_menu(asked, screen, own)
    assert len(ran) == 1
    menu, here = told["views"], told["here_query"]
    assert isinstance(menu, Menu)
    assert isinstance(here, str)
    return menu, here


def test_the_menu_knows_which_view_one_looks_at(rosa_in_unread_group: Client) -> None:
    save(rosa_in_unread_group)
    save(rosa_in_unread_group, "Dutch owners", "by=owner&country=NL", start="yes")
    save(rosa_in_unread_group, "late in April", "month=2026-04&show=late&group=EUROPE", keep_month="yes")
    menu, here = menu_of({"group": "EUROPE", "show": "late"})
    assert (menu.here, here, menu.url) == ("EU late", EU_LATE, f"/?{EU_LATE}")
    assert [line.name for line in menu.lines] == ["Dutch owners", "EU late", "late in April"]
    assert [line.start for line in menu.lines] == [True, False, False]
    assert [line.words for line in menu.lines] == [
        "Country: NL · by owner",
        "Show: Overdue · Group: EUROPE",
        "Show: Overdue · Group: EUROPE · April 2026",
    ]
    assert menu_of({"group": "EUROPE", "show": "late", "at": "2026-06-10"})[0].here == "EU late"
    assert menu_of({})[0].here == ""
    april, _ = menu_of({"group": "EUROPE", "show": "late", "month": "2026-04", "at": "2026-06-10T09:30"})
    assert (april.month, april.moment) == ("April 2026", "Wed 10 Jun 2026, 09:30")
    # The nearest, not the living one.
    assert [line.name for line in april.lines if line.here] == ["late in April"]


def test_the_menu_is_plain_html_that_a_form_can_be_sent_from(rosa_in_unread_group: Client) -> None:
    save(rosa_in_unread_group)
    menu, here = menu_of({"show": "late", "month": "2026-04", "q": '"<b>'})
    variables = {"views": menu, "here_query": here, "csrf_token": "t"}
    page = render_to_string("board/accounts/_saved_views_menu.html", variables)
    for part in (
        'action="/views/save/"',
        'name="csrfmiddlewaretoken"',
        'name="query" value="month=2026-04&amp;q=%22%3Cb%3E&amp;show=late"',
        "Keep April 2026",
        f'href="/?{EU_LATE.replace("&", "&amp;")}"',
    ):
        assert part in page
    assert "keep_moment" not in page
