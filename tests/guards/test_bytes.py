"""The bytes of every address of the site, which a refactoring must not move (docs/testing.md).

Each address has an entry in LOOKS or FORMS, and a new one fails until it has. Each template is rendered by one of
the stories, or stands in WITHOUT_AN_ANSWER with a reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client, RequestFactory
from django.urls import resolve, reverse
from django.views.defaults import server_error

from entities.models import Group, Membership, Person
from tests.board.entity import entity_scenarios
from tests.board.entity.entity_scenarios import STORIES as ENTITY_STORIES
from tests.board.reports.year_of_closes import YEAR_AT, save_year_of_closes
from tests.board.test_access_matrix import ADDRESSES
from tests.browser.board_states import STATES
from tests.browser.test_readme_screenshots import tell
from tests.golden_files import GOLDEN
from tests.guards.full_scenario import FULL_AT, FullScenario, save_full_scenario
from tests.guards.recorded_responses import (
    ACTS_FOLDER,
    TEMPLATES_FOLDER,
    RecordedResponses,
    asking,
    move_the_clock,
    nothing_is_news,
    own_story,
    signed_in,
)
from tests.guards.task_url_cases import TASK_FORMS, TASK_LOOKS
from tests.guards.url_cases import (
    ADMINISTRATOR,
    BOARD_FORMS,
    BOARD_LOOKS,
    FINANCE,
    OWNER,
    SIGNED_OUT,
    SUPERUSER,
    WITHOUT_A_ROLE,
    WITHOUT_AN_EVENT,
)
from tests.worklist.blocked_scenario import blocked_at_noon

LOOKS = {**BOARD_LOOKS, **TASK_LOOKS}
FORMS = {**BOARD_FORMS, **TASK_FORMS}
TEMPLATES = Path(settings.BASE_DIR) / "templates"
WITHOUT_AN_ANSWER: dict[str, str] = {
    "board/tasks/template.html": "no story has a template where pages are looked at; tests/board/tasks reads it",
    "board/tasks/no_file.html": "a file that is gone: tests/board/tasks/test_support_page.py",
}
# Each replays twelve months; `over_the_line` and the year show them as well, and LKTX of the full story is stale.
LONG_AND_ALIKE = {
    *(entity_scenarios.on_watch_without_a_reason, entity_scenarios.closed_on_time),
    *(entity_scenarios.stale, entity_scenarios.not_counted),
}


def test_every_address_has_an_entry() -> None:
    missing = [
        f"{name} (/{route})" for name, route in ADDRESSES.items() if name not in LOOKS.keys() | FORMS.keys()
    ]
    assert not missing, (
        f"No golden bytes hold {', '.join(missing)}. Add an entry to LOOKS (what a GET brings) or FORMS (what a POST"
        " brings) in tests/guards/url_cases.py, and run its tests with UPDATE_GOLDEN=1."
    )
    gone = [name for name in (*LOOKS, *FORMS) if name not in ADDRESSES]
    assert not gone, f"There is no address {', '.join(gone)} any more: remove its entry."


def test_every_template_is_rendered() -> None:
    manifests = (GOLDEN / TEMPLATES_FOLDER).glob("*.txt")
    rendered = {line for path in manifests for line in path.read_text(encoding="utf-8").splitlines()}
    there = {path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html")}
    assert sorted(there - rendered - WITHOUT_AN_ANSWER.keys()) == [], "no golden bytes hold these templates"
    assert sorted((rendered | WITHOUT_AN_ANSWER.keys()) - there) == [], "these templates are gone"
    assert sorted(rendered & WITHOUT_AN_ANSWER.keys()) == [], "these need no reason any more"


def test_every_form_leaves_its_event() -> None:
    """Each address that takes a form leaves an event in one of them at least, and none where it is refused."""
    lines = (GOLDEN / ACTS_FOLDER / "the_full_story.txt").read_text(encoding="utf-8").splitlines()
    acts = [re.fullmatch(r"\S+ POST (/[^#]*)#\d+ (\d+): (.*)", line) for line in lines]
    assert None not in acts
    leaving, refused = set(), []
    for act in filter(None, acts):
        path, status, events = act.groups()
        if events != "no event":
            leaving.add(resolve(path).url_name)
            refused += [act.string] if int(status) >= 400 else []
    assert sorted(FORMS.keys() - WITHOUT_AN_EVENT.keys() - leaving) == [], "these leave no event"
    assert sorted(WITHOUT_AN_EVENT.keys() & leaving) == [], "these need no reason any more"
    assert refused == []


# --- the stories ----------------------------------------------------------------------------------------------------


def test_the_bytes_of_the_full_story(
    recorded_responses: RecordedResponses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every address, as everybody, with everything that is the matter with somebody."""
    move_the_clock(FULL_AT)
    story = save_full_scenario()
    nothing_is_news()
    people: dict[str, Person | None] = {
        FINANCE: story.finance,
        OWNER: story.owner,
        ADMINISTRATOR: story.administrator,
        SUPERUSER: story.superuser,
        WITHOUT_A_ROLE: story.without_a_role,
        SIGNED_OUT: None,
    }
    browser = asking(people)
    _write_a_mail(tmp_path)
    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend")
    monkeypatch.setattr(settings, "EMAIL_FILE_PATH", str(tmp_path / "mails"), raising=False)
    for name, looks in LOOKS.items():
        for look in looks:
            path = reverse(name, kwargs=dict(_of(look.arguments or {}, story)))
            for who in look.who:
                recorded_responses.get(who, browser(who), path)
            for query in look.queries:
                recorded_responses.get(look.who[0], browser(look.who[0]), path + query)
            for query in look.htmx:
                recorded_responses.get(look.who[0], browser(look.who[0]), path + query, htmx=True)
            if look.htmx and SIGNED_OUT in look.who:
                recorded_responses.get(SIGNED_OUT, browser(SIGNED_OUT), path, htmx=True)
    for name, forms in FORMS.items():
        for number, form in enumerate(forms):
            path = reverse(name, kwargs=dict(_of(form.arguments or {}, story)))
            for who in form.who:
                data, prepare = _of(form.data, story), partial(form.prepare or (lambda _: None), story)
                recorded_responses.post(who, signed_in(people[who]), path, data, str(number), prepare)
    recorded_responses.assert_as_before()


def _of(given: Any, story: FullScenario) -> Mapping[str, Any]:
    found: Mapping[str, Any] = given(story) if callable(given) else given
    return found


def _write_a_mail(folder: Path) -> None:
    """One mail in the folder of mails that are written instead of sent."""
    written = mail.EmailMultiAlternatives(
        "EU DTC BV is late",
        "Text.\n",
        to=["rosa.bell@meridian.test"],
        headers={"Date": "Wed, 17 Jun 2026 09:46:00 +0000"},
    )
    written.attach_alternative("<p>HTML.</p>", "text/html")
    (folder / "mails").mkdir()
    log = folder / "mails" / "20260617-094600-1.log"
    log.write_bytes(written.message().as_bytes() + b"\n" + b"-" * 79 + b"\n")


def _rosa() -> Person:
    """Finance of the whole group, without the password that takes long to hash."""
    rosa, made = Person.objects.get_or_create(
        email="rosa.bell@meridian.test", defaults={"name": "Rosa Bell", "zone": "Europe/London"}
    )
    if made:
        group = Group.objects.get(code="MERIDIAN")
        Membership.objects.create(person=rosa, role=Membership.Role.FINANCE, group=group)
    return rosa


def test_the_bytes_of_the_plain_pages(recorded_responses: RecordedResponses) -> None:
    """The pages of errors, and the login with a message."""
    browser = Client(enforce_csrf_checks=True)
    recorded_responses.get(SIGNED_OUT, browser, "/nowhere")
    recorded_responses.post("without token", browser, "/logout/", {})
    recorded_responses.record(
        SIGNED_OUT, "GET", "/#wrong-host", browser.get("/", headers={"host": "evil.test"})
    )
    recorded_responses.record(SIGNED_OUT, "GET", "/#error", server_error(RequestFactory().get("/")))
    recorded_responses.assert_as_before()


def test_the_bytes_of_a_year(recorded_responses: RecordedResponses) -> None:
    """Twelve months with an April that was opened again; the alerts are raised and sent at the end."""
    move_the_clock(YEAR_AT)
    save_year_of_closes()
    nothing_is_news()
    finance = signed_in(_rosa())
    for name in ("scoreboard", "matrix", "calendar", "past_deadline", "wall"):
        for query in ("", "?month=2025-12", "?at=2026-03-04"):
            recorded_responses.get(FINANCE, finance, reverse(name) + query)
    for name in ("export_board_csv", "export_matrix_csv", "export_past_deadline_csv", "export_matrix_xlsx"):
        recorded_responses.get(FINANCE, finance, reverse(name))
    for code in ("NLDT", "FRSA", "UKHC"):
        recorded_responses.get(FINANCE, finance, reverse("entity", args=[code]))
    recorded_responses.get(FINANCE, finance, reverse("matrix") + "?months=24&by=owner")
    move_the_clock(tell())
    for query in ("", "?page=2", "?kind=alert&for=2026-05"):
        recorded_responses.get(FINANCE, finance, reverse("alerts") + query)
    recorded_responses.assert_as_before()


def test_the_bytes_of_the_states(recorded_responses: RecordedResponses) -> None:
    """Every designed state of the board on the screens whose words depend on it."""
    for state in (*STATES, blocked_at_noon):
        with own_story():
            recorded_responses.about = f"{state.__name__} "
            move_the_clock(state())
            nothing_is_news()
            finance = signed_in(_rosa())
            for name in ("scoreboard", "past_deadline", "wall", "export_board_csv"):
                recorded_responses.get(FINANCE, finance, reverse(name))
            if state is blocked_at_noon:
                recorded_responses.get(FINANCE, finance, reverse("entity", args=["NLDT"]))
    recorded_responses.assert_as_before()


def test_the_bytes_of_entities(recorded_responses: RecordedResponses) -> None:
    """The stories of one entity on its page."""
    for story, (code, _) in ENTITY_STORIES.items():
        if story in LONG_AND_ALIKE:
            continue
        with own_story():
            recorded_responses.about = f"{story.__name__} "
            move_the_clock(story())
            finance = signed_in(_rosa())
            recorded_responses.get(FINANCE, finance, reverse("entity", args=[code]))
    recorded_responses.assert_as_before()
