"""The same stories of three kinds of destination, over real HTTP: 05-reliability 2G."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts.channels import state as channel_state
from alerts.models import Channel, Delivery, DeliveryLine, Destination, LineReason, Notice, Trouble
from alerts.outbox import queue as outbox
from alerts.outbox.sending import send_due_mails, send_due_posts
from closing.judging.notice_rules import NoticeKind
from entities.models import Group, LegalEntity, Membership, Person
from tests.alerts.channels.destination_builders import SECRET, route_to_destinations, save_destination
from tests.alerts.evaluations import (
    ALL_CLOSED,
    evaluate_and_list_notices,
    save_evaluation_span,
    save_group_with_recipients,
)
from tests.builders import CLOSED, OPEN, utc
from tests.db_builders import SampleGroup
from tests.faults.http_sink import Arrival, HttpSink, Reply
from tests.faults.outbox_helpers import (
    age_outbox,
    late_span,
    raise_notice,
    save_due_messages,
)
from tests.faults.smtp_sink import Sink

pytestmark = pytest.mark.django_db
KINDS = pytest.mark.parametrize("kind", ["teams", "slack", "webhook"])
GIVEN_UP = (401, 403, 404, 410, 302)


def posted(**more: Any) -> int:
    return send_due_posts(timezone.now(), **more)


def tell(group: SampleGroup, code: str = "NLDT", kind: NoticeKind = NoticeKind.ALERT) -> Notice:
    notice = raise_notice(group, code, kind)
    route_to_destinations([notice], timezone.now())
    return notice


def only() -> Delivery:
    return Delivery.objects.get()


# what arrives -------------------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("status", [200, 202, 204])
def test_what_is_taken_is_sent_once(
    http_sink: HttpSink, overdue_group: SampleGroup, kind: str, status: int
) -> None:
    """G5: any 2xx is taken; Teams says 202, Slack "ok" in plain text."""
    save_destination(kind, http_sink)
    tell(overdue_group)
    http_sink.judge = lambda _: Reply(status, b"" if status == 204 else b"ok", {"Content-Type": "text/html"})
    assert posted() == 1
    assert posted() == 0
    assert (only().state, len(http_sink.seen)) == ("sent", 1)
    assert "EU DTC BV" in http_sink.seen[0].body.decode()


@KINDS
def test_g1_what_may_go_later_is_tried_again_and_no_sooner_than_asked(
    http_sink: HttpSink, overdue_group: SampleGroup, kind: str
) -> None:
    place = save_destination(kind, http_sink)
    tell(overdue_group)
    http_sink.judge = lambda _: Reply(429, headers={"Retry-After": "300"})
    assert posted() == 0
    waits = only().due_at - timezone.now()
    assert timedelta(seconds=295) < waits <= timedelta(seconds=300)
    assert (only().state, only().attempts) == ("waiting", 1)
    assert Channel.objects.get().name == place.channel
    age_outbox(timedelta(seconds=290))
    assert posted() == 0
    assert len(http_sink.seen) == 1
    age_outbox(timedelta(seconds=11))
    http_sink.judge = lambda _: Reply(200)
    assert posted() == 1
    assert (Channel.objects.get().words, Channel.objects.get().paused_until) == ("", None)


@KINDS
@pytest.mark.parametrize("status", [408, 425, 500, 502, 503])
def test_a_server_in_trouble_is_tried_again_in_a_minute(
    http_sink: HttpSink, overdue_group: SampleGroup, kind: str, status: int
) -> None:
    save_destination(kind, http_sink)
    tell(overdue_group)
    http_sink.judge = lambda _: Reply(status)
    posted()
    assert (only().state, only().attempts) == ("waiting", 1)
    assert timedelta(seconds=55) < only().due_at - timezone.now() <= timedelta(minutes=1)
    assert str(status) in only().words


@KINDS
@pytest.mark.parametrize("status", [404, 503])
def test_trouble_belongs_to_the_destination_of_the_message_whatever_its_channel_is_called(
    http_sink: HttpSink, overdue_group: SampleGroup, kind: str, status: int
) -> None:
    place = save_destination(kind, http_sink)
    tell(overdue_group)
    Delivery.objects.update(channel="treasury")
    http_sink.judge = lambda _: Reply(status)
    assert posted() == 0
    trouble = Trouble.objects.get()
    assert (trouble.channel, trouble.destination) == ("treasury", place)


def test_a_longer_wait_than_a_quarter_of_an_hour_is_not_kept(
    http_sink: HttpSink, overdue_group: SampleGroup
) -> None:
    save_destination("slack", http_sink)
    tell(overdue_group)
    http_sink.judge = lambda _: Reply(429, headers={"Retry-After": "86400"})
    posted()
    assert only().due_at - timezone.now() <= timedelta(minutes=15)


@KINDS
@pytest.mark.parametrize("status", GIVEN_UP)
def test_g2_a_destination_that_does_not_want_us_pauses_and_nothing_is_lost(
    http_sink: HttpSink, overdue_group: SampleGroup, kind: str, status: int
) -> None:
    """404, 410, 401, 403 and redirects: no try of the message, words for who looks, told once, works again."""
    place = save_destination(kind, http_sink)
    tell(overdue_group)
    elsewhere = {"Location": http_sink.url("/elsewhere")}
    http_sink.judge = lambda _: Reply(status, b"no_service", elsewhere if status == 302 else {})
    assert posted() == 0
    assert posted() == 0
    assert [each.path.partition("?")[0] for each in http_sink.seen].count("/elsewhere") == 0
    assert len(http_sink.seen) == 1
    assert (only().state, only().attempts) == ("waiting", 0)
    channel = Channel.objects.get()
    assert channel.name == place.channel
    assert str(status) in channel.words
    assert Trouble.objects.get().refused
    age_outbox(channel_state.PAUSE)
    http_sink.judge = lambda _: Reply(200)
    assert posted() == 1
    assert Trouble.objects.get().ended_at is not None


@KINDS
@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_no_good_is_parked(
    http_sink: HttpSink, overdue_group: SampleGroup, kind: str, status: int
) -> None:
    save_destination(kind, http_sink)
    tell(overdue_group)
    http_sink.judge = lambda _: Reply(status, b"invalid_payload")
    posted()
    assert only().state == "parked"
    assert f"{status}: invalid_payload" in only().words
    posted()
    assert len(http_sink.seen) == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("teams", b'{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"Could not execute workflow"}}'),
        ("slack", b"user_not_found"),
    ],
)
def test_c20_a_flow_that_is_switched_off_parks_no_post(
    http_sink: HttpSink, overdue_group: SampleGroup, kind: str, body: bytes
) -> None:
    """400 for a fault of the whole destination: it is paused, and its administrators get a mail."""
    save_destination(kind, http_sink)
    tell(overdue_group)
    http_sink.judge = lambda _: Reply(400, body)
    posted()
    assert (only().state, only().attempts) == ("waiting", 0)
    assert Trouble.objects.get().refused
    http_sink.judge = lambda _: Reply(202)
    age_outbox(channel_state.PAUSE)
    assert posted() == 1


def test_c20_a_destination_that_fails_for_days_parks_no_post(
    http_sink: HttpSink, overdue_group: SampleGroup
) -> None:
    save_destination("teams", http_sink)
    tell(overdue_group)
    Delivery.objects.update(attempts=60, made_at=timezone.now() - timedelta(days=5))
    http_sink.judge = lambda _: Reply(502)
    posted()
    assert only().state == "waiting"


def test_a_parked_post_goes_to_nobody_else_where_people_are_told_as_well(
    http_sink: HttpSink, overdue_group: SampleGroup
) -> None:
    notice = tell_all(overdue_group, http_sink)
    http_sink.judge = lambda _: Reply(400)
    posted()
    assert {line.recipient_id is None for line in DeliveryLine.objects.filter(notice=notice)} == {True, False}
    assert Delivery.objects.filter(recipient__is_superuser=True).count() == 0


def tell_all(group: SampleGroup, sink: HttpSink) -> Notice:
    save_destination("slack", sink)
    Person.objects.create_superuser("root@meridian.test", name="Root")
    notice = tell(group)
    put_due_line(notice)
    return notice


def put_due_line(notice: Notice) -> Delivery:
    [mail] = save_due_messages(notice, 1)
    return mail


@KINDS
def test_words_never_hold_the_address(
    http_sink: HttpSink, overdue_group: SampleGroup, kind: str, caplog: Any
) -> None:
    """The path of a Slack webhook and the `sig` of a workflow are credentials: nowhere but in the sealed column."""
    place = save_destination(kind, http_sink)
    for answer in (404, 500, 400):
        tell(
            overdue_group,
            kind={404: NoticeKind.ALERT, 500: NoticeKind.UNCONFIRMED, 400: NoticeKind.LATE}[answer],
        )
        http_sink.judge = lambda came, status=answer: Reply(status, came.path.encode())  # type: ignore[misc]
        age_outbox(timedelta(hours=2))
        posted()
    said = [
        *Delivery.objects.values_list("words", flat=True),
        *Channel.objects.values_list("words", flat=True),
    ]
    said += [*Trouble.objects.values_list("words", flat=True), caplog.text]
    assert any("404" in each for each in said)
    assert all(SECRET not in each and "T0001" not in each for each in said), said
    assert SECRET.encode() not in bytes(Destination.objects.get().sealed_url)
    assert SECRET not in repr(place)


@KINDS
def test_a_post_that_is_dropped_after_it_was_taken_is_tried_again(
    http_sink: HttpSink, overdue_group: SampleGroup, kind: str
) -> None:
    """D5 for posts: the copy has the same id, and a minute passes before it."""
    save_destination(kind, http_sink)
    tell(overdue_group)
    http_sink.judge = lambda _: None
    assert posted() == 0
    assert (only().state, only().attempts) == ("waiting", 1)
    age_outbox(timedelta(minutes=1))
    http_sink.judge = lambda _: Reply(200)
    assert posted() == 1
    assert len(http_sink.taken) == 2
    if kind == "webhook":
        assert len(http_sink.ids) == 1


def test_one_that_hangs_stops_no_other_and_no_mail(
    http_sink: HttpSink, overdue_group: SampleGroup, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alerts.channels import post_transport  # noqa: PLC0415 - patched here only
    from infra.outbound.session import RequestLimits  # noqa: PLC0415

    monkeypatch.setattr(post_transport, "LIMITS", RequestLimits(retries=0, operation_seconds=0.5))
    hanging = save_destination("slack", http_sink, name="hangs")
    fine = save_destination("webhook", http_sink, name="fine")
    tell(overdue_group)
    http_sink.judge = lambda came: Reply(200, after=3.0 if "services" in came.path else 0.0)
    assert posted() == 1
    states = dict(Delivery.objects.values_list("destination", "state"))
    assert states == {hanging.pk: "waiting", fine.pk: "sent"}
    assert "did not answer in time" in Channel.objects.get(name=hanging.channel).words
    began = time.monotonic()
    assert posted() == 0  # it is left alone for a minute
    assert time.monotonic() - began < 0.4


def test_a_destination_that_is_away_is_looked_for_and_no_message_counts_it(
    http_sink: HttpSink, overdue_group: SampleGroup
) -> None:
    place = save_destination("webhook", http_sink)
    http_sink.stop()
    tell(overdue_group)
    for _ in range(8):
        posted()
        age_outbox(channel_state.LONGEST_PAUSE)
    assert (only().state, only().attempts) == ("waiting", 0)
    assert not Trouble.objects.get().refused
    http_sink.start()
    assert posted() == 1
    assert outbox.claim_post() is None
    assert Channel.objects.get(name=place.channel).words == ""


def test_the_longer_it_refuses_us_the_less_often_we_ask(
    http_sink: HttpSink, overdue_group: SampleGroup
) -> None:
    save_destination("webhook", http_sink)
    tell(overdue_group)
    http_sink.judge = lambda _: Reply(404)
    posted()
    Trouble.objects.update(began_at=timezone.now() - timedelta(days=2))
    age_outbox(channel_state.PAUSE)
    posted()
    paused = Channel.objects.get().paused_until
    assert paused is not None
    assert timedelta(minutes=59) < paused - timezone.now() <= channel_state.LONGEST_PAUSE


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_g1_many_posts_one_in_ten_too_many(overdue_group: SampleGroup) -> None:
    """400 messages to 20 destinations, 10 % answered 429: 0 lost, each id taken once, <= 1 at a time to each."""
    notice = raise_notice(overdue_group)
    random.seed(7)
    with HttpSink() as sink:
        places = [save_destination("webhook", sink.url(f"/in/{n}"), name=f"place {n}") for n in range(20)]
        now = timezone.now()
        for place in places:
            for number in range(20):
                one = Delivery.objects.create(
                    destination=place,
                    channel=place.channel,
                    made_at=now,
                    due_at=now,
                    message_id=f"{place.pk}-{number}",
                )
                if not number:
                    DeliveryLine.objects.create(delivery=one, notice=notice, destination=place)
                else:
                    twin = Notice.objects.create(**copy_of(notice, number + 20 * place.pk))
                    DeliveryLine.objects.create(delivery=one, notice=twin, destination=place)
        refused = 0

        def judge(_: Arrival) -> Reply:
            nonlocal refused
            if random.random() < 0.1:
                refused += 1
                return Reply(429, headers={"Retry-After": "1"})
            return Reply(200)

        sink.judge = judge
        for _ in range(40):
            posted(apart=timedelta(0))
            age_outbox(timedelta(minutes=1))
            if not Delivery.objects.filter(state="waiting").exists():
                break
        assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
        assert refused > 20
        assert (len(sink.ids), sink.ids.total()) == (400, 400)


def copy_of(notice: Notice, episode: int) -> dict[str, Any]:
    names = ("kind", "period", "reason", "raised_at", "state", "days_late", "due_on", "fresh")
    return {name: getattr(notice, name) for name in names} | {"episode": episode}


def test_one_destination_gets_one_post_a_second(http_sink: HttpSink, overdue_group: SampleGroup) -> None:
    place = save_destination("webhook", http_sink)
    for number in range(3):
        notice = raise_notice(
            overdue_group, kind=(NoticeKind.ALERT, NoticeKind.LATE, NoticeKind.UNCONFIRMED)[number]
        )
        one = Delivery.objects.create(
            destination=place,
            channel=place.channel,
            made_at=timezone.now(),
            due_at=timezone.now(),
            message_id=f"{number}",
        )
        DeliveryLine.objects.create(delivery=one, notice=notice, destination=place)
    assert posted() == 3
    assert http_sink.most_in(0.95) == 1


# channels stop nobody else ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("mails_to_smtp_sink")
def test_a_mail_server_that_refuses_us_stops_no_post_and_a_dead_destination_no_mail(
    http_sink: HttpSink, smtp_sink: Sink, overdue_group: SampleGroup
) -> None:
    save_destination("slack", http_sink)
    notice = tell(overdue_group)
    save_due_messages(notice, 2)
    smtp_sink.sender_answer = "550 5.7.60 not you"
    assert send_due_mails(timezone.now()) == 0
    assert posted() == 2  # the alert, and that mails cannot leave
    smtp_sink.sender_answer = "250 ok"
    age_outbox(channel_state.PAUSE)
    http_sink.judge = lambda _: Reply(410)
    tell(overdue_group, kind=NoticeKind.LATE)
    age_outbox(timedelta(minutes=5))
    assert posted() == 0
    assert send_due_mails(timezone.now()) == 2


def test_a_hold_holds_posts_as_well(http_sink: HttpSink, overdue_group: SampleGroup) -> None:
    save_destination("slack", http_sink)
    tell(overdue_group)
    channel_state.hold("restored from a backup")
    assert posted() == 0
    assert not http_sink.seen
    channel_state.release()
    assert posted() == 1


def test_posts_leave_where_no_mail_server_is_named(
    http_sink: HttpSink, overdue_group: SampleGroup, settings: Any
) -> None:
    settings.MAILS_LEAVE = False
    save_destination("slack", http_sink)
    tell(overdue_group)
    assert posted() == 1


# our own trouble ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("mails_to_smtp_sink")
def test_that_mails_cannot_leave_is_posted_once_to_each_destination(
    http_sink: HttpSink, smtp_sink: Sink, overdue_group: SampleGroup
) -> None:
    for kind in ("teams", "slack", "webhook"):
        save_destination(kind, http_sink)
    off = save_destination("slack", http_sink, name="off")
    Destination.objects.filter(pk=off.pk).update(enabled=False)
    save_due_messages(raise_notice(overdue_group), 3)
    smtp_sink.login = ("closeboard", "the right one")
    smtp_sink.sender_answer = "535 5.7.8 wrong password"
    for _ in range(4):
        send_due_mails(timezone.now())
        posted()
        age_outbox(channel_state.PAUSE)
    assert len(http_sink.taken) == 3
    assert all("Mails cannot be sent" in each.body.decode() for each in http_sink.taken)
    assert all("wrong password" not in each.body.decode() for each in http_sink.taken)
    smtp_sink.login, smtp_sink.sender_answer = None, "250 ok"
    assert send_due_mails(timezone.now()) == 3
    assert Trouble.objects.get().ended_at is not None


@pytest.mark.usefixtures("mails_to_smtp_sink")
def test_a_mail_server_that_is_away_is_told_of_after_half_an_hour(
    http_sink: HttpSink, smtp_sink: Sink, overdue_group: SampleGroup
) -> None:
    save_destination("teams", http_sink)
    save_due_messages(raise_notice(overdue_group), 1)
    smtp_sink.stop()
    send_due_mails(timezone.now())
    posted()
    assert not http_sink.taken
    Trouble.objects.update(began_at=timezone.now() - timedelta(minutes=31))
    posted()
    posted()
    assert len(http_sink.taken) == 1


@pytest.mark.usefixtures("mails_to_smtp_sink")
def test_trouble_that_is_over_is_not_told_any_more(
    http_sink: HttpSink, smtp_sink: Sink, overdue_group: SampleGroup
) -> None:
    save_destination("teams", http_sink)
    save_due_messages(raise_notice(overdue_group), 1)
    smtp_sink.stop()
    send_due_mails(timezone.now())
    Trouble.objects.update(began_at=timezone.now() - timedelta(minutes=31))
    http_sink.judge = lambda _: Reply(500)
    posted()
    smtp_sink.start()
    age_outbox(timedelta(minutes=5))
    send_due_mails(timezone.now())
    http_sink.judge = lambda _: Reply(200)
    posted()
    assert not http_sink.taken
    assert Delivery.objects.get(trouble__isnull=False).state == "cancelled"


@pytest.mark.usefixtures("mails_to_smtp_sink")
def test_a_destination_in_trouble_is_mailed_once_to_who_administers_its_group(
    http_sink: HttpSink, smtp_sink: Sink, overdue_group: SampleGroup
) -> None:
    place = save_destination("slack", http_sink, "UK", name="UK close")
    for name, code, role in (
        ("ada", "UK", "administrator"),
        ("top", "MERIDIAN", "administrator"),
        ("other", "EUROPE", "administrator"),
        ("fin", "UK", "finance"),
    ):
        person = Person.objects.create(email=f"{name}@meridian.test", name=name)
        Membership.objects.create(person=person, role=role, group=Group.objects.get(code=code))
    save_ukrt_late(overdue_group)
    tell(overdue_group, "UKRT")
    http_sink.judge = lambda _: Reply(404, b"no_service")
    for _ in range(3):
        posted()
        send_due_mails(timezone.now())
        age_outbox(timedelta(minutes=5))
    assert sorted(copy.recipient for copy in smtp_sink.copies) == ["ada@meridian.test", "top@meridian.test"]
    text = smtp_sink.copies[0].mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "“UK close” refuses our posts" in text
    assert "127.0.0.1" in text
    assert "404: no_service" in text
    assert SECRET not in smtp_sink.copies[0].raw.decode()
    assert place.channel == Trouble.objects.get().channel


def save_ukrt_late(group: SampleGroup) -> None:
    now = timezone.now()
    group.read(now, {"UKRT": OPEN, "NLDT": OPEN}, span=late_span(now))


# what it may be told ------------------------------------------------------------------------------------------------


def told_of() -> set[str]:
    return set(DeliveryLine.objects.values_list("destination__name", flat=True))


def test_g8_only_destinations_whose_group_holds_the_entity_hear_and_only_of_their_kinds(
    http_sink: HttpSink, overdue_group: SampleGroup
) -> None:
    save_destination("slack", http_sink, "MERIDIAN", name="all")
    save_destination("slack", http_sink, "EUROPE", name="europe")
    save_destination("slack", http_sink, "UK", name="uk")
    save_destination("slack", http_sink, "EUROPE", name="europe closes", kinds=["cleared"])
    off = save_destination("slack", http_sink, "EUROPE", name="off")
    Destination.objects.filter(pk=off.pk).update(enabled=False)
    tell(overdue_group)
    assert told_of() == {"all", "europe"}


def test_good_news_goes_where_the_bad_went(http_sink: HttpSink, overdue_group: SampleGroup) -> None:
    save_destination("slack", http_sink, name="heard")
    tell(overdue_group)
    save_destination("slack", http_sink, name="new since")
    tell(overdue_group, kind=NoticeKind.CLEARED)
    cleared = DeliveryLine.objects.filter(notice__kind="cleared")
    assert set(cleared.values_list("destination__name", flat=True)) == {"heard"}


def test_many_at_once_are_one_post_and_the_next_comes_five_minutes_later(
    http_sink: HttpSink, overdue_group: SampleGroup
) -> None:
    save_destination("slack", http_sink)
    notices = [raise_notice(overdue_group, kind=kind) for kind in (NoticeKind.ALERT, NoticeKind.LATE)]
    now = timezone.now()
    route_to_destinations(notices, now)
    route_to_destinations([raise_notice(overdue_group, kind=NoticeKind.UNCONFIRMED)], now)
    assert Delivery.objects.count() == 1
    posted()
    tell(overdue_group, kind=NoticeKind.NO_DEADLINE)
    newest = Delivery.objects.get(state="waiting")
    assert newest.due_at - now >= timedelta(minutes=5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"enabled": False}, LineReason.DESTINATION_DISABLED),
        ({"enabled": False, "removed_at": timezone.now()}, LineReason.DESTINATION_REMOVED),
        ({"group": "UK"}, LineReason.OUTSIDE_GROUP),
    ],
)
def test_what_it_may_not_be_told_any_more_is_left_out(
    http_sink: HttpSink, overdue_group: SampleGroup, change: dict[str, Any], reason: str
) -> None:
    place = save_destination("slack", http_sink, "EUROPE")
    tell(overdue_group)
    if "group" in change:
        change = {"group": Group.objects.get(code=change["group"])}
    Destination.objects.filter(pk=place.pk).update(**change)
    posted()
    assert not http_sink.seen
    assert (only().state, only().lines.get().left_out) == ("cancelled", reason)


def test_an_entity_that_moves_away_is_not_told_of(http_sink: HttpSink, overdue_group: SampleGroup) -> None:
    save_destination("slack", http_sink, "EUROPE")
    tell(overdue_group)
    entity = overdue_group.entities["NLDT"]
    entity.group = Group.objects.get(code="UK")
    entity.save()
    posted()
    assert not http_sink.seen
    assert only().lines.get().left_out == LineReason.OUTSIDE_GROUP


def test_what_has_closed_is_not_told(http_sink: HttpSink, overdue_group: SampleGroup) -> None:
    save_destination("slack", http_sink)
    tell(overdue_group)
    now = timezone.now()
    overdue_group.read(now, {"NLDT": CLOSED}, span=late_span(now))
    posted()
    assert not http_sink.seen
    assert only().lines.get().left_out == LineReason.CLOSED_SINCE


# signatures ---------------------------------------------------------------------------------------------------------


def verified(secret: str, came: Arrival) -> bool:
    """As a receiver does it who has read the specification and knows nothing of ours."""
    key = base64.b64decode(secret.split("_", 1)[1])
    head = came.headers
    signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + came.body
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(wanted, given) for given in head["webhook-signature"].split())


def test_a_webhook_is_signed_and_keeps_its_id_on_every_try(
    http_sink: HttpSink, overdue_group: SampleGroup
) -> None:
    place = save_destination("webhook", http_sink)
    tell(overdue_group)
    http_sink.judge = lambda _: Reply(500)
    posted()
    age_outbox(timedelta(minutes=1))
    http_sink.judge = lambda _: Reply(200)
    posted()
    first, second = http_sink.seen
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == first.json["id"]
    assert first.headers["content-type"] == "application/json"
    for came in (first, second):
        assert abs(int(came.headers["webhook-timestamp"]) - time.time()) < 60
        assert verified(place.secret, came)
        assert not verified("whsec_" + base64.b64encode(b"x" * 32).decode(), came)
    assert place.secret.startswith("whsec_")
    assert 24 <= len(base64.b64decode(place.secret.removeprefix("whsec_"))) <= 64


def test_while_a_secret_is_changed_both_sign(http_sink: HttpSink, overdue_group: SampleGroup) -> None:
    place = save_destination("webhook", http_sink)
    old = place.secret
    new = "whsec_" + base64.b64encode(b"n" * 32).decode()
    place.secret = f"{new} {old}"
    place.save()
    tell(overdue_group)
    posted()
    assert verified(old, http_sink.seen[0])
    assert verified(new, http_sink.seen[0])


# where posts may go -------------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/services/latest/meta-data?sig=1",
        "https://10.0.0.5/services/x?sig=1",
        "https://hooks.slack.com.evil.test/services/x?sig=1",
        "http://hooks.slack.com/services/x?sig=1",
        "https://user@hooks.slack.com/services/x?sig=1",
        "https://[::ffff:169.254.169.254]/services/x?sig=1",
        "https://webhook.office.com/webhookb2/x?sig=1",
    ],
)
def test_g7_forbidden_addresses_are_never_contacted(
    overdue_group: SampleGroup, kind: str, url: str, settings: Any
) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ()
    save_destination(kind, url)
    tell(overdue_group)
    assert posted() == 0
    assert (only().state, only().attempts) == ("waiting", 0)
    assert Trouble.objects.get().refused


def test_g7_link_local_stays_forbidden_where_somebody_has_listed_it(
    overdue_group: SampleGroup, settings: Any
) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ("169.254.169.254",)
    save_destination("webhook", "https://169.254.169.254/latest")
    tell(overdue_group)
    assert posted() == 0
    assert "is not an allowed host of signed webhooks" in Channel.objects.get().words


def test_g7_a_name_that_leads_to_a_private_address_is_not_contacted(
    overdue_group: SampleGroup, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ("hooks.meridian.test",)
    monkeypatch.setattr("infra.outbound.guarded_transport._CheckedBackend._resolve", lambda *_: ["10.1.2.3"])
    save_destination("webhook", "https://hooks.meridian.test/in")
    tell(overdue_group)
    assert posted() == 0
    assert "address that is forbidden" in Channel.objects.get().words


@pytest.mark.parametrize(
    ("zones", "at", "month"),
    [
        (["America/New_York"], "2026-06-01 02:00", "2026-04"),  # 22:00 on 31 May
        (["America/New_York"], "2026-06-01 05:00", "2026-05"),
        (["Pacific/Auckland"], "2026-05-31 20:00", "2026-05"),  # 08:00 on 1 June
        (["Pacific/Auckland"], "2026-05-31 11:00", "2026-04"),
        (["America/New_York", "Pacific/Auckland"], "2026-05-31 20:00", "2026-05"),  # the latest day counts
    ],
)
def test_a_connections_notice_is_of_the_month_that_its_entities_were_closing(
    http_sink: HttpSink, zones: list[str], at: str, month: str
) -> None:
    group, moment = save_group_with_recipients(read=False), utc(at)
    LegalEntity.objects.update(zone=zones[0])
    LegalEntity.objects.filter(code="NLDT").update(zone=zones[-1])
    group.read(moment - timedelta(minutes=40), ALL_CLOSED)
    save_destination("webhook", http_sink)
    save_evaluation_span(moment)
    assert evaluate_and_list_notices(moment, [NoticeKind.STALE]) == [f"stale {group.connection}"]
    assert send_due_posts(moment) == 1
    (notice,) = json.loads(http_sink.seen[0].body)["data"]["notices"]
    assert notice["month"] == month
    assert {each["code"] for each in notice["entities"]} == set(ALL_CLOSED)
    assert {each["url"].partition("?")[2] for each in notice["entities"]} == {f"month={month}"}
