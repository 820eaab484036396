"""When what somebody may see changes, the very next request knows; streams answer only who is signed in."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.urls import reverse

from entities.models import Group, LegalEntity, Membership, Person
from periods.board_cache.change_feed import changes_since
from tests.board import access_groups
from tests.board.access_groups import EVERYBODY, FINANCE, SUPERUSER, UK_RETAIL_WORDS, AccessScenario
from tests.board.test_access_matrix import AN_ENTITY, STREAMS, TABLE, Entry
from tests.db_builders import PASSWORD, save_sample_group

UK_WORDS = ("UK HoldCo", "UKHC", "ukhc", "Amira", *UK_RETAIL_WORDS)
NO_PAGES = {"start", "login", "sent_mail_html"}
LOOKS = [name for name, entries in TABLE.items() if entries[0].method == "GET" and name not in NO_PAGES]


def everything_seen(client: Client) -> dict[str, str]:
    """What each address shows that one looks at."""
    found = {}
    for name in LOOKS:
        path = reverse(name, kwargs=_arguments(TABLE[name][0]))
        for query in TABLE[name][0].queries:
            answer = access_groups.look(client, path + query)
            # Both need a role, which was taken away.
            lost = {403} if name in ("audit", "work_upload", "work_template", "work_template_csv") else set()
            assert answer.status in {200, 404} | lost, path + query
            if "UK" not in query:  # which would be repeated
                found[path + query] = f"{answer.headers}\n{answer.body}"
    return found


def _arguments(entry: Entry) -> dict[str, object]:
    """Of an entity that is taken away, or of nothing where the page is of something else."""
    if entry.place is None:
        return {}
    return {"code": "UKRT"} if entry.place is AN_ENTITY else dict(entry.place.unknown)


# --- on the next request --------------------------------------------------------------------------------------------


def role_taken_away(access_scenario: AccessScenario) -> None:
    Membership.objects.filter(person=access_scenario.people[FINANCE]).delete()


def entities_moved_elsewhere(access_scenario: AccessScenario) -> None:
    LegalEntity.objects.filter(code__in=["UKHC", "UKRT"]).update(group=Group.objects.get(code="AMERICAS"))


def role_given_elsewhere(access_scenario: AccessScenario) -> None:
    Membership.objects.filter(person=access_scenario.people[FINANCE]).update(
        group=Group.objects.get(code="AMERICAS")
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(role_taken_away, marks=pytest.mark.slow),
        pytest.param(entities_moved_elsewhere, marks=pytest.mark.slow),
        pytest.param(role_given_elsewhere, marks=pytest.mark.slow),
    ],
    ids=lambda change: change.__name__,
)
def test_what_is_taken_away_is_gone_from_every_page(
    access_scenario: AccessScenario, change: Callable[[AccessScenario], None]
) -> None:
    finance = access_scenario.client(FINANCE)
    before = everything_seen(finance)
    assert all(any(word in text for text in before.values()) for word in ("UK HoldCo", "UKRT"))
    change(access_scenario)
    told = [
        (path, word) for path, text in everything_seen(finance).items() for word in UK_WORDS if word in text
    ]
    assert not told
    gone = access_groups.look(finance, reverse("entity", args=["UKHC"]))
    unknown = access_groups.look(finance, reverse("entity", args=["NOBODY"]))
    assert (gone.status, gone.body) == (404, unknown.body)
    said = {"kind": "note", "text": "still here", "month": "2026-05"}
    assert access_groups.send(finance, reverse("remark", args=["UKHC"]), said, token=True).status == 404


def test_what_is_given_is_there_at_once(access_scenario: AccessScenario) -> None:
    finance = access_scenario.client(FINANCE)
    assert access_groups.look(finance, reverse("entity", args=["NLDT"])).status == 404
    Membership.objects.create(
        person=access_scenario.people[FINANCE],
        role=access_groups.Role.AUDITOR,
        entity=LegalEntity.objects.get(code="NLDT"),
    )
    assert access_groups.look(finance, reverse("entity", args=["NLDT"])).status == 200
    assert "EU DTC BV" in access_groups.look(finance, "/").body
    said = {"kind": "note", "text": "hello", "month": "2026-05"}
    assert access_groups.send(finance, reverse("remark", args=["NLDT"]), said, token=True).status == 403
    Membership.objects.filter(role=access_groups.Role.AUDITOR).update(role=access_groups.Role.FINANCE)
    assert access_groups.send(finance, reverse("remark", args=["NLDT"]), said, token=True).status == 303


def test_a_superuser_who_is_none_any_more_sees_nothing(access_scenario: AccessScenario) -> None:
    root = access_scenario.client(SUPERUSER)
    assert "EU DTC BV" in access_groups.look(root, "/").body
    Person.objects.filter(pk=access_scenario.people[SUPERUSER].pk).update(is_superuser=False)
    assert "You have no entities yet" in access_groups.look(root, "/").body


# --- sessions -------------------------------------------------------------------------------------------------------


def is_in(client: Client) -> bool:
    return client.get("/views/").status_code == 200


def test_a_changed_password_ends_every_session_and_forgets_it(access_scenario: AccessScenario) -> None:
    somebody = access_scenario.people[FINANCE]
    browsers = [access_scenario.client(FINANCE) for _ in range(2)]
    keys = [str(browser.session.session_key) for browser in browsers]
    assert all(is_in(browser) for browser in browsers)
    somebody.set_password("another long enough password")
    somebody.save()
    assert not any(is_in(browser) for browser in browsers)
    assert not Session.objects.filter(session_key__in=keys).exists()


def test_who_is_switched_off_is_out_at_once_and_cannot_log_in(access_scenario: AccessScenario) -> None:
    browser = access_scenario.client(FINANCE)
    Person.objects.filter(pk=access_scenario.people[FINANCE].pk).update(is_active=False)
    assert not is_in(browser)
    words = {"username": access_scenario.people[FINANCE].email, "password": PASSWORD}
    assert (
        "This e-mail and password do not belong together" in browser.post("/login/", words).content.decode()
    )
    assert not is_in(browser)


def test_who_has_logged_out_leaves_no_session(access_scenario: AccessScenario) -> None:
    browser = access_scenario.client(FINANCE)
    key = browser.session.session_key
    browser.post("/logout/")
    assert not Session.objects.filter(session_key=key).exists()
    assert SESSION_KEY not in browser.session


@pytest.mark.parametrize(
    "away", ["https://evil.example/", "//evil.example/", "///evil.example", "/\\evil.example"]
)
def test_no_address_of_the_login_leads_away(access_scenario: AccessScenario, away: str) -> None:
    inside, outside = access_scenario.client(FINANCE), Client()
    assert inside.get("/login/", {"next": away})["Location"] == "/start/"
    assert "evil" not in outside.get("/login/", {"next": away}).content.decode()
    words = {"username": access_scenario.people[FINANCE].email, "password": PASSWORD, "next": away}
    assert outside.post("/login/", words)["Location"] == "/start/"
    said = {"kind": "note", "text": "hello", "month": "2026-05", "next": away, "back": away}
    assert inside.post(reverse("remark", args=["UKHC"]), said)["Location"].startswith("/entities/UKHC/")


# --- streams --------------------------------------------------------------------------------------------------------


def test_a_stream_opens_for_who_is_signed_in_and_for_a_question_that_means_something(
    access_scenario: AccessScenario,
) -> None:
    for name, statuses in STREAMS.items():
        path = reverse(name)
        for who in EVERYBODY:
            answer = access_scenario.client(who).get(path)  # nothing of the stream itself is read
            assert answer.status_code == statuses[who], (name, who)
            assert answer["Cache-Control"] == "no-store"
            assert answer["X-Frame-Options"] == "DENY"
            opened = answer["Content-Type"] == "text/event-stream"
            assert opened is answer.streaming is (statuses[who] == 200)
            answer.close()
            assert access_scenario.client(who).post(path).status_code == 405
        for query in ("?month=May", "?show=x", "?at=2026-06-10"):
            assert access_scenario.client(FINANCE).get(path + query).status_code == 400


# --- news of one's own ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_a_transaction_writes_is_news_to_itself_also_when_others_end_meanwhile() -> None:
    save_sample_group()
    seen = changes_since(None)[0]
    for code in ("UKHC", "UKRT"):
        with own_connection() as other:
            other.execute("SELECT pg_current_xact_id()")
        seen = changes_since(seen)[0]
        LegalEntity.objects.filter(code=code).update(group=Group.objects.get(code="AMERICAS"))
        assert "places" in {piece.kind for piece in changes_since(seen)[1]}


def own_connection() -> psycopg.Connection[tuple[object, ...]]:
    params = connection.get_connection_params()
    known = {key: params[key] for key in ("host", "port", "user", "password", "dbname") if key in params}
    return psycopg.connect(**known)
