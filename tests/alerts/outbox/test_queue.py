"""The outbox by itself: who may send a message, for how long, and what becomes of it when they fail."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from alerts.channels import state as channel_state
from alerts.channels.email.transport import LONGEST_SEND
from alerts.models import Channel, Delivery
from alerts.outbox import queue as outbox
from alerts.outbox.queue import LEASE, RETRY_AFTER, Claim
from tests.faults.outbox_helpers import age_outbox, raise_notice, save_due_messages, save_late_group

SECOND = timedelta(seconds=1)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("paced_mails")]


def claimed() -> Claim:
    held = outbox.claim_mail()
    assert held is not None
    return held


def again(message: Delivery) -> Delivery:
    return Delivery.objects.get(pk=message.pk)


def test_what_is_claimed_is_nobody_elses(due_message: Delivery) -> None:
    assert claimed().delivery_id == due_message.pk
    assert outbox.claim_mail() is None


def test_the_lease_of_a_dead_sender_ends_and_its_fence_is_worth_nothing_then(due_message: Delivery) -> None:
    dead = claimed()
    age_outbox(LEASE - SECOND)
    assert outbox.claim_mail() is None
    age_outbox(SECOND)
    alive = claimed()
    assert (alive.delivery_id, alive.fence, alive.attempts, alive.abandoned) == (
        due_message.pk,
        dead.fence + 1,
        2,
        1,
    )
    assert not outbox.end(dead, Delivery.State.SENT)
    assert not outbox.retry_later(dead, "too late")
    assert not outbox.end(dead, Delivery.State.PARKED, "too late")
    assert not outbox.pause_and_requeue(dead, "too late")
    assert again(due_message).state == "sending"
    assert outbox.end(alive, Delivery.State.SENT)
    assert again(due_message).state == "sent"
    assert not outbox.end(alive, Delivery.State.SENT)


def test_a_lease_is_longer_than_any_send() -> None:
    assert LEASE > 2 * LONGEST_SEND


def test_it_is_tried_again_after_1_2_5_15_60_minutes_and_each_hour(due_message: Delivery) -> None:
    """D1 to the end of the schedule: nothing earlier, and `spent` only after two days."""
    tried = []
    for _ in range(8):
        held = claimed()
        assert not held.retries_exhausted
        outbox.retry_later(held, "not now")
        wait = again(due_message).due_at - timezone.now()
        tried.append(round(wait.total_seconds() / 60))
        age_outbox(timedelta(minutes=tried[-1]) - SECOND)
        assert outbox.claim_mail() is None
        age_outbox(SECOND)
    assert tried == [1, 2, 5, 15, 60, 60, 60, 60]
    age_outbox(timedelta(hours=48))
    assert claimed().retries_exhausted


def test_two_days_on_hold_do_not_use_up_the_tries(due_message: Delivery) -> None:
    age_outbox(timedelta(days=3))
    for _ in range(len(RETRY_AFTER) + 1):
        held = claimed()
        assert not held.retries_exhausted
        outbox.retry_later(held, "not now")
        age_outbox(timedelta(hours=1))
    assert claimed().retries_exhausted


def test_the_oldest_goes_first_and_what_is_not_due_waits() -> None:
    first, second, third = save_due_messages(raise_notice(save_late_group()), 3)
    Delivery.objects.filter(pk=first.pk).update(due_at=timezone.now() + timedelta(minutes=1))
    Delivery.objects.filter(pk=third.pk).update(due_at=timezone.now() - timedelta(minutes=1))
    assert [claimed().delivery_id, claimed().delivery_id] == [third.pk, second.pk]
    assert outbox.claim_mail() is None


def test_given_back_it_was_never_tried_and_the_channel_pauses(due_message: Delivery) -> None:
    outbox.pause_and_requeue(claimed(), "535 wrong password")
    assert (again(due_message).state, again(due_message).attempts, again(due_message).lease_until) == (
        "waiting",
        0,
        None,
    )
    assert outbox.claim_mail() is None
    age_outbox(channel_state.PAUSE - SECOND)
    assert outbox.claim_mail() is None
    age_outbox(SECOND)
    assert claimed().attempts == 1


def test_nothing_leaves_while_it_is_held_whatever_else_happens(due_message: Delivery) -> None:
    """C7: 0 mails before the release; trouble and its end neither release nor rename a hold."""
    held = claimed()
    channel_state.hold("restored from a backup")
    channel_state.mark_unreachable("no answer")
    channel_state.mark_recovered()
    outbox.pause_and_requeue(held, "535")
    channel_state.mark_recovered()
    age_outbox(timedelta(days=1))
    assert outbox.claim_mail() is None
    assert Channel.objects.get().words == "restored from a backup"
    channel_state.release()
    assert claimed().delivery_id == due_message.pk


def test_nothing_is_claimed_where_no_mail_server_is_named(due_message: Delivery, settings: Settings) -> None:
    settings.MAILS_LEAVE = False
    assert outbox.claim_mail() is None


def test_once_a_server_answers_everything_that_waited_for_it_is_due() -> None:
    first, _, fresh = save_due_messages(raise_notice(save_late_group()), 3)
    outbox.retry_later(claimed(), "no answer")
    outbox.retry_later(claimed(), "no answer")
    Delivery.objects.filter(pk=fresh.pk).update(due_at=timezone.now() + timedelta(minutes=5))
    assert not channel_state.has_mails_to_retry()
    assert not channel_state.mark_recovered()
    assert outbox.claim_mail() is None
    channel_state.mark_unreachable("no answer")
    assert channel_state.has_mails_to_retry()
    assert channel_state.mark_recovered()
    assert claimed().delivery_id == first.pk
    assert claimed().attempts == 2
    # Five minutes after the last one to this person, whatever the server does.
    assert outbox.claim_mail() is None


def test_as_many_as_are_allowed_in_a_minute_counting_those_in_hand(settings: Settings) -> None:
    settings.MAILS_A_MINUTE = 3
    save_due_messages(raise_notice(save_late_group()), 5)
    held = [claimed(), claimed(), claimed()]
    assert outbox.claim_mail() is None
    outbox.end(held[0], Delivery.State.SENT)
    assert outbox.claim_mail() is None
    outbox.retry_later(held[1], "450 not now")  # the server took none: there is room for another
    assert outbox.end(claimed(), Delivery.State.SENT)
    assert outbox.claim_mail() is None
    age_outbox(timedelta(minutes=1))
    assert outbox.end(claimed(), Delivery.State.SENT)


def test_a_claim_is_three_statements_at_most(due_message: Delivery, settings: Settings) -> None:
    with CaptureQueriesContext(connection) as asked:
        claimed()
    assert len([one for one in asked if "SAVEPOINT" not in one["sql"]]) == 2
    settings.MAILS_A_MINUTE = 0
    with CaptureQueriesContext(connection) as asked:
        outbox.claim_mail()
    assert len(asked) == 1


def test_a_long_history_is_not_looked_through(due_message: Delivery) -> None:
    """Ten thousand sent messages: the claim goes by the indexes of what is not sent and of the last minute."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO alerts_delivery (uid, recipient_id, state, made_at, due_at, message_id, fence, attempts,"
            " abandoned, ended_at, words) SELECT gen_random_uuid(), %s, 'sent', now() - n * interval '1 hour', now(),"
            " 'old ' || n, 1, 1, 0, now() - n * interval '1 hour', '' FROM generate_series(1, 10000) n",
            [due_message.recipient_id],
        )
        cursor.execute("ANALYZE alerts_delivery")
        told: dict[str, Any] = {
            "lease": "5 min",
            "a_minute": 30,
            "but_not": [],
            "apart": "1 s",
        }
        for which in (outbox._UNDER_RATE_LIMIT, outbox._IS_MAIL, outbox._FREE_DESTINATION):
            cursor.execute("EXPLAIN " + outbox._CLAIM.format(condition=which), told)
            plan = "\n".join(row for (row,) in cursor.fetchall())
            assert not re.search(r"Seq Scan on alerts_delivery\b", plan), plan


# the command --------------------------------------------------------------------------------------------------------


def said(*words: str) -> str:
    out = StringIO()
    call_command("mails", *words, stdout=out)
    return out.getvalue()


def test_mails_are_shown_held_and_released_by_hand(due_message: Delivery, settings: Settings) -> None:
    assert "Messages: 1 waiting." in said()
    assert "on hold: restored from Sunday" in said("hold", "--because", "restored from Sunday")
    assert outbox.claim_mail() is None
    assert "on hold" not in said("release")
    outbox.end(claimed(), Delivery.State.PARKED, "550 no such person")
    assert f"Cannot be sent to {due_message.person.email}: 550 no such person" in said("show")
    assert "1 message waits for" in said("retry")
    assert claimed().attempts == 1
    settings.MAILS_LEAVE = False
    assert "set MAIL_URL" in said()


def test_an_empty_outbox_is_shown(settings: Settings) -> None:
    assert said() == "Messages: none.\n"
