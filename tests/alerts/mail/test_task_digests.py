"""Close tasks in the daily digest: one mail at its time, with notices or alone, to the deputy during an absence."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.evaluate.task_digests import queue_task_digests
from alerts.mail.compose import compose_mail
from alerts.models import Delivery, Notice
from alerts.notices.entries import EntityNotice
from alerts.outbox.sending import send_due_mails
from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import Cadence
from entities.models import LegalEntity, Person
from periods.snapshot.builder import take_snapshot
from tests.builders import MAY, utc
from tests.golden_files import assert_golden
from tests.worklist.close_task_builders import person
from worklist.models import CloseTask
from worklist.task_store.role_holders import set_absence
from worklist.task_store.task_reminders import task_reminder, task_reminders

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("golden_sender", "mails_leave")]
EVENING, MORNING = utc("2026-06-02 18:00"), utc("2026-06-03 07:00")  # 08:00 in London


def queued() -> dict[str, datetime]:
    """The waiting daily digests by the name of their recipient."""
    waiting = Delivery.objects.filter(state="waiting", rhythm=Cadence.DAILY.value)
    return {row.to: row.due_at for row in waiting.select_related("recipient", "destination")}


def sent(at: datetime = MORNING) -> dict[str, EmailMultiAlternatives]:
    """The mails that leave at a moment, by the first name of their recipient."""
    before = len(mail.outbox)
    send_due_mails(at)
    mails = [each for each in mail.outbox[before:] if isinstance(each, EmailMultiAlternatives)]
    assert len({each.to[0] for each in mails}) == len(mails)
    return {each.to[0].split(maxsplit=1)[0]: each for each in mails}


def test_one_mail_at_the_digests_time_has_all_tasks(anna: Person) -> None:
    assert queue_task_digests(EVENING) == 2
    assert queue_task_digests(EVENING) == 2
    assert queued() == {"Anna Owner": MORNING, "Rita Reviewer": MORNING}
    mails = sent()
    assert mails["Anna"].subject == "Daily digest: 4 tasks due today, 1 overdue"
    assert mails["Rita"].subject == "Daily digest: 2 tasks due today"
    assert_golden("mails/tasks.txt", str(mails["Anna"].body))
    assert_golden("mails/tasks.html", str(mails["Anna"].alternatives[0][0]))
    assert "To be signed off, due Wed 3 June" in str(mails["Rita"].body)
    assert queue_task_digests(utc("2026-06-03 07:05")) == 2
    assert queued() == {"Anna Owner": utc("2026-06-04 07:00"), "Rita Reviewer": utc("2026-06-04 07:00")}


def test_notices_and_tasks_come_in_one_mail(anna: Person) -> None:
    """A digest of notices takes the tasks behind them."""
    delivery = Delivery(
        recipient=anna, rhythm=Cadence.DAILY.value, message_id="<x@y>", made_at=EVENING, due_at=EVENING
    )
    reminder = task_reminder(anna, MORNING)
    assert reminder is not None
    row = take_snapshot(LegalEntity.objects.all(), MAY, MORNING).rows[0]
    notice = Notice(kind=NoticeKind.DUE_SOON.value, period_id=row.period_id, raised_at=EVENING, fresh=True)
    both = compose_mail(delivery, [EntityNotice(notice, row, MAY)], MORNING, None, reminder)
    alone = compose_mail(delivery, [EntityNotice(notice, row, MAY)], MORNING)
    assert both.subject == f"{alone.subject}; 4 tasks due today, 1 overdue"
    assert "\nClose tasks\n===========\n4 tasks due today, 1 overdue.\n" in str(both.body)


def test_a_task_done_meanwhile_is_not_in_the_mail_and_an_empty_one_is_not_sent(anna: Person) -> None:
    queue_task_digests(EVENING)
    CloseTask.objects.filter(code="rec").update(status="done")
    CloseTask.objects.filter(code="flux").update(status="signed_off")
    mails = sent()
    assert set(mails) == {"Anna"}
    assert mails["Anna"].subject == "Daily digest: 4 tasks due today"
    cancelled = Delivery.objects.get(recipient__name="Rita Reviewer")
    assert (cancelled.state, cancelled.words) == ("cancelled", "no task waits for its recipient any more")


def test_during_an_absence_the_deputy_gets_the_tasks_and_no_review_of_their_own_work(anna: Person) -> None:
    dora, rita = person("Dora Deputy"), Person.objects.get(name="Rita Reviewer")
    for away in (anna, rita):
        set_absence(away, dora, date(2026, 6, 3), date(2026, 6, 5), EVENING)
    CloseTask.objects.filter(code="flux", entity__code="UKRT").update(done_by=dora, touched_by=[dora.pk])
    assert queue_task_digests(EVENING) == 1
    assert set(queued()) == {"Dora Deputy"}
    body = " ".join(str(sent()["Dora"].body).split())
    assert "and you stand in for Anna Owner and Rita" in body
    assert body.count("To be signed off") == 1
    assert "UK Retail Ltd, May 2026 · To be signed off" not in body


def test_nobody_is_reminded_of_what_they_do_not_see(anna: Person) -> None:
    anna.memberships.all().delete()
    assert task_reminder(anna, MORNING) is None


def test_reminders_cost_the_same_statements_for_any_number_of_people(anna: Person) -> None:
    rita = Person.objects.get(name="Rita Reviewer")
    costs = []
    for people in ([anna], [anna, rita]):
        with CaptureQueriesContext(connection) as statements:
            assert len(task_reminders({each.pk: MORNING for each in people})) == len(people)
        costs.append(len(statements))
    assert costs[0] == costs[1] <= 6


def test_without_due_tasks_nothing_waits(anna: Person) -> None:
    CloseTask.objects.update(status="signed_off")
    with CaptureQueriesContext(connection) as statements:
        assert queue_task_digests(EVENING) == 0
    assert len(statements) <= 3
