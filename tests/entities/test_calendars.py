"""Work calendars of real places: the days that deadlines are counted on."""

from __future__ import annotations

from datetime import date

import pytest
from pytest_django import DjangoAssertNumQueries

from closing.calendar.workdays import CalendarUncovered
from entities.calendars import calendar_warnings, holiday_region_problem, work_calendars
from entities.models import CalendarDay, Group, LegalEntity, WorkCalendar

pytestmark = pytest.mark.django_db
END_OF_MAY = date(2026, 5, 31)


def place(country: str, subdivision: str = "", name: str = "") -> WorkCalendar:
    return WorkCalendar.objects.create(
        code=f"{country or 'PLAIN'}{subdivision}",
        name=name or country,
        country=country,
        subdivision=subdivision,
    )


@pytest.mark.parametrize(
    ("country", "subdivision", "sixth"),
    [
        ("GB", "ENG", date(2026, 6, 8)),
        ("US", "", date(2026, 6, 8)),
        ("NL", "", date(2026, 6, 8)),
        ("DE", "", date(2026, 6, 8)),
        ("FR", "", date(2026, 6, 8)),
        ("IE", "", date(2026, 6, 9)),  # Monday 1 June is a bank holiday there
        ("", "", date(2026, 6, 8)),
    ],
)
def test_the_sixth_working_day_of_june(country: str, subdivision: str, sixth: date) -> None:
    row = place(country, subdivision)
    calendar = work_calendars([row.id], [2026])[row.id]
    assert calendar.nth_workday_after(END_OF_MAY, 6) == sixth


# Weekdays off, as the governments of these places announce them; days in lieu stand on the day that is off.
WEEKDAYS_OFF = {
    ("GB", "ENG"): "2026: 01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28"
    " 2027: 01-01 03-26 03-29 05-03 05-31 08-30 12-27 12-28",
    ("US", ""): "2026: 01-01 01-19 02-16 05-25 06-19 07-03 09-07 10-12 11-11 11-26 12-25"
    " 2027: 01-01 01-18 02-15 05-31 06-18 07-05 09-06 10-11 11-11 11-25 12-24 12-31",
    ("NL", ""): "2026: 01-01 04-03 04-06 04-27 05-14 05-25 12-25 2027: 01-01 03-26 03-29 04-27 05-06 05-17",
    ("DE", ""): "2026: 01-01 04-03 04-06 05-01 05-14 05-25 12-25 2027: 01-01 03-26 03-29 05-06 05-17",
    ("FR", ""): "2026: 01-01 04-06 05-01 05-08 05-14 05-25 07-14 11-11 12-25"
    " 2027: 01-01 03-29 05-06 05-17 07-14 11-01 11-11",
    # Ireland moves no holiday off a weekend by law: what is given instead is the employer's choice.
    ("IE", ""): "2026: 01-01 02-02 03-17 04-06 05-04 06-01 08-03 10-26 12-25"
    " 2027: 01-01 02-01 03-17 03-29 05-03 06-07 08-02 10-25",
}


@pytest.mark.parametrize(("country", "subdivision"), WEEKDAYS_OFF)
def test_bank_holidays_that_fall_on_weekdays(country: str, subdivision: str) -> None:
    row = place(country, subdivision)
    calendar = work_calendars([row.id], [2026, 2027])[row.id]
    told = ""
    for year in (2026, 2027):
        off = [day for day in sorted(calendar.days_off) if day.year == year and day.weekday() < 5]
        told += f" {year}: " + " ".join(f"{day:%m-%d}" for day in off)
    assert told.strip() == WEEKDAYS_OFF[country, subdivision]


def test_holidays_are_named_in_english_and_days_by_hand_win() -> None:
    row = place("NL", name="Netherlands")
    CalendarDay.objects.create(calendar=row, day=date(2026, 6, 5), working=False, name="Stocktaking")
    CalendarDay.objects.create(calendar=row, day=date(2026, 6, 6), working=True)
    CalendarDay.objects.create(calendar=row, day=date(2026, 5, 25), working=True)
    calendar = work_calendars([row.id], [2026])[row.id]
    assert calendar.name == "Netherlands"
    assert calendar.days_off[date(2026, 4, 27)] == "King's Day"
    assert calendar.days_off[date(2026, 6, 5)] == "Stocktaking"
    assert not calendar.is_workday(date(2026, 6, 5))
    assert calendar.is_workday(date(2026, 6, 6))
    assert calendar.is_workday(date(2026, 5, 25))


def test_another_weekend() -> None:
    row = WorkCalendar.objects.create(code="AE", name="Gulf", weekend=[4, 5])
    calendar = work_calendars([row.id], [2026])[row.id]
    assert not calendar.is_workday(date(2026, 6, 5))
    assert calendar.is_workday(date(2026, 6, 7))


def test_one_query_however_many(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ids = [place(*where).id for where in WEEKDAYS_OFF] + [place("").id]
    with django_assert_num_queries(1):
        assert len(work_calendars(ids, range(2024, 2029))) == 7


def test_a_calendar_covers_the_years_that_are_known() -> None:
    gone, plain = place("LK"), place("")
    calendars = work_calendars([gone.id, plain.id], [2026, 2027])
    assert calendars[gone.id].covered_years == frozenset({2026})
    assert calendars[plain.id].covered_years is None
    with pytest.raises(CalendarUncovered):
        calendars[gone.id].nth_workday_after(date(2026, 12, 31), 6)


def test_a_calendar_that_runs_out_is_told_while_somebody_uses_it() -> None:
    colombo, _ = place("LK", name="Sri Lanka"), place("GB", "ENG")
    assert calendar_warnings(date(2026, 11, 20)) == []
    group = Group.objects.create(code="MERIDIAN", name="Meridian Group", path="MERIDIAN/")
    LegalEntity.objects.create(
        code="LKCO", name="Lanka Ltd", country="LK", zone="Asia/Colombo", group=group, calendar=colombo
    )
    assert calendar_warnings(date(2025, 11, 20)) == []
    [(of, told)] = calendar_warnings(date(2026, 11, 20))
    assert of == colombo.pk
    assert told.startswith("The Sri Lanka calendar has no holidays for 2027:")
    [(_, told)] = calendar_warnings(date(2027, 1, 4))
    assert "2027 and 2028" in told


@pytest.mark.parametrize(
    ("country", "subdivision", "words"),
    [
        ("", "", None),
        ("GB", "ENG", None),
        ("IE", "", None),
        ("UK", "", "there are no holidays for country 'UK'; give its two-letter ISO code, for example GB"),
        ("GB", "EN", "GB has no subdivision 'EN'; did you mean ENG?"),
        ("NL", "ENG", "NL has no subdivision 'ENG'; it has none"),
        ("", "ENG", "subdivision 'ENG' needs a country"),
    ],
)
def test_places(country: str, subdivision: str, words: str | None) -> None:
    assert holiday_region_problem(country, subdivision) == words
