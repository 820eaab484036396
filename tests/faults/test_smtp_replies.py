"""What mail servers in the field answer, over real SMTP: whom an answer is about, and that nothing is lost by it.

Each answer of `tests/alerts/channels/smtp_replies.txt` is given to everybody, then to one of several people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone
from pytest_django.fixtures import Settings

from alerts.channels import state as channel_state
from alerts.channels.delivery_errors import (
    ChannelMisconfigured,
    MessageRefused,
    ServerBusy,
    TemporaryFailure,
    UnclearRefusal,
)
from alerts.channels.email.transport import mail_connection, send_mail
from alerts.models import Channel, Delivery, Notice, Trouble
from alerts.outbox.refusals import ASK_OTHERS_AFTER, UNCLEAR_NOTE
from alerts.outbox.sending import NOTIFY_AFTER, send_due_mails, send_due_posts
from entities.models import Person
from tests.alerts.channels.destination_builders import save_destination
from tests.faults.http_sink import HttpSink
from tests.faults.outbox_helpers import age_outbox, count_unsent, save_due_messages
from tests.faults.smtp_sink import TAKEN, Copy, Sink

pytestmark = [pytest.mark.fault, pytest.mark.django_db, pytest.mark.usefixtures("mails_to_smtp_sink")]

MINUTE = timedelta(minutes=1)
_TABLE = Path(__file__).parents[1] / "alerts" / "channels" / "smtp_replies.txt"


def replies(*concerns: str) -> Iterator[tuple[str, str, str]]:
    """The command, the concern and the answer of each line of the table."""
    for line in _TABLE.read_text().splitlines():
        if line and not line.startswith("#"):
            command, concern, answer = (part.strip() for part in line.split("|", 2))
            if not concerns or concern in concerns:
                yield command, concern, answer.replace("\\n", "\n")


def sweep() -> int:
    return send_due_mails(timezone.now())


def answer_with(sink: Sink, command: str, answer: str, to: Callable[[str], bool]) -> None:
    """Answer one command so, for the recipients of which `to` holds; MAIL names none, and is answered so to all."""
    sink.sender_answer = answer if command == "MAIL" else "250 ok"
    sink.recipient = lambda address: answer if command == "RCPT" and to(address) else "250 ok"
    sink.judge = lambda copy: answer if command == "DATA" and to(copy.recipient) else TAKEN


def everybody(_: str) -> bool:
    return True


def forget_all() -> None:
    Delivery.objects.all().delete()
    Channel.objects.all().delete()
    Trouble.objects.all().delete()
    Person.objects.filter(email__startswith="p0").delete()


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


EXPECTED = {
    ("recipient", "5"): MessageRefused,
    ("message", "5"): MessageRefused,
    ("client", "5"): ChannelMisconfigured,
    ("unclear", "5"): UnclearRefusal,
    ("recipient", "4"): TemporaryFailure,
    ("client", "4"): ServerBusy,
    ("unclear", "4"): TemporaryFailure,
}


def test_c20_whom_each_answer_of_the_field_is_about(smtp_sink: Sink) -> None:
    """Over real SMTP, with the line breaks and codes that servers send."""
    table = list(replies())
    assert len(table) >= 120
    for command, concern, answer in table:
        answer_with(smtp_sink, command, answer, everybody)
        mail = EmailMultiAlternatives("May 2026", "EU DTC BV", to=["rosa@meridian.test"])
        with mail_connection() as server, pytest.raises(Exception) as raised:
            send_mail(mail, server)
        assert type(raised.value) is EXPECTED[concern, answer[0]], (command, answer)


# One of each: those of the issue, and the other ways in which a whole server may fail or put everybody off.
FAULTS_OF_ALL = [
    ("RCPT", "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname"),
    ("RCPT", "550 5.7.1 Unable to relay"),
    ("RCPT", "550 5.4.5 Daily user sending limit exceeded"),
    ("DATA", "550 5.7.30 Basic authentication is not supported"),
    ("RCPT", "550 no"),
    ("RCPT", "450 4.7.1 <localhost>: Helo command rejected: Host not found"),
]


def everybody_gets(sink: Sink, alert: Notice, command: str, answer: str) -> None:
    """Everybody gets the same answer, twice: nothing is parked, and all arrive afterwards."""
    save_due_messages(alert, 3)
    answer_with(sink, command, answer, everybody)
    for _ in range(2):
        assert sweep() == 0
        age_outbox(6 * MINUTE)
    assert states() == ["waiting"] * 3, answer
    assert Trouble.objects.filter(channel="email", ended_at=None).exists() or answer[0] == "4", answer
    if answer[0] == "5":
        assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}, answer
    answer_with(sink, "", "", everybody)
    age_outbox(6 * MINUTE)
    assert sweep() == 3, answer
    forget_all()


def one_of_three_gets(sink: Sink, alert: Notice, command: str, concern: str, answer: str) -> None:
    """The others get their mails at once, or after a pause; that one is given up, kept or tried again."""
    odd, *_ = save_due_messages(alert, 3)
    answer_with(sink, command, answer, lambda address: address == odd.person.email)
    sent = sweep()
    age_outbox(6 * MINUTE)
    sent += sweep()
    assert sent == 2, answer
    odd.refresh_from_db()
    kept = concern == "client" or answer[0] == "4"
    assert odd.state == ("waiting" if kept else "parked"), answer
    assert answer.rsplit("\n", maxsplit=1)[-1][-20:].strip() in odd.words, answer
    forget_all()


def test_c20_an_answer_to_everybody_parks_nothing(smtp_sink: Sink, alert: Notice) -> None:
    for command, answer in FAULTS_OF_ALL:
        everybody_gets(smtp_sink, alert, command, answer)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_c20_no_answer_of_the_field_to_everybody_parks_anything(smtp_sink: Sink, alert: Notice) -> None:
    for command, _concern, answer in replies("client", "unclear"):
        everybody_gets(smtp_sink, alert, command, answer)


def test_c20_an_answer_to_one_of_several_is_no_fault_of_the_others(smtp_sink: Sink, alert: Notice) -> None:
    for concern, answer in (
        ("unclear", "550 5.7.1 Unable to relay"),
        ("client", "550 5.7.1 Client host rejected"),
        ("recipient", "550 5.1.1 User unknown"),
        ("unclear", "450 4.7.1 greylisted"),
    ):
        one_of_three_gets(smtp_sink, alert, "RCPT", concern, answer)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_c20_each_answer_of_the_field_to_one_of_several(smtp_sink: Sink, alert: Notice) -> None:
    for command, concern, answer in replies():
        if command != "MAIL":
            one_of_three_gets(smtp_sink, alert, command, concern, answer)


def test_c20_everybody_unknown_is_a_fault_of_the_server(smtp_sink: Sink, alert: Notice) -> None:
    """A relay that has lost its directory knows nobody: after three in a row the others wait."""
    save_due_messages(alert, 20)
    smtp_sink.recipient = lambda _: "550 5.1.1 User unknown in local recipient table"
    for _ in range(5):
        sweep()
        age_outbox(6 * MINUTE)
    assert count_unsent("parked") == 3
    smtp_sink.recipient = lambda _: "250 ok"
    assert sweep() == 17


def test_c20_two_unclear_refusals_pause_after_the_second(smtp_sink: Sink, alert: Notice) -> None:
    """Forty mails do not each knock: the second refusal, for somebody else, shows that it is about us."""
    save_due_messages(alert, 40)
    smtp_sink.recipient = lambda _: "554 5.7.1 Relay access denied"
    sweep()
    assert smtp_sink.commands["RCPT"] == 2
    assert Channel.objects.get().paused_until is not None
    sweep()
    assert smtp_sink.commands["RCPT"] == 2
    smtp_sink.recipient = lambda _: "250 ok"
    age_outbox(channel_state.PAUSE)
    assert sweep() == 40


def test_c20_one_person_alone_in_doubt_lets_administrators_be_asked(smtp_sink: Sink, alert: Notice) -> None:
    """Nobody else has mail: after half an hour administrators get the notice, and their server's answer decides."""
    chief = Person.objects.create(email="boss@meridian.test", name="Boss", is_superuser=True)
    [message] = save_due_messages(alert, 1)
    smtp_sink.recipient = lambda to: "250 ok" if to == chief.email else "550 no"
    for _ in range(2):
        assert sweep() == 0
        age_outbox(channel_state.PAUSE)
    assert UNCLEAR_NOTE in Delivery.objects.get().words
    Trouble.objects.update(began_at=timezone.now() - ASK_OTHERS_AFTER)
    assert sweep() == 0
    age_outbox(channel_state.PAUSE)
    assert sweep() == 1
    message.refresh_from_db()
    assert message.state == "parked"
    assert UNCLEAR_NOTE not in message.words
    assert len(smtp_sink.to(chief.email)) == 1


@pytest.mark.parametrize("answer", ["550 5.7.1 Unable to relay", "421 4.7.0 Try again later (EHLO)"])
def test_c20_administrators_hear_of_it_by_another_channel(
    smtp_sink: Sink, http_sink: HttpSink, alert: Notice, answer: str
) -> None:
    """At once of a refusal, after half an hour of a server that puts everybody off; the text names no address."""
    save_destination("slack", http_sink)
    save_due_messages(alert, 3)
    smtp_sink.recipient = lambda _: answer
    sweep()
    Trouble.objects.update(began_at=timezone.now() - NOTIFY_AFTER)
    send_due_posts(timezone.now())
    [post] = http_sink.seen
    assert "Mails cannot be sent" in post.body.decode()
    assert "none is lost" in post.body.decode()
    assert "no mail server answers" not in post.body.decode()


def test_c20_a_name_that_is_refused_is_a_fault_of_the_connection(smtp_sink: Sink, alert: Notice) -> None:
    for answer in (
        "550 5.7.1 I do not know you",
        "504 5.5.2 Helo command rejected",
        "421 4.7.0 Try again later",
    ):
        save_due_messages(alert, 2)
        smtp_sink.name_answer = answer
        assert sweep() == 0
        assert states() == ["waiting"] * 2
        smtp_sink.name_answer = "250"
        age_outbox(timedelta(hours=1))
        assert sweep() == 2
        forget_all()


def test_c20_the_server_is_greeted_by_the_name_that_people_use(
    smtp_sink: Sink, alert: Notice, settings: Settings
) -> None:
    settings.MAIL_EHLO_NAME = "close.meridian.test"
    save_due_messages(alert, 1)
    assert sweep() == 1
    assert smtp_sink.names == ["close.meridian.test"]


@pytest.mark.parametrize("offered", [True, False], ids=["8bitmime", "7bit"])
def test_c20_characters_of_eight_bits_go_to_servers_that_offer_them(
    smtp_sink: Sink, alert: Notice, *, offered: bool
) -> None:
    """Another server gets ASCII, which says the same."""
    smtp_sink.extensions = ["8BITMIME", "SIZE 1000000"] if offered else ["SIZE 1000000"]
    [message] = save_due_messages(alert, 1)
    Person.objects.filter(pk=message.person.pk).update(name="Zoë Müller")
    entity = alert.period.entity if alert.period is not None else None
    assert entity is not None
    entity.name = "México SA “Ñandú”"
    entity.save()
    assert sweep() == 1
    [copy] = smtp_sink.copies
    assert ("BODY=8BITMIME" in smtp_sink.senders[0]) == offered
    assert copy.raw.isascii() != offered
    for part in copy.mail.walk():
        if isinstance(part, EmailMessage) and not part.is_multipart():
            assert "México SA “Ñandú”" in part.get_content()


def test_c20_a_server_that_hangs_up_on_everybody_for_days_parks_nothing(
    smtp_sink: Sink, alert: Notice
) -> None:
    save_due_messages(alert, 2)

    def hang_up(_: Copy) -> None:
        return None

    smtp_sink.judge = hang_up
    Delivery.objects.update(attempts=60, made_at=timezone.now() - timedelta(days=5))
    for _ in range(3):
        sweep()
        age_outbox(timedelta(hours=1))
    assert states()[:2] == ["waiting", "waiting"]
    smtp_sink.judge = lambda _: TAKEN
    assert sweep() >= 2


def test_c20_one_recipient_whose_server_is_always_busy_delays_nobody(smtp_sink: Sink, alert: Notice) -> None:
    """The first 421 delays all for a minute; once others are accepted, only that one is tried later."""
    odd, *_ = save_due_messages(alert, 4)
    smtp_sink.recipient = lambda to: "421 4.7.0 too busy" if to == odd.person.email else "250 ok"
    assert sweep() == 0
    age_outbox(MINUTE)
    assert sweep() == 3
    odd.refresh_from_db()
    assert (odd.state, odd.attempts) == ("waiting", 2)
    assert Channel.objects.get().words == ""
    assert Trouble.objects.get().ended_at is not None


def test_c20_everybody_put_off_for_days_parks_nothing(smtp_sink: Sink, alert: Notice) -> None:
    """The mailboxes of a whole server are offline for three days, by a reply that is about each of them."""
    save_due_messages(alert, 2)
    smtp_sink.recipient = lambda _: "450 4.2.1 mailbox temporarily disabled"
    Delivery.objects.update(attempts=60, made_at=timezone.now() - timedelta(days=3))
    for _ in range(3):
        sweep()
        age_outbox(timedelta(hours=1))
    assert states() == ["waiting"] * 2
    smtp_sink.recipient = lambda _: "250 ok"
    assert sweep() == 2
