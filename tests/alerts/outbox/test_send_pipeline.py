"""The send pipeline: every reason that lines, messages and failures may have is reached by the tasks that send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

import pytest
from django.db import connection as database
from django.utils import timezone

from alerts import tasks
from alerts.channels.delivery_errors import DeliveryFailure
from alerts.models import (
    Delivery,
    DeliveryLine,
    Destination,
    LineReason,
    MessageReason,
    Notice,
    Silence,
    Subscription,
    Trouble,
)
from alerts.outbox.queue import MAX_ATTEMPTS, Claim
from alerts.outbox.refusals import ASK_OTHERS_AFTER, FailureHandling, decide_handling
from closing.judging.notice_rules import NoticeKind, NoticeReason
from closing.judging.notification_schedule import Cadence
from entities.models import Group, Membership, Person
from periods.models import PeriodDeadline
from tests.alerts.channels.destination_builders import route_to_destinations, save_destination
from tests.builders import CLOSED, OPEN
from tests.db_builders import SampleGroup
from tests.faults.http_sink import HttpSink, Reply
from tests.faults.outbox_helpers import late_span, raise_notice, save_due_messages
from tests.faults.smtp_sink import Sink

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mails_to_smtp_sink")]
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Outbox:
    """The group that is late, and the servers that answer."""

    group: SampleGroup
    mail_server: Sink
    web_server: HttpSink

    def message(self, kind: NoticeKind = NoticeKind.ALERT) -> Delivery:
        """Save a due message to Person 0, who is finance, about a notice of EU DTC BV."""
        [message] = save_due_messages(raise_notice(self.group, kind=kind), 1)
        return message

    def post(self) -> Destination:
        """Save a due post about an alert of EU DTC BV, which is in Europe."""
        destination = save_destination("slack", self.web_server, "EUROPE")
        route_to_destinations([raise_notice(self.group)], timezone.now())
        return destination

    def message_of_connection(self, kind: NoticeKind) -> Delivery:
        notice = Notice.objects.create(
            kind=kind.value,
            connection=self.group.connection,
            episode=1,
            reason=NoticeReason.NO_READING.value,
            raised_at=timezone.now(),
            fresh=kind is NoticeKind.READ_AGAIN,
        )
        [message] = save_due_messages(notice, 1)
        return message

    def close(self) -> None:
        self.group.read(timezone.now(), {"NLDT": CLOSED}, span=late_span(timezone.now()))

    def silence(self) -> None:
        now = timezone.now()
        Silence.objects.create(
            entity=self.group.entities["NLDT"],
            last_day=now.date() + timedelta(days=2),
            reason="audit",
            by=Person.objects.create(email="sam@meridian.test", name="Sam"),
            made_at=now - HOUR,
        )

    def age_readings(self) -> None:
        with database.cursor() as cursor:
            cursor.execute(
                "UPDATE periods_syncattempt SET started_at = started_at - interval '6 h',"
                " finished_at = finished_at - interval '6 h', lease_until = lease_until - interval '6 h'"
            )

    def answer_recipients(self, answer: str) -> None:
        self.mail_server.recipient = lambda _: answer


def not_visible(outbox: Outbox) -> None:
    outbox.message()
    Membership.objects.all().delete()


def outside_group(outbox: Outbox) -> None:
    outbox.post()
    Destination.objects.update(group=Group.objects.get(code="UK"))


def destination_disabled(outbox: Outbox) -> None:
    outbox.post()
    Destination.objects.update(enabled=False)


def destination_removed(outbox: Outbox) -> None:
    outbox.post()
    Destination.objects.update(enabled=False, removed_at=timezone.now())


def silenced(outbox: Outbox) -> None:
    outbox.message()
    outbox.silence()


def closed_since(outbox: Outbox) -> None:
    outbox.message()
    outbox.close()


def not_late(outbox: Outbox) -> None:
    outbox.message()
    PeriodDeadline.objects.update(due_on=timezone.now().date() + timedelta(days=9))


def not_read_any_more(outbox: Outbox) -> None:
    outbox.message_of_connection(NoticeKind.READ_AGAIN)
    outbox.age_readings()


def recipient_unsubscribed(outbox: Outbox) -> None:
    """A line that was left out holds again, and its recipient has switched its kind off since."""
    message = outbox.message(NoticeKind.CLEARED)
    Delivery.objects.update(state="cancelled", ended_at=timezone.now())
    DeliveryLine.objects.update(left_out=LineReason.CLOSED_NO_MORE)
    Subscription.objects.create(
        person=message.person, kind=NoticeKind.CLEARED.value, rhythm=Cadence.NEVER.value
    )
    outbox.close()


def trouble_over(outbox: Outbox) -> None:
    now = timezone.now()
    message = outbox.message()
    DeliveryLine.objects.all().delete()
    message.trouble = Trouble.objects.create(
        channel="place-1", refused=True, words="gone", began_at=now, ended_at=now, told_at=now
    )
    message.save()


def lines_moved(outbox: Outbox) -> None:
    outbox.message()
    DeliveryLine.objects.all().delete()


def no_task_due(outbox: Outbox) -> None:
    """A digest waits for tasks, and the last of them is done."""
    lines_moved(outbox)
    Delivery.objects.update(rhythm=Cadence.DAILY.value)


def awaits_reading(outbox: Outbox) -> None:
    outbox.message()
    outbox.age_readings()


def no_address(outbox: Outbox) -> None:
    Person.objects.filter(pk=outbox.message().person.pk).update(email="nobody")


def senders_died(outbox: Outbox) -> None:
    outbox.message()
    assert MessageReason.SENDERS_DIED.startswith(f"{MAX_ATTEMPTS} ")
    Delivery.objects.update(abandoned=MAX_ATTEMPTS - 1, state="sending", lease_until=timezone.now() - HOUR)


def retry(outbox: Outbox) -> None:
    outbox.message()
    outbox.answer_recipients("451 4.7.1 greylisted")


def retry_and_notify(outbox: Outbox) -> None:
    retry(outbox)
    Delivery.objects.update(attempts=60, made_at=timezone.now() - timedelta(days=5))


def others_first(outbox: Outbox) -> None:
    save_due_messages(raise_notice(outbox.group), 2)
    outbox.answer_recipients("550 no")


def fail(outbox: Outbox) -> None:
    outbox.message()
    outbox.answer_recipients("550 5.1.1 no such person")


def await_server(outbox: Outbox) -> None:
    outbox.message()
    outbox.mail_server.stop()


def pause_unreachable(outbox: Outbox) -> None:
    outbox.post()
    outbox.web_server.stop()


def pause_refused(outbox: Outbox) -> None:
    outbox.post()
    outbox.web_server.judge = lambda _: Reply(404)


def pause_unclear(outbox: Outbox) -> None:
    outbox.message()
    outbox.answer_recipients("550 no")


def pause_unclear_and_notify(outbox: Outbox) -> None:
    pause_unclear(outbox)
    now = timezone.now()
    Trouble.objects.create(
        channel="email", refused=True, words="no", began_at=now - ASK_OTHERS_AFTER, told_at=now
    )


def delay_channel(outbox: Outbox) -> None:
    outbox.message()
    outbox.answer_recipients("421 4.7.0 too busy")


WAITING, FAILED, CANCELLED = "waiting", "parked", "cancelled"
# How to reach each reason, and the state of the first message afterwards.
CASES: dict[Enum, tuple[Callable[[Outbox], object], str]] = {
    LineReason.NOT_VISIBLE: (not_visible, CANCELLED),
    LineReason.OUTSIDE_GROUP: (outside_group, CANCELLED),
    LineReason.DESTINATION_DISABLED: (destination_disabled, CANCELLED),
    LineReason.DESTINATION_REMOVED: (destination_removed, CANCELLED),
    LineReason.SILENCED: (silenced, CANCELLED),
    LineReason.CLOSED_SINCE: (closed_since, CANCELLED),
    LineReason.CLOSED_NO_MORE: (lambda outbox: outbox.message(NoticeKind.CLEARED), CANCELLED),
    LineReason.NOT_LATE: (not_late, CANCELLED),
    LineReason.NOT_SOON: (lambda outbox: outbox.message(NoticeKind.DUE_SOON), CANCELLED),
    LineReason.HAS_A_DEADLINE: (lambda outbox: outbox.message(NoticeKind.NO_DEADLINE), CANCELLED),
    LineReason.READ_AGAIN: (lambda outbox: outbox.message_of_connection(NoticeKind.STALE), CANCELLED),
    LineReason.NOT_READ_ANY_MORE: (not_read_any_more, CANCELLED),
    LineReason.RECIPIENT_UNSUBSCRIBED: (recipient_unsubscribed, CANCELLED),
    MessageReason.TROUBLE_OVER: (trouble_over, CANCELLED),
    MessageReason.LINES_MOVED: (lines_moved, CANCELLED),
    MessageReason.NO_TASK_DUE: (no_task_due, CANCELLED),
    MessageReason.AWAITS_READING: (awaits_reading, WAITING),
    MessageReason.NO_ADDRESS: (no_address, FAILED),
    MessageReason.SENDERS_DIED: (senders_died, FAILED),
    FailureHandling.RETRY: (retry, WAITING),
    FailureHandling.RETRY_AND_NOTIFY: (retry_and_notify, WAITING),
    FailureHandling.OTHERS_FIRST: (others_first, WAITING),
    FailureHandling.FAIL: (fail, FAILED),
    FailureHandling.AWAIT_SERVER: (await_server, WAITING),
    FailureHandling.PAUSE_UNREACHABLE: (pause_unreachable, WAITING),
    FailureHandling.PAUSE_REFUSED: (pause_refused, WAITING),
    FailureHandling.PAUSE_UNCLEAR: (pause_unclear, WAITING),
    FailureHandling.PAUSE_UNCLEAR_AND_NOTIFY: (pause_unclear_and_notify, WAITING),
    FailureHandling.DELAY_CHANNEL: (delay_channel, WAITING),
}


def test_each_reason_has_a_case() -> None:
    assert set(CASES) == {*LineReason, *MessageReason, *FailureHandling}


@pytest.mark.parametrize("reason", CASES, ids=lambda reason: f"{type(reason).__name__}.{reason.name}")
def test_the_tasks_that_send_reach_each_reason(
    overdue_group: SampleGroup,
    smtp_sink: Sink,
    http_sink: HttpSink,
    monkeypatch: pytest.MonkeyPatch,
    reason: Enum,
) -> None:
    handlings: list[FailureHandling] = []

    def decide_and_record(failure: DeliveryFailure, claim: Claim) -> FailureHandling:
        handlings.append(decide_handling(failure, claim))
        return handlings[-1]

    monkeypatch.setattr("alerts.outbox.endings.decide_handling", decide_and_record)
    prepare, state = CASES[reason]
    prepare(Outbox(overdue_group, smtp_sink, http_sink))
    tasks.send()
    tasks.post()
    message = Delivery.objects.order_by("pk")[0]
    if isinstance(reason, LineReason):
        assert reason in DeliveryLine.objects.values_list("left_out", flat=True)
    elif isinstance(reason, MessageReason):
        assert message.words == reason
    else:
        assert handlings[0] is reason
    assert message.state == state
    assert not smtp_sink.copies
    assert not http_sink.taken


def test_a_digest_of_ten_lines_with_three_silenced_sends_seven(
    overdue_group: SampleGroup, smtp_sink: Sink, http_sink: HttpSink
) -> None:
    outbox, others = Outbox(overdue_group, smtp_sink, http_sink), ("UKHC", "UKRT", "USRT")
    now = timezone.now()
    overdue_group.read(now, dict.fromkeys(("NLDT", *others), OPEN), span=late_span(now))
    kinds = (NoticeKind.ALERT, NoticeKind.LATE, NoticeKind.ESCALATION)
    notices = [raise_notice(overdue_group, code, kind) for kind in kinds for code in ("NLDT", *others)]
    [digest] = save_due_messages(notices[0], 1)
    DeliveryLine.objects.bulk_create(
        DeliveryLine(delivery=digest, notice=notice, recipient=digest.recipient) for notice in notices[1:10]
    )
    outbox.silence()
    tasks.send()
    digest.refresh_from_db()
    left_out = list(digest.lines.values_list("left_out", flat=True))
    assert (digest.state, left_out.count(""), left_out.count(LineReason.SILENCED)) == ("sent", 7, 3)
    assert len(smtp_sink.copies) == 1


def test_the_first_reason_wins(overdue_group: SampleGroup, smtp_sink: Sink, http_sink: HttpSink) -> None:
    """A silenced line that has closed besides is set aside: its silence is looked at first."""
    outbox = Outbox(overdue_group, smtp_sink, http_sink)
    message = outbox.message()
    outbox.close()
    outbox.silence()
    tasks.send()
    assert message.lines.get().left_out == LineReason.SILENCED
