"""Helpers for tests of the outbox: due messages, the processes that send them, and the final assertions."""

from __future__ import annotations

import os
import signal
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from django.db import connection as database
from django.utils import timezone
from pytest_django.fixtures import Settings

from alerts.models import Delivery, DeliveryLine, Notice
from closing.calendar.days import DateSpan
from closing.calendar.months import month_end, previous_month
from closing.judging.notice_rules import NoticeKind, NoticeReason
from entities.models import Group, Membership, Person
from periods.models import FiscalPeriod
from tests.builders import OPEN
from tests.db_builders import SampleGroup, save_sample_group
from tests.faults.smtp_sink import Sink
from tests.faults.stack import ForkServer

WHO = "NLDT"


def send_to(sink: Sink, settings: Settings) -> None:
    """Make Django in this process send by this server, without a password and without a rate limit."""
    settings.MAILS_LEAVE, settings.MAILS_A_MINUTE = True, 0
    settings.EMAIL_BACKEND = "alerts.channels.email.transport.SmtpBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""


def late_span(now: datetime) -> DateSpan:
    """A month whose deadline passed weeks ago, by today's date."""
    month = previous_month(previous_month(now.date().replace(day=1)))
    return DateSpan(month, month_end(month))


def save_late_group(codes: tuple[str, ...] = (WHO,)) -> SampleGroup:
    """The sample group, whose month of two months ago is still open, read a moment ago."""
    now = timezone.now()
    group = save_sample_group()
    span = late_span(now)
    watched = datetime(span.last.year, span.last.month, span.last.day, 12, tzinfo=now.tzinfo)
    group.read(watched, dict.fromkeys(codes, OPEN), span=span)
    group.read(now, dict.fromkeys(codes, OPEN), span=span)
    return group


def raise_notice(
    group: SampleGroup, code: str = WHO, kind: NoticeKind = NoticeKind.ALERT, *, fresh: bool = True
) -> Notice:
    """Save a notice of an entity, as an evaluation does."""
    period = FiscalPeriod.objects.get(entity=group.entities[code])
    return Notice.objects.create(
        kind=kind.value,
        period=period,
        episode=1,
        reason=NoticeReason.PAST_THE_LINE.value,
        raised_at=timezone.now(),
        state=period.state,
        days_late=20,
        due_on=date(2026, 1, 1),
        fresh=fresh,
    )


def save_due_messages(
    notice: Notice, count: int, *, first: int = 0, domain: str = "meridian.test"
) -> list[Delivery]:
    """Save so many due messages, each to a finance person of its own."""
    now = timezone.now()
    people = Person.objects.bulk_create(
        Person(email=f"p{number:05}@{domain}", name=f"Person {number}")
        for number in range(first, first + count)
    )
    place = Group.objects.get(code="MERIDIAN")
    Membership.objects.bulk_create(
        Membership(person=each, role=Membership.Role.FINANCE, group=place) for each in people
    )
    made = []
    for each in people:
        uid = uuid4()
        made.append(
            Delivery(uid=uid, recipient=each, made_at=now, due_at=now, message_id=f"<{uid}@localhost>")
        )
    deliveries = Delivery.objects.bulk_create(made)
    DeliveryLine.objects.bulk_create(
        DeliveryLine(delivery=each, notice=notice, recipient_id=each.recipient_id) for each in deliveries
    )
    return deliveries


def age_outbox(span: timedelta) -> None:
    """Move everything in the outbox that far back, as if so much time had passed; the clock itself stays."""
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_delivery SET due_at = due_at - %(span)s::interval, made_at = made_at - %(span)s::interval,"
            " lease_until = lease_until - %(span)s::interval, ended_at = ended_at - %(span)s::interval",
            {"span": str(span)},
        )
        cursor.execute(
            "UPDATE alerts_channel SET paused_until = paused_until - %(span)s::interval", {"span": str(span)}
        )


def count_unsent(*states: str) -> int:
    """The number of messages in one of these states; by default of all that have not ended."""
    return Delivery.objects.filter(state__in=states or ["waiting", "sending"]).count()


def assert_all_arrived(sink: Sink, count: int, *, most_extra: int) -> None:
    """No message lost, each under its own Message-ID, and no more copies than the faults explain."""
    rows = dict(Delivery.objects.values_list("message_id", "state"))
    ids = sink.ids
    print(
        f"rows {len(rows)}, distinct ids {len(ids)}, copies {ids.total()}, extra {sink.extra} <= {most_extra}"
    )
    assert len(rows) == count
    assert set(ids) == set(rows), "an id was lost, or came from nowhere"
    others = Delivery.objects.exclude(state="sent").values_list("state", "attempts", "abandoned", "words")
    assert not others, list(others[:5])
    assert sink.extra <= most_extra


class Senders(ForkServer):
    """Sender processes with one lease; a killed one is replaced by a new one."""

    def __init__(self, env: dict[str, str], log: Path, lease: float) -> None:
        super().__init__(env, log)
        self._lease = lease

    def born(self) -> int:
        """Start a new sender; returns its process id."""
        return self.sender(self._lease)

    def kill(self, pid: int) -> None:
        """SIGKILL a sender, and start a new one in its place."""
        os.kill(pid, signal.SIGKILL)
        self.living.remove(pid)
        self.born()
