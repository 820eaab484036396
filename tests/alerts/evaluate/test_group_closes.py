"""The good news: a whole group has closed, told once, when it is sure, to who works for the group itself."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts.evaluate.run import run_evaluation
from alerts.models import Delivery, Notice
from alerts.models.delivery import CLOSED_NO_MORE
from alerts.outbox.relevance import relevant_items
from alerts.outbox.send_context import SendContext
from closing.calendar.workdays import WorkdayCalendar
from closing.judging.group_close import working_days_to_close
from closing.judging.notice_rules import HOLD_DOWN, NoticeKind
from entities.models import Group
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
from tests.builders import MAY, ON_HOLD, OPEN, utc
from tests.closing.core_builders import ENGLAND
from tests.db_builders import SampleGroup

pytestmark = pytest.mark.django_db
NEWS = (NoticeKind.GROUP_CLOSED,)
CLOSED_AT = utc("2026-06-09 12:00")


def test_meridian_closes_with_eu_dtc_and_the_united_kingdom_before_it(meridian: SampleGroup) -> None:
    assert read_and_evaluate(meridian, "2026-06-08 12:00", NEWS, NLDT=OPEN) == []  # it may flap
    assert read_and_evaluate(meridian, "2026-06-08 12:30", NEWS, NLDT=OPEN) == ["group_closed United Kingdom"]
    assert recipients_of("group_closed") == {"Paul"}
    assert read_and_evaluate(meridian, CLOSED_AT, NEWS) == []
    assert read_and_evaluate(meridian, CLOSED_AT + HOLD_DOWN, NEWS) == ["group_closed Meridian Group"]
    assert recipients_of("group_closed") == {"Paul", "Rosa"}
    whole = Notice.objects.get(group__code="MERIDIAN")
    assert (whole.month, whole.days_late, whole.episode) == (MAY, 7, 1)  # Tue 9 June
    for minute in range(31, 60):
        assert evaluate_and_list_notices(CLOSED_AT + timedelta(minutes=minute), NEWS) == []


def test_it_is_told_again_only_after_a_reopening(meridian: SampleGroup) -> None:
    read_and_evaluate(meridian, "2026-06-09 12:00", NEWS)
    read_and_evaluate(meridian, "2026-06-09 12:30", NEWS)
    assert read_and_evaluate(meridian, "2026-06-10 12:00", NEWS, NLDT=OPEN) == []
    assert read_and_evaluate(meridian, "2026-06-10 16:00", NEWS) == []
    assert read_and_evaluate(meridian, "2026-06-10 16:30", NEWS) == ["group_closed Meridian Group"]
    assert [each.episode for each in Notice.objects.filter(group__code="MERIDIAN").order_by("pk")] == [1, 2]


def test_on_hold_where_it_does_not_count_is_no_close(meridian: SampleGroup) -> None:
    read_and_evaluate(meridian, CLOSED_AT, NEWS, NLDT=ON_HOLD)
    assert read_and_evaluate(meridian, CLOSED_AT + HOLD_DOWN, NEWS, NLDT=ON_HOLD) == [
        "group_closed United Kingdom"
    ]


def test_nobody_says_closed_of_what_cannot_be_confirmed(meridian: SampleGroup) -> None:
    meridian.read(CLOSED_AT, ALL_CLOSED)
    later = CLOSED_AT + timedelta(hours=1)  # the reading is stale by then
    save_evaluation_span(later)
    assert evaluate_and_list_notices(later, NEWS) == []
    assert read_and_evaluate(meridian, later + timedelta(minutes=1), NEWS) != []


def test_a_first_reading_that_finds_everybody_closed_is_no_news() -> None:
    group = save_group_with_recipients(read=False)
    assert read_and_evaluate(group, CLOSED_AT, NEWS) == []
    assert read_and_evaluate(group, CLOSED_AT + HOLD_DOWN, NEWS) == []


def test_a_group_to_which_nobody_listens_is_not_told_of(meridian: SampleGroup) -> None:
    read_and_evaluate(meridian, CLOSED_AT, NEWS)
    read_and_evaluate(meridian, CLOSED_AT + HOLD_DOWN, NEWS)
    assert set(Notice.objects.filter(kind="group_closed").values_list("group__code", flat=True)) == {
        "MERIDIAN",
        "UK",
    }


def test_auditors_and_who_works_elsewhere_do_not_hear_it(meridian: SampleGroup) -> None:
    save_member("audrey", Role.AUDITOR, Group.objects.get(code="MERIDIAN"))
    save_member("olga", Role.OWNER, Group.objects.get(code="MERIDIAN"))
    read_and_evaluate(meridian, CLOSED_AT, NEWS)
    read_and_evaluate(meridian, CLOSED_AT + HOLD_DOWN, NEWS)
    lines = Notice.objects.get(group__code="MERIDIAN").lines
    assert set(lines.values_list("recipient__name", flat=True)) == {"Rosa", "Olga"}


def test_opened_again_before_it_was_sent(meridian: SampleGroup) -> None:
    read_and_evaluate(meridian, CLOSED_AT, NEWS)
    read_and_evaluate(meridian, CLOSED_AT + HOLD_DOWN, NEWS)
    rosa = Delivery.objects.get(recipient__name="Rosa", notices__kind="group_closed")
    at = CLOSED_AT + HOLD_DOWN + timedelta(minutes=1)
    items, _, _ = relevant_items(rosa, SendContext(at))
    assert [len(item.rows) for item in items if item.notice.kind == "group_closed"] == [4]
    meridian.read(at, ALL_CLOSED | {"USRT": OPEN})
    line = rosa.lines.get(notice__kind="group_closed")
    assert relevant_items(rosa, SendContext(at + timedelta(seconds=1)))[1][line.pk] == CLOSED_NO_MORE


def test_statements_do_not_grow_with_groups() -> None:
    counts = []
    for codes in (["MERIDIAN"], ["MERIDIAN", "UK", "EUROPE", "AMERICAS"]):
        with transaction.atomic():
            group = save_group_with_recipients()
            for code in codes:
                save_member(f"olga-{code.lower()}", Role.OWNER, Group.objects.get(code=code))
            read_and_evaluate(group, CLOSED_AT, NEWS)
            at = CLOSED_AT + HOLD_DOWN
            save_evaluation_span(at)
            group.read(at, ALL_CLOSED)
            with CaptureQueriesContext(connection) as counted:
                found = run_evaluation(at).notices
            assert found[NoticeKind.GROUP_CLOSED] >= len(codes)
            counts.append(len(counted))
            transaction.set_rollback(True)
    assert counts[1] == counts[0]


@pytest.mark.parametrize(
    ("day", "calendar", "days"),
    [
        (date(2026, 6, 8), ENGLAND, 6),
        (date(2026, 6, 6), ENGLAND, 5),
        (date(2026, 5, 29), ENGLAND, 0),
        (date(2026, 6, 8), None, 6),
        (date(2031, 6, 9), WorkdayCalendar("empty", covered_years=frozenset()), 1305 + 6),
    ],
)
def test_working_days_to_close(day: date, calendar: WorkdayCalendar | None, days: int) -> None:
    counted = working_days_to_close(MAY, day, calendar)
    if day.year > 2026:
        assert counted > 1_000  # beyond the holidays weekdays are counted
    else:
        assert counted == days
