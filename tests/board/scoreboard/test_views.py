"""The doors of the site through HTTP: who gets in, what they see, and what browsers are told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from entities.models import LegalEntity, Membership, Person
from tests.builders import CLOSED, ON_HOLD, OPEN
from tests.db_builders import PASSWORD, SampleGroup, save_person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
HTMX = {"HX-Request": "true"}


def text_of(answer: object) -> str:
    content: bytes = answer.content  # type: ignore[attr-defined]
    return content.decode()


def shown_by(text: str) -> dict[str, str]:
    """What a browser asks with when it looks for news: the version that its page shows."""
    found = re.search(r'data-version="(\w+)"', text)
    assert found is not None
    return {"seen": found[1]}


# --- the board ----------------------------------------------------------------------------------------------------


def test_the_worked_example_on_the_page(rosa: Client) -> None:
    text = text_of(rosa.get("/"))
    assert "<title>Not closed: 2 of 4 outstanding · May 2026 · Closeboard</title>" in text
    for row in (
        r"row-NLDT.*Open.*\+3d late",
        r"row-USRT.*On hold.*\+1d late",
        r"row-UKHC.*Closed.*on time.*closed 5 Jun",
    ):
        assert re.search(row, text, re.S)


def test_a_page_is_for_one_person_and_never_kept(rosa: Client) -> None:
    answer = rosa.get("/")
    assert answer["Cache-Control"] == "no-store"
    assert {"HX-Request", "Cookie"} <= set(re.split(r",\s*", answer["Vary"]))
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_nothing_inline(rosa: Client) -> None:
    text = text_of(rosa.get("/")) + text_of(Client().get("/login/"))
    assert not re.search(r"<[^>]+\sstyle=|<style|<script(?![^>]*\ssrc=)|<[^>]+\son\w+=|hx-on|hx-vals", text)


def test_a_refresh_brings_the_fragment_only_when_something_changed(
    rosa: Client, meridian: SampleGroup
) -> None:
    seen = shown_by(text_of(rosa.get("/")))
    unchanged = rosa.get("/", seen, headers=HTMX)
    assert (unchanged.status_code, unchanged.content) == (204, b"")
    assert unchanged["Cache-Control"] == "no-store"

    meridian.read("2026-06-12 11:59", {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": CLOSED, "NLDT": OPEN})
    changed = rosa.get("/", seen, headers=HTMX)
    text = text_of(changed)
    assert changed.status_code == 200
    assert text.lstrip().startswith("<title>Not closed: 1 of 4 outstanding")
    assert "<html" not in text
    assert rosa.get("/", shown_by(text), headers=HTMX).status_code == 204


def test_a_younger_reading_alone_is_no_news(rosa: Client, meridian: SampleGroup) -> None:
    seen = shown_by(text_of(rosa.get("/")))
    meridian.read("2026-06-12 11:59", {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": ON_HOLD, "NLDT": OPEN})
    assert rosa.get("/", seen, headers=HTMX).status_code == 204
    assert "Fri 12 June 2026, 12:59" in text_of(rosa.get("/"))  # the time of the reading, in the cell's title


def test_the_same_answer_need_not_be_sent_twice(rosa: Client, meridian: SampleGroup) -> None:
    tag = rosa.get("/")["ETag"]
    again = rosa.get("/", headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    assert rosa.get("/?show=late", headers={"If-None-Match": tag}).status_code == 200
    meridian.read("2026-06-12 11:59", {"UKHC": OPEN, "UKRT": CLOSED, "USRT": ON_HOLD, "NLDT": OPEN})
    assert rosa.get("/", headers={"If-None-Match": tag}).status_code == 200


def test_an_address_of_a_view_is_kept_in_the_page_and_its_stream(rosa: Client) -> None:
    text = text_of(rosa.get("/?month=2026-05&q=uk&by=none"))
    assert 'hx-get="/?month=2026-05&amp;q=uk&amp;by=none"' in text
    assert 'hx-sse:connect="/live/?month=2026-05&amp;q=uk&amp;by=none"' in text


def test_a_history_restore_gets_a_whole_page(rosa: Client) -> None:
    assert "<html" in text_of(rosa.get("/", headers=HTMX | {"HX-History-Restore-Request": "true"}))


@pytest.mark.parametrize("month", ["May", "2026-13", "0001-01", "9999-12", "", "2026-05-01", "<b>"])
def test_a_month_that_is_none_is_said_with_a_way_on(rosa: Client, month: str) -> None:
    answer = rosa.get("/", {"month": month})
    assert answer.status_code == 400
    assert "No such month" in text_of(answer)
    assert "Show the latest, May 2026" in text_of(answer)
    assert "<b>”" not in text_of(answer)


def test_any_sensible_month_is_shown(rosa: Client) -> None:
    for month in ("1990-01", "2026-04", "2026-06", "2100-12"):
        assert rosa.get("/", {"month": month}).status_code == 200


def test_who_sees_the_uk_sees_nothing_of_the_rest(meridian: SampleGroup) -> None:
    client = Client()
    client.force_login(save_person("uma@meridian.test", "Uma", group="UK", role=Membership.Role.OWNER))
    text = text_of(client.get("/"))
    assert "UK HoldCo" in text
    assert "<h2>Group closed on 8 June, 1 day early</h2>" in text
    for foreign in ("EU DTC BV", "NLDT", "US Retail", "Americas", "Continental Europe", "Sanne"):
        assert foreign not in text


def test_without_a_role_the_next_step_is_named(meridian: SampleGroup) -> None:
    client = Client()
    client.force_login(save_person("nina@meridian.test", "Nina", group=None))
    text = text_of(client.get("/"))
    assert "You have no entities yet" in text
    assert "Ask an administrator" in text
    assert "Role</small>none yet" in text


def test_before_anybody_was_active_nobody_closes(rosa: Client) -> None:
    LegalEntity.objects.update(active_from="2020-01-01")
    assert "None of your 4 entities was active in that month." in text_of(rosa.get("/?month=2019-03"))


def test_times_are_those_of_the_reader(meridian: SampleGroup) -> None:
    client = Client()
    client.force_login(save_person("dana@meridian.test", "Dana", zone="America/New_York"))
    text = text_of(client.get("/"))
    assert re.search(r"Fri 12 June 2026, 08:00</time> New York", text)


def test_a_name_is_text_wherever_it_stands(rosa: Client) -> None:
    LegalEntity.objects.filter(code="NLDT").update(name='"><script>alert(1)</script>')
    text = text_of(rosa.get("/"))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_the_page_writes_nothing(rosa: Client) -> None:
    with CaptureQueriesContext(connection) as ran:
        rosa.get("/")
    assert all(query["sql"].lstrip().upper().startswith(("SELECT", "WITH")) for query in ran)


# --- in and out ---------------------------------------------------------------------------------------------------


def test_signed_out_one_is_sent_to_the_login_and_back(meridian: SampleGroup) -> None:
    save_person()
    client = Client()
    answer = client.get("/?month=2026-04")
    assert answer.status_code == 302
    assert answer["Cache-Control"] == "no-store"
    login = client.get(answer["Location"])
    assert text_of(login).count('value="/?month=2026-04"') == 1
    words = {"username": "Rosa.Bell@Meridian.test", "password": PASSWORD, "next": "/?month=2026-04"}
    assert client.post("/login/", words)["Location"] == "/?month=2026-04"


def test_a_signed_out_refresh_loads_the_login_as_a_page(meridian: SampleGroup) -> None:
    current = {"HX-Current-URL": "http://testserver/?month=2026-05"}
    answer = Client().get("/?month=2026-05&seen=x", headers=HTMX | current)
    assert (answer.status_code, answer.content) == (200, b"")
    to = urlsplit(answer["HX-Redirect"])
    assert (to.path, parse_qs(to.query)) == ("/login/", {"next": ["/?month=2026-05"]})


@pytest.mark.parametrize(
    "away", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil.example"]
)
def test_only_our_own_addresses_are_followed(meridian: SampleGroup, away: str) -> None:
    save_person()
    words = {"username": "rosa.bell@meridian.test", "password": PASSWORD, "next": away}
    assert Client().post("/login/", words)["Location"] == "/start/"


def test_what_is_wrong_with_a_login_is_said_without_telling_which(meridian: SampleGroup) -> None:
    save_person()
    said = set()
    for email in ("rosa.bell@meridian.test", "nobody@meridian.test"):
        answer = Client().post("/login/", {"username": email, "password": "wrong"})
        assert answer.status_code == 200
        found = re.search(r'role="alert"[^>]*>([^<]+)<', text_of(answer))
        assert found is not None
        said.add(found[1].strip())
    assert said == {"This e-mail and password do not belong together. Capital letters count in the password."}
    empty = text_of(Client().post("/login/", {}))
    assert "Type your e-mail address." in empty
    assert "Type your password." in empty


def test_a_login_gets_a_new_session(meridian: SampleGroup) -> None:
    save_person()
    client = Client()
    client.session["kept"] = 1
    before = client.session.session_key
    client.post("/login/", {"username": "rosa.bell@meridian.test", "password": PASSWORD})
    assert client.session.session_key != before
    assert client.get("/login/")["Location"] == "/start/"


def test_logging_out_takes_a_post_and_clears_the_browser(rosa: Client) -> None:
    assert rosa.get("/logout/").status_code == 405
    assert rosa.get("/").status_code == 200
    answer = rosa.post("/logout/")
    assert answer["Location"] == "/login/"
    assert answer["Clear-Site-Data"] == '"cache", "cookies", "storage"'
    assert rosa.get("/").status_code == 302


def test_somebody_switched_off_is_out_at_once(rosa: Client) -> None:
    Person.objects.update(is_active=False)
    assert rosa.get("/").status_code == 302


# --- when something is wrong --------------------------------------------------------------------------------------


def test_an_address_that_is_none_has_a_page_of_ours() -> None:
    answer = Client().get("/no/such/page")
    assert answer.status_code == 404
    assert "There is nothing here" in text_of(answer)


@pytest.mark.parametrize("address", ["/no/such/page", "/entities/NOSUCH/"])
def test_an_address_that_is_none_keeps_the_frame_and_a_way_on(rosa: Client, address: str) -> None:
    answer = rosa.get(address)
    text = text_of(answer)
    assert answer.status_code == 404
    assert_framed(text)
    assert 'action="/" role="search"' in text
    assert answer["Cache-Control"] == "no-store"


def test_what_is_refused_keeps_the_frame_and_a_way_on(meridian: SampleGroup) -> None:
    client = Client()
    client.force_login(save_person("uma@meridian.test", "Uma", role=Membership.Role.OWNER))
    answer = client.post("/alerts/try/")
    assert answer.status_code == 403
    assert "You may not see this" in text_of(answer)
    assert_framed(text_of(answer))
    checking = Client(enforce_csrf_checks=True)
    checking.force_login(Person.objects.get(name="Uma"))
    answer = checking.post("/entities/UKHC/remarks/", {"kind": "note", "text": "x"})
    assert answer.status_code == 403
    assert "Your session has ended" in text_of(answer)
    assert_framed(text_of(answer))


def assert_framed(text: str) -> None:
    """The menu with all its items and the person's own menu stand around the message."""
    menu = re.search(r'<nav aria-label="Main">.*?</nav>', text, re.S)
    assert menu is not None
    for path in ("/", "/matrix/", "/calendar/", "/past-deadline/", "/alerts/"):
        assert f'href="{path}"' in menu[0]
    assert 'id="person"' in text
    assert ">Go to the board</a>" in text


def test_the_wall_is_a_click_from_the_board_with_what_one_sees(rosa: Client) -> None:
    assert 'id="to-wall" href="/wall/"' in text_of(rosa.get("/"))
    text = text_of(rosa.get("/?month=2026-04&show=late&group=UK"))
    found = re.search(r'id="to-wall" href="([^"]*)"', text)
    assert found is not None
    assert found[1] == "/wall/?month=2026-04&amp;show=late&amp;group=UK"
    assert rosa.get(found[1].replace("&amp;", "&")).status_code == 200


def test_a_form_without_its_token_is_refused_in_words() -> None:
    answer = Client(enforce_csrf_checks=True).post("/login/", {"username": "x", "password": "y"})
    assert answer.status_code == 403
    assert "Your session has ended" in text_of(answer)


def test_a_fault_of_ours_has_a_page_that_needs_nothing(rosa: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("the clock fell off the wall")

    monkeypatch.setattr("board.web.board_request.now", broken)
    rosa.raise_request_exception = False
    answer = rosa.get("/")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in text_of(answer)
    assert "clock" not in text_of(answer)


def test_a_bad_request_and_a_refusal_have_pages_of_ours() -> None:
    answer = Client().get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "That request was not understood" in text_of(answer)


# --- health -------------------------------------------------------------------------------------------------------


def test_alive_asks_nothing_of_the_database() -> None:
    with CaptureQueriesContext(connection) as asked:
        answer = Client().get("/livez")
    assert (answer.status_code, text_of(answer), len(asked)) == (200, "ok\n", 0)


def test_ready_once_every_migration_is_applied() -> None:
    assert text_of(Client().get("/readyz")) == "ready\n"
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'alerts'")
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert "not applied: run manage.py migrate" in text_of(answer)


def test_not_ready_without_a_database_but_alive() -> None:
    program = (
        "import django; django.setup(); from django.test import Client; c = Client(headers={'Host': 'localhost'});"
        "print(c.get('/livez').status_code, c.get('/readyz').status_code, c.get('/readyz').content.decode())"
    )
    nowhere = {"DATABASE_URL": "postgresql://nobody@/nowhere?host=/nonexistent"}
    environment = os.environ | nowhere | {"DJANGO_SETTINGS_MODULE": "closeboard.settings"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split("\n")[0] == "200 503 not ready: the database cannot be reached", done.stderr
