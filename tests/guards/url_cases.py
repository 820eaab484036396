"""The requests to each address of the site, by person: BOARD_LOOKS are GETs, BOARD_FORMS forms (test_bytes)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from alerts.mail.unsubscribe_links import unsubscribe_token
from alerts.models import Silence
from alerts.routing.preferences import NotificationPreferences
from alerts.routing.silences import lift_silence
from closing.blockers.blocker_facts import FactId
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.entity_profile import EntityProfile
from closing.judging.notice_rules import NoticeKind
from entities.models import Group, LegalEntity, SavedView
from entities.view_store import delete_view
from periods.models import Remark
from tests.db_builders import PASSWORD
from tests.guards.full_scenario import FULL_AT, FullScenario, destination_uid, file_uid
from tests.worklist.few_close_tasks import save_few_tasks, save_support, some_file, support_uid, task_uid
from tests.worklist.work_reads import FIRST_INVOICE, begin_work, may_of, record_facts, two_invoices
from worklist.models import CloseTask
from worklist.recording.carried_items import FactInForce, carry_on_purpose
from worklist.recording.profiles import set_profile
from worklist.task_store.support_store import change_support

FINANCE, OWNER, ADMINISTRATOR = "finance", "owner", "administrator"
SUPERUSER, WITHOUT_A_ROLE, SIGNED_OUT = "superuser", "without a role", "signed out"
EVERYBODY = (FINANCE, OWNER, ADMINISTRATOR, WITHOUT_A_ROLE, SIGNED_OUT)
Arguments = Mapping[str, object] | Callable[[FullScenario], Mapping[str, object]]


@dataclass(frozen=True)
class Look:
    """Each of `who` requests the address as it is; the first of them also with each of the queries."""

    queries: Sequence[str] = ()
    who: Sequence[str] = EVERYBODY
    arguments: Arguments | None = None
    htmx: Sequence[str] = ()  # queries with which htmx asks


@dataclass(frozen=True)
class Form:
    """A form that the first of `who` sends, and each other one of them as well; `prepare` is done before."""

    data: Mapping[str, Any] | Callable[[FullScenario], Mapping[str, Any]]
    who: Sequence[str] = (FINANCE,)
    arguments: Arguments | None = None
    prepare: Callable[[FullScenario], object] | None = None


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
OF_TASK: Arguments = {"uid": task_uid("NLDT", "lease")}
OF_SUPPORT: Arguments = {"uid": support_uid("NLDT")}
OF_UNDO: Arguments = {"code": "NLDT", "moment": FULL_AT.isoformat()}
OF_FILE: Arguments = {"uid": file_uid("waiting")}
OF_SAVED_FILE: Arguments = {"uid": file_uid("saved")}
OF_MAIL: Arguments = {"key": "20260617-094600-1-1"}


def few_tasks(story: FullScenario) -> None:
    """The group has a few close tasks, of which finance owns those of EU DTC BV."""
    top = Group.objects.get(parent=None)
    save_few_tasks(top, story.finance, story.administrator, top, FULL_AT)


def finished_tasks(story: FullScenario) -> None:
    """The same, and all tasks of EU DTC BV are signed off."""
    few_tasks(story)
    CloseTask.objects.filter(entity__code="NLDT").update(status="signed_off")


def supported_task(story: FullScenario) -> None:
    """The same, and a file supports one of them."""
    few_tasks(story)
    save_support("NLDT", story.finance, FULL_AT)


def withdrawn_support(story: FullScenario) -> None:
    """The same, and the file is withdrawn."""
    supported_task(story)
    change_support(story.finance, support_uid("NLDT"), FULL_AT, withdrawn=True)


def invoices_read(story: FullScenario) -> None:
    """Two vendor invoices of EU DTC BV are in the way."""
    connection = LegalEntity.objects.select_related("connection").get(code="NLDT").connection
    assert connection is not None
    attempt = begin_work(connection, FULL_AT - timedelta(minutes=5))
    record_facts(attempt, [two_invoices("NLDT", attempt.started_at)])


def invoice_carried(story: FullScenario) -> None:
    """The first of them is carried on purpose by finance."""
    invoices_read(story)
    key = FactInForce(BlockerKind.UNPOSTED_DOCUMENTS, "vendor_invoices", period=may_of("NLDT").pk)
    item = FactId("V-1", 1, Decimal(10))
    carry_on_purpose(story.finance, "NLDT", key, [item], date(2026, 6, 30), "disputed", FULL_AT)


def profile_set(story: FullScenario) -> None:
    """The profile of EU DTC BV has a version, and another of the moment of the requests."""
    entity = LegalEntity.objects.select_related("group").get(code="NLDT")
    set_profile(entity, EntityProfile(), by=story.administrator, at=FULL_AT - timedelta(days=1))
    set_profile(entity, EntityProfile(payroll=False), by=story.administrator, at=FULL_AT)


def of_view(story: FullScenario) -> Mapping[str, object]:
    return {"view_id": SavedView.objects.get(person=story.finance, name="Late ones").pk}


def of_token(story: FullScenario) -> Mapping[str, object]:
    return {"token": unsubscribe_token(story.finance, [NoticeKind.LATE, NoticeKind.STALE])}


def of_before(story: FullScenario) -> Mapping[str, object]:
    return {"token": NotificationPreferences().token(story.finance)}


def of_note(**data: str) -> Callable[[FullScenario], Mapping[str, Any]]:
    """A form about the standing note of EU DTC BV."""
    return lambda _: (
        {"kind": "note", "replaces": str(Remark.objects.filter(text__contains="IC with").get().pk)} | data
    )


BOARD_LOOKS: dict[str, Sequence[Look]] = {
    "scoreboard": [
        Look(
            (*QUESTIONS, "?seen=x", "?fold=EUROPE", "?open=UK", "?kiosk"),
            htmx=("", "?show=late", "?at=2026-06-10"),
        )
    ],
    "live": [Look(who=(SIGNED_OUT,))],  # a stream has no end: see tests/board/live/test_hub.py
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
    "audit": [
        Look(
            (
                *("?who=rosa&from=2026-06-01", "?verb=silence.created", "?object=NLDT&through=program"),
                *("?verb=x", "?from=soon", "?older=x", "?older=20260616T090000.000000-9"),
            ),
            (ADMINISTRATOR, SUPERUSER, FINANCE, WITHOUT_A_ROLE, SIGNED_OUT),
        )
    ],
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
    "profile": [Look(who=(ADMINISTRATOR, FINANCE, SIGNED_OUT), arguments=OF_ENTITY)],
    "carried": [Look(("?month=2026-05&fact=late_invoices|||",), (FINANCE, OWNER, SIGNED_OUT), OF_ENTITY)],
    "tasks": [Look(("?which=overdue", "?month=May"), READERS)],
    "my_tasks": [Look(who=READERS)],
    "task_templates": [Look(who=(ADMINISTRATOR, *READERS))],
    "entity_tasks": [Look(who=READERS, arguments=OF_ENTITY)],
    "task": [Look(who=READERS, arguments=OF_TASK)],
    "support_file": [Look(who=READERS, arguments=OF_SUPPORT)],
    "task_reopening": [Look(who=(FINANCE, OWNER, WITHOUT_A_ROLE, SIGNED_OUT), arguments=OF_ENTITY)],
    "work_upload": [Look()],
    "work_template": [Look(who=READERS)],
    "work_template_csv": [Look(("?sheet=inventory-runs", "?sheet=x"), READERS)],
    "work_upload_plan": [
        Look(who=READERS, arguments=OF_FILE),
        Look(who=(FINANCE,), arguments=OF_SAVED_FILE),
    ],
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
BOARD_FORMS: dict[str, Sequence[Form]] = {
    "export_audit_csv": [Form({}, (ADMINISTRATOR, FINANCE, SIGNED_OUT))],
    "login": [
        Form({"username": "rosa.bell@meridian.test", "password": "wrong"}, (SIGNED_OUT,)),
        Form({"username": "rosa.bell@meridian.test", "password": PASSWORD}, (SIGNED_OUT,)),
        Form({"username": "nobody\0@meridian.test", "password": PASSWORD}, (SIGNED_OUT,)),
    ],
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
    ],  # no server listens at the address in the scenario
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
    "silence_again": [
        Form({}, arguments={"pk": 1}),
        Form({}, arguments={"pk": 2}),
        Form(
            {},
            arguments={"pk": 1},
            prepare=lambda story: lift_silence(story.finance, Silence.objects.get(pk=1), FULL_AT),
        ),
    ],
    "subscriptions": [
        Form({"digest_at": "07:30", "digest_weekday": "1", "kind-late": "weekly"}),
        Form({"digest_at": "x", "digest_weekday": "9", "quiet_from": "20:00", "away_from": "2026-07-09"}),
    ],
    "subscriptions_usual": [Form({})],
    "subscriptions_back": [Form({}, arguments=of_before), Form({}, arguments={"token": "x"})],
    "unsubscribe": [
        Form({}, (SIGNED_OUT,), of_token),
        Form(lambda story: {"undo": NotificationPreferences().token(story.finance)}, (SIGNED_OUT,), of_token),
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
        Form({"deputy": ""}, (ADMINISTRATOR,), OF_ENTITY),
    ],
    "profile": [
        Form({"role": "holding", "feature": ["vat"]}, (ADMINISTRATOR, FINANCE), OF_ENTITY),
        Form({"role": "emperor"}, (ADMINISTRATOR,), OF_ENTITY),
        Form({"role": "operating"}, (ADMINISTRATOR,), OF_ENTITY, profile_set),
    ],
    "undo_profile": [Form({}, (ADMINISTRATOR,), OF_UNDO, profile_set)],
    "carried": [
        Form(FIRST_INVOICE, (FINANCE, OWNER), OF_ENTITY, invoices_read),
        Form({**FIRST_INVOICE, "until": "soon", "reason": ""}, (FINANCE,), OF_ENTITY, invoices_read),
    ],
    "end_carried": [
        Form({**FIRST_INVOICE, "item": "V-1"}, (FINANCE,), OF_ENTITY, invoice_carried),
        Form({**FIRST_INVOICE, "item": "V-2"}, (FINANCE,), OF_ENTITY, invoice_carried),
    ],
    "undo_carried": [Form({}, (FINANCE, SIGNED_OUT), OF_UNDO, invoice_carried)],
    "read_again": [Form({}, (FINANCE, OWNER), OF_ENTITY)],
    "my_tasks": [
        Form(
            lambda _: {"task": [str(task_uid("NLDT", code)) for code in ("lease", "flux")]}, prepare=few_tasks
        )
    ],
    "task_act": [
        Form({"act": "do"}, arguments=OF_TASK, prepare=few_tasks),
        Form({"act": "return"}, arguments=OF_TASK, prepare=few_tasks),
    ],
    "task_owner": [
        Form({}, (ADMINISTRATOR,), OF_TASK, few_tasks),
        Form({"owner": "x"}, (ADMINISTRATOR,), OF_TASK, few_tasks),
    ],
    "task_comment": [Form({"text": "two are left"}, arguments=OF_TASK, prepare=few_tasks)],
    "task_file": [
        Form({"file": some_file()}, arguments=OF_TASK, prepare=few_tasks),
        Form({"file": some_file("balance.html")}, arguments=OF_TASK, prepare=few_tasks),
    ],
    "withdraw_support": [Form({}, arguments=OF_SUPPORT, prepare=supported_task)],
    "restore_support": [Form({}, arguments=OF_SUPPORT, prepare=withdrawn_support)],
    "task_reopening": [
        Form(
            {"reason": "error", "words": "freight was booked twice", "due-hold": "2026-06-24"},
            (ADMINISTRATOR,),
            OF_ENTITY,
            finished_tasks,
        ),
        Form({"reason": "error", "due-hold": "soon"}, (ADMINISTRATOR,), OF_ENTITY, finished_tasks),
    ],
    "task_support": [
        Form({"url": "https://localhost/list"}, arguments=OF_TASK, prepare=few_tasks),
        Form({"url": "javascript:x"}, arguments=OF_TASK, prepare=few_tasks),
        Form({"url": "https://elsewhere.example/x"}, arguments=OF_TASK, prepare=few_tasks),
    ],
    "work_upload": [Form({})],
    "work_upload_plan": [
        Form({"save": "good"}, arguments=OF_FILE),
        Form({"save": "all"}, arguments=OF_FILE),
        Form({"save": "x"}, arguments=OF_FILE),
        Form({"save": "discard"}, arguments=OF_FILE),
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
    "restore_view": [
        Form({}, arguments=of_view),
        Form({}, arguments={"view_id": 1}, prepare=lambda story: delete_view(story.finance, 1, FULL_AT)),
    ],
    "start_with_view": [Form({"start": "yes"}, arguments=of_view), Form({}, arguments=of_view)],
}

# Addresses whose forms leave no event in the audit log.
WITHOUT_AN_EVENT = {
    "export_audit_csv": "reads; it is a form because it seals first",
    "work_upload": "keeps a file for the person who looks at what it would change",
    "task_handover": "the address alone names nobody: tests/board/tasks/test_handover_page.py has the events",
    "trial_message": "sends the person a mail and changes no row",
    "try_destination": "sends a post to a destination that is there already and changes no row",
}
