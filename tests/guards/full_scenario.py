"""A group with a row in every table: the busy group with people, remarks, preferences, alerts and a second ERP.

The golden bytes are the pages of this scenario; the databases of earlier revisions hold it as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from alerts.models import (
    AlertRules,
    Channel,
    Delivery,
    Destination,
    EscalationStep,
    EvaluationSpan,
    Habits,
    Home,
    ProofRun,
    Silence,
    Subscription,
    Trouble,
)
from closing.blockers.work_rows import CellProblem
from closing.facts.period_remarks import OverdueReason
from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import Cadence
from entities.models import CalendarDay, Connection, Group, LegalEntity, Membership, Person, WorkCalendar
from entities.view_store import save_view
from periods.models import ClaimedTick, SyncAttempt
from periods.recording.attempts import AttemptResult, begin_attempt, finish_attempt
from periods.remarks import (
    acknowledge,
    add_note,
    edit_note,
    set_expected_close,
    set_overdue_reason,
    withdraw_note,
)
from tests.alerts.scenarios import evaluate_now
from tests.builders import CLOSED, FROM_JUNE, MAY, NOT_UNDERSTOOD, ON_HOLD, OPEN, RESTRICTED, utc
from tests.db_builders import SampleGroup, save_busy_group, save_person
from tests.worklist.work_files import save_file, work
from worklist.recording.work_file import ImportResult

FULL_AT = utc("2026-06-17 09:47")
BEFORE_THE_DEADLINE = utc("2026-06-08 18:00")
MINUTE = timedelta(minutes=1)
_STATES_AT_THE_END = {
    **dict.fromkeys(("UKHC", "UKRT", "USHQ", "CALC"), CLOSED),
    **dict.fromkeys(("NLDT", "MXCO"), OPEN),
    "FRSA": CLOSED,
    "USRT": ON_HOLD,
    "DEVT": RESTRICTED,
    "UKWS": NOT_UNDERSTOOD,
}


@dataclass
class FullScenario:
    """The saved group and its people, by role."""

    group: SampleGroup
    finance: Person
    owner: Person  # owns a group, and so only reads
    administrator: Person
    superuser: Person
    without_a_role: Person


def destination_uid(kind: str) -> UUID:
    """The same in every run, since it appears in addresses."""
    return uuid5(NAMESPACE_URL, kind)


def file_uid(which: str) -> UUID:
    """The id of the file that finance looks at ("waiting"), or of the one that is "saved"."""
    return uuid5(NAMESPACE_URL, f"file {which}")


def save_full_scenario() -> FullScenario:
    """The scenario up to FULL_AT: due messages are sent, those for a digest wait, one message is parked."""
    group = save_busy_group()
    story = FullScenario(
        group,
        finance=save_person(),
        owner=_member("oscar.lane", "Oscar Lane", Membership.Role.OWNER, "UK"),
        administrator=_member("adam.noor", "Adam Noor", Membership.Role.ADMINISTRATOR, "MERIDIAN"),
        superuser=Person.objects.create(
            email="sue.root@meridian.test", name="Sue Root", zone="America/New_York", is_superuser=True
        ),
        without_a_role=Person.objects.create(email="nora.new@meridian.test", name="Nora New"),
    )
    _member("ada.audit", "Ada Audit", Membership.Role.AUDITOR, "EUROPE")
    for entity in group.entities.values():
        assert entity.owner is not None
        Membership.objects.create(person=entity.owner, role=Membership.Role.OWNER, entity=entity)
    LegalEntity.objects.filter(code="NLDT").update(deputy=story.finance)
    CalendarDay.objects.create(
        calendar=WorkCalendar.objects.get(code="NL"), day=date(2026, 6, 4), working=False, name="Office moves"
    )
    _save_views(story)
    _send_files(story)
    _write_remarks(story)
    _arrange(story)
    _read_a_second_erp()
    _raise_alerts(group)
    return story


def _member(mailbox: str, name: str, role: Membership.Role, group: str) -> Person:
    member = Person.objects.create(email=f"{mailbox}@meridian.test", name=name)
    Membership.objects.create(person=member, role=role, group=Group.objects.get(code=group))
    return member


def _save_views(story: FullScenario) -> None:
    save_view(story.finance, "Late ones", "board", "show=late")
    save_view(story.finance, "Two years", "matrix", "months=24", as_start=True)
    save_view(story.administrator, "By ERP", "board", "by=erp&month=2026-04")


def _send_files(story: FullScenario) -> None:
    """Finance looks at a file with a row that cannot be taken, and has saved another one."""
    rows = work("NLDT", As_of="2026-06-02"), work("NLDT", "many")
    save_file(story.finance, file_uid("waiting"), utc("2026-06-16 08:00"), *rows)
    saved = save_file(story.finance, file_uid("saved"), utc("2026-06-15 08:00"), *rows)
    problem = CellProblem("Unfinished work", 3, "Count", "“many” is not a whole number from 0 on.")
    result = ImportResult(1, {"added": 1}, 1, [problem])
    saved.content, saved.saved_at, saved.result = None, saved.at, result.to_json()
    saved.save()


def _write_remarks(story: FullScenario) -> None:
    rosa, sanne = story.finance, Person.objects.get(email="sanne.de.wit@meridian.test")
    note = add_note(rosa, "NLDT", MAY, "The bank file is missing.", utc("2026-06-10 09:10"))
    edit_note(
        rosa, "NLDT", note.pk, "The bank file came;\nIC with US Retail is open.", utc("2026-06-12 08:30")
    )
    wrong = add_note(sanne, "NLDT", MAY, "Wrong entity, sorry.", utc("2026-06-11 10:00"))
    withdraw_note(sanne, "NLDT", wrong.pk, utc("2026-06-11 10:02"))
    set_overdue_reason(
        sanne,
        "NLDT",
        MAY,
        OverdueReason.WAITING_FOR_ANOTHER_ENTITY,
        "IC <b>US Retail</b>",
        utc("2026-06-15 07:25"),
    )
    set_expected_close(sanne, "NLDT", MAY, date(2026, 6, 19), "IC balance open", utc("2026-06-15 07:30"))
    acknowledge(rosa, "NLDT", MAY, "Called Sanne.", utc("2026-06-16 09:00"))
    add_note(rosa, "UKHC", MAY, "Closed & checked.", utc("2026-06-09 08:00"))


def _arrange(story: FullScenario) -> None:
    at = utc("2026-06-15 09:00")
    europe, uk = Group.objects.get(code="EUROPE"), Group.objects.get(code="UK")
    Subscription.objects.create(person=story.finance, kind=NoticeKind.LATE.value, rhythm=Cadence.WEEKLY.value)
    Subscription.objects.create(person=story.owner, kind=NoticeKind.LATE.value, rhythm=Cadence.NEVER.value)
    Habits.objects.create(
        person=story.finance,
        digest_at=time(7, 30),
        digest_weekday=1,
        quiet_from=time(20),
        quiet_until=time(7),
        calendar=WorkCalendar.objects.get(code="GB"),
        rests_on_days_off=True,
        away_from=date(2026, 7, 6),
        away_until=date(2026, 7, 17),
    )
    AlertRules.objects.create(group=europe, due_soon_days=3, alerts_in_digest=True)
    for number, days in enumerate((7, 12), start=1):
        step = EscalationStep.objects.create(
            group=europe, step=number, after_days=days, roles=["finance", "owner"]
        )
        step.people.add(story.finance)
    for kind, group in (("teams", europe), ("slack", europe), ("webhook", uk)):
        place = Destination(
            uid=destination_uid(kind),
            name=f"{group.name} {kind}",
            kind=kind,
            group=group,
            kinds=[NoticeKind.ALERT.value, NoticeKind.REOPENED.value, NoticeKind.CLEARED.value],
            host="127.0.0.1:9",
            made_by=story.administrator,
            made_at=at,
        )
        place.url = f"http://127.0.0.1:9/{kind}"
        if kind == "webhook":
            place.secret = "whsec_" + "QUFB" * 11  # of 32 bytes and more, as a new one is
        place.save()
    by, over = story.administrator, utc("2026-06-12 08:00")
    usrt, frsa = story.group.entities["USRT"], story.group.entities["FRSA"]
    made = {"by": by, "made_at": over - timedelta(days=1)}
    Silence.objects.create(entity=usrt, last_day=date(2026, 6, 18), reason="The auditors are in.", **made)
    Silence.objects.create(entity=frsa, last_day=date(2026, 6, 16), reason="Their server moved.", **made)
    Silence.objects.create(
        group=Group.objects.get(code="AMERICAS"),
        last_day=date(2026, 6, 30),
        reason="A test.",
        lifted_at=over,
        lifted_by=by,
        **made,
    )


def _read_a_second_erp() -> None:
    """Lanka Textiles on Business Central: read once, then unavailable and refused."""
    lowlands = Connection(
        name="lowlands-bc",
        kind="business_central",
        base_url="https://api.businesscentral.dynamics.com",
        tenant="lowlands",
        environment="production",
        client_id="simulator",
    )
    lowlands.secret = "of the simulator"
    lowlands.save()
    entity = LegalEntity.objects.create(
        code="LKTX",
        name="Lanka Textiles",
        country="LK",
        zone="Asia/Colombo",
        group=Group.objects.get(code="EUROPE"),
        calendar=WorkCalendar.objects.create(code="LK", name="Sri Lanka", country="LK"),
        connection=lowlands,
        erp_id="lktx",
    )
    SampleGroup(lowlands, {"LKTX": entity}).read("2026-06-10 18:00", {"LKTX": FROM_JUNE})
    for at, outcome, status, words in (
        (
            utc("2026-06-17 08:30"),
            SyncAttempt.Outcome.UNAVAILABLE,
            503,
            "The ERP does not answer (HTTP 503).",
        ),
        (utc("2026-06-17 08:35"), SyncAttempt.Outcome.REFUSED, 401, "The ERP refused the sign-in (401)."),
        (utc("2026-06-17 08:40"), SyncAttempt.Outcome.REFUSED, 401, "The ERP refused the sign-in (401)."),
    ):
        attempt = begin_attempt(lowlands.pk, at, lease=timedelta(minutes=5))
        assert attempt is not None
        finish_attempt(
            attempt.pk, AttemptResult(outcome, at + timedelta(seconds=31), http_status=status, words=words)
        )


def _raise_alerts(group: SampleGroup) -> None:
    """Evaluate each minute from 08:00 on, as workers do; send due messages at once, and park one message."""
    first, last = utc("2026-06-17 08:00"), FULL_AT - 4 * MINUTE
    EvaluationSpan.objects.create(first=first, last=last - MINUTE)
    ticks = [("sync", last - 5 * MINUTE), ("prove", utc("2026-06-17 00:00")), ("housekeeping", first)]
    ClaimedTick.objects.bulk_create(ClaimedTick(name=name, slot=at, claimed_at=at) for name, at in ticks)
    evaluate_now(last)
    group.read(last + MINUTE, _STATES_AT_THE_END)
    evaluate_now(last + 2 * MINUTE)
    _send_what_is_due(last + 3 * MINUTE)
    Channel.objects.create(name="email", words="The mail server took a message.")
    slack = Destination.objects.get(kind="slack")
    Channel.objects.create(
        name=f"place-{slack.pk}", paused_until=FULL_AT + 30 * MINUTE, words="It said 404: no such channel."
    )
    Trouble.objects.create(
        channel=f"place-{slack.pk}",
        destination=slack,
        refused=True,
        words="It said 404: no such channel.",
        began_at=last,
    )
    Home.objects.create(fingerprint="of an earlier server", since=first)
    ProofRun.objects.create(as_of=utc("2026-06-17 00:00"), periods=24, expected=12)


def _send_what_is_due(at: datetime) -> None:
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING, due_at__lte=at)
    parked = waiting.filter(recipient__isnull=False).order_by("recipient__email", "pk").first()
    assert parked is not None
    Delivery.objects.filter(pk=parked.pk).update(
        state=Delivery.State.PARKED, ended_at=at, attempts=3, words="It said 550: no such mailbox."
    )
    waiting.filter(recipient__isnull=False).update(state=Delivery.State.SENT, ended_at=at, attempts=1)
