"""What people do with close tasks: stored with its event and audit event, and refused with a sentence."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection, transaction
from pytest_django.fixtures import Settings

from closing.close_tasks.second_rounds import ReopeningApproval, ReopeningReason, ReopeningRefused
from closing.close_tasks.task_acts import TaskAct, TaskActRefused
from closing.close_tasks.task_record import TaskStatus
from entities.models import Connection, LegalEntity, Person
from infra.models import AuditEvent
from periods.models import FiscalPeriod
from tests.builders import MAY, utc
from tests.worklist.close_task_builders import person, record, task_of
from tests.worklist.work_reads import lines_read, may_of
from worklist.models import CloseTask, TaskEvent, TaskSupport
from worklist.task_store.reopening_store import approve_reopening
from worklist.task_store.role_holders import set_absence
from worklist.task_store.support_store import add_file, add_link
from worklist.task_store.task_acts_store import (
    TaskNotAllowed,
    act_on_task,
    comment_on_task,
    mark_tasks_done,
    reassign_task,
)
from worklist.task_store.task_rows import record_as_of

pytestmark = pytest.mark.django_db
NOON = utc("2026-06-03 12:00")


def do(
    who: Person, code: str, act: TaskAct = TaskAct.DO, reason: str = "", holder: str = "NLDT"
) -> CloseTask:
    task = task_of(code, holder)
    return act_on_task(who, task.uid, act, NOON, reason=reason)


def finish_but(*left: str, holder: str = "NLDT") -> None:
    """As if everything of an entity but some tasks were finished, without their events."""
    CloseTask.objects.filter(entity__code=holder).exclude(code__in=left).update(
        status=TaskStatus.SIGNED_OFF.value
    )


def test_done_is_a_row_an_event_and_an_audit_event(anna: Person) -> None:
    do(anna, "rec")
    task = task_of("rec")
    assert (task.status, task.done_by, task.done_at, task.touched_by) == ("done", anna, NOON, [anna.pk])
    (event,) = TaskEvent.objects.filter(task=task)
    assert (event.verb, event.person, event.status_before, event.status_after) == (
        "done",
        anna,
        "open",
        "done",
    )
    audited = AuditEvent.objects.get(verb="task.done")
    assert audited.object == "Run the recurring journals, EU DTC BV, May 2026"


def test_a_blocked_task_is_refused_with_what_it_waits_for(anna: Person) -> None:
    with pytest.raises(TaskActRefused, match="waits for “Post all customer and free text invoices”"):
        do(anna, "ar-batch")
    assert not TaskEvent.objects.exists()


def test_a_check_that_shows_work_asks_for_a_reason_and_is_confirmed(anna: Person, source: Connection) -> None:
    lines_read(source, "2026-06-03 11:50", NLDT=61)
    finish_but("gl-post")
    with pytest.raises(TaskActRefused, match="61 lines are still not posted"):
        do(anna, "gl-post")
    do(anna, "gl-post", reason="they are of June")
    done = record("gl-post")
    assert done.confirmed_against_erp
    assert done.check_at_done.remaining == "61 lines"
    assert AuditEvent.objects.get(verb="task.confirmed").reason == "they are of June"


def test_a_second_person_signs_off_and_the_first_may_not(anna: Person, rita: Person) -> None:
    finish_but("flux")
    do(anna, "flux")
    with pytest.raises(TaskActRefused, match="signs this task off"):
        do(anna, "flux", TaskAct.SIGN_OFF)
    do(rita, "flux", TaskAct.RETURN, reason="freight is missing")
    assert task_of("flux").status == "returned"
    do(anna, "flux")
    do(rita, "flux", TaskAct.SIGN_OFF)
    task = task_of("flux")
    assert (task.status, task.signed_by) == ("signed_off", rita)
    verbs = list(TaskEvent.objects.filter(task=task).order_by("pk").values_list("verb", flat=True))
    assert verbs == ["done", "returned", "done", "signed"]


def test_a_past_moment_is_replayed_from_the_events(anna: Person, rita: Person) -> None:
    finish_but("flux")
    CloseTask.objects.filter(entity__code="NLDT", code="flux").update(status="open")
    do(anna, "flux")
    act_on_task(
        rita, task_of("flux").uid, TaskAct.RETURN, NOON + timedelta(hours=1), reason="freight is missing"
    )
    task = task_of("flux")
    events = list(task.events.order_by("at", "pk"))
    moments = (NOON - timedelta(hours=1), NOON, NOON + timedelta(hours=1))
    assert [record_as_of(task, events, at).status.value for at in moments] == ["open", "done", "returned"]
    assert record_as_of(task, events, moments[-1]) == record("flux")


def test_a_deputy_does_the_tasks_of_who_is_absent(anna: Person) -> None:
    deputy = person("Dora Deputy")
    with pytest.raises(TaskActRefused, match="take the task over first"):
        do(deputy, "rec")
    set_absence(anna, deputy, date(2026, 6, 1), date(2026, 6, 5), NOON)
    do(deputy, "rec")
    assert task_of("rec").done_by == deputy


def test_reassigned_and_taken_over(anna: Person) -> None:
    other = person("Olaf Other")
    uid = task_of("rec").uid
    with pytest.raises(TaskActRefused, match="Only its owner"):
        reassign_task(other, uid, named("Rita Reviewer"), NOON)
    reassign_task(other, uid, other, NOON)
    assert task_of("rec").owner == other
    reassign_task(other, uid, anna, NOON, reason="back")
    assert task_of("rec").owner == anna
    assert AuditEvent.objects.filter(verb="task.reassigned").count() == 2


def named(name: str) -> Person:
    return Person.objects.get(name=name)


def test_who_does_not_see_the_entity_finds_no_task(anna: Person) -> None:
    stranger = person("Sven Stranger", where=LegalEntity.objects.get(code="USRT"))
    with pytest.raises(CloseTask.DoesNotExist):
        act_on_task(stranger, task_of("rec").uid, TaskAct.DO, NOON)
    with pytest.raises(TaskActRefused, match="does not see this task"):
        reassign_task(anna, task_of("rec").uid, stranger, NOON)


def test_bulk_done_skips_sign_off_and_open_work(anna: Person, source: Connection) -> None:
    lines_read(source, "2026-06-03 11:50", UKRT=61)
    CloseTask.objects.exclude(code__in=["gl-post", "flux", "prov"]).update(status="signed_off")
    tasks = [task_of(code, holder) for code in ("prov", "flux", "gl-post") for holder in ("NLDT", "UKRT")]
    result = mark_tasks_done(anna, [task.uid for task in tasks], NOON)
    assert sorted((task.key.holder, task.key.code) for task in result.done) == [
        ("NLDT", "gl-post"),
        ("NLDT", "prov"),
    ]
    assert {(each.task.key.holder, each.task.key.code) for each in result.skipped} == {
        ("NLDT", "flux"),
        ("UKRT", "flux"),
        ("UKRT", "gl-post"),
        ("UKRT", "prov"),
    }
    assert TaskEvent.objects.count() == 2


def test_comments_links_and_files(anna: Person, settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    uid = task_of("rec").uid
    assert comment_on_task(anna, uid, " two are left ", NOON).text == "two are left"
    link = add_link(anna, uid, "", "https://files.example/one", NOON, allowed_hosts={"files.example"})
    assert link.url == "https://files.example/one"
    with pytest.raises(TaskActRefused):
        add_link(anna, uid, "", "https://evil.example/one", NOON, allowed_hosts={"files.example"})
    kept = add_file(anna, uid, "bank.pdf", b"%PDF", NOON)
    assert (kept.size, len(kept.sha256)) == (4, 64)
    with default_storage.open(kept.stored_as) as stored:
        assert stored.read() == b"%PDF"
    with pytest.raises(TaskActRefused, match="larger than 10 MB"):
        add_file(anna, uid, "x.pdf", b"0" * (10 * 1024 * 1024 + 1), NOON)
    auditor = person("Audrey Auditor", role="auditor")
    with pytest.raises(TaskNotAllowed):
        comment_on_task(auditor, uid, "seen", NOON)


@pytest.mark.parametrize("table", ["taskevent", "taskcomment", "tasksupport"])
def test_what_people_did_is_never_changed(anna: Person, table: str) -> None:
    uid = task_of("rec").uid
    do(anna, "rec")
    comment_on_task(anna, uid, "done", NOON)
    add_link(anna, uid, "", "https://files.example/one", NOON, allowed_hosts=None)
    assert TaskSupport.objects.exists()
    with (
        pytest.raises(DatabaseError, match="never updated"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"DELETE FROM worklist_{table}")


def test_a_reopened_period_has_a_second_round(anna: Person, rita: Person) -> None:
    CloseTask.objects.filter(month=MAY).update(status="signed_off", done_by=anna, signed_by=rita)
    period = may_of("NLDT")
    codes = ("sign", "bs-rec", "cons", "fs", "hold")
    approval = ReopeningApproval(
        ReopeningReason.ERROR,
        "freight was booked twice",
        rita.pk,
        NOON,
        NOON.date(),
        {code: (date(2026, 6, 12), None) for code in codes},
    )
    LegalEntity.objects.filter(code="NLDT").update(owner=rita)
    with pytest.raises(ReopeningRefused, match="owner does not approve"):
        approve_reopening(rita, "NLDT", period.pk, approval)
    LegalEntity.objects.filter(code="NLDT").update(owner=anna)
    added = approve_reopening(rita, "NLDT", period.pk, approval)
    assert sorted(task.code for task in added) == sorted(codes)
    assert record("sign", round_=1).lapsed_on == NOON.date()
    second = record("sign", round_=2)
    assert (second.status, second.due and second.due.due_on) == (TaskStatus.OPEN, date(2026, 6, 12))
    assert AuditEvent.objects.get(verb="period.reopening_approved").reason == "freight was booked twice"
    assert FiscalPeriod.objects.filter(pk=period.pk).exists()
