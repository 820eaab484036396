"""From an evaluation to the messages it brings: who is told of what, once, and what is kept quiet with a reason."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts.evaluate.continuity import evaluating_since
from alerts.evaluate.run import run_evaluation
from alerts.models import Delivery, Notice
from alerts.outbox.relevance import relevant_items
from alerts.outbox.send_context import SendContext
from alerts.routing.batching import MIN_MESSAGE_SPACING
from alerts.routing.evaluation_context import EvaluationContext
from closing.facts.base import NativePeriodFacts
from closing.judging.notice_rules import HOLD_DOWN, NoticeKind
from entities.models import Group, LegalEntity, Membership, Person
from periods.remarks import acknowledge, set_expected_close
from tests.alerts.evaluations import (
    ALL_CLOSED,
    OF_ALERTS,
    Role,
    evaluate_and_list_notices,
    read_and_evaluate,
    recipients_of,
    save_evaluation_span,
    save_member,
)
from tests.builders import CLOSED, MAY, OPEN, utc
from tests.db_builders import SampleGroup, save_sample_group

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 5])
def test_eu_dtc_at_plus_five_plus_six_and_ever_after(meridian: SampleGroup, step: int) -> None:
    """Done 1 of the alerts: nothing at +5, at +6 one alert to the right people, none in a hundred minutes more."""
    assert read_and_evaluate(meridian, "2026-06-14 12:00", NLDT=OPEN) == []
    assert read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN) == ["alert NLDT"]
    owner = meridian.entities["NLDT"].owner
    assert owner is not None
    assert recipients_of("alert") == {"Rosa", owner.name}  # Paul works on the United Kingdom only
    alert = Notice.objects.get(kind="alert")
    assert (alert.days_late, alert.episode, alert.fresh) == (6, 1, True)
    assert alert.policy_version is not None
    at = utc("2026-06-15 12:00")
    for minute in range(step, 101, step):
        moment = at + timedelta(minutes=minute)
        save_evaluation_span(moment, hours=0)
        if minute % 10 == 0:
            meridian.read(moment, ALL_CLOSED | {"NLDT": OPEN})
        assert evaluate_and_list_notices(moment) == []
    assert Delivery.objects.filter(notices__kind="alert").count() == 2


def test_the_end_and_the_reopening_are_told_to_whoever_heard_of_it(meridian: SampleGroup) -> None:
    read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN)
    heard = recipients_of("alert")
    assert read_and_evaluate(meridian, "2026-06-16 12:00") == []  # it may flap
    assert read_and_evaluate(meridian, utc("2026-06-16 12:00") + HOLD_DOWN) == ["cleared NLDT"]
    assert recipients_of("cleared") == heard
    assert read_and_evaluate(meridian, "2026-06-17 12:00", NLDT=OPEN) == ["alert NLDT", "reopened NLDT"]
    assert read_and_evaluate(meridian, "2026-06-17 12:10", NLDT=OPEN) == []
    again = Notice.objects.get(kind="alert", episode=2)
    assert again.days_late == 8


def test_flapping_brings_no_mail_beyond_the_first(meridian: SampleGroup) -> None:
    read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN)
    at = utc("2026-06-15 12:00")
    of_periods = set(NoticeKind) - {NoticeKind.GROUP_CLOSED, NoticeKind.PERMANENT_REOPENED}
    for turn in range(1, 21):
        state = CLOSED if turn % 2 else OPEN
        assert read_and_evaluate(meridian, at + timedelta(minutes=3 * turn), of_periods, NLDT=state) == []
    # A permanent close may not flap at all: two notices in this hour, of the first time and of the sixth.
    undone = Notice.objects.filter(kind=NoticeKind.PERMANENT_REOPENED)
    assert sorted(undone.values_list("episode", flat=True)) == [1, 6]


def test_steps_of_the_escalation_reach_further(meridian: SampleGroup) -> None:
    group = Group.objects.get(code="MERIDIAN")
    save_member("carl", Role.ADMINISTRATOR, group)
    save_member("olga", Role.OWNER, group)
    save_member("audrey", Role.AUDITOR, group)
    assert read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN) == ["alert NLDT"]
    assert not recipients_of("alert") & {"Carl", "Olga", "Audrey"}
    assert read_and_evaluate(meridian, "2026-06-19 12:00", NLDT=OPEN) == ["escalation NLDT"]
    assert "Carl" in recipients_of("escalation")
    assert "Olga" not in recipients_of("escalation")
    assert read_and_evaluate(meridian, "2026-06-24 12:00", NLDT=OPEN) == ["escalation NLDT"]
    assert {"Carl", "Olga"} <= recipients_of("escalation")
    assert "Audrey" not in recipients_of("escalation")


def test_an_acknowledgement_with_a_date_holds_the_next_step_back_until_that_day_has_passed(
    meridian: SampleGroup,
) -> None:
    read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN)
    rosa = Person.objects.get(name="Rosa")
    at = utc("2026-06-16 12:00")
    read_and_evaluate(meridian, at, NLDT=OPEN)
    acknowledge(rosa, "NLDT", MAY, "Working on it", at)
    set_expected_close(rosa, "NLDT", MAY, date(2026, 6, 20), "", at)
    assert read_and_evaluate(meridian, "2026-06-19 12:00", NLDT=OPEN) == []
    assert read_and_evaluate(meridian, "2026-06-20 12:00", NLDT=OPEN) == []
    assert read_and_evaluate(meridian, "2026-06-21 12:00", NLDT=OPEN) == ["escalation NLDT"]


def test_a_stale_entity_past_the_line_is_told_of_once_as_unconfirmed(meridian: SampleGroup) -> None:
    read_and_evaluate(meridian, "2026-06-14 12:00", NLDT=OPEN)
    at = utc("2026-06-15 12:00")
    save_evaluation_span(at, hours=24)
    assert evaluate_and_list_notices(at) == ["unconfirmed NLDT"]
    assert evaluate_and_list_notices(at + timedelta(minutes=1)) == []
    notice = Notice.objects.get(kind="unconfirmed")
    assert (notice.fresh, notice.read_at) == (False, utc("2026-06-14 12:00"))
    assert read_and_evaluate(meridian, "2026-06-15 12:05", NLDT=OPEN) == ["alert NLDT"]  # now it is sure


def test_a_stale_entity_that_had_closed_is_withdrawn(meridian: SampleGroup) -> None:
    read_and_evaluate(meridian, "2026-06-14 12:00", NLDT=OPEN)
    at = utc("2026-06-15 12:00")
    save_evaluation_span(at, hours=24)
    evaluate_and_list_notices(at)
    read_and_evaluate(meridian, at + timedelta(minutes=5))
    assert read_and_evaluate(meridian, at + timedelta(minutes=5) + HOLD_DOWN) == ["cleared NLDT"]


def test_after_an_outage_nothing_is_judged_before_a_reading(meridian: SampleGroup) -> None:
    """I6: six hours away, in which EU DTC closed: nobody hears that it is overdue."""
    read_and_evaluate(meridian, "2026-06-14 20:00", NLDT=OPEN)
    back = utc("2026-06-15 12:00")
    save_evaluation_span(back, hours=0)
    assert evaluating_since(EvaluationContext(back)) == back
    assert evaluate_and_list_notices(back) == []  # the last reading is from before
    assert read_and_evaluate(meridian, back + timedelta(minutes=2)) == []
    assert not Notice.objects.filter(kind__in=OF_ALERTS).exists()


def test_the_first_read_of_three_years_tells_nobody(meridian: SampleGroup) -> None:
    """A12: what was late before we looked is not news."""
    late = utc("2027-03-01 12:00")
    Notice.objects.all().delete()
    group = meridian
    entity = group.entities["NLDT"]
    LegalEntity.objects.filter(pk=entity.pk).update(active_from=None)
    new = save_newcomer(group)
    save_evaluation_span(late)
    group.read(late, dict.fromkeys((*ALL_CLOSED,), CLOSED) | {new.code: OPEN})
    assert evaluate_and_list_notices(late) == []


def save_newcomer(group: SampleGroup) -> LegalEntity:
    made = LegalEntity.objects.get(pk=group.entities["NLDT"].pk)
    made.pk = None
    made.code, made.name, made.erp_id, made.erp_identity = "NEWC", "Newcomer BV", "newc", ""
    made.save()
    group.entities["NEWC"] = made
    return made


def test_nobody_left_means_that_administrators_are_told(meridian: SampleGroup) -> None:
    Membership.objects.all().delete()
    root = Person.objects.create(email="root@meridian.test", name="Root", is_superuser=True)
    read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN)
    assert recipients_of("alert") == {root.name}


def test_nobody_at_all_leaves_the_notice_without_a_message(meridian: SampleGroup) -> None:
    Membership.objects.all().delete()
    assert read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN) == ["alert NLDT"]
    assert Delivery.objects.count() == 0


def test_an_owner_who_may_not_see_the_entity_is_not_told(meridian: SampleGroup) -> None:
    Membership.objects.filter(role=Role.OWNER).delete()
    read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN)
    assert recipients_of("alert") == {"Rosa"}


def _open(codes: Iterable[str]) -> dict[str, NativePeriodFacts]:
    return dict.fromkeys(codes, OPEN)


def test_all_that_is_late_at_once_is_one_message_for_each_person(meridian: SampleGroup) -> None:
    assert len(read_and_evaluate(meridian, "2026-06-25 12:00", **_open(ALL_CLOSED))) > 4
    rosa = Delivery.objects.get(recipient__name="Rosa", rhythm="at_once")
    assert rosa.notices.filter(kind="alert").count() == 4
    items, left_out, _ = relevant_items(rosa, SendContext(utc("2026-06-25 12:00")))
    assert len(items) == rosa.notices.count()
    assert left_out == {}


def test_nobody_gets_two_messages_within_five_minutes(meridian: SampleGroup) -> None:
    at = utc("2026-06-15 12:00")
    read_and_evaluate(meridian, at, NLDT=OPEN)
    Delivery.objects.update(state="sent", ended_at=at)
    read_and_evaluate(meridian, at + timedelta(minutes=2), NLDT=OPEN, UKRT=OPEN)
    later = Delivery.objects.get(recipient__name="Rosa", state="waiting", rhythm="at_once")
    assert later.due_at == at + MIN_MESSAGE_SPACING
    read_and_evaluate(meridian, at + timedelta(minutes=3), NLDT=OPEN, UKRT=OPEN, UKHC=OPEN)
    later.refresh_from_db()
    assert Delivery.objects.get(recipient__name="Rosa", state="waiting", rhythm="at_once") == later
    assert later.notices.count() >= 2


def test_what_has_closed_meanwhile_is_left_out(meridian: SampleGroup) -> None:
    read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN)
    read_and_evaluate(meridian, "2026-06-15 12:05")
    items, left_out, _ = relevant_items(
        Delivery.objects.get(recipient__name="Rosa", rhythm="at_once"), SendContext(utc("2026-06-15 12:06"))
    )
    assert items == []
    assert set(left_out.values()) == {"closed before it was sent"}


def test_who_lost_the_entity_is_not_told_of_it(meridian: SampleGroup) -> None:
    read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN)
    Membership.objects.filter(person__name="Rosa").delete()
    items, left_out, _ = relevant_items(
        Delivery.objects.get(recipient__name="Rosa", rhythm="at_once"), SendContext(utc("2026-06-15 12:01"))
    )
    assert items == []
    assert set(left_out.values()) == {"its recipient may not see the entity any more"}


@pytest.mark.parametrize("first", [[], list(ALL_CLOSED)], ids=["late", "reopened"])
def test_statements_do_not_grow_with_what_is_late(first: list[str]) -> None:
    counts = []
    for many in (False, True):
        with transaction.atomic():
            group = save_sample_group()
            save_member("rosa", Role.FINANCE, Group.objects.get(code="MERIDIAN"))
            late = list(ALL_CLOSED) if many else ["NLDT"]
            group.read("2026-06-01 12:00", dict.fromkeys(ALL_CLOSED, OPEN))
            group.read("2026-06-08 12:00", ALL_CLOSED | _open(set(late) - set(first)))
            at = utc("2026-06-25 12:00")
            save_evaluation_span(at)
            group.read(at, ALL_CLOSED | _open(late))
            with CaptureQueriesContext(connection) as counted:
                kinds = set(run_evaluation(at).notices) & set(OF_ALERTS)
            assert kinds == {NoticeKind.ALERT, NoticeKind.ESCALATION} | (
                {NoticeKind.REOPENED} if first else set()
            )
            counts.append(len(counted))
            transaction.set_rollback(True)
    assert counts[1] == counts[0]
