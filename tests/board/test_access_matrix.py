"""Who may see and do what, for every address of the site: each has an entry below, a new one fails until it has.

The foreign entities are looked for in every byte, and every page must be the same, byte for byte, as in a world that
does not have them: so no count, no filter and no warning tells that there is more than one may see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import unified_diff
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pytest_django.plugin import DjangoDbBlocker

from alerts.mail.unsubscribe_links import unsubscribe_token
from alerts.routing.preferences import NotificationPreferences
from closing.judging.notice_rules import NoticeKind
from tests.board import access_groups
from tests.board.access_groups import (
    ADMINISTRATOR,
    AUDITOR,
    EVERYBODY,
    FINANCE,
    FOREIGN_WORDS,
    NO_ROLE,
    OF_ALL,
    OUTSIDE,
    READING,
    SEES,
    SIGNED_IN,
    SUPERUSER,
    UK_RETAIL_WORDS,
    WHOLE,
    WRITING,
    AccessScenario,
    Answer,
)
from tests.builders import WORKED_EXAMPLE_AT
from tests.scenario_databases import ScenarioDatabases
from tests.worklist.few_close_tasks import some_file, support_uid, task_uid
from tests.worklist.work_reads import FIRST_INVOICE

# Everything is asked before the first test, by one worker.
pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("access")]
LOGIN = 302  # to the login; told apart from other redirects below
ALL_SEEING = (OF_ALL, SUPERUSER)
Statuses = Mapping[str, int]
Data = Mapping[str, str] | Callable[[AccessScenario], Mapping[str, str]]


def everybody(status: int) -> Statuses:
    """All get the same, whether signed in or not."""
    return dict.fromkeys(EVERYBODY, status)


def signed_in(status: int) -> Statuses:
    """All who are signed in get the same; who is not is sent to the login."""
    return dict.fromkeys(SIGNED_IN, status) | dict.fromkeys(OUTSIDE, LOGIN)


def readers(status: int) -> Statuses:
    """All who see the UK's holding company get it; to others it is not there."""
    return {**signed_in(status), NO_ROLE: 404}


def writers(status: int) -> Statuses:
    """Who works on it gets it; who only reads is told so."""
    return {**readers(status), **dict.fromkeys(READING, 403)}


def administrators(status: int) -> Statuses:
    """Who administers the UK gets it; to others it is not there."""
    return {**signed_in(404), **dict.fromkeys((ADMINISTRATOR, SUPERUSER), status)}


def audit_readers(status: int) -> Statuses:
    """Who administers or audits a group gets it; others are refused."""
    return {**signed_in(403), **dict.fromkeys((ADMINISTRATOR, AUDITOR, SUPERUSER), status)}


def senders(status: int) -> Statuses:
    """Who writes on any entity gets it; others are refused."""
    return {**signed_in(403), **dict.fromkeys(WRITING, status)}


def only_superusers(status: int) -> Statuses:
    """Who administers everything gets it; to others it is not there."""
    return {**signed_in(404), SUPERUSER: status}


def only_all_seeing(status: int) -> Statuses:
    """Who sees the whole group gets it; to others it is not there."""
    return {**signed_in(404), **dict.fromkeys(ALL_SEEING, status)}


# --- the table ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """The arguments of an address for something of one's own, for something foreign, and for what does not exist."""

    own: Callable[[AccessScenario, str], Mapping[str, object]]
    foreign: Callable[[AccessScenario, str], Mapping[str, object]]
    unknown: Mapping[str, object]


AN_ENTITY = Place(lambda _, __: {"code": "UKHC"}, lambda _, __: {"code": "NLDT"}, {"code": "NOBODY"})
SOME_MOMENT = "2026-06-12T11:00:00+00:00"
OF_FIRST_INVOICE = {name: FIRST_INVOICE[name] for name in ("month", "fact")}
A_MOMENT = Place(
    lambda _, __: {"code": "UKHC", "moment": SOME_MOMENT},
    lambda _, __: {"code": "NLDT", "moment": SOME_MOMENT},
    {"code": "NOBODY", "moment": SOME_MOMENT},
)
A_MAIL = Place(
    lambda _, __: {"key": "20260612-120000-1-1"}, lambda _, __: {"key": "20260612-120000-2-1"}, {"key": "x"}
)
A_GROUP = Place(lambda _, __: {"code": "UK"}, lambda _, __: {"code": "EUROPE"}, {"code": "NOBODY"})
A_PLACE = Place(
    lambda _, __: {"uid": access_groups.place_of("UK")},
    lambda _, __: {"uid": access_groups.place_of("EUROPE")},
    {"uid": access_groups.place_of("NOBODY")},
)
A_TASK = Place(
    lambda _, __: {"uid": task_uid("UKHC", "lease")},
    lambda _, __: {"uid": task_uid("NLDT", "lease")},
    {"uid": task_uid("NOBODY", "lease")},
)
A_SUPPORT = Place(
    lambda _, __: {"uid": support_uid("UKHC")},
    lambda _, __: {"uid": support_uid("NLDT")},
    {"uid": support_uid("NOBODY")},
)
A_FILE = Place(
    lambda _, who: {"uid": access_groups.upload_uid(who)},
    lambda _, who: {"uid": access_groups.upload_uid(SUPERUSER if who != SUPERUSER else NO_ROLE)},
    {"uid": access_groups.place_of("NOBODY")},
)
A_TEMPLATE = Place(
    lambda _, __: {"code": "MERIDIAN", "kind": "month"},
    lambda _, __: {"code": "EUROPE", "kind": "month"},
    {"code": "NOBODY", "kind": "month"},
)
A_DRAFT = Place(
    lambda _, __: {"code": "MERIDIAN", "kind": "month", "moment": WORKED_EXAMPLE_AT.isoformat()},
    lambda _, __: {"code": "EUROPE", "kind": "month", "moment": WORKED_EXAMPLE_AT.isoformat()},
    {"code": "NOBODY", "kind": "month", "moment": "x"},
)
A_DRAFT_TASK = Place(
    lambda _, __: {"code": "MERIDIAN", "kind": "month", "task": "lease"},
    lambda _, __: {"code": "EUROPE", "kind": "month", "task": "lease"},
    {"code": "NOBODY", "kind": "month", "task": "lease"},
)
AN_ABSENCE = Place(lambda _, __: {"pk": 1}, lambda _, __: {"pk": 2}, {"pk": 10**12})
A_SILENCE = Place(lambda _, __: {"pk": 1}, lambda _, __: {"pk": 2}, {"pk": 10**12})
SILENCED = {"last_day": "2026-06-18", "reason": "the auditors are in"}
BEFORE = Place(
    lambda world, who: {
        "token": NotificationPreferences().token(world.people.get(who, world.people[NO_ROLE]))
    },
    lambda world, who: {
        "token": NotificationPreferences().token(world.people[SUPERUSER if who != SUPERUSER else NO_ROLE])
    },
    {"token": "x"},
)
FROM_A_MAIL = Place(
    lambda world, _: {"token": unsubscribe_token(world.people[access_groups.CURIOUS], [NoticeKind.LATE])},
    lambda world, _: {
        "token": unsubscribe_token(world.people[access_groups.SWITCHED_OFF], [NoticeKind.LATE])
    },
    {"token": "x"},
)
MADE_AT_RANDOM = frozenset({"rotate_destination"})
WITHOUT_A_TOKEN = frozenset({"unsubscribe"})  # mail programs send it, and its address is signed
A_VIEW = Place(
    lambda world, who: {"view_id": world.view_of(who).pk},
    lambda world, who: {"view_id": world.view_of(SUPERUSER if who != SUPERUSER else NO_ROLE).pk},
    {"view_id": 10**12},
)


@dataclass(frozen=True)
class Entry:
    """What an address answers to whom.

    `expected` is for `place.own`, `expected_foreign` for `place.foreign` and `place.unknown`. `queries` are asked one
    by one; `bad` ones get 400. A POST sends `data`; `bad_data` is refused to everybody.
    """

    expected: Statuses
    method: str = "GET"
    place: Place | None = None
    expected_foreign: Statuses = field(default_factory=dict)
    queries: Sequence[str] = ("",)
    bad: Sequence[str] = ()
    data: Data = field(default_factory=dict)
    bad_data: Sequence[Data] = ()
    screen: bool = False  # asked by htmx as well


# Every way to ask for a screen, also for what is foreign or not at all.
QUESTIONS = (
    "",
    "?month=2026-04",
    "?month=2026-06",
    "?at=2026-06-10",
    "?at=2026-06-11T14:30",
    "?show=late",
    "?show=outstanding&sort=deadline",
    "?by=erp",
    "?by=owner",
    "?by=none&sort=read",
    "?group=UK",
    "?group=EUROPE",
    "?group=NOWHERE",
    "?erp=lowlands-bc",
    "?owner=Sanne+de+Wit",
    "?country=NL",
    "?q=EU+DTC",
    "?state=on_hold",
    "?level=alerting",
)
# What the quick suite leaves to the slow one: others that it asks filter the same way.
ALIKE = {
    *("?month=2026-06", "?at=2026-06-11T14:30", "?show=late", "?by=erp", "?by=owner", "?by=none&sort=read"),
    *("?group=NOWHERE", "?owner=Sanne+de+Wit", "?country=NL", "?state=on_hold", "?level=alerting"),
}
WORKBOOKS = ("", "?at=2026-06-10", "?by=erp", "?group=EUROPE")  # the rows are those of the CSV
BAD = ("?month=May", "?at=9999-01-01", "?at=x", "?show=x", "?by=x")


def screen(*more: str, bad: Sequence[str] = ()) -> list[Entry]:
    """A screen that understands the questions of the board, and more of its own."""
    return [Entry(signed_in(200), queries=(*QUESTIONS, *more), bad=(*BAD, *bad), screen=True)]


def export(queries: Sequence[str] = QUESTIONS) -> list[Entry]:
    """A file of what a screen shows, for the same questions."""
    return [Entry(signed_in(200), queries=queries, bad=BAD[:1])]


def of_a_view(**data: str) -> list[Entry]:
    """A form about one of one's own views."""
    return [
        Entry(signed_in(303), method="POST", place=A_VIEW, expected_foreign=signed_in(404), data=data),
    ]


def of_a_place(status: int, **data: str) -> list[Entry]:
    """A form about a destination of a group that somebody administers."""
    return [
        Entry(
            administrators(status),
            method="POST",
            place=A_PLACE,
            expected_foreign=only_superusers(status),
            data=data,
        ),
    ]


TABLE: dict[str, Sequence[Entry]] = {
    "scoreboard": [
        *screen("?seen=x"),
        Entry(signed_in(302), queries=("?fold=EUROPE", "?fold=UK", "?kiosk")),
    ],
    "matrix": screen("?months=24", "?open=EUROPE", bad=["?months=7"]),
    "calendar": screen(),
    "past_deadline": screen("?page=2"),
    "alerts": screen(
        "?kind=alert", "?message=parked", "?for=2026-05", "?page=2", bad=["?kind=x", "?message=x", "?for=May"]
    ),
    "trial_message": [
        Entry({**signed_in(403), **dict.fromkeys((ADMINISTRATOR, SUPERUSER), 303)}, method="POST")
    ],
    "subscriptions": [
        Entry(signed_in(200)),
        Entry(
            signed_in(303),
            method="POST",
            data={"digest_at": "07:30", "digest_weekday": "1", "kind-late": "weekly"},
            bad_data=[
                {},
                {"digest_at": "x", "digest_weekday": "0"},
                {"digest_at": "08:00", "digest_weekday": "0", "kind-late": "at_once"},
                {"digest_at": "08:00", "digest_weekday": "0", "calendar": "NL"},
            ],
        ),
    ],
    "subscriptions_usual": [Entry(signed_in(303), method="POST")],
    "subscriptions_back": [
        Entry(signed_in(303), method="POST", place=BEFORE, expected_foreign=signed_in(404)),
    ],
    "unsubscribe": [
        Entry(everybody(200), place=FROM_A_MAIL, expected_foreign=everybody(404)),
        Entry(everybody(200), method="POST", place=FROM_A_MAIL, expected_foreign=everybody(404)),
    ],
    "alert_rules": [Entry(administrators(200))],
    "alert_rules_of": [
        Entry(administrators(200), place=A_GROUP, expected_foreign=only_superusers(200)),
        Entry(
            administrators(303),
            method="POST",
            place=A_GROUP,
            expected_foreign=only_superusers(303),
            data={"due_soon_days": "3", "step-1-days": "7", "step-1-roles": "owner"},
        ),
    ],
    "destinations": [Entry(administrators(200))],
    "add_destination": [
        Entry(administrators(200)),
        Entry(
            administrators(303),
            method="POST",
            data={
                "name": "Close",
                "kind": "slack",
                "group": "UK",
                "kinds": "alert",
                "url": "http://127.0.0.1:9/services/T/B/x",
            },
        ),
    ],
    "destination": [
        Entry(administrators(200), place=A_PLACE, expected_foreign=only_superusers(200)),
        Entry(
            administrators(303),
            method="POST",
            place=A_PLACE,
            expected_foreign=only_superusers(303),
            data=lambda world: {"name": "Close", "group": "UK", "kinds": "alert"},
        ),
    ],
    "try_destination": of_a_place(303),
    "switch_destination": of_a_place(303, on="no"),
    "rotate_destination": of_a_place(200),
    "remove_destination": of_a_place(303),
    "silences": [
        Entry(signed_in(200), queries=("", "?place=entity:UKHC", "?page=2")),
        Entry(writers(303), method="POST", data={**SILENCED, "place": "entity:UKHC"}),
        Entry(only_all_seeing(303), method="POST", data={**SILENCED, "place": "entity:NLDT"}),
    ],
    "lift_silence": [
        Entry(writers(303), method="POST", place=A_SILENCE, expected_foreign=only_all_seeing(303))
    ],
    "silence_again": [
        Entry(writers(303), method="POST", place=A_SILENCE, expected_foreign=only_all_seeing(303))
    ],
    "deputy": [
        Entry(administrators(200), place=AN_ENTITY, expected_foreign=only_superusers(200)),
        Entry(administrators(303), method="POST", place=AN_ENTITY, expected_foreign=only_superusers(303)),
    ],
    "profile": [
        Entry(administrators(200), place=AN_ENTITY, expected_foreign=only_superusers(200)),
        Entry(
            administrators(303),
            method="POST",
            place=AN_ENTITY,
            expected_foreign=only_superusers(303),
            data={"role": "holding", "feature": "vat"},
            bad_data=[{}, {"role": "emperor"}],
        ),
    ],
    "undo_profile": [
        Entry(administrators(303), method="POST", place=A_MOMENT, expected_foreign=only_superusers(303))
    ],
    "carried": [
        Entry(
            writers(200),
            place=AN_ENTITY,
            expected_foreign=only_all_seeing(200),
            queries=(f"?{urlencode(OF_FIRST_INVOICE)}", ""),
            bad=BAD[:1],
        ),
        Entry(
            writers(303),
            method="POST",
            place=AN_ENTITY,
            expected_foreign=only_all_seeing(303),
            data=FIRST_INVOICE,
            bad_data=[
                {},
                {**FIRST_INVOICE, "month": "May"},
                {**FIRST_INVOICE, "item": "1|11|V-1"},
                {**FIRST_INVOICE, "fact": "intercompany_imbalance|NLDT/UKHC|EUR|"},
            ],
        ),
    ],
    "end_carried": [
        Entry(
            writers(303),
            method="POST",
            place=AN_ENTITY,
            expected_foreign=only_all_seeing(303),
            data={**OF_FIRST_INVOICE, "item": "V-1"},
            bad_data=[{}, {**OF_FIRST_INVOICE, "month": "May", "item": "V-1"}],
        )
    ],
    "undo_carried": [
        Entry(writers(303), method="POST", place=A_MOMENT, expected_foreign=only_all_seeing(303))
    ],
    "read_again": [
        Entry(writers(303), method="POST", place=AN_ENTITY, expected_foreign=only_all_seeing(303))
    ],
    "audit": [Entry(audit_readers(200))],
    "export_audit_csv": [Entry(audit_readers(200), method="POST")],
    "sent_mails": [Entry(signed_in(404))],  # mails are written to a folder in demos and trials only
    "sent_mail_html": [
        Entry(signed_in(404), place=A_MAIL, expected_foreign=signed_in(404)),
    ],
    "tasks": [
        Entry(
            signed_in(200),
            queries=(
                *("", "?which=overdue", "?which=blocked", "?entity=NLDT", "?area=GL&which=mine"),
                *("?q=EU+DTC", "?at=2026-06-10", "?at=2026-06-10&which=today"),
            ),
            bad=(*BAD[:2], "?which=x"),
            screen=True,
        )
    ],
    "my_tasks": [
        Entry(signed_in(200), queries=("", "?at=2026-06-10"), bad=BAD[:2], screen=True),
        Entry(signed_in(303), method="POST", bad_data=[{"task": str(task_uid("NLDT", "lease"))}]),
    ],
    "task_templates": [Entry(signed_in(200))],
    "entity_tasks": [
        Entry(
            readers(200),
            place=AN_ENTITY,
            expected_foreign=only_all_seeing(200),
            queries=("", "?at=2026-06-10"),
            screen=True,
        )
    ],
    "task": [
        Entry(
            readers(200),
            place=A_TASK,
            expected_foreign=only_all_seeing(200),
            queries=("", "?at=2026-06-10"),
            screen=True,
        )
    ],
    "task_template": [
        Entry(
            only_all_seeing(200),
            place=A_TEMPLATE,
            expected_foreign=signed_in(404),
            queries=("", "?month=2026-06", "?entity=UKHC"),
        )
    ],
    "template_export": [
        Entry(
            only_all_seeing(200), place=A_TEMPLATE, expected_foreign=signed_in(404), queries=("", "?as=xlsx")
        )
    ],
    "template_import": [
        Entry(only_superusers(200), place=A_TEMPLATE, expected_foreign=signed_in(404)),
        Entry(only_superusers(422), method="POST", place=A_TEMPLATE, expected_foreign=signed_in(404)),
    ],
    "template_draft": [
        Entry(only_superusers(200), place=A_TEMPLATE, expected_foreign=signed_in(404)),
        Entry(only_superusers(303), method="POST", place=A_TEMPLATE, expected_foreign=signed_in(404)),
    ],
    "restore_draft": [  # there is none: tests/board/tasks/test_template_pages.py
        Entry(signed_in(404), method="POST", place=A_DRAFT, expected_foreign=signed_in(404))
    ],
    "add_draft_task": [
        Entry(only_superusers(200), place=A_TEMPLATE, expected_foreign=signed_in(404)),
        Entry(only_superusers(409), method="POST", place=A_TEMPLATE, expected_foreign=signed_in(404)),
    ],
    "draft_task": [Entry(only_superusers(200), place=A_DRAFT_TASK, expected_foreign=signed_in(404))],
    "adopt_tasks": [
        Entry(administrators(200)),
        Entry(
            administrators(303),
            method="POST",
            data={
                "group": "UK",
                "source": "standard",
                "calendar": "GB",
                "zone": "Europe/London",
                "first_is": "1",
                "from_month": "2026-06",
                "adopt": "yes",
            },
            bad_data=[{"group": "EUROPE"}],
        ),
    ],
    "task_roles": [
        Entry(signed_in(200), queries=("", "?role=x&where=entity:NLDT")),
        Entry(
            administrators(303),
            method="POST",
            data={"role": "Treasurer", "where": "entity:UKHC", "person": "finance.of.the.uk@meridian.test"},
            bad_data=[{"role": "Treasurer", "where": "entity:NLDT"}],
        ),
    ],
    "task_absences": [
        Entry(signed_in(200)),
        Entry(
            {**signed_in(422), **dict.fromkeys((FINANCE, ADMINISTRATOR, SUPERUSER), 303)},
            method="POST",
            data={
                "person": "finance.of.the.uk@meridian.test",
                "deputy": "administrator.of.the.uk@meridian.test",
                "first_day": "2026-06-22",
                "last_day": "2026-06-26",
            },
            bad_data=[{"person": "finance.of.the.group@meridian.test"}],
        ),
    ],
    "end_absence": [
        Entry(
            {**signed_in(404), **dict.fromkeys((FINANCE, ADMINISTRATOR, SUPERUSER), 303)},
            method="POST",
            place=AN_ABSENCE,
            expected_foreign=only_all_seeing(303),
        )
    ],
    "task_handover": [
        Entry(administrators(200), queries=("", "?person=finance.of.the.group@meridian.test")),
        Entry(administrators(422), method="POST", data={"successor": "x"}),
    ],
    "task_act": [
        Entry(
            {**readers(422), FINANCE: 303},
            method="POST",
            place=A_TASK,
            expected_foreign=only_all_seeing(422),
            data={"act": "do"},
            bad_data=[{"act": "x"}],
        )
    ],
    "task_owner": [
        Entry(
            {**writers(303), **dict.fromkeys((*READING, FINANCE), 422)},
            method="POST",
            place=A_TASK,
            expected_foreign=only_all_seeing(303),
            bad_data=[{"owner": "9" * 30}],
        )
    ],
    "task_comment": [
        Entry(
            writers(303),
            method="POST",
            place=A_TASK,
            expected_foreign=only_all_seeing(303),
            data={"text": "two are left"},
        )
    ],
    "task_support": [
        Entry(
            writers(303),
            method="POST",
            place=A_TASK,
            expected_foreign=only_all_seeing(303),
            data={"url": "https://localhost/list"},
        )
    ],
    "task_file": [
        Entry(
            writers(303),
            method="POST",
            place=A_TASK,
            expected_foreign=only_all_seeing(303),
            data=lambda _: {"file": some_file()},  # type: ignore[dict-item]
            bad_data=[{}, {"file": "no file"}],
        )
    ],
    "support_file": [Entry(readers(200), place=A_SUPPORT, expected_foreign=only_all_seeing(200))],
    "withdraw_support": [
        Entry(
            {**writers(422), **dict.fromkeys((FINANCE, ADMINISTRATOR, SUPERUSER), 303)},
            method="POST",
            place=A_SUPPORT,
            expected_foreign={**only_all_seeing(422), SUPERUSER: 303},
        )
    ],
    "restore_support": [
        Entry(writers(422), method="POST", place=A_SUPPORT, expected_foreign=only_all_seeing(422))
    ],
    "task_reopening": [
        Entry(writers(200), place=AN_ENTITY, expected_foreign=only_all_seeing(200), bad=BAD[:1]),
        Entry(
            writers(422),
            method="POST",
            place=AN_ENTITY,
            expected_foreign=only_all_seeing(422),
            data={"reason": "error", "words": "freight was booked twice"},
            bad_data=[{"reason": "x"}],
        ),
    ],
    "work_upload": [
        Entry(senders(200)),
        Entry(senders(422), method="POST", bad_data=[{"file": "text"}]),
    ],
    "work_template": [Entry(senders(200))],
    "work_template_csv": [
        Entry(senders(200), queries=("", "?sheet=inventory-runs", "?sheet=intercompany-positions"))
    ],
    "work_upload_plan": [
        Entry(signed_in(200), place=A_FILE, expected_foreign=signed_in(404)),
        Entry(
            {**signed_in(422), **dict.fromkeys(WRITING, 303)},
            method="POST",
            place=A_FILE,
            expected_foreign=signed_in(404),
            data={"save": "all"},
            bad_data=[{"save": "x"}, {}],
        ),
    ],
    "wall": [Entry(signed_in(200), queries=(*QUESTIONS, "?screen=2"), bad=BAD)],
    "export_matrix_csv": export(),
    "export_matrix_xlsx": export(WORKBOOKS),
    "export_board_csv": export(),
    "export_board_xlsx": export(WORKBOOKS),
    "export_past_deadline_csv": export(),
    "export_past_deadline_xlsx": export(WORKBOOKS),
    "entity": [
        Entry(
            readers(200),
            place=AN_ENTITY,
            expected_foreign=only_all_seeing(200),
            queries=("", "?month=2026-04", "?month=2026-06", "?at=2026-06-10", "?history=all"),
            bad=BAD,
        )
    ],
    "remark": [
        Entry(
            writers(303),
            method="POST",
            place=AN_ENTITY,
            expected_foreign=only_all_seeing(303),
            data={"kind": "note", "text": "asked the bank", "month": "2026-05"},
            bad_data=[
                {"kind": "note", "text": "asked the bank", "month": "May"},
                {"kind": "note", "text": ""},
                {"kind": "x"},
                {"kind": "note", "text": "x", "replaces": "9" * 30},
                lambda world: {"kind": "note", "text": "mine now", "replaces": str(world.foreign_note)},
                lambda world: {"kind": "note", "withdraw": "yes", "replaces": str(world.foreign_note)},
            ],
        )
    ],
    "start": [Entry(signed_in(302))],
    "saved_views": [Entry(signed_in(200))],
    "save_view": [
        Entry(
            signed_in(303),
            method="POST",
            data={"name": "new", "screen": "board", "query": "show=stale"},
            bad_data=[
                {},
                {"name": "", "screen": "board", "query": ""},
                {"name": "x", "screen": "setup", "query": ""},
                {"name": "x", "screen": "board", "query": "show=x"},
            ],
        )
    ],
    "rename_view": of_a_view(name="other"),
    "delete_view": of_a_view(),
    "restore_view": of_a_view(),
    "start_with_view": of_a_view(start="yes"),
    "login": [
        Entry(dict.fromkeys(SIGNED_IN, 302) | dict.fromkeys(OUTSIDE, 200)),
        Entry(
            dict.fromkeys(SIGNED_IN, 302) | dict.fromkeys(OUTSIDE, 200),
            method="POST",
            data={"username": "nobody@meridian.test", "password": "wrong"},
        ),
    ],
    "logout": [Entry(everybody(302), method="POST")],
    "livez": [Entry(everybody(200))],
    "readyz": [Entry(everybody(200))],
}
# Streams never end by themselves: only what they answer at first is looked at (test_access_changes).
STREAMS: dict[str, Statuses] = {
    "live": dict.fromkeys(SIGNED_IN, 200) | dict.fromkeys(OUTSIDE, 401),
}


# --- every address has an entry -------------------------------------------------------------------------------------


def addresses(patterns: Iterable[URLPattern | URLResolver], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(name, route) of every pattern; the route is the name of one that has none."""
    for each in patterns:
        route = f"{prefix}{each.pattern}"
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, route)
        else:
            yield each.name or route, route


ADDRESSES = dict(addresses(get_resolver().url_patterns))


def test_every_address_has_an_entry() -> None:
    missing = [
        f"{name} (/{route})" for name, route in ADDRESSES.items() if name not in TABLE.keys() | STREAMS
    ]
    assert not missing, (
        f"No test says who may see and do what at {', '.join(missing)}. Add an entry to TABLE in"
        " tests/board/test_access_matrix.py: its name, the statuses that each kind of person gets for what is their"
        " own and for what is foreign, its arguments and queries, and what a POST sends. A stream goes into STREAMS."
    )
    gone = [name for name in (*TABLE, *STREAMS) if name not in ADDRESSES]
    assert not gone, f"There is no address {', '.join(gone)} any more: take its entry away."


def test_every_entry_says_what_everybody_gets() -> None:
    for name, entries in TABLE.items():
        assert entries, name
        for entry in entries:
            assert set(entry.expected) == set(EVERYBODY), name
            assert set(entry.expected_foreign) == (set(EVERYBODY) if entry.place else set()), name


# --- asking everything once -----------------------------------------------------------------------------------------

OWN, FOREIGN_ONE, UNKNOWN = "own", "foreign", "unknown"
HTMX, BAD_ASKED, NO_TOKEN, BAD_SENT, LOOKED_AT = "htmx", "bad", "no token", "bad data", "looked at"


@dataclass(frozen=True)
class Asked:
    """One request of one person: where, in which entry of which address, about what, and how."""

    world: str
    name: str
    number: int
    who: str
    side: str
    query: str = ""
    how: str = ""


@dataclass(frozen=True)
class Scope:
    """Who asks, and with which queries: the quick suite takes the telling ones, the slow one all of everybody."""

    people: Sequence[str]
    every_query: bool

    def queries(self, entry: Entry, who: str) -> Sequence[str]:
        if who != access_groups.CURIOUS:
            return entry.queries[:1]
        return [query for query in entry.queries if self.every_query or query not in ALIKE]


# It stays beside the table of addresses, which its parameters are made from.
@pytest.fixture(
    scope="module",
    params=[
        pytest.param(Scope(access_groups.ONE_OF_A_KIND, every_query=False), id="one of a kind"),
        pytest.param(Scope(EVERYBODY, every_query=True), id="everybody", marks=pytest.mark.slow),
    ],
)
def answers(
    request: pytest.FixtureRequest,
    migrated_database: str,
    stories: ScenarioDatabases,
    django_db_blocker: DjangoDbBlocker,
) -> dict[Asked, Answer]:
    """What these people get at every address, in every world."""
    found: dict[Asked, Answer] = {}
    with django_db_blocker.unblock():
        for name in (access_groups.ALONE, access_groups.UK, WHOLE):
            with access_groups.world(name, stories) as world:
                for who in request.param.people:
                    if name in {WHOLE, SEES.get(who)}:
                        found |= dict(everything(world, who, request.param))
    return found


def everything(world: AccessScenario, who: str, scope: Scope) -> Iterator[tuple[Asked, Answer]]:
    """All requests of one person; a POST is sent from a browser of its own, as each leaves a message."""
    world.sign_in(who)
    browser = world.client(who)
    for name, entries in TABLE.items():
        for number, entry in enumerate(entries):
            for side, arguments in sides(world, who, entry):
                path = reverse(name, kwargs=dict(arguments))
                for how, query, answer in requests(world, who, browser, entry, path, side, scope):
                    yield Asked(world.name, name, number, who, side, query, how), answer


def sides(world: AccessScenario, who: str, entry: Entry) -> Iterator[tuple[str, Mapping[str, object]]]:
    if entry.place is None:
        yield OWN, {}
        return
    yield OWN, entry.place.own(world, who)
    if world.name == WHOLE:
        yield FOREIGN_ONE, entry.place.foreign(world, who)
        yield UNKNOWN, entry.place.unknown


def requests(
    world: AccessScenario, who: str, browser: Client, entry: Entry, path: str, side: str, scope: Scope
) -> Iterator[tuple[str, str, Answer]]:
    curious = who == access_groups.CURIOUS
    if entry.method == "GET":
        for number, query in enumerate(scope.queries(entry, who)):
            yield "", query, access_groups.look(browser, path + query)
            if entry.screen and number % 5 == 0:
                yield HTMX, query, access_groups.look(browser, path + query, htmx=True)
        for query in entry.bad if curious and side == OWN else ():
            yield BAD_ASKED, query, access_groups.look(browser, path + query)
        return
    data = told(entry.data, world)
    yield "", "", access_groups.send(world.client(who, careful=True), path, data, token=True)
    if side != OWN:
        return
    yield NO_TOKEN, "", access_groups.send(world.client(who, careful=True), path, data, token=False)
    yield LOOKED_AT, "", access_groups.look(browser, path)
    for number, bad in enumerate(entry.bad_data if curious and world.name == WHOLE else ()):
        query = f"#{number}"
        yield (
            BAD_SENT,
            query,
            access_groups.send(world.client(who, careful=True), path, told(bad, world), token=True),
        )


def told(data: Data, world: AccessScenario) -> Mapping[str, str]:
    return data(world) if callable(data) else data


def of(answers: Mapping[Asked, Answer], name: str) -> list[tuple[Asked, Answer]]:
    found = [(asked, answer) for asked, answer in answers.items() if asked.name == name]
    assert found
    return found


NAMES = sorted(TABLE)


# --- what must hold -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_everybody_gets_what_the_table_says(answers: dict[Asked, Answer], name: str) -> None:
    wrong = []
    for asked, answer in of(answers, name):
        for problem in problems(asked, answer):
            wrong.append(f"{asked}: {problem}")
    assert not wrong, "\n".join(wrong)


def problems(asked: Asked, answer: Answer) -> Iterator[str]:
    entries = TABLE[asked.name]
    entry, outside = entries[asked.number], asked.who in OUTSIDE
    expected = (entry.expected if asked.side == OWN else entry.expected_foreign)[asked.who]
    if asked.side == UNKNOWN and asked.who not in OUTSIDE:
        expected = 404
    match asked.how:
        case "no token":
            expected = expected if asked.name in WITHOUT_A_TOKEN else 403
        case "looked at":
            if answer.to_login and outside:
                return  # who is not signed in is not even told that this takes a form
            expected = answer.status if any(each.method == "GET" for each in entries) else 405
        case "bad":
            expected = 400
        case "bad data":
            if not 400 <= answer.status < 500:
                yield f"{answer.status} instead of a refusal"
            return
        case "htmx" if outside and expected == LOGIN:
            expected = 200
            if not answer.headers.get("HX-Redirect", "").startswith("/login/"):
                yield "no way to the login"
    if answer.status != expected:
        yield f"{answer.status} instead of {expected}"
    if outside and expected == LOGIN and asked.name != "logout" and not answer.to_login:
        yield f"to {answer.headers.get('Location')} instead of the login"


@pytest.mark.parametrize("name", NAMES)
def test_looking_writes_nothing_and_what_is_refused_neither(answers: dict[Asked, Answer], name: str) -> None:
    wrong = []
    for asked, answer in of(answers, name):
        looked = TABLE[name][asked.number].method == "GET" or asked.how == LOOKED_AT
        if looked or answer.status >= 400 or (asked.who in OUTSIDE and answer.to_login):
            # who is switched off has a session left, which ends when it is shown to us with a form
            wrote = [each for each in answer.wrote if looked or "django_session" not in each]
            wrong += [f"{asked}: {each}" for each in wrote]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_foreign_looks_as_if_it_did_not_exist(answers: dict[Asked, Answer], name: str) -> None:
    differing = []
    for asked, answer in of(answers, name):
        if asked.side == FOREIGN_ONE and answer.status == 404:
            unknown = answers[replace(asked, side=UNKNOWN)]
            if (answer.headers, answer.body) != (unknown.headers, unknown.body):
                differing.append(f"{asked}:\n{difference(unknown, answer)}")
    assert not differing, "\n".join(differing[:5])


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_told_of_what_is_foreign(answers: dict[Asked, Answer], name: str) -> None:
    told = []
    for asked, answer in of(answers, name):
        if asked.world != WHOLE or asked.who in ALL_SEEING:
            continue
        if (asked.query and asked.how != BAD_SENT) or (asked.side == FOREIGN_ONE and answer.to_login):
            continue  # an answer may repeat what it was asked; that it knows no more, the next test says
        everywhere = f"{answer.headers}\n{answer.body}"
        told += [
            f"{asked}: {word} in …{around(everywhere, word)}…"
            for word in foreign_to(asked.who)
            if word in everywhere
        ]
    assert not told, "\n".join(told)


def foreign_to(who: str) -> tuple[str, ...]:
    return FOREIGN_WORDS if SEES.get(who) == access_groups.UK else (*FOREIGN_WORDS, *UK_RETAIL_WORDS)


def around(text: str, word: str) -> str:
    at = text.index(word)
    return text[max(0, at - 80) : at + 80]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_the_same_as_if_nothing_foreign_existed(answers: dict[Asked, Answer], name: str) -> None:
    differing = []
    for asked, answer in of(answers, name):
        made = TABLE[name][asked.number].method == "POST" and (answer.status == 303 or name in MADE_AT_RANDOM)
        if asked.world == WHOLE or asked.who in ALL_SEEING or made:
            continue  # what is made gets the next id of all
        whole = answers[Asked(WHOLE, asked.name, asked.number, asked.who, asked.side, asked.query, asked.how)]
        if (answer.status, answer.headers, answer.body) != (whole.status, whole.headers, whole.body):
            differing.append(f"{asked}:\n{difference(answer, whole)}")
    assert not differing, "\n".join(differing[:5])


def difference(alone: Answer, whole: Answer) -> str:
    def lines(answer: Answer) -> list[str]:
        return [str(answer.status), *map(str, sorted(answer.headers.items())), *answer.body.splitlines()]

    changed = unified_diff(lines(alone), lines(whole), "without the foreign", "with them", n=0, lineterm="")
    return "\n".join(line[:400] for line in changed)


@pytest.mark.parametrize("name", NAMES)
def test_no_page_can_be_framed_or_kept(answers: dict[Asked, Answer], name: str) -> None:
    wrong = []
    for asked, answer in of(answers, name):
        if answer.headers.get("X-Frame-Options") != "DENY":
            wrong.append(f"{asked}: X-Frame-Options")
        if "frame-ancestors 'none'" not in answer.headers.get("Content-Security-Policy", ""):
            wrong.append(f"{asked}: frame-ancestors")
        kept = "no-store" not in answer.headers.get("Cache-Control", "")
        if kept and answer.status == 200 and asked.who in SIGNED_IN:
            wrong.append(f"{asked}: Cache-Control {answer.headers.get('Cache-Control')}")
    assert not wrong, "\n".join(wrong)
