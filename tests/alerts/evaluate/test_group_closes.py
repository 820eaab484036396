"""The good news: a whole group has closed, told once, when it is sure, to who works for the group itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts.evaluate.run import run_evaluation
from alerts.mail.compose import compose_mail
from alerts.models import Delivery, LineReason, Notice
from alerts.outbox.relevance import relevant_items
from alerts.outbox.send_context import SendContext
from closing.calendar.days import DateSpan
from closing.calendar.months import month_end
from closing.calendar.workdays import WorkdayCalendar, workdays_or_weekdays
from closing.facts.base import NativePeriodFacts
from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.finops_facts import FinopsFacts
from closing.judging.notice_rules import HOLD_DOWN, NoticeKind
from entities.models import Group
from periods.models import PolicyVersion
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
from tests.builders import CLOSED, MAY, MAY_DAYS, ON_HOLD, OPEN, utc
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
    assert (
        relevant_items(rosa, SendContext(at + timedelta(seconds=1)))[1][line.pk] == LineReason.CLOSED_NO_MORE
    )


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


# --- what is no close ---------------------------------------------------------------------------------------------

MONTHS = [date(2025 + number // 12, number % 12 + 1, 1) for number in range(17)]  # January 2025 to May 2026


def read_months(group: SampleGroup, at: datetime, facts: Callable[[DateSpan], NativePeriodFacts]) -> datetime:
    """Read every month with its facts, a second after each other; returns the moment of the last reading."""
    for month in MONTHS:
        at += timedelta(seconds=1)
        span = DateSpan(month, month_end(month))
        group.read(at, dict.fromkeys(ALL_CLOSED, facts(span)), span=span)
    save_evaluation_span(at)
    return at


def window_from(day: date) -> Callable[[DateSpan], NativePeriodFacts]:
    return lambda span: PostingWindowFacts(day, None)


def module_access(word: str, may: NativePeriodFacts) -> Callable[[DateSpan], NativePeriodFacts]:
    return lambda span: may if span == MAY_DAYS else FinopsFacts("Closed", {"Ledger": word})


def year_closed(year: int, may: NativePeriodFacts) -> Callable[[DateSpan], NativePeriodFacts]:
    window = PostingWindowFacts(MAY, None)
    return lambda span: may if span == MAY_DAYS else replace(window, year_closed=span.last.year <= year)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (window_from(MAY), window_from(date(2026, 6, 1))),
        (module_access("All", OPEN), module_access("None", CLOSED)),
        (year_closed(2024, OPEN), year_closed(2025, CLOSED)),
        (lambda _: OPEN, lambda span: CLOSED if span == MAY_DAYS else OPEN),
    ],
    ids=["posting_range", "module_access", "year_closed", "nothing_else"],
)
def test_only_the_month_that_was_open_has_closed(
    before: Callable[[DateSpan], NativePeriodFacts], after: Callable[[DateSpan], NativePeriodFacts]
) -> None:
    group = save_group_with_recipients(read=False)
    assert evaluate_and_list_notices(read_months(group, utc("2026-06-03 10:00"), before), NEWS) == []
    assert evaluate_and_list_notices(read_months(group, utc("2026-06-04 10:00"), after), NEWS) == []
    at = read_months(group, utc("2026-06-04 10:45"), after)
    assert sorted(evaluate_and_list_notices(at, NEWS)) == [
        "group_closed Meridian Group",
        "group_closed United Kingdom",
    ]
    assert set(Notice.objects.filter(kind="group_closed").values_list("month", flat=True)) == {MAY}
    assert mail_of_rosa(at).subject.endswith(
        "Meridian Group has closed May 2026, 4 working days after the end of the month"
    )


def mail_of_rosa(at: datetime) -> EmailMultiAlternatives:
    delivery = Delivery.objects.distinct().get(recipient__name="Rosa", notices__kind="group_closed")
    return compose_mail(delivery, relevant_items(delivery, SendContext(at))[0], at)


def test_permanently_closed_after_on_hold_that_counts_is_no_close(meridian: SampleGroup) -> None:
    PolicyVersion.objects.update(on_hold_counts_as_closed=True)
    on_hold = dict.fromkeys(ALL_CLOSED, ON_HOLD)
    meridian.read("2026-06-05 12:00", on_hold)
    assert read_and_evaluate(meridian, "2026-06-05 12:30", NEWS, **on_hold) != []
    Notice.objects.all().delete()
    for at in ("2026-06-20 12:00", "2026-06-20 12:45"):
        assert read_and_evaluate(meridian, at, NEWS) == []


def test_a_close_of_which_the_day_is_not_known_was_not_before_the_end_of_the_month(
    meridian: SampleGroup,
) -> None:
    meridian.read("2026-06-08 12:00", dict.fromkeys(ALL_CLOSED, OPEN))
    assert read_and_evaluate(meridian, "2026-06-12 12:00", NEWS) == []
    at = utc("2026-06-12 12:31")
    assert "group_closed Meridian Group" in read_and_evaluate(meridian, at, NEWS)
    mail = mail_of_rosa(at)
    assert mail.subject.endswith("Meridian Group has closed May 2026")
    assert "before the month had ended" not in mail.body


def test_a_close_on_the_weekend_after_the_month_was_not_before_its_end() -> None:
    july = DateSpan(date(2026, 7, 1), date(2026, 7, 31))  # a Friday
    group = save_group_with_recipients(read=False)
    for at, facts in (
        ("2026-07-31 12:00", OPEN),
        ("2026-08-01 12:00", CLOSED),
        ("2026-08-01 12:31", CLOSED),
    ):
        group.read(at, dict.fromkeys(ALL_CLOSED, facts), span=july)
    now = utc("2026-08-01 12:31")
    save_evaluation_span(now)
    assert "group_closed Meridian Group" in evaluate_and_list_notices(now, NEWS)
    assert mail_of_rosa(now).subject.endswith(
        "Meridian Group has closed July 2026, before the first working day after the end of the month"
    )


def test_one_group_and_many_months_are_one_group() -> None:
    group = save_group_with_recipients(read=False)
    april = DateSpan(date(2026, 4, 1), date(2026, 4, 30))
    for moment, facts in (
        ("2026-06-08 12:00", OPEN),
        ("2026-06-09 12:00", CLOSED),
        ("2026-06-09 12:31", CLOSED),
    ):
        for seconds, span in enumerate((april, MAY_DAYS)):
            group.read(utc(moment) + timedelta(seconds=seconds), dict.fromkeys(ALL_CLOSED, facts), span=span)
    at = utc("2026-06-09 12:32")
    save_evaluation_span(at)
    assert evaluate_and_list_notices(at, NEWS).count("group_closed Meridian Group") == 2
    mail = mail_of_rosa(at)
    assert mail.subject.endswith("Meridian Group has closed 2 months, April 2026 and May 2026")
    assert "groups have closed" not in mail.body


def test_a_reopening_after_new_facts_is_told_of(meridian: SampleGroup) -> None:
    """What lasted is the close, not the facts that changed ten minutes before it was undone."""
    read_and_evaluate(meridian, "2026-06-05 12:00")
    read_and_evaluate(meridian, "2026-06-08 12:00", NLDT=FinopsFacts("Closed", {"Ledger": "None"}))
    assert read_and_evaluate(meridian, "2026-06-08 12:10", NLDT=OPEN) == ["reopened NLDT"]


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
    counted = workdays_or_weekdays(calendar, month_end(MAY), day)
    if day.year > 2026:
        assert counted > 1_000  # beyond the holidays weekdays are counted
    else:
        assert counted == days
