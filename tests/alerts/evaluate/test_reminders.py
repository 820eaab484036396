"""What comes before and beside the alerts: due soon, late day by day, and no deadline at all."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from alerts.models import LineReason, Notice
from alerts.outbox.relevance import relevant_items
from alerts.outbox.send_context import SendContext
from closing.judging.notice_rules import NoticeKind
from entities.models import LegalEntity, Person
from periods.deadline_setting import set_deadlines
from periods.models import AgreedDate, PeriodDeadline
from periods.remarks import acknowledge, set_expected_close
from tests.alerts.evaluations import (
    read_and_evaluate,
    recipients_of,
)
from tests.builders import MAY, OPEN, utc
from tests.db_builders import SampleGroup

pytestmark = pytest.mark.django_db
REMINDERS = (NoticeKind.DUE_SOON, NoticeKind.LATE, NoticeKind.NO_DEADLINE)


def test_eu_dtc_is_due_soon_two_working_days_before_and_then_late_each_day(meridian: SampleGroup) -> None:
    """Due on Tue 9 June."""
    story = {
        "2026-06-04 12:00": [],
        "2026-06-05 12:00": ["due_soon NLDT"],
        "2026-06-05 12:01": [],
        "2026-06-08 12:00": [],
        "2026-06-09 12:00": [],
        "2026-06-10 12:00": ["late NLDT"],
        "2026-06-10 18:00": [],
        "2026-06-11 12:00": ["late NLDT"],
        "2026-06-15 12:00": ["late NLDT"],
    }
    for at, expected in story.items():
        assert read_and_evaluate(meridian, at, REMINDERS, NLDT=OPEN) == expected, at
    assert [each.step for each in Notice.objects.filter(kind="late").order_by("pk")] == [1, 2, 6]
    assert [each.episode for each in Notice.objects.filter(kind="due_soon")] == [0]
    owner = meridian.entities["NLDT"].owner
    assert owner is not None
    assert recipients_of("due_soon") == recipients_of("late") == {"Rosa", owner.name}


def test_a_promise_keeps_reminders_quiet_until_its_day_has_passed(meridian: SampleGroup) -> None:
    assert read_and_evaluate(meridian, "2026-06-10 12:00", REMINDERS, NLDT=OPEN) == ["late NLDT"]
    rosa, at = Person.objects.get(name="Rosa"), utc("2026-06-10 13:00")
    acknowledge(rosa, "NLDT", MAY, "Working on it", at)
    set_expected_close(rosa, "NLDT", MAY, date(2026, 6, 12), "", at)
    assert read_and_evaluate(meridian, "2026-06-11 12:00", REMINDERS, NLDT=OPEN) == []
    assert read_and_evaluate(meridian, "2026-06-12 12:00", REMINDERS, NLDT=OPEN) == []
    assert read_and_evaluate(meridian, "2026-06-13 12:00", REMINDERS, NLDT=OPEN) == ["late NLDT"]


def test_what_was_late_before_we_watched_is_not_reminded_of(meridian: SampleGroup) -> None:
    from_before = save_newly_read(meridian)
    assert read_and_evaluate(meridian, "2026-06-20 12:00", REMINDERS, **{from_before: OPEN}) == []


def save_newly_read(group: SampleGroup) -> str:
    made = LegalEntity.objects.get(code="NLDT")
    made.pk, made.code, made.erp_id, made.erp_identity = None, "NEWC", "newc", ""
    made.save()
    group.entities["NEWC"] = made
    return made.code


def test_nobody_has_set_a_deadline(group_without_deadlines: SampleGroup) -> None:
    """From the first reading on of the month that is being closed, and not of the years before."""
    group = group_without_deadlines
    assert read_and_evaluate(group, "2026-06-02 12:00", REMINDERS, NLDT=OPEN) == ["no_deadline NLDT"]
    assert read_and_evaluate(group, "2026-06-30 12:00", REMINDERS, NLDT=OPEN) == []
    assert {"Carl", "Rosa"} <= recipients_of("no_deadline")


def test_a_deadline_that_was_set_meanwhile(group_without_deadlines: SampleGroup) -> None:
    read_and_evaluate(group_without_deadlines, "2026-06-02 12:00", REMINDERS, NLDT=OPEN)
    agreed(group_without_deadlines, date(2026, 6, 9), utc("2026-06-02 12:10"))
    [notice] = Notice.objects.filter(kind="no_deadline")
    assert why_not(notice, utc("2026-06-02 12:11")) == LineReason.HAS_A_DEADLINE


def test_what_is_not_true_any_more_is_left_out(meridian: SampleGroup) -> None:
    read_and_evaluate(meridian, "2026-06-05 12:00", REMINDERS, NLDT=OPEN)
    [notice] = Notice.objects.filter(kind="due_soon")
    at = utc("2026-06-05 12:05")
    assert why_not(notice, at) == ""
    agreed(meridian, date(2026, 6, 19), at)
    assert why_not(notice, at) == LineReason.NOT_SOON
    read_and_evaluate(meridian, "2026-06-08 12:00", REMINDERS)
    assert why_not(notice, utc("2026-06-08 12:01")) == LineReason.CLOSED_SINCE
    read_and_evaluate(meridian, "2026-06-22 12:00", REMINDERS, NLDT=OPEN)
    [late] = Notice.objects.filter(kind="late")
    agreed(meridian, date(2026, 6, 29), utc("2026-06-22 12:10"))
    assert why_not(late, utc("2026-06-22 12:11")) == ""  # agreed after the deadline: it moves no past
    # an earlier version let it
    PeriodDeadline.objects.filter(period__entity=meridian.entities["NLDT"]).update(due_on=date(2026, 6, 29))
    assert why_not(late, utc("2026-06-22 12:11")) == LineReason.NOT_LATE


def agreed(group: SampleGroup, due_on: date, at: datetime) -> None:
    """A date agreed by hand for EU DTC BV."""
    entity = group.entities["NLDT"]
    AgreedDate.objects.create(
        entity=entity, reporting_month=MAY, due_on=due_on, reason="carriers", agreed_by="R. Bell", set_at=at
    )
    set_deadlines([entity.pk], at)


def why_not(notice: Notice, at: datetime) -> str:
    """Why Rosa's message leaves the notice out; empty where it does not."""
    line = notice.lines.get(recipient__name="Rosa")
    _, left_out, _ = relevant_items(line.delivery, SendContext(at))
    return left_out.get(line.pk, "")
