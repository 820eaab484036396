"""Scenarios of one entity, saved and read as a connector's worker does; each returns its moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from closing.calendar.days import DateSpan
from closing.calendar.months import month_end
from closing.facts.base import NativePeriodFacts
from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.finops_facts import FinopsFacts
from closing.facts.period_remarks import OverdueReason, RemarkKind
from closing.facts.readings import GapReason, ReadGap
from entities.models import CalendarDay, Connection, LegalEntity, Person, WorkCalendar
from periods.models import FiscalPeriod, PolicyVersion, Remark, SyncAttempt
from periods.recording.attempts import AttemptResult, begin_attempt, finish_attempt
from periods.remarks import (
    acknowledge,
    add_note,
    edit_note,
    set_expected_close,
    set_overdue_reason,
    withdraw_note,
)
from tests.builders import (
    CLOSED,
    FROM_JUNE,
    MAY,
    NO_LIMITS,
    NOT_UNDERSTOOD,
    ON_HOLD,
    OPEN,
    WORKED_EXAMPLE_AT,
    utc,
)
from tests.db_builders import SampleGroup, save_person, save_sample_group
from tests.sample_entities import NLDT, UKHC, USRT

ALL_OPEN = dict.fromkeys(
    (
        *("Ledger", "Tax", "Bank", "Cust", "Vend", "Sales", "Purch", "Invent", "Prod", "Project"),
        *("FixedAssets", "Payroll", "Expense", "FixedAssets_RU", "Retail", "ITM"),
    ),
    "All",
)
SHUT = dict.fromkeys(("Cust", "Vend", "Sales", "Purch", "Invent"), "None")
ALL_MODULES = FinopsFacts("Open", ALL_OPEN)
SOME_SHUT = FinopsFacts("Open", ALL_OPEN | SHUT)
ONLY_FINCLOSE = FinopsFacts("Open", ALL_OPEN | SHUT | {"Ledger": "User"}, {"Ledger": "FINCLOSE"})
BUSY_AT = utc("2026-06-17 08:41")

# Days after month end on which the twelve months before May 2026 were closed, May 2025 first.
CLOSED_AFTER = (9, 9, 12, 9, 8, 10, 13, 9, 9, 11, 9, 9)


def rosa() -> Person:
    """Group finance, saved once."""
    return Person.objects.filter(email="rosa.bell@meridian.test").first() or save_person()


def save_notes(by: Person, entity: LegalEntity, count: int, first_at: datetime) -> None:
    """Save so many notes on an entity's May in one statement, one a second: "Note 0" first."""
    period = FiscalPeriod.objects.get(entity=entity, reporting_month=MAY)
    Remark.objects.bulk_create(
        Remark(
            period=period,
            kind=RemarkKind.NOTE.value,
            text=f"Note {number}",
            by=by,
            at=first_at + timedelta(seconds=number),
        )
        for number in range(count)
    )


def read(
    group: SampleGroup,
    at: str | datetime,
    facts: NativePeriodFacts,
    code: str = "NLDT",
    span: DateSpan | None = None,
) -> None:
    """Read one entity's period once, by default its May 2026."""
    group.read(at, {code: facts}, span=span or DateSpan(MAY, month_end(MAY)))


def twelve_closes(group: SampleGroup, code: str = "NLDT") -> None:
    """The months May 2025 to April 2026, each seen open the morning before and closed in the afternoon."""
    month = date(2025, 5, 1)
    for days in CLOSED_AFTER:
        span = DateSpan(month, month_end(month))
        closed_on = datetime.combine(
            span.last + timedelta(days=days), time(14), tzinfo=WORKED_EXAMPLE_AT.tzinfo
        )
        read(group, closed_on - timedelta(hours=26), OPEN, code, span)
        read(group, closed_on - timedelta(hours=1), OPEN, code, span)
        read(group, closed_on, CLOSED, code, span)
        month = span.last + timedelta(days=1)


def twelve_closes_of_all(group: SampleGroup) -> None:
    """Read months after May 2026 of every entity, later than any scenario's reads, so that there is more history."""
    for month in range(6, 12):
        span = DateSpan(date(2026, month, 1), month_end(date(2026, month, 1)))
        for hour in (1, 2):
            at = datetime.combine(span.last + timedelta(days=5), time(hour), tzinfo=WORKED_EXAMPLE_AT.tzinfo)
            group.read(at, dict.fromkeys(group.entities, (OPEN, CLOSED)[hour - 1]), span=span)


def over_the_line() -> datetime:
    """EU DTC BV on 17 June 2026, eight days late, with a year of history and remarks of its people."""
    group = save_sample_group((NLDT,))
    PolicyVersion.objects.update(set_by=rosa(), overdue_reason_required=True)
    twelve_closes(group)
    read(group, "2026-06-01 06:00", ALL_MODULES)
    read(group, "2026-06-02 14:30", ALL_MODULES)
    read(group, "2026-06-02 14:45", SOME_SHUT)
    read(group, "2026-06-08 12:00", ONLY_FINCLOSE)
    read(group, "2026-06-15 07:00", ONLY_FINCLOSE)
    read(group, "2026-06-17 08:39", ONLY_FINCLOSE)
    sanne = Person.objects.get(email="sanne.de.wit@meridian.test")
    sanne.memberships.create(role="owner", entity=group.entities["NLDT"])
    note = add_note(rosa(), "NLDT", MAY, "Bank file of ING is missing.", utc("2026-06-10 09:10"))
    edit_note(
        rosa(),
        "NLDT",
        note.pk,
        "Bank file of ING came in on Thursday;\nIC balance with US Retail still open.",
        utc("2026-06-12 08:30"),
    )
    gone = add_note(sanne, "NLDT", MAY, "Wrong entity, sorry.", utc("2026-06-11 10:00"))
    withdraw_note(sanne, "NLDT", gone.pk, utc("2026-06-11 10:02"))
    set_overdue_reason(
        sanne,
        "NLDT",
        MAY,
        OverdueReason.WAITING_FOR_ANOTHER_ENTITY,
        "IC with US Retail",
        utc("2026-06-15 07:25"),
    )
    set_expected_close(
        sanne,
        "NLDT",
        MAY,
        date(2026, 6, 18),
        "IC balance with US Retail open, bank file missing",
        utc("2026-06-15 07:30"),
    )
    acknowledge(rosa(), "NLDT", MAY, "Called Sanne, she has help from Thursday.", utc("2026-06-16 09:00"))
    return BUSY_AT


def on_watch_without_a_reason() -> datetime:
    group = save_sample_group((NLDT,))
    PolicyVersion.objects.update(overdue_reason_required=True)
    twelve_closes(group)
    read(group, "2026-06-01 12:00", OPEN)
    read(group, "2026-06-12 11:58", OPEN)
    return WORKED_EXAMPLE_AT


def closed_on_time() -> datetime:
    group = save_sample_group((UKHC,))
    twelve_closes(group, "UKHC")
    read(group, "2026-06-01 12:00", OPEN, "UKHC")
    read(group, "2026-06-05 12:00", OPEN, "UKHC")
    read(group, "2026-06-05 16:05", CLOSED, "UKHC")
    read(group, "2026-06-12 11:58", CLOSED, "UKHC")
    return WORKED_EXAMPLE_AT


def closed_late() -> datetime:
    group = save_sample_group((NLDT,))
    read(group, "2026-06-01 12:00", OPEN)
    read(group, "2026-06-11 09:00", OPEN)
    read(group, "2026-06-11 15:00", CLOSED)
    read(group, "2026-06-12 11:58", CLOSED)
    return WORKED_EXAMPLE_AT


def closed_date_unknown() -> datetime:
    group = save_sample_group((NLDT,))
    read(group, "2026-06-12 11:58", CLOSED)
    return WORKED_EXAMPLE_AT


def perhaps_on_time() -> datetime:
    group = save_sample_group((NLDT,))
    read(group, "2026-06-08 12:00", OPEN)
    read(group, "2026-06-11 12:00", CLOSED)
    read(group, "2026-06-12 11:58", CLOSED)
    return WORKED_EXAMPLE_AT


def reopened() -> datetime:
    group = save_sample_group((NLDT,))
    read(group, "2026-06-01 12:00", OPEN)
    read(group, "2026-06-08 12:00", CLOSED)
    read(group, "2026-06-12 09:00", CLOSED)
    read(group, "2026-06-12 11:58", OPEN)
    return WORKED_EXAMPLE_AT


def on_hold_counts() -> datetime:
    group = save_sample_group((NLDT,), on_hold_counts=True)
    read(group, "2026-06-01 12:00", OPEN)
    read(group, "2026-06-09 11:00", ON_HOLD)
    return utc("2026-06-09 11:01")


def due_today() -> datetime:
    group = save_sample_group((NLDT,))
    PolicyVersion.objects.update(cut_off=time(18))
    read(group, "2026-06-01 12:00", OPEN)
    read(group, "2026-06-09 08:00", OPEN)
    return utc("2026-06-09 08:02")


def not_due() -> datetime:
    group = save_sample_group((NLDT,))
    CalendarDay.objects.create(
        calendar=WorkCalendar.objects.get(code="NL"), day=date(2026, 6, 4), working=False, name="Office moves"
    )
    read(group, "2026-06-03 12:00", OPEN)
    return utc("2026-06-03 12:04")


def running() -> datetime:
    group = save_sample_group((NLDT,))
    read(group, "2026-05-20 12:00", OPEN)
    return utc("2026-05-20 12:04")


def no_deadline() -> datetime:
    group = save_sample_group((NLDT,), policy=False)
    read(group, "2026-06-01 12:00", OPEN)
    read(group, "2026-06-12 11:58", OPEN)
    return WORKED_EXAMPLE_AT


def stale() -> datetime:
    on_watch_without_a_reason()
    source = Connection.objects.get()
    for at in ("2026-06-14 09:00", "2026-06-14 09:20"):
        attempt = begin_attempt(source.pk, utc(at), lease=timedelta(minutes=5))
        assert attempt is not None
        words = "The ERP does not answer (HTTP 503). It is tried again."
        finish_attempt(
            attempt.pk,
            AttemptResult(
                SyncAttempt.Outcome.UNAVAILABLE, utc(at) + timedelta(seconds=31), http_status=503, words=words
            ),
        )
    return utc("2026-06-14 09:30")


def not_understood() -> datetime:
    group = save_sample_group((NLDT,))
    read(group, "2026-06-01 12:00", OPEN)
    read(group, "2026-06-10 12:00", OPEN)
    read(group, "2026-06-12 11:58", NOT_UNDERSTOOD)
    return WORKED_EXAMPLE_AT


def missing() -> datetime:
    group = save_sample_group((NLDT, UKHC))
    group.read("2026-06-01 12:00", {"NLDT": OPEN, "UKHC": OPEN})
    group.read("2026-06-10 12:00", {"NLDT": OPEN, "UKHC": OPEN})
    group.read(
        "2026-06-12 11:58",
        {"UKHC": OPEN},
        gaps=[ReadGap("nldt", GapReason.MISSING, "The ERP no longer lists this company.")],
    )
    return WORKED_EXAMPLE_AT


def never_read() -> datetime:
    save_sample_group((NLDT,))
    return WORKED_EXAMPLE_AT


def no_period() -> datetime:
    group = save_sample_group((NLDT,))
    july = DateSpan(date(2026, 7, 1), date(2026, 7, 31))
    read(group, "2026-06-12 11:58", OPEN, span=july)
    return WORKED_EXAMPLE_AT


def not_counted() -> datetime:
    on_watch_without_a_reason()
    LegalEntity.objects.update(active_from=date(2026, 7, 1))
    return WORKED_EXAMPLE_AT


def a_long_way_past() -> datetime:
    group = save_sample_group((NLDT,))
    read(group, "2026-06-01 12:00", OPEN)
    read(group, "2026-08-28 11:58", OPEN)
    return utc("2026-08-28 12:00")


def _business_central(*said: tuple[str, PostingWindowFacts]) -> SampleGroup:
    group = save_sample_group((USRT,))
    Connection.objects.update(
        name="us-central",
        kind="business_central",
        base_url="https://api.businesscentral.dynamics.com",
        environment="production",
    )
    LegalEntity.objects.update(erp_id="US Retail Inc")
    group.entities["USRT"].refresh_from_db()
    for at, facts in said:
        read(group, at, facts, "USRT")
    return group


def posting_window_after() -> datetime:
    may = PostingWindowFacts(date(2026, 5, 1), None)
    _business_central(
        ("2026-06-01 12:00", may),
        ("2026-06-10 12:00", may),
        ("2026-06-10 18:00", FROM_JUNE),
        ("2026-06-12 11:58", FROM_JUNE),
    )
    return WORKED_EXAMPLE_AT


def posting_window_within() -> datetime:
    part = PostingWindowFacts(date(2026, 5, 20), date(2026, 6, 30), year_closed=True)
    _business_central(("2026-06-01 12:00", NO_LIMITS), ("2026-06-12 11:58", part))
    return WORKED_EXAMPLE_AT


def no_limits() -> datetime:
    _business_central(("2026-06-12 11:58", NO_LIMITS))
    return WORKED_EXAMPLE_AT


# The heading of each scenario, and its entity.
STORIES: dict[Callable[[], datetime], tuple[str, str]] = {
    over_the_line: ("NLDT", "8 days past its deadline of Tue 9 June"),
    on_watch_without_a_reason: ("NLDT", "3 days past its deadline of Tue 9 June"),
    closed_on_time: ("UKHC", "Closed on time on Fri 5 June, 4 days before its deadline of Tue 9 June"),
    closed_late: ("NLDT", "Closed late on Thu 11 June, 2 days past its deadline of Tue 9 June"),
    closed_date_unknown: ("NLDT", "Closed, date unknown: it already was when it was first read"),
    perhaps_on_time: (
        "NLDT",
        "Perhaps on time: closed between 8 and 11 June, and the deadline is Tue 9 June",
    ),
    reopened: ("NLDT", "3 days past its deadline of Tue 9 June"),
    on_hold_counts: (
        "NLDT",
        "On hold, which counts as closed, on time on Tue 9 June, on the day of its deadline of Tue 9 June",
    ),
    due_today: ("NLDT", "Due today, Tue 9 June at 18:00 Amsterdam"),
    not_due: ("NLDT", "Due in 7 days, on Wed 10 June"),
    running: ("NLDT", "Still running: ends on Sun 31 May, due on Tue 9 June"),
    no_deadline: ("NLDT", "No deadline set"),
    stale: ("NLDT", "3 days past its deadline of Tue 9 June when last read"),
    not_understood: ("NLDT", "1 day past its deadline of Tue 9 June when last read"),
    missing: ("NLDT", "1 day past its deadline of Tue 9 June when last read"),
    never_read: ("NLDT", "EU DTC BV has not been read yet"),
    no_period: ("NLDT", "The ERP lists no period for May 2026"),
    not_counted: ("NLDT", "EU DTC BV does not count in May 2026"),
    a_long_way_past: ("NLDT", "80 days past its deadline of Tue 9 June"),
    posting_window_after: ("USRT", "Closed on time on Wed 10 June, 1 day before its deadline of Thu 11 June"),
    posting_window_within: ("USRT", "1 day past its deadline of Thu 11 June"),
    no_limits: ("USRT", "1 day past its deadline of Thu 11 June"),
}
