"""The bytes of every address of the site, which a refactoring must not move (docs/testing.md).

Each address has an entry in LOOKS or FORMS, and a new one fails until it has. Each template is rendered by one of
the stories, or stands in WITHOUT_AN_ANSWER with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client, RequestFactory
from django.urls import reverse
from django.views.defaults import server_error

from alerts.arranging import Arranged
from alerts.unsubscribing import token_for
from closing.notices import Kind
from entities.models import Group, Membership, Person, SavedView
from periods.models import Remark
from tests.board import entity_stories
from tests.board.entity_stories import STORIES as ENTITY_STORIES
from tests.board.test_access_matrix import ADDRESSES
from tests.board.year import YEAR_AT, save_a_year
from tests.browser.test_board import STATES
from tests.browser.test_screens import tell
from tests.golden_files import GOLDEN
from tests.guards.answers import (
    FOLDER,
    Answers,
    asking,
    fix_settings,
    move_the_clock,
    own_story,
    signed_in,
    stop_the_clock,
)
from tests.guards.full_story import FULL_AT, FullStory, destination_uid, save_full_story
from tests.make import WORKED_AT

TEMPLATES = Path(settings.BASE_DIR) / "templates"
WITHOUT_AN_ANSWER: dict[str, str] = {}
FINANCE, OWNER, ADMINISTRATOR = "finance", "owner", "administrator"
SUPERUSER, WITHOUT_A_ROLE, SIGNED_OUT = "superuser", "without a role", "signed out"
EVERYBODY = (FINANCE, OWNER, ADMINISTRATOR, WITHOUT_A_ROLE, SIGNED_OUT)
# Each replays twelve months; `over_the_line` and the year show them as well, and LKTX of the full story is stale.
LONG_AND_ALIKE = {
    *(entity_stories.on_watch_without_a_reason, entity_stories.closed_on_time),
    *(entity_stories.stale, entity_stories.not_counted),
}
Arguments = Mapping[str, object] | Callable[[FullStory], Mapping[str, object]]


# --- the table ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """Each of `who` gets an address as it is; the first of them gets it with each of the queries as well."""

    queries: Sequence[str] = ()
    who: Sequence[str] = EVERYBODY
    arguments: Arguments | None = None
    htmx: Sequence[str] = ()  # queries with which htmx asks


@dataclass(frozen=True)
class Form:
    """What the first of `who` sends, and each other one of them as well."""

    data: Mapping[str, Any] | Callable[[FullStory], Mapping[str, Any]]
    who: Sequence[str] = (FINANCE,)
    arguments: Arguments | None = None


QUESTIONS = (
    *(
        "?month=2026-04",
        "?month=2026-06",
        "?at=2026-06-10",
        "?at=2026-06-11T14:30",
        "?month=2026-04&at=2026-05-20",
    ),
    *("?show=late", "?show=outstanding&sort=deadline", "?by=erp", "?by=owner", "?by=none&sort=read"),
    *(
        "?group=EUROPE",
        "?group=NOWHERE",
        "?erp=lowlands-bc",
        "?owner=Sanne+de+Wit",
        "?country=NL",
        "?q=EU+DTC",
    ),
    *("?state=on_hold", "?level=alerting", "?q=nobody", "?month=May", "?at=2026-07-01"),
)
FEW = ("?month=2026-04", "?at=2026-06-10", "?by=erp", "?group=EUROPE", "?show=late", "?q=nobody", "?at=x")
OF_A_FILE = ("?at=2026-06-10", "?by=owner", "?month=2026-04", "?q=nobody")
READERS = (FINANCE, WITHOUT_A_ROLE, SIGNED_OUT)
OF_ENTITY: Arguments = {"code": "NLDT"}
OF_GROUP: Arguments = {"code": "EUROPE"}
OF_PLACE: Arguments = {"uid": destination_uid("slack")}
OF_WEBHOOK: Arguments = {"uid": destination_uid("webhook")}
OF_NOBODY: Arguments = {"uid": destination_uid("nothing")}
OF_MAIL: Arguments = {"key": "20260617-094600-1-1"}


def of_view(story: FullStory) -> Mapping[str, object]:
    return {"view_id": SavedView.objects.get(person=story.finance, name="Late ones").pk}


def of_token(story: FullStory) -> Mapping[str, object]:
    return {"token": token_for(story.finance, [Kind.LATE, Kind.STALE])}


def of_before(story: FullStory) -> Mapping[str, object]:
    return {"token": Arranged().token(story.finance)}


def of_note(**data: str) -> Callable[[FullStory], Mapping[str, Any]]:
    """A form about the standing note of EU DTC BV."""
    return lambda _: (
        {"kind": "note", "replaces": str(Remark.objects.filter(text__contains="IC with").get().pk)} | data
    )


LOOKS: dict[str, Sequence[Look]] = {
    "scoreboard": [
        Look(
            (*QUESTIONS, "?seen=x", "?fold=EUROPE", "?open=UK", "?kiosk"),
            htmx=("", "?show=late", "?at=2026-06-10"),
        )
    ],
    "live": [Look(who=(SIGNED_OUT,))],  # a stream has no end: see tests/board/test_stream.py
    "matrix": [Look((*FEW, "?months=24", "?open=EUROPE", "?months=7"), htmx=("", "?by=owner"))],
    "calendar": [Look(FEW, htmx=("",))],
    "past_deadline": [Look((*FEW, "?page=2"), htmx=("", "?by=erp"))],
    "alerts": [
        Look(
            (*FEW, "?kind=alert", "?kind=stale", "?message=parked", "?for=2026-05", "?page=2", "?kind=x"),
            htmx=("",),
        )
    ],
    "destinations": [Look()],
    "add_destination": [Look(who=(ADMINISTRATOR, FINANCE))],
    "destination": [
        Look(who=(ADMINISTRATOR, OWNER, SIGNED_OUT), arguments=OF_WEBHOOK),
        Look(who=(ADMINISTRATOR,), arguments=OF_NOBODY),
    ],
    "silences": [Look(("?place=entity:UKHC", "?page=2"))],
    "subscriptions": [Look()],
    "unsubscribe": [
        Look(who=(FINANCE, SIGNED_OUT), arguments=of_token),
        Look(who=(SIGNED_OUT,), arguments={"token": "x"}),
    ],
    "alert_rules": [Look()],
    "alert_rules_of": [Look(who=(ADMINISTRATOR, FINANCE, SIGNED_OUT), arguments=OF_GROUP)],
    "sent_mails": [Look(who=(SUPERUSER, FINANCE, SIGNED_OUT))],
    "sent_mail_html": [Look(who=(SUPERUSER, FINANCE, SIGNED_OUT), arguments=OF_MAIL)],
    "entity": [
        Look(
            ("?month=2026-04", "?at=2026-06-10", "?at=2026-06-10&history=all", "?history=all", "?month=x"),
            (FINANCE, ADMINISTRATOR, SUPERUSER, OWNER, SIGNED_OUT),
            OF_ENTITY,
            htmx=("?seen=0", "?seen=x"),
        ),
        *(
            Look(who=(FINANCE,), arguments={"code": code})
            for code in (
                "UKHC",
                "UKRT",
                "USRT",
                "UKWS",
                "IEOP",
                "DEVT",
                "FRSA",
                "ESIB",
                "CALC",
                "LKTX",
                "NOBODY",
            )
        ),
        Look(who=(OWNER,), arguments={"code": "UKHC"}),
    ],
    "deputy": [Look(who=(ADMINISTRATOR, FINANCE, SIGNED_OUT), arguments=OF_ENTITY)],
    "wall": [Look((*FEW, "?screen=2", "?screen=3"), READERS)],
    "export_board_csv": [Look((*FEW, "?show=outstanding&sort=deadline", "?by=owner"), READERS)],
    "export_board_xlsx": [Look(OF_A_FILE, READERS)],
    "export_past_deadline_csv": [Look(FEW, READERS)],
    "export_past_deadline_xlsx": [Look(OF_A_FILE, READERS)],
    "export_matrix_csv": [Look((*FEW, "?months=24"), READERS)],
    "export_matrix_xlsx": [Look(OF_A_FILE, READERS)],
    "start": [Look(who=(*EVERYBODY, SUPERUSER))],
    "saved_views": [Look()],
    "login": [Look(("?next=/matrix/",), (SIGNED_OUT, FINANCE))],
    "livez": [Look(who=(SIGNED_OUT,))],
    "readyz": [Look(who=(SIGNED_OUT,))],
}
SILENCE = {"place": "entity:NLDT", "last_day": "2026-06-18", "reason": "The auditors are in."}
ADDED = {"name": "New", "kind": "teams", "group": "UK", "kinds": ["alert"], "url": "http://127.0.0.1:9/new"}
FORMS: dict[str, Sequence[Form]] = {
    "login": [Form({"username": "rosa.bell@meridian.test", "password": "wrong"}, (SIGNED_OUT,))],
    "logout": [Form({}, (FINANCE, SIGNED_OUT))],
    "trial_message": [Form({}, (ADMINISTRATOR, FINANCE, SIGNED_OUT))],
    "add_destination": [
        Form({**ADDED, "kind": "webhook"}, (ADMINISTRATOR,)),
        Form(ADDED, (ADMINISTRATOR,)),
        Form({"kind": "fax", "url": "ftp://x"}, (ADMINISTRATOR,)),
    ],
    "destination": [
        Form({"name": "Renamed", "group": "UK", "kinds": ["alert"]}, (ADMINISTRATOR,), OF_WEBHOOK),
        Form({"name": "", "group": "UK", "url": "http://169.254.0.1/x"}, (ADMINISTRATOR,), OF_WEBHOOK),
    ],
    "try_destination": [
        Form({}, (OWNER, SIGNED_OUT), OF_PLACE)
    ],  # nobody listens at the address in the story
    "switch_destination": [Form({"on": on}, (ADMINISTRATOR,), OF_PLACE) for on in ("yes", "no")],
    "remove_destination": [Form({}, (ADMINISTRATOR,), OF_PLACE)],
    "rotate_destination": [Form({}, (ADMINISTRATOR,), OF_WEBHOOK), Form({}, (ADMINISTRATOR,), OF_PLACE)],
    "silences": [
        Form(SILENCE, (FINANCE, OWNER)),
        Form({"place": "", "last_day": "", "reason": ""}),
        Form({**SILENCE, "last_day": "soon"}),
        Form({**SILENCE, "last_day": "2026-06-01"}),
        Form({**SILENCE, "reason": ""}),
        Form({**SILENCE, "place": "entity:UKHC"}, (OWNER,)),
    ],
    "lift_silence": [Form({}, arguments={"pk": 1}), Form({}, (OWNER,), {"pk": 1})],
    "silence_again": [Form({}, arguments={"pk": 1}), Form({}, arguments={"pk": 2})],
    "subscriptions": [
        Form({"digest_at": "07:30", "digest_weekday": "1", "kind-late": "weekly"}),
        Form({"digest_at": "x", "digest_weekday": "9", "quiet_from": "20:00", "away_from": "2026-07-09"}),
    ],
    "subscriptions_usual": [Form({})],
    "subscriptions_back": [Form({}, arguments=of_before), Form({}, arguments={"token": "x"})],
    "unsubscribe": [
        Form({}, (SIGNED_OUT,), of_token),
        Form(lambda story: {"undo": Arranged().token(story.finance)}, (SIGNED_OUT,), of_token),
        Form({"undo": "x"}, (SIGNED_OUT,), of_token),
    ],
    "alert_rules_of": [
        Form({"due_soon_days": "3", "step-1-days": "7", "step-1-roles": "owner"}, (ADMINISTRATOR,), OF_GROUP),
        Form(
            {"due_soon_days": "x", "step-1-days": "", "step-1-roles": "owner", "step-2-days": "y"},
            (ADMINISTRATOR,),
            OF_GROUP,
        ),
    ],
    "remark": [
        Form({"kind": "note", "text": "We ask the bank."}, (FINANCE, ADMINISTRATOR, SIGNED_OUT), OF_ENTITY),
        Form({"kind": "note", "text": ""}, arguments=OF_ENTITY),
        Form(of_note(text="Shorter."), arguments=OF_ENTITY),
        Form(of_note(text=""), arguments=OF_ENTITY),
        Form(of_note(withdraw="yes"), arguments=OF_ENTITY),
        Form({"kind": "overdue_reason", "reason": "other", "text": ""}, arguments=OF_ENTITY),
        Form({"kind": "expected_close", "expected_on": "soon", "text": "x"}, arguments=OF_ENTITY),
        Form({"kind": "expected_close", "expected_on": "2026-06-22", "text": "x"}, arguments=OF_ENTITY),
        Form({"kind": "acknowledgement", "text": "I look."}, arguments=OF_ENTITY),
        Form({"kind": "nothing"}, arguments=OF_ENTITY),
        Form({"kind": "note", "text": "x"}, (OWNER,), {"code": "UKHC"}),
    ],
    "deputy": [
        Form({"deputy": "rosa.bell@meridian.test"}, (ADMINISTRATOR,), OF_ENTITY),
        Form({"deputy": "x"}, (ADMINISTRATOR,), OF_ENTITY),
    ],
    "save_view": [
        Form({"name": "New", "screen": "board", "query": "show=stale&month=2026-04", "keep_month": "1"}),
        Form({"name": "Late ones", "screen": "board", "query": "show=stale"}),
        Form({"name": "", "screen": "board", "query": "show=stale"}),
        Form({"name": "x", "screen": "board", "query": "show=x"}),
    ],
    "rename_view": [
        Form({"name": "Other"}, arguments=of_view),
        Form({"name": "Two years"}, arguments=of_view),
        Form({"name": "Other"}, arguments={"view_id": 99}),
    ],
    "delete_view": [Form({}, arguments=of_view)],
    "restore_view": [Form({}, arguments=of_view)],
    "start_with_view": [Form({"start": "yes"}, arguments=of_view), Form({}, arguments=of_view)],
}


def test_every_address_has_an_entry() -> None:
    missing = [
        f"{name} (/{route})" for name, route in ADDRESSES.items() if name not in LOOKS.keys() | FORMS.keys()
    ]
    assert not missing, (
        f"No golden bytes hold {', '.join(missing)}. Add an entry to LOOKS (what a GET brings) or FORMS (what a POST"
        " brings) in tests/guards/test_bytes.py, and run its tests with UPDATE_GOLDEN=1."
    )
    gone = [name for name in (*LOOKS, *FORMS) if name not in ADDRESSES]
    assert not gone, f"There is no address {', '.join(gone)} any more: remove its entry."


def test_every_template_is_rendered() -> None:
    manifests = [path.read_text(encoding="utf-8").splitlines() for path in (GOLDEN / FOLDER).glob("*.txt")]
    rendered = {
        line.removeprefix("template ")
        for lines in manifests
        for line in lines
        if line.startswith("template ")
    }
    there = {path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html")}
    assert sorted(there - rendered - WITHOUT_AN_ANSWER.keys()) == [], "no golden bytes hold these templates"
    assert sorted((rendered | WITHOUT_AN_ANSWER.keys()) - there) == [], "these templates are gone"
    assert sorted(rendered & WITHOUT_AN_ANSWER.keys()) == [], "these need no reason any more"


# --- the stories ----------------------------------------------------------------------------------------------------


@pytest.fixture
def answers(
    request: pytest.FixtureRequest, db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Answers]:
    """The answers of the story after which the test is called; they are compared when the test has ended."""
    fix_settings(monkeypatch)
    stop_the_clock(monkeypatch, WORKED_AT)
    story = request.node.name.removeprefix("test_the_bytes_of_")
    made = Answers(story, tmp_path)
    with own_story(), made.recording_templates():
        yield made


def test_the_bytes_of_the_full_story(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every address, as everybody, with everything that is the matter with somebody."""
    move_the_clock(FULL_AT)
    story = save_full_story()
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
                answers.get(who, browser(who), path)
            for query in look.queries:
                answers.get(look.who[0], browser(look.who[0]), path + query)
            for query in look.htmx:
                answers.get(look.who[0], browser(look.who[0]), path + query, htmx=True)
            if look.htmx and SIGNED_OUT in look.who:
                answers.get(SIGNED_OUT, browser(SIGNED_OUT), path, htmx=True)
    for name, forms in FORMS.items():
        for number, form in enumerate(forms):
            path = reverse(name, kwargs=dict(_of(form.arguments or {}, story)))
            for who in form.who:
                answers.post(who, signed_in(people[who]), path, _of(form.data, story), str(number))
    answers.assert_as_before()


def _of(given: Any, story: FullStory) -> Mapping[str, Any]:
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


def test_the_bytes_of_the_plain_pages(answers: Answers) -> None:
    """The pages of errors, and the login with a message."""
    browser = Client(enforce_csrf_checks=True)
    answers.get(SIGNED_OUT, browser, "/nowhere")
    answers.post("without token", browser, "/logout/", {})
    answers.record(SIGNED_OUT, "GET", "/#wrong-host", browser.get("/", headers={"host": "evil.test"}))
    answers.record(SIGNED_OUT, "GET", "/#error", server_error(RequestFactory().get("/")))
    answers.assert_as_before()


def test_the_bytes_of_a_year(answers: Answers) -> None:
    """Twelve months with an April that was opened again; the alerts are raised and sent at the end."""
    move_the_clock(YEAR_AT)
    group = save_a_year()
    finance = signed_in(_rosa())
    for name in ("scoreboard", "matrix", "calendar", "past_deadline", "wall"):
        for query in ("", "?month=2025-12", "?at=2026-03-04"):
            answers.get(FINANCE, finance, reverse(name) + query)
    for name in ("export_board_csv", "export_matrix_csv", "export_past_deadline_csv", "export_matrix_xlsx"):
        answers.get(FINANCE, finance, reverse(name))
    for code in ("NLDT", "FRSA", "UKHC"):
        answers.get(FINANCE, finance, reverse("entity", args=[code]))
    answers.get(FINANCE, finance, reverse("matrix") + "?months=24&by=owner")
    move_the_clock(tell(group))
    for query in ("", "?page=2", "?kind=alert&for=2026-05"):
        answers.get(FINANCE, finance, reverse("alerts") + query)
    answers.assert_as_before()


def test_the_bytes_of_the_states(answers: Answers) -> None:
    """Every designed state of the board on the screens whose words depend on it."""
    for state in STATES:
        with own_story():
            answers.about = f"{state.__name__} "
            move_the_clock(state())
            finance = signed_in(_rosa())
            for name in ("scoreboard", "past_deadline", "wall", "export_board_csv"):
                answers.get(FINANCE, finance, reverse(name))
    answers.assert_as_before()


def test_the_bytes_of_entities(answers: Answers) -> None:
    """The stories of one entity on its page."""
    for story, (code, _) in ENTITY_STORIES.items():
        if story in LONG_AND_ALIKE:
            continue
        with own_story():
            answers.about = f"{story.__name__} "
            move_the_clock(story())
            finance = signed_in(_rosa())
            answers.get(FINANCE, finance, reverse("entity", args=[code]))
    answers.assert_as_before()
