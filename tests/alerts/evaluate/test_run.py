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
from closing.facts.base import NativePeriodFacts
from closing.judging.notices import HOLD_DOWN, NoticeKind
from entities.models import Group, LegalEntity, Membership, Person
from periods.remarks import acknowledge, set_expected_close
from tests.alerts.evaluations import (
    ALL_CLOSED,
    OF_ALERTS,
    Role,
    evaluated,
    raised,
    save_watched_group,
    somebody,
    told,
    watched,
)
from tests.builders import CLOSED, MAY, OPEN, utc
from tests.db_builders import Meridian, save_group

pytestmark = pytest.mark.django_db


@pytest.fixture
def meridian() -> Meridian:
    return save_watched_group()


def test_eu_dtc_at_plus_five_plus_six_and_ever_after(meridian: Meridian) -> None:
    """Done 1 of the alerts: nothing at +5, at +6 one alert to the right people, none in a hundred more."""
    assert evaluated(meridian, "2026-06-14 12:00", NLDT=OPEN) == []
    assert evaluated(meridian, "2026-06-15 12:00", NLDT=OPEN) == ["alert NLDT"]
    owner = meridian.entities["NLDT"].owner
    assert owner is not None
    assert told("alert") == {"Rosa", owner.name}  # Paul works on the United Kingdom only
    alert = Notice.objects.get(kind="alert")
    assert (alert.days_late, alert.episode, alert.fresh) == (6, 1, True)
    assert alert.policy_version is not None
    at = utc("2026-06-15 12:00")
    for minute in range(1, 101):
        moment = at + timedelta(minutes=minute)
        watched(moment, hours=0)
        if minute % 10 == 0:
            meridian.read(moment, ALL_CLOSED | {"NLDT": OPEN})
        assert raised(moment) == []
    assert Delivery.objects.filter(notices__kind="alert").count() == 2


def test_the_end_and_the_reopening_are_told_to_whoever_heard_of_it(meridian: Meridian) -> None:
    evaluated(meridian, "2026-06-15 12:00", NLDT=OPEN)
    heard = told("alert")
    assert evaluated(meridian, "2026-06-16 12:00") == []  # it may flap
    assert evaluated(meridian, utc("2026-06-16 12:00") + HOLD_DOWN) == ["cleared NLDT"]
    assert told("cleared") == heard
    assert evaluated(meridian, "2026-06-17 12:00", NLDT=OPEN) == ["alert NLDT", "reopened NLDT"]
    assert evaluated(meridian, "2026-06-17 12:10", NLDT=OPEN) == []
    again = Notice.objects.get(kind="alert", episode=2)
    assert again.days_late == 8


def test_flapping_brings_no_mail_beyond_the_first(meridian: Meridian) -> None:
    evaluated(meridian, "2026-06-15 12:00", NLDT=OPEN)
    at = utc("2026-06-15 12:00")
    of_periods = set(NoticeKind) - {NoticeKind.GROUP_CLOSED}
    for turn in range(1, 21):
        state = CLOSED if turn % 2 else OPEN
        assert evaluated(meridian, at + timedelta(minutes=3 * turn), of_periods, NLDT=state) == []


def test_steps_of_the_escalation_reach_further(meridian: Meridian) -> None:
    group = Group.objects.get(code="MERIDIAN")
    somebody("carl", Role.ADMINISTRATOR, group)
    somebody("olga", Role.OWNER, group)
    somebody("audrey", Role.AUDITOR, group)
    assert evaluated(meridian, "2026-06-15 12:00", NLDT=OPEN) == ["alert NLDT"]
    assert not told("alert") & {"Carl", "Olga", "Audrey"}
    assert evaluated(meridian, "2026-06-19 12:00", NLDT=OPEN) == ["escalation NLDT"]
    assert "Carl" in told("escalation")
    assert "Olga" not in told("escalation")
    assert evaluated(meridian, "2026-06-24 12:00", NLDT=OPEN) == ["escalation NLDT"]
    assert {"Carl", "Olga"} <= told("escalation")
    assert "Audrey" not in told("escalation")


def test_an_acknowledgement_with_a_date_holds_the_next_step_back_until_that_day_has_passed(
    meridian: Meridian,
) -> None:
    evaluated(meridian, "2026-06-15 12:00", NLDT=OPEN)
    rosa = Person.objects.get(name="Rosa")
    at = utc("2026-06-16 12:00")
    evaluated(meridian, at, NLDT=OPEN)
    acknowledge(rosa, "NLDT", MAY, "Working on it", at)
    set_expected_close(rosa, "NLDT", MAY, date(2026, 6, 20), "", at)
    assert evaluated(meridian, "2026-06-19 12:00", NLDT=OPEN) == []
    assert evaluated(meridian, "2026-06-20 12:00", NLDT=OPEN) == []
    assert evaluated(meridian, "2026-06-21 12:00", NLDT=OPEN) == ["escalation NLDT"]


def test_a_stale_entity_past_the_line_is_told_of_once_as_unconfirmed(meridian: Meridian) -> None:
    evaluated(meridian, "2026-06-14 12:00", NLDT=OPEN)
    at = utc("2026-06-15 12:00")
    watched(at, hours=24)
    assert raised(at) == ["unconfirmed NLDT"]
    assert raised(at + timedelta(minutes=1)) == []
    notice = Notice.objects.get(kind="unconfirmed")
    assert (notice.fresh, notice.read_at) == (False, utc("2026-06-14 12:00"))
    assert evaluated(meridian, "2026-06-15 12:05", NLDT=OPEN) == ["alert NLDT"]  # now it is sure


def test_a_stale_entity_that_had_closed_is_withdrawn(meridian: Meridian) -> None:
    evaluated(meridian, "2026-06-14 12:00", NLDT=OPEN)
    at = utc("2026-06-15 12:00")
    watched(at, hours=24)
    raised(at)
    evaluated(meridian, at + timedelta(minutes=5))
    assert evaluated(meridian, at + timedelta(minutes=5) + HOLD_DOWN) == ["cleared NLDT"]


def test_after_an_outage_nothing_is_judged_before_a_reading(meridian: Meridian) -> None:
    """I6: six hours away, in which EU DTC closed: nobody hears that it is overdue."""
    evaluated(meridian, "2026-06-14 20:00", NLDT=OPEN)
    back = utc("2026-06-15 12:00")
    watched(back, hours=0)
    assert evaluating_since(back) == back
    assert raised(back) == []  # the last reading is from before
    assert evaluated(meridian, back + timedelta(minutes=2)) == []
    assert not Notice.objects.filter(kind__in=OF_ALERTS).exists()


def test_the_first_read_of_three_years_tells_nobody(meridian: Meridian) -> None:
    """A12: what was late before we looked is not news."""
    late = utc("2027-03-01 12:00")
    Notice.objects.all().delete()
    group = meridian
    entity = group.entities["NLDT"]
    LegalEntity.objects.filter(pk=entity.pk).update(active_from=None)
    new = save_newcomer(group)
    watched(late)
    group.read(late, dict.fromkeys((*ALL_CLOSED,), CLOSED) | {new.code: OPEN})
    assert raised(late) == []


def save_newcomer(group: Meridian) -> LegalEntity:
    made = LegalEntity.objects.get(pk=group.entities["NLDT"].pk)
    made.pk = None
    made.code, made.name, made.erp_id, made.erp_identity = "NEWC", "Newcomer BV", "newc", ""
    made.save()
    group.entities["NEWC"] = made
    return made


def test_nobody_left_means_that_administrators_are_told(meridian: Meridian) -> None:
    Membership.objects.all().delete()
    root = Person.objects.create(email="root@meridian.test", name="Root", is_superuser=True)
    evaluated(meridian, "2026-06-15 12:00", NLDT=OPEN)
    assert told("alert") == {root.name}


def test_nobody_at_all_leaves_the_notice_without_a_message(meridian: Meridian) -> None:
    Membership.objects.all().delete()
    assert evaluated(meridian, "2026-06-15 12:00", NLDT=OPEN) == ["alert NLDT"]
    assert Delivery.objects.count() == 0


def test_an_owner_who_may_not_see_the_entity_is_not_told(meridian: Meridian) -> None:
    Membership.objects.filter(role=Role.OWNER).delete()
    evaluated(meridian, "2026-06-15 12:00", NLDT=OPEN)
    assert told("alert") == {"Rosa"}


def _open(codes: Iterable[str]) -> dict[str, NativePeriodFacts]:
    return dict.fromkeys(codes, OPEN)


def test_all_that_is_late_at_once_is_one_message_for_each_person(meridian: Meridian) -> None:
    assert len(evaluated(meridian, "2026-06-25 12:00", **_open(ALL_CLOSED))) > 4
    rosa = Delivery.objects.get(recipient__name="Rosa", rhythm="at_once")
    assert rosa.notices.filter(kind="alert").count() == 4
    items, left_out, _ = relevant_items(rosa, SendContext(utc("2026-06-25 12:00")))
    assert len(items) == rosa.notices.count()
    assert left_out == {}


def test_nobody_gets_two_messages_within_five_minutes(meridian: Meridian) -> None:
    at = utc("2026-06-15 12:00")
    evaluated(meridian, at, NLDT=OPEN)
    Delivery.objects.update(state="sent", ended_at=at)
    evaluated(meridian, at + timedelta(minutes=2), NLDT=OPEN, UKRT=OPEN)
    later = Delivery.objects.get(recipient__name="Rosa", state="waiting", rhythm="at_once")
    assert later.due_at == at + MIN_MESSAGE_SPACING
    evaluated(meridian, at + timedelta(minutes=3), NLDT=OPEN, UKRT=OPEN, UKHC=OPEN)
    later.refresh_from_db()
    assert Delivery.objects.get(recipient__name="Rosa", state="waiting", rhythm="at_once") == later
    assert later.notices.count() >= 2


def test_what_has_closed_meanwhile_is_left_out(meridian: Meridian) -> None:
    evaluated(meridian, "2026-06-15 12:00", NLDT=OPEN)
    evaluated(meridian, "2026-06-15 12:05")
    items, left_out, _ = relevant_items(
        Delivery.objects.get(recipient__name="Rosa", rhythm="at_once"), SendContext(utc("2026-06-15 12:06"))
    )
    assert items == []
    assert set(left_out.values()) == {"closed before it was sent"}


def test_who_lost_the_entity_is_not_told_of_it(meridian: Meridian) -> None:
    evaluated(meridian, "2026-06-15 12:00", NLDT=OPEN)
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
            group = save_group()
            somebody("rosa", Role.FINANCE, Group.objects.get(code="MERIDIAN"))
            late = list(ALL_CLOSED) if many else ["NLDT"]
            group.read("2026-06-01 12:00", dict.fromkeys(ALL_CLOSED, OPEN))
            group.read("2026-06-08 12:00", ALL_CLOSED | _open(set(late) - set(first)))
            at = utc("2026-06-25 12:00")
            watched(at)
            group.read(at, ALL_CLOSED | _open(late))
            with CaptureQueriesContext(connection) as counted:
                kinds = set(run_evaluation(at).notices) & set(OF_ALERTS)
            assert kinds == {NoticeKind.ALERT, NoticeKind.ESCALATION} | (
                {NoticeKind.REOPENED} if first else set()
            )
            counts.append(len(counted))
            transaction.set_rollback(True)
    assert counts[1] == counts[0]
