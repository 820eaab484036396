"""Connections that bring nothing or are turned away: each told of once, whatever hangs on it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.core import mail
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from alerts.models import Delivery, DeliveryLine, LineReason, Notice, Outage
from alerts.outbox.relevance import relevant_items
from alerts.outbox.send_context import SendContext
from alerts.outbox.sending import send_due_mails
from closing.facts.readings import GapReason, ReadGap
from closing.judging.notice_rules import OUTAGE_AFTER, NoticeKind, OutageInputs, has_outage
from entities.models import Group, LegalEntity, Membership, Person
from periods.models import SyncAttempt
from tests.alerts.evaluations import (
    ALL_CLOSED,
    Role,
    evaluate_and_list_notices,
    read_and_evaluate,
    recipients_of,
    save_evaluation_span,
    save_group_with_recipients,
    save_member,
)
from tests.builders import OPEN, utc
from tests.db_builders import SampleGroup

pytestmark = pytest.mark.django_db
CONNECTION_NOTICES = (NoticeKind.STALE, NoticeKind.REFUSED)
READ_AT = utc("2026-06-09 08:00")
MINUTE = timedelta(minutes=1)


def refuse(group: SampleGroup, at_minute: int) -> None:
    """An attempt that the ERP turned away."""
    at = READ_AT + at_minute * MINUTE
    SyncAttempt.objects.create(
        connection=group.connection,
        started_at=at,
        finished_at=at,
        lease_until=at,
        outcome="refused",
        http_status=401,
        words="The sign-in was refused (401).",
    )


def minutes_on(minutes: float) -> list[str]:
    """What an evaluation so many minutes after the last reading raised."""
    at = READ_AT + minutes * MINUTE
    save_evaluation_span(at)
    return evaluate_and_list_notices(at, CONNECTION_NOTICES)


def send(at_minute: float) -> list[tuple[str, str]]:
    """Send what is due at once; returns the names and subjects."""
    Delivery.objects.exclude(rhythm="at_once").filter(state="waiting").update(due_at=utc("2099-01-01 12:00"))
    before = len(mail.outbox)
    send_due_mails(READ_AT + at_minute * MINUTE)
    return sorted((sent.to[0].split(" <")[0], str(sent.subject)) for sent in mail.outbox[before:])


def test_the_end_of_trouble_goes_to_those_who_received_it(
    administered_group: SampleGroup, mails_leave: None
) -> None:
    """Rosa, Paul and Carl were notified of the silence; Nora joined meanwhile."""
    name = str(administered_group.connection)
    again = (NoticeKind.STALE, NoticeKind.READ_AGAIN)

    def evaluated(minute: float) -> list[str]:
        at = READ_AT + minute * MINUTE
        save_evaluation_span(at)
        return evaluate_and_list_notices(at, again)

    assert evaluated(31) == [f"stale {name}"]
    assert [who for who, _ in send(31)] == ["Carl", "Paul", "Rosa"]
    save_member("nora", Role.FINANCE, Group.objects.get(code="MERIDIAN"))
    for minute in (40, 55, 70):
        administered_group.read(READ_AT + minute * MINUTE, ALL_CLOSED | {"NLDT": OPEN})
    assert evaluated(70.5) == []  # over, and perhaps for a moment only
    administered_group.read(READ_AT + 85 * MINUTE, ALL_CLOSED | {"NLDT": OPEN})
    administered_group.read(READ_AT + 100 * MINUTE, ALL_CLOSED | {"NLDT": OPEN})
    assert evaluated(101) == [f"read_again {name}"]
    told = [who for who, subject in send(101) if subject.startswith(f"{name} is read again")]
    assert told == ["Carl", "Paul", "Rosa"]
    assert evaluated(102) == []
    # Silent once more within two hours of the end: another outage, since its readers believe that it is read.
    assert evaluated(132) == [f"stale {name}"]
    assert {who for who, _ in send(132)} == {"Carl", "Nora", "Paul", "Rosa"}


def test_trouble_that_nobody_was_notified_of_ends_in_silence(administered_group: SampleGroup) -> None:
    minutes_on(31)
    Delivery.objects.all().delete()
    for minute in (32, 47, 62, 77):
        administered_group.read(READ_AT + minute * MINUTE, ALL_CLOSED)
        minutes_on(minute)
    assert recipients_of("read_again") == set()


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 9])
def test_silence_of_a_connection_is_one_notice_within_35_minutes(
    administered_group: SampleGroup, step: int
) -> None:
    """I2: for all four entities together, to finance and administrators."""
    assert minutes_on(30) == []
    assert minutes_on(31) == [f"stale {administered_group.connection}"]
    notice = Notice.objects.get(kind="stale")
    assert (notice.read_at, notice.fresh) == (READ_AT, False)
    assert recipients_of("stale") == {"Rosa", "Paul", "Carl"}
    for minute in range(32, 132, step):
        assert minutes_on(minute) == []


def told_of(name: str, minute: int) -> tuple[set[str], str]:
    """The entities that somebody's message tells of as not read, or why it does not tell of them."""
    line = DeliveryLine.objects.get(recipient__name=name, notice__kind="stale")
    items, left_out, _ = relevant_items(line.delivery, SendContext(READ_AT + minute * MINUTE))
    rows = [row for item in items if item.notice == line.notice for row in item.rows]
    return {row.code for row in rows}, left_out.get(line.pk, "")


def test_rosa_reads_of_all_four_and_paul_of_the_two_that_he_sees(administered_group: SampleGroup) -> None:
    minutes_on(35)
    assert told_of("Rosa", 36) == (set(ALL_CLOSED), "")
    assert told_of("Paul", 36) == ({"UKHC", "UKRT"}, "")


def test_read_again_before_it_was_sent_nobody_is_told(administered_group: SampleGroup) -> None:
    minutes_on(35)
    read_and_evaluate(administered_group, READ_AT + 36 * MINUTE)
    assert told_of("Rosa", 36) == (set(), LineReason.READ_AGAIN)


def test_one_entity_that_is_not_brought_is_told_of_too(administered_group: SampleGroup) -> None:
    gap = ReadGap("usrt", GapReason.NO_ACCESS, "The ERP refused access to this company (403).")
    others = {code: OPEN for code in ALL_CLOSED if code != "USRT"}
    for minute in range(5, 40, 5):
        administered_group.read(READ_AT + minute * MINUTE, others, gaps=[gap])
    assert minutes_on(35) == [f"stale {administered_group.connection}"]
    assert told_of("Rosa", 36) == ({"USRT"}, "")


def test_trouble_that_comes_back_within_two_hours_goes_on(administered_group: SampleGroup) -> None:
    """A connection that brings something now and then is told of once, not each time it falls silent again."""
    minutes_on(35)
    read_and_evaluate(administered_group, READ_AT + 40 * MINUTE)
    assert Outage.objects.get().closed_at == READ_AT + 40 * MINUTE
    assert minutes_on(80) == []
    assert Outage.objects.get().closed_at is None
    read_and_evaluate(administered_group, READ_AT + 90 * MINUTE)
    for quiet in range(95, 220, 5):
        read_and_evaluate(administered_group, READ_AT + quiet * MINUTE)
    assert minutes_on(215 + 31) == [f"stale {administered_group.connection}"]
    assert [each.episode for each in Outage.objects.order_by("episode")] == [1, 2]


def test_back_from_an_outage_of_our_own_we_look_before_we_complain(administered_group: SampleGroup) -> None:
    at = READ_AT + timedelta(hours=6)
    save_evaluation_span(at, hours=0)
    assert evaluate_and_list_notices(at, CONNECTION_NOTICES) == []
    for minute in range(1, 10):
        save_evaluation_span(at + minute * MINUTE, hours=0)
        assert evaluate_and_list_notices(at + minute * MINUTE, CONNECTION_NOTICES) == []
    save_evaluation_span(at + 10 * MINUTE, hours=0)
    assert evaluate_and_list_notices(at + 10 * MINUTE, CONNECTION_NOTICES) == [
        f"stale {administered_group.connection}"
    ]


def test_refused_is_told_to_administrators_at_once_and_to_nobody_else(
    administered_group: SampleGroup,
) -> None:
    refuse(administered_group, 5)
    assert minutes_on(6) == [f"refused {administered_group.connection}"]
    assert recipients_of("refused") == {"Carl"}
    refuse(administered_group, 10)
    assert minutes_on(11) == []
    read_and_evaluate(administered_group, READ_AT + 12 * MINUTE)
    assert Outage.objects.get(kind="refused").closed_at is not None
    refuse(administered_group, 50)
    assert f"refused {administered_group.connection}" not in minutes_on(51)
    read_and_evaluate(administered_group, READ_AT + 55 * MINUTE)
    refuse(administered_group, 180)
    assert f"refused {administered_group.connection}" in minutes_on(181)  # two hours later it is news


def test_without_an_administrator_of_the_group_those_of_the_installation_are_told(
    administered_group: SampleGroup,
) -> None:
    Membership.objects.filter(role=Role.ADMINISTRATOR).delete()
    root = Person.objects.create(email="root@meridian.test", name="Root", is_superuser=True)
    refuse(administered_group, 5)
    minutes_on(6)
    assert recipients_of("refused") == {root.name}


def test_a_paused_connection_is_not_complained_of(administered_group: SampleGroup) -> None:
    administered_group.connection.paused = True
    administered_group.connection.save()
    assert minutes_on(600) == []


def test_statements_do_not_grow_with_what_is_silent() -> None:
    counts = []
    for codes in (["NLDT"], list(ALL_CLOSED)):
        with transaction.atomic():
            group = save_group_with_recipients()
            group.read(READ_AT, dict.fromkeys(codes, OPEN))
            at = READ_AT + 40 * MINUTE
            save_evaluation_span(at)
            with CaptureQueriesContext(connection) as counted:
                evaluate_and_list_notices(at)
            assert Notice.objects.filter(kind="stale").exists()
            counts.append(len(counted))
            transaction.set_rollback(True)
    assert counts[1] == counts[0]


_MOMENTS = st.integers(0, 600).map(lambda minutes: READ_AT + minutes * MINUTE)


@given(
    st.builds(
        OutageInputs,
        interval=st.integers(1, 30).map(lambda minutes: minutes * MINUTE),
        readings=st.lists(st.none() | _MOMENTS, max_size=4),
        first_attempt_at=st.none() | _MOMENTS,
        refused=st.booleans(),
        read_succeeded=st.booleans(),
        past_restart_grace=st.booleans(),
    )
)
def test_for_any_connection(looked: OutageInputs) -> None:
    at = READ_AT + timedelta(hours=10)
    silent = has_outage(NoticeKind.STALE, looked, at)
    if silent:
        assert looked.past_restart_grace
        assert looked.readings
    if looked.readings and all(each is not None and at - each <= OUTAGE_AFTER for each in looked.readings):
        assert silent is False
    oldest = looked.oldest_reading
    if (
        looked.past_restart_grace
        and oldest is not None
        and at - oldest > max(OUTAGE_AFTER, 3 * looked.interval)
    ):
        assert silent


@pytest.mark.parametrize(
    ("zone", "active", "counts"),
    [
        ("Pacific/Auckland", {"active_from": date(2026, 6, 10)}, True),  # it is 10 June there
        ("Pacific/Auckland", {"active_to": date(2026, 6, 9)}, False),
        ("America/New_York", {"active_from": date(2026, 6, 10)}, False),  # it is 9 June there
        ("America/New_York", {"active_to": date(2026, 6, 9)}, True),
    ],
)
@pytest.mark.parametrize("at", [utc("2026-06-09 20:00"), utc("2026-06-10 03:00")])
def test_an_entity_counts_from_its_own_first_day_to_its_own_last(
    zone: str, active: dict[str, date], counts: bool, at: datetime
) -> None:
    """20:00 UTC is the next day in Auckland, and 03:00 UTC the day before in New York."""
    group = save_group_with_recipients(read=False)
    LegalEntity.objects.exclude(code="NLDT").update(connection=None)
    LegalEntity.objects.filter(code="NLDT").update(zone=zone, **active)
    group.read(at - 40 * MINUTE, {"NLDT": OPEN})
    save_evaluation_span(at)
    assert evaluate_and_list_notices(at, [NoticeKind.STALE]) == (
        [f"stale {group.connection}"] if counts else []
    )
