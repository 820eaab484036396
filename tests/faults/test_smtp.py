"""Mail servers that refuse, delay, drop and throttle: the table of 05-reliability 2D over real SMTP on loopback."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings as settings_in_force
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from alerts.channels import state as channel_state
from alerts.channels.email import channel, transport
from alerts.mail.compose import compose_mail
from alerts.models import Channel, Delivery, DeliveryLine, LineReason, MessageReason, Notice
from alerts.outbox import queue as outbox
from alerts.outbox.queue import LEASE
from alerts.outbox.send_context import SendContext
from alerts.outbox.sending import send_due_mails
from closing.judging.notice_rules import NoticeKind
from entities.models import Group, LegalEntity, Membership, Person
from periods.models import SyncAttempt
from tests.alerts.evaluations import save_evaluation_span
from tests.builders import CLOSED, OPEN
from tests.db_builders import SampleGroup
from tests.faults.outbox_helpers import (
    age_outbox,
    assert_all_arrived,
    count_unsent,
    late_span,
    raise_notice,
    save_due_messages,
)
from tests.faults.smtp_sink import TAKEN, Copy, Sink

pytestmark = [pytest.mark.fault, pytest.mark.django_db, pytest.mark.usefixtures("mails_to_smtp_sink")]
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def sweep() -> int:
    """What beat asks for every 30 seconds."""
    return send_due_mails(timezone.now())


def reload(message: Delivery) -> Delivery:
    return Delivery.objects.get(pk=message.pk)


def minutes_until_due(message: Delivery) -> int:
    return round((reload(message).due_at - timezone.now()) / MINUTE)


def boss() -> Person:
    return Person.objects.create(email="boss@meridian.test", name="Boss", is_superuser=True)


# D1 -----------------------------------------------------------------------------------------------------------------


def test_d1_a_server_that_is_away_is_tried_on_schedule_and_loses_nothing(
    smtp_sink: Sink, alert: Notice
) -> None:
    """6 hours of refused connections: 1, 2, 5, 15, 60 minutes, then hourly; everything is sent <= 10 min after."""
    first, *_ = save_due_messages(alert, 20)
    smtp_sink.stop()
    waits = []
    for _ in range(10):
        assert sweep() == 0
        waits.append(minutes_until_due(first))
        assert reload(first).attempts == len(waits)
        assert "does not answer" in reload(first).words
        Delivery.objects.exclude(pk=first.pk).update(due_at=timezone.now() + 24 * HOUR)
        age_outbox(waits[-1] * MINUTE)
    assert waits == [1, 2, 5, 15, 60, 60, 60, 60, 60, 60]
    assert "does not answer" in Channel.objects.get().words
    Delivery.objects.exclude(pk=first.pk).update(due_at=timezone.now())
    assert sweep() == 0
    assert minutes_until_due(first) == 60 or reload(first).state == "waiting"
    smtp_sink.start()
    assert sweep() == 20
    assert Channel.objects.get().words == ""
    assert_all_arrived(smtp_sink, 20, most_extra=0)


def test_d1_a_server_that_is_back_is_found_by_the_next_sweep(smtp_sink: Sink, alert: Notice) -> None:
    """A message an hour from its next try does not wait for it once somebody answers."""
    [message] = save_due_messages(alert, 1)
    smtp_sink.stop()
    sweep()
    Delivery.objects.update(attempts=7, due_at=timezone.now() + HOUR)
    assert sweep() == 0
    smtp_sink.start()
    assert sweep() == 1
    assert reload(message).state == "sent"


def test_d1_one_refused_connection_speaks_for_all(smtp_sink: Sink, alert: Notice) -> None:
    """A thousand messages do not each knock: one try a sweep, and the others stay due."""
    save_due_messages(alert, 50)
    smtp_sink.stop()
    for _ in range(3):
        sweep()
    assert Delivery.objects.filter(attempts__gt=0).count() == 3
    assert count_unsent("waiting") == 50


def test_d1_a_server_unreachable_for_days_parks_nothing(smtp_sink: Sink, alert: Notice) -> None:
    [message] = save_due_messages(alert, 1)
    smtp_sink.stop()
    Delivery.objects.update(attempts=60, made_at=timezone.now() - timedelta(days=5))
    sweep()
    assert reload(message).state == "waiting"


def test_d1_a_name_that_cannot_be_resolved(smtp_sink: Sink, alert: Notice, settings: Settings) -> None:
    [message] = save_due_messages(alert, 1)
    settings.EMAIL_HOST = "mail.invalid"
    assert sweep() == 0
    assert (reload(message).state, reload(message).attempts) == ("waiting", 1)


# D2, D3 -------------------------------------------------------------------------------------------------------------


def test_d2_only_the_recipient_that_was_put_off_is_tried_again(smtp_sink: Sink, alert: Notice) -> None:
    """451 for one of five: four are sent once, the fifth a minute later."""
    messages = save_due_messages(alert, 5)
    grey = messages[2]
    smtp_sink.recipient = lambda to: "451 4.7.1 greylisted" if to == grey.person.email else "250 ok"
    assert sweep() == 4
    assert (reload(grey).attempts, minutes_until_due(grey)) == (1, 1)
    assert "451 4.7.1 greylisted" in reload(grey).words
    assert sweep() == 0
    age_outbox(MINUTE)
    smtp_sink.recipient = lambda _: "250 ok"
    assert sweep() == 1
    assert_all_arrived(smtp_sink, 5, most_extra=0)
    assert smtp_sink.commands["RCPT"] == 6


@pytest.mark.parametrize(
    "answer", ["421 4.3.2 closing", "432 4.3.2 concurrent connections", "452 4.5.3 too many"]
)
def test_d2_throttled(smtp_sink: Sink, alert: Notice, answer: str) -> None:
    [message] = save_due_messages(alert, 1)
    smtp_sink.recipient = lambda _: answer
    sweep()
    assert (reload(message).state, minutes_until_due(message)) == ("waiting", 1)
    assert answer in reload(message).words


def test_d2_after_two_days_it_is_parked_and_somebody_else_is_told(smtp_sink: Sink, alert: Notice) -> None:
    chief = boss()
    [message] = save_due_messages(alert, 1)
    smtp_sink.recipient = lambda to: "250 ok" if to == chief.email else "450 4.2.2 mailbox full"
    tries = 0
    while reload(message).state == "waiting":
        sweep()
        tries += 1
        assert tries < 100
        age_outbox(timedelta(minutes=max(1, minutes_until_due(message))))
    assert 45 <= tries <= 55  # five at first, then hourly up to 48 hours
    assert reload(message).state == "parked"
    sweep()
    assert len(smtp_sink.to(chief.email)) == 1


def test_d3_no_such_person_is_not_tried_again_and_an_administrator_is_told(
    smtp_sink: Sink, alert: Notice
) -> None:
    """550 on RCPT: 0 retries, and A11: the notice that nobody else has goes to administrators."""
    chief = boss()
    [message] = save_due_messages(alert, 1)
    smtp_sink.recipient = lambda to: "250 ok" if to == chief.email else "550 5.1.1 no such person"
    assert sweep() == 1  # the one to the administrator
    assert (reload(message).state, reload(message).attempts) == ("parked", 1)
    assert "550 5.1.1 no such person" in reload(message).words
    age_outbox(48 * HOUR)
    assert sweep() == 0
    assert smtp_sink.commands["RCPT"] == 2
    [copy] = smtp_sink.copies
    assert copy.recipient == chief.email


def test_d3_nobody_else_is_told_what_somebody_has_heard(smtp_sink: Sink, alert: Notice) -> None:
    boss()
    bad, _good = save_due_messages(alert, 2)
    smtp_sink.recipient = lambda to: "550 no" if to == bad.person.email else "250 ok"
    assert sweep() == 1
    assert Delivery.objects.count() == 2


def test_d3_the_last_of_two_that_both_bounce_falls_back(smtp_sink: Sink, alert: Notice) -> None:
    chief = boss()
    save_due_messages(alert, 2)
    smtp_sink.recipient = lambda to: "250 ok" if to == chief.email else "550 5.1.1 no such person"
    assert sweep() == 1
    assert len(smtp_sink.to(chief.email)) == 1


def test_d3_when_administrators_bounce_too_it_ends(smtp_sink: Sink, alert: Notice) -> None:
    boss()
    save_due_messages(alert, 2)
    smtp_sink.recipient = lambda _: "550 5.1.1 no such person"
    assert sweep() == 0
    assert count_unsent("parked") == 3
    assert count_unsent() == 0


def test_d3_a_refused_message_is_parked(smtp_sink: Sink, alert: Notice) -> None:
    [message, other] = save_due_messages(alert, 2)
    smtp_sink.judge = lambda copy: (
        "554 5.6.0 looks like spam" if copy.recipient == message.person.email else TAKEN
    )
    assert sweep() == 1
    assert reload(message).state == "parked"
    assert reload(other).state == "sent"


@pytest.mark.parametrize("address", ["", "not an address", "bob@meridian.test\nbcc: all@meridian.test"])
def test_an_address_that_is_none_is_parked_and_others_flow(
    smtp_sink: Sink, alert: Notice, address: str
) -> None:
    bad, good = save_due_messages(alert, 2)
    Person.objects.filter(pk=bad.person.pk).update(email=address)
    assert sweep() == 1
    assert reload(bad).state == "parked"
    assert reload(good).state == "sent"


# D4 -----------------------------------------------------------------------------------------------------------------


def test_d4_a_wrong_password_parks_nothing_and_counts_against_nobody(
    smtp_sink: Sink, alert: Notice, settings: Settings
) -> None:
    """Two hours of 535: paused for five minutes each time, 0 parked, 0 attempts; all are sent once it is right."""
    save_due_messages(alert, 10)
    smtp_sink.login = ("closeboard", "right")
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "closeboard", "wrong"
    for _ in range(2 * 60 * 2):
        assert sweep() == 0
        age_outbox(timedelta(seconds=30))
    assert smtp_sink.commands["AUTH"] <= 2 * 60 / 5 * 3  # smtplib tries what the server offers, in order
    assert count_unsent("waiting") == 10
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
    assert "535" in Channel.objects.get().words
    settings.EMAIL_HOST_PASSWORD = "right"
    age_outbox(channel_state.PAUSE)
    assert sweep() == 10
    assert Channel.objects.get().words == ""
    assert_all_arrived(smtp_sink, 10, most_extra=0)


@pytest.mark.parametrize("when", ["MAIL", "RCPT", "DATA", "greeting"])
def test_d4_whatever_is_refused_to_the_account_is_no_fault_of_a_message(
    smtp_sink: Sink, alert: Notice, when: str
) -> None:
    save_due_messages(alert, 3)
    match when:
        case "MAIL":
            smtp_sink.sender_answer = "550 5.7.60 client cannot send as this sender"
        case "RCPT":
            smtp_sink.recipient = lambda _: "530 5.7.57 client not authenticated"
        case "DATA":
            smtp_sink.judge = lambda _: "554 5.2.252 SendAsDenied; closeboard not allowed to send as group"
        case _:
            smtp_sink.greeting = "554 5.7.1 your address is blocked"
    assert sweep() == 0
    assert count_unsent("waiting") == 3
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
    assert Channel.objects.get().paused_until is not None


def test_d4_a_message_that_looks_like_a_wrong_account_does_not_block_the_others(
    smtp_sink: Sink, alert: Notice
) -> None:
    """It goes to the end of the queue, and the others end the pause."""
    bad, *_ = save_due_messages(alert, 3)
    smtp_sink.recipient = lambda to: "530 sign in" if to == bad.person.email else "250 ok"
    sweep()
    age_outbox(channel_state.PAUSE)
    assert sweep() == 2


def test_a_message_too_big_for_the_server_is_parked(smtp_sink: Sink, alert: Notice) -> None:
    [message] = save_due_messages(alert, 1)
    smtp_sink.sender_answer = "552 5.3.4 message too big"
    sweep()
    assert reload(message).state == "parked"


# D5, D6, D7 ---------------------------------------------------------------------------------------------------------


def test_d5_taken_and_then_dropped_before_250(smtp_sink: Sink, alert: Notice) -> None:
    """Every tenth of 100 dropped after DATA: 0 lost, 100 distinct ids, extra copies = drops, each of the same id."""
    save_due_messages(alert, 100)
    seen: set[str] = set()

    def judge(copy: Copy) -> str | None:
        first = copy.message_id not in seen
        seen.add(copy.message_id)
        return None if first and len(seen) % 10 == 0 else TAKEN

    smtp_sink.judge = judge
    assert sweep() == 90
    age_outbox(MINUTE)
    assert sweep() == 10
    assert_all_arrived(smtp_sink, 100, most_extra=10)
    assert smtp_sink.extra == 10


@pytest.mark.slow
def test_d6_a_server_that_says_a_letter_now_and_then_is_left_in_time(
    smtp_sink: Sink, alert: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each letter comes within the timeout of a read, the whole does not: the send ends at its own limit.

    The limit is shortened here; that of production is well below a lease.
    """
    assert transport.LONGEST_SEND * 2 < LEASE
    assert timedelta(seconds=settings_in_force.EMAIL_TIMEOUT) < transport.LONGEST_SEND
    [message] = save_due_messages(alert, 1)
    monkeypatch.setattr(transport, "LONGEST_SEND", timedelta(seconds=1))
    smtp_sink.dribble = 0.3
    for where in ("greeting", "answers"):
        began = time.monotonic()
        assert sweep() == 0
        assert time.monotonic() - began < 5
        assert reload(message).state == "waiting", where
        assert smtp_sink.copies == []
        age_outbox(HOUR)
        smtp_sink.greeting = "220 a"
    smtp_sink.dribble = 0
    assert sweep() == 1


def test_d6_a_silent_server_is_left_after_the_timeout(
    smtp_sink: Sink, alert: Notice, settings: Settings
) -> None:
    settings.EMAIL_TIMEOUT = 0.5
    [message] = save_due_messages(alert, 1)
    smtp_sink.delay = 1.0
    assert sweep() == 0
    assert (reload(message).state, reload(message).attempts) == ("waiting", 1)


def test_all_messages_of_a_run_share_one_connection(smtp_sink: Sink, alert: Notice) -> None:
    save_due_messages(alert, 25)
    assert sweep() == 25
    assert smtp_sink.commands["CONNECT"] == smtp_sink.commands["QUIT"] == 1


# A5, A6, A10 --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a5_a_mail_that_cannot_be_made_is_parked_after_six_tries_and_others_flow(
    smtp_sink: Sink, alert: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 poison in 1,000: 999 are sent in the same sweep, the poison is parked after 6 tries, 0 crashes."""
    poison, *_ = save_due_messages(alert, 1_000)

    def poisoned(delivery: Delivery, *rest: object) -> object:
        if delivery.pk == poison.pk:
            raise ZeroDivisionError("a template went wrong")
        return compose_mail(delivery, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(channel, "compose_mail", poisoned)
    assert send_due_mails(timezone.now(), run=timedelta(minutes=2)) == 999
    while reload(poison).state == "waiting":
        age_outbox(HOUR)
        sweep()
    assert (reload(poison).state, reload(poison).attempts) == ("parked", 6)
    assert "ZeroDivisionError: a template went wrong" in reload(poison).words


def test_a5_a_message_that_ends_whoever_sends_it_is_parked(smtp_sink: Sink, alert: Notice) -> None:
    """Each sender died with it: after six of them it is given up, and others flow."""
    poison, _other = save_due_messages(alert, 2)
    for _ in range(7):
        held = outbox.claim_mail()
        assert held is not None
        assert held.delivery_id == poison.pk
        age_outbox(LEASE)
    assert sweep() == 1
    assert (reload(poison).state, reload(poison).words) == ("parked", MessageReason.SENDERS_DIED)


def test_a6_closed_between_raising_and_sending(
    smtp_sink: Sink, overdue_group: SampleGroup, alert: Notice
) -> None:
    """0 mails: the message is cancelled and says why."""
    messages = save_due_messages(alert, 3)
    overdue_group.read(timezone.now(), {"NLDT": CLOSED}, span=late_span(timezone.now()))
    assert sweep() == 0
    assert smtp_sink.copies == []
    for each in messages:
        assert (reload(each).state, reload(each).words) == ("cancelled", LineReason.CLOSED_SINCE)


def test_a6_closed_while_others_are_being_sent(
    smtp_sink: Sink, overdue_group: SampleGroup, alert: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run goes on for half a minute; what closes in the middle of it is told no more a second later."""
    save_due_messages(alert, 5)

    def judge(_: Copy) -> str:
        time.sleep(1.1)
        return TAKEN

    smtp_sink.judge = judge
    real: Callable[..., object] = transport.send_mail

    def send(*given: object) -> None:
        real(*given)
        if len(smtp_sink.copies) == 2:
            overdue_group.read(timezone.now(), {"NLDT": CLOSED}, span=late_span(timezone.now()))

    monkeypatch.setattr(channel, "send_mail", send)
    assert sweep() == 2
    assert count_unsent("cancelled") == 3


def test_a10_who_lost_access_is_not_told_and_somebody_who_may_know_is(smtp_sink: Sink, alert: Notice) -> None:
    chief = boss()
    [message] = save_due_messages(alert, 1)
    Membership.objects.filter(person=message.recipient_id).delete()
    assert sweep() == 1
    assert (reload(message).state, reload(message).words) == ("cancelled", LineReason.NOT_VISIBLE)
    assert [copy.recipient for copy in smtp_sink.copies] == [chief.email]
    assert DeliveryLine.objects.get(delivery=message).left_out == LineReason.NOT_VISIBLE


def test_a10_a_line_of_another_entity_stays(smtp_sink: Sink, overdue_group: SampleGroup) -> None:
    """Whoever may still see one of two is told of that one only."""
    both = save_both(overdue_group)
    [message] = save_due_messages(both["NLDT"], 1)
    DeliveryLine.objects.create(delivery=message, notice=both["UKRT"], recipient=message.recipient)
    Membership.objects.filter(person=message.recipient_id).update(
        group=None, entity=overdue_group.entities["UKRT"], role=Membership.Role.OWNER
    )
    assert sweep() == 1
    [copy] = smtp_sink.copies
    assert "UK Retail" in copy.raw.decode()
    assert "EU DTC" not in copy.raw.decode()


def save_both(group: SampleGroup) -> dict[str, Notice]:

    span = late_span(timezone.now())
    group.read(timezone.now(), {"NLDT": OPEN, "UKRT": OPEN}, span=span)
    return {code: raise_notice(group, code) for code in ("NLDT", "UKRT")}


def test_a_person_who_was_switched_off_gets_nothing(smtp_sink: Sink, alert: Notice) -> None:
    [message] = save_due_messages(alert, 1)
    Person.objects.filter(pk=message.person.pk).update(is_active=False)
    assert sweep() == 0
    assert reload(message).state == "cancelled"


# after an outage ----------------------------------------------------------------------------------------------------


def test_nothing_read_before_an_outage_is_told_right_after_it(smtp_sink: Sink, alert: Notice) -> None:
    """Six hours away: a message from before waits for a reading; where none comes it is sent, as of the last one."""
    [message] = save_due_messages(alert, 1)
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE periods_syncattempt SET started_at = started_at - interval '6 h', finished_at = finished_at -"
            " interval '6 h', lease_until = lease_until - interval '6 h'"
        )
    assert SyncAttempt.objects.exists()
    assert sweep() == 0
    assert (reload(message).state, reload(message).attempts) == ("waiting", 0)
    assert reload(message).words == MessageReason.AWAITS_READING
    save_evaluation_span(timezone.now(), hours=1)
    age_outbox(MINUTE)
    assert sweep() == 1


def test_good_news_that_is_none_any_more(smtp_sink: Sink, overdue_group: SampleGroup) -> None:
    [message] = save_due_messages(raise_notice(overdue_group, kind=NoticeKind.CLEARED), 1)
    assert sweep() == 0
    assert reload(message).state == "cancelled"


# C7 -----------------------------------------------------------------------------------------------------------------


def test_c7_a_restored_database_sends_nothing_before_it_is_released(smtp_sink: Sink, alert: Notice) -> None:
    save_due_messages(alert, 10)
    channel_state.hold("restored from a backup")
    assert sweep() == 0
    assert smtp_sink.commands["CONNECT"] == 0
    channel_state.release()
    assert sweep() == 10


# what a message costs -----------------------------------------------------------------------------------------------


def test_a_message_costs_two_statements_however_many_there_are(smtp_sink: Sink, alert: Notice) -> None:
    """Its claim and its mark; whatever it tells of is read for all of them together."""

    def statements(count: int, first: int) -> int:
        save_due_messages(alert, count, first=first)
        with CaptureQueriesContext(database) as asked:
            assert sweep() == count
        return len(asked)

    few, many = statements(5, 0), statements(45, 100)
    assert many - few <= 2 * 40 + few  # and one more look, which is due after a second on a busy machine


def test_whom_a_look_lets_see_is_whom_the_board_lets_see(overdue_group: SampleGroup, alert: Notice) -> None:
    """A10 as a matrix: every role at every place, switched off or not, against `LegalEntity.visible_to`."""
    places: list[dict[str, object]] = [{"group": each} for each in Group.objects.all()]
    places += [{"entity": each} for each in overdue_group.entities.values()]
    people = []
    for number, (place, role) in enumerate(itertools.product(places, Membership.Role)):
        person = Person.objects.create(
            email=f"m{number}@meridian.test", name=f"M{number}", is_active=number % 7 != 0
        )
        Membership.objects.create(person=person, role=role, **place)
        people.append(person)
    people += [boss(), Person.objects.create(email="none@meridian.test", name="None")]
    month = late_span(timezone.now()).first
    every = {(each.pk, month) for each in overdue_group.entities.values()}
    truth = SendContext(timezone.now())
    for person in people:
        seen, _ = truth.rows(every, person)
        visible = LegalEntity.objects.visible_to(person).values_list("pk", flat=True)
        assert {entity for entity, _ in seen} == set(visible)
