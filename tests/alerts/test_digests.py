"""Digests from the evaluation to the mail: one at the hour that its reader chose, of what is true then, or none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives

from alerts.models import AlertRules, Delivery, DeliveryLine, EscalationStep
from alerts.outbox.sending import send_due_mails
from alerts.reconciliation import reconcile
from alerts.routing.alert_policy import EscalationStepRule, GroupAlertPolicy, load_alert_policies
from alerts.routing.preferences import NotificationPreferences
from alerts.routing.settings_updates import unsubscribe, update_alert_policy, update_preferences
from closing.calendar.instants import zone_named
from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import Cadence
from entities.models import Group, Membership, Person
from tests.alerts.mail.mail_scenarios import MailScenario
from tests.builders import CLOSED, RESTRICTED

pytestmark = pytest.mark.django_db
FAR = timedelta(days=3650)


def london(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone_named("Europe/London")).astimezone(UTC)


@contextmanager
def until(moment: datetime) -> Iterator[None]:
    """The outbox goes by the database's clock, for which the story is long past: what is due later is put far off."""
    later = Delivery.objects.filter(due_at__gt=moment, state="waiting")
    ids = list(later.values_list("pk", flat=True))
    for each in Delivery.objects.filter(pk__in=ids):
        Delivery.objects.filter(pk=each.pk).update(due_at=each.due_at + FAR)
    yield
    for each in Delivery.objects.filter(pk__in=ids, state="waiting"):
        Delivery.objects.filter(pk=each.pk).update(due_at=each.due_at - FAR)


def sent_by(moment: datetime) -> list[EmailMultiAlternatives]:
    """The mails that leave until a moment of the story."""
    before = len(mail.outbox)
    with until(moment):
        send_due_mails(moment)
    return [each for each in mail.outbox[before:] if isinstance(each, EmailMultiAlternatives)]


def to_rosa(mails: list[EmailMultiAlternatives]) -> list[EmailMultiAlternatives]:
    return [each for each in mails if "rosa.bell@meridian.test" in each.to[0]]


def waiting(story: MailScenario, rhythm: Cadence) -> Delivery:
    return Delivery.objects.get(recipient=story.rosa, rhythm=rhythm.value, state="waiting")


# --- the story of a close -------------------------------------------------------------------------------------------


def test_one_digest_at_eight_of_all_that_is_true_and_none_when_everybody_has_closed(
    mail_scenario: MailScenario,
) -> None:
    """A finance person's week: due soon and late come once a day, at 08:00 where she is, while there is any."""
    mail_scenario.at(london("2026-06-09 17:00"), UKHC=CLOSED)  # three are due today, or soon
    assert to_rosa(sent_by(london("2026-06-10 07:59"))) == []
    mail_scenario.at(london("2026-06-10 07:59"), UKRT=CLOSED)  # closed a minute before the digest
    (digest,) = to_rosa(sent_by(london("2026-06-10 08:00")))
    assert digest.subject.startswith("Daily digest: ")
    body = str(digest.body)
    assert "EU DTC BV" in body
    assert "US Retail Inc" in body
    assert "UK Retail Ltd" not in body
    assert "UK HoldCo" not in body
    mail_scenario.at(london("2026-06-10 12:00"))
    mail_scenario.at(london("2026-06-10 18:00"), NLDT=RESTRICTED)
    mail_scenario.at(london("2026-06-11 07:59"))
    (second,) = to_rosa(sent_by(london("2026-06-11 08:00")))
    assert second.subject == "Daily digest: EU DTC BV is 2 days late for May 2026"
    assert "US Retail Inc" not in str(second.body)  # it was told to be due soon, once, and is not late
    mail_scenario.at(london("2026-06-11 15:00"), NLDT=CLOSED, USRT=CLOSED)
    mail_scenario.at(london("2026-06-12 07:59"))
    news = [each.subject for each in to_rosa(sent_by(london("2026-06-12 08:00")))]
    # No digest.
    assert news == ["Meridian Group has closed May 2026, 9 working days after the end of the month"]
    mail_scenario.at(london("2026-06-15 08:59"))
    assert to_rosa(sent_by(london("2026-06-15 09:00"))) == []


def test_a_digest_with_nothing_true_in_it_is_cancelled_with_the_reason(mail_scenario: MailScenario) -> None:
    mail_scenario.at(london("2026-06-10 10:00"), UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED)
    assert waiting(mail_scenario, Cadence.DAILY).due_at == london("2026-06-11 08:00")
    mail_scenario.at(london("2026-06-11 07:59"), NLDT=CLOSED)
    assert sent_by(london("2026-06-11 08:00")) == []
    ended = Delivery.objects.get(recipient=mail_scenario.rosa, state="cancelled", rhythm="daily")
    assert ended.words == "closed before it was sent"
    assert set(ended.lines.values_list("left_out", flat=True)) == {"closed before it was sent"}


def test_a_weekly_digest_gathers_a_week(mail_scenario: MailScenario) -> None:
    weekly: dict[str, Cadence] = dict.fromkeys((NoticeKind.LATE, NoticeKind.DUE_SOON), Cadence.WEEKLY)
    update_preferences(
        mail_scenario.rosa, NotificationPreferences(weekly, digest_weekday=3), london("2026-06-01 10:00")
    )
    for day in (5, 8, 10):
        mail_scenario.at(london(f"2026-06-{day:02} 17:00"))
        assert to_rosa(sent_by(london(f"2026-06-{day:02} 20:00"))) == []
    mail_scenario.at(london("2026-06-11 07:59"))
    (digest,) = to_rosa(sent_by(london("2026-06-11 08:00")))
    assert digest.subject.startswith("Weekly digest: ")
    assert "EU DTC BV" in str(digest.body)


def test_an_alert_waits_for_the_end_of_the_night(mail_scenario: MailScenario) -> None:
    night = NotificationPreferences(quiet_from=time(20), quiet_until=time(7))
    update_preferences(mail_scenario.rosa, night, london("2026-06-01 10:00"))
    mail_scenario.at(london("2026-06-08 15:00"), UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED)
    mail_scenario.at(london("2026-06-14 22:00"))
    update_preferences(
        mail_scenario.rosa,
        replace(night, cadences=dict.fromkeys((NoticeKind.LATE, NoticeKind.DUE_SOON), Cadence.NEVER)),
        mail_scenario.now,
    )
    mail_scenario.at(london("2026-06-15 05:00"))
    assert waiting(mail_scenario, Cadence.IMMEDIATE).due_at == london("2026-06-15 07:00")
    assert to_rosa(sent_by(london("2026-06-15 05:00"))) == []
    mail_scenario.at(london("2026-06-15 06:59"))
    (alert,) = to_rosa(sent_by(london("2026-06-15 07:00")))
    assert alert.subject == "EU DTC BV is 6 days late for May 2026"


def test_the_proof_does_not_call_a_digest_that_waits_for_its_hour_late(mail_scenario: MailScenario) -> None:
    update_alert_policy(
        Group.objects.get(code="MERIDIAN"),
        GroupAlertPolicy(alerts_in_digest=True),
        london("2026-06-01 10:00"),
    )
    update_preferences(
        mail_scenario.rosa,
        NotificationPreferences({NoticeKind.ALERT: Cadence.DAILY}),
        london("2026-06-01 10:00"),
    )
    mail_scenario.at("2026-06-08 15:00", UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED)
    mail_scenario.sent()
    mail_scenario.at(london("2026-06-15 12:00"))
    assert not reconcile(london("2026-06-16 08:30")).differences
    words = {each.words for each in reconcile(london("2026-06-16 09:30")).differences}
    assert words == {"its alert still waits to be sent"}


# --- what waits follows what is arranged ----------------------------------------------------------------------------


def test_what_waits_is_due_when_the_new_hours_say(mail_scenario: MailScenario) -> None:
    at = london("2026-06-10 10:00")
    mail_scenario.at(at)
    update_preferences(mail_scenario.rosa, NotificationPreferences(digest_at=time(18)), at)
    assert waiting(mail_scenario, Cadence.DAILY).due_at == london("2026-06-10 18:00")
    update_preferences(mail_scenario.rosa, NotificationPreferences(), at)
    assert waiting(mail_scenario, Cadence.DAILY).due_at == london("2026-06-11 08:00")


def test_what_waits_moves_to_the_rhythm_that_is_chosen_now(mail_scenario: MailScenario) -> None:
    at = london("2026-06-10 10:00")
    mail_scenario.at(at)
    late = DeliveryLine.objects.filter(recipient=mail_scenario.rosa, notice__kind="late")
    count = late.count()
    assert count
    before = update_preferences(
        mail_scenario.rosa, NotificationPreferences({NoticeKind.LATE: Cadence.WEEKLY}), at
    )
    assert set(late.values_list("delivery__rhythm", "delivery__state")) == {("weekly", "waiting")}
    update_preferences(mail_scenario.rosa, before, at)
    assert set(late.values_list("delivery__rhythm", "delivery__state")) == {("daily", "waiting")}
    assert late.count() == count
    assert not Delivery.objects.filter(lines=None, state="waiting").exists()


def test_what_nobody_else_hears_of_goes_to_administrators_when_it_is_switched_off(
    mail_scenario: MailScenario,
) -> None:
    root = Person.objects.create_superuser("root@meridian.test", name="Root")
    mail_scenario.at(london("2026-06-10 10:00"), UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED)
    assert not DeliveryLine.objects.filter(recipient=root).exists()
    unsubscribe(mail_scenario.rosa, frozenset({NoticeKind.LATE}), london("2026-06-10 10:05"))
    assert set(DeliveryLine.objects.filter(recipient=root).values_list("notice__kind", flat=True)) == {"late"}
    unsubscribe(mail_scenario.rosa, frozenset({NoticeKind.LATE}), london("2026-06-10 10:06"))
    assert DeliveryLine.objects.filter(recipient=root).count() == 1


def test_alerts_leave_at_once_when_the_group_allows_no_digest_any_more(mail_scenario: MailScenario) -> None:
    top, at = Group.objects.get(code="MERIDIAN"), london("2026-06-15 13:00")
    update_alert_policy(top, GroupAlertPolicy(alerts_in_digest=True), london("2026-06-01 10:00"))
    update_preferences(
        mail_scenario.rosa,
        NotificationPreferences({NoticeKind.ALERT: Cadence.WEEKLY}),
        london("2026-06-01 10:00"),
    )
    mail_scenario.at("2026-06-08 15:00", UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED)
    mail_scenario.at(at)
    alert = DeliveryLine.objects.get(recipient=mail_scenario.rosa, notice__kind="alert")
    assert alert.delivery.rhythm == "weekly"
    update_alert_policy(Group.objects.get(code="UK"), GroupAlertPolicy(alerts_in_digest=False), at)
    alert.refresh_from_db()
    assert alert.delivery.rhythm == "weekly"  # that is another group
    update_alert_policy(top, GroupAlertPolicy(), at)
    alert = DeliveryLine.objects.get(pk=alert.pk)
    assert (alert.delivery.rhythm, alert.delivery.due_at) == ("at_once", at)


# --- what a group agrees --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("mail_scenario")
def test_what_is_agreed_is_kept_as_a_whole() -> None:
    europe, rosa = Group.objects.get(code="EUROPE"), Person.objects.get(name="Rosa Bell")
    wanted = GroupAlertPolicy(
        0, True, (EscalationStepRule(12, ("owner",)), EscalationStepRule(7, (), (rosa.pk,)))
    )
    assert update_alert_policy(europe, wanted, london("2026-06-01 10:00")) == GroupAlertPolicy()
    kept = load_alert_policies().own(europe.path)
    assert kept == GroupAlertPolicy(
        0, True, (EscalationStepRule(7, (), (rosa.pk,)), EscalationStepRule(12, ("owner",)))
    )
    assert list(EscalationStep.objects.values_list("step", "after_days")) == [(1, 7), (2, 12)]
    assert update_alert_policy(europe, GroupAlertPolicy(), london("2026-06-01 11:00")) == kept
    assert not AlertRules.objects.exists()
    assert not EscalationStep.objects.exists()


@pytest.mark.usefixtures("mail_scenario")
@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (GroupAlertPolicy(due_soon_days=21), "due_soon_days"),
        (GroupAlertPolicy(steps=(EscalationStepRule(0, ("owner",)),)), "step-1-days"),
        (GroupAlertPolicy(steps=(EscalationStepRule(366, ("owner",)),)), "step-1-days"),
        (
            GroupAlertPolicy(steps=(EscalationStepRule(7, ("owner",)), EscalationStepRule(7, ("finance",)))),
            "step-2-days",
        ),
        (GroupAlertPolicy(steps=(EscalationStepRule(7, ()),)), "step-1-roles"),
        (GroupAlertPolicy(steps=(EscalationStepRule(7, (), (0,)),)), "step-1-people"),
        (
            GroupAlertPolicy(steps=tuple(EscalationStepRule(days, ("owner",)) for days in range(1, 11))),
            "",
        ),
    ],
)
def test_what_makes_no_sense_is_not_agreed(wanted: GroupAlertPolicy, field: str) -> None:
    europe = Group.objects.get(code="EUROPE")
    with pytest.raises(ValidationError) as refused:
        update_alert_policy(europe, wanted, london("2026-06-01 10:00"))
    assert list(getattr(refused.value, "error_dict", {"": refused.value})) == [field]
    assert load_alert_policies().own(europe.path) == GroupAlertPolicy()


def test_only_who_may_see_the_group_can_be_named(mail_scenario: MailScenario) -> None:
    paul = Person.objects.create(email="paul@meridian.test", name="Paul")
    held = Membership.objects.create(
        person=paul, role=Membership.Role.FINANCE, group=Group.objects.get(code="UK")
    )
    europe, wanted = (
        Group.objects.get(code="EUROPE"),
        GroupAlertPolicy(steps=(EscalationStepRule(7, (), (paul.pk,)),)),
    )
    with pytest.raises(ValidationError, match="those who may see the group"):
        update_alert_policy(europe, wanted, london("2026-06-01 10:00"))
    held.group = europe
    held.save()
    update_alert_policy(europe, wanted, london("2026-06-01 10:00"))
    held.delete()
    # Who was named before need not be taken out at once.
    update_alert_policy(europe, wanted, london("2026-06-02 10:00"))
