"""Calendars of real places through the group file: the deadlines that they give, and what loading says of them."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import holidays
import pytest
from django.core.management import CommandError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entities.calendars import work_calendars
from entities.holiday_library import LAST_ANNOUNCED_YEAR, first_year_without_swaps
from entities.models import LegalEntity, WorkCalendar
from periods.models import PeriodDeadline
from tests.periods.group_file.sample_group_file import load
from tests.periods.model_builders import in_force, months

pytestmark = pytest.mark.django_db

SWAPPING = ["AM", "AZ", "BG", "BY", "CN", "HU", "KG", "KZ", "LV", "MM", "RU", "TW", "UA", "UZ", "VN"]
FILE = """\
groups:
  - {code: G, name: Group}
calendars:
  - {code: PLACE, name: Place, CALENDAR}
entities:
  - {code: E, name: Entity, country: GB, zone: UTC, group: G, calendar: PLACE}
"""
POLICY = """\
policies:
  - {group: G, rule: NUMBERth working day}
"""


def file_of(calendar: str) -> str:
    return FILE.replace("CALENDAR", calendar)


def deadline(folder: Path, calendar: str, last_day: date, number: int = 5) -> PeriodDeadline:
    """The deadline of the period that ends on this day, as loading a file with this calendar sets it."""
    text = file_of(calendar)
    load(folder, text)
    [period] = months(LegalEntity.objects.get(), last_day, last_day)
    load(folder, text + POLICY.replace("NUMBER", str(number)))
    return in_force(period)


@pytest.mark.parametrize(
    ("country", "last_day", "number", "due_on"),
    [
        ("CN", date(2026, 4, 30), 5, date(2026, 5, 11)),  # Sat 9 May is worked
        ("CN", date(2026, 9, 30), 5, date(2026, 10, 13)),  # Sat 10 October
        ("CN", date(2025, 12, 31), 5, date(2026, 1, 8)),  # Sun 4 January
        ("CN", date(2026, 1, 31), 5, date(2026, 2, 6)),
        ("HU", date(2026, 7, 31), 6, date(2026, 8, 8)),  # due on a Saturday that is worked
        ("HU", date(2025, 12, 31), 6, date(2026, 1, 10)),
        ("BY", date(2025, 6, 30), 8, date(2025, 7, 12)),
        ("KZ", date(2024, 4, 30), 5, date(2024, 5, 10)),  # Sat 4 May
        ("LV", date(2025, 4, 30), 5, date(2025, 5, 10)),
        ("RU", date(2024, 10, 31), 5, date(2024, 11, 7)),  # Sat 2 November
        ("TW", date(2025, 1, 31), 6, date(2025, 2, 8)),
        ("UZ", date(2024, 12, 31), 5, date(2025, 1, 8)),  # Sat 4 January
        ("VN", date(2024, 4, 30), 5, date(2024, 5, 7)),  # Sat 4 May
    ],
)
def test_days_worked_in_lieu_count(
    tmp_path: Path, country: str, last_day: date, number: int, due_on: date
) -> None:
    assert deadline(tmp_path, f"country: {country}", last_day, number).due_on == due_on


@given(st.sampled_from(SWAPPING), st.dates(date(2015, 1, 1), date(2027, 11, 30)), st.integers(1, 15))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_working_days_are_those_of_the_library(country: str, day: date, number: int) -> None:
    row, _ = WorkCalendar.objects.get_or_create(code=country, defaults={"name": country, "country": country})
    years = range(day.year, day.year + 2)
    library = holidays.country_holidays(country, years=range(day.year - 1, day.year + 3))
    expected, left = day, number
    while left:
        expected += timedelta(days=1)
        left -= library.is_working_day(expected)
    assert work_calendars([row.id], years)[row.id].nth_workday_after(day, number) == expected


def test_a_day_worked_in_lieu_is_named(tmp_path: Path) -> None:
    told = deadline(tmp_path, "country: CN", date(2026, 4, 30)).explanation
    assert "Mon 4 May" in told
    assert "Sat 9 May counted as worked" in told


def test_a_day_off_by_hand_stands_before_a_day_worked_in_lieu(tmp_path: Path) -> None:
    calendar = "country: CN, days_off: [{day: 2026-05-09, name: Move}]"
    assert deadline(tmp_path, calendar, date(2026, 4, 30)).due_on == date(2026, 5, 12)


@pytest.mark.parametrize(
    ("country", "last_day", "due_on", "weekend"),
    [
        ("SA", date(2026, 2, 28), date(2026, 3, 5), "Friday and Saturday"),
        ("AE", date(2026, 4, 30), date(2026, 5, 7), "Saturday and Sunday"),  # since 2022
        ("BD", date(2026, 8, 31), date(2026, 9, 7), "Friday and Saturday"),
        ("BN", date(2026, 7, 31), date(2026, 8, 6), "Friday and Sunday"),
        ("EG", date(2026, 10, 31), date(2026, 11, 5), "Friday and Saturday"),
        ("IL", date(2026, 1, 31), date(2026, 2, 5), "Friday and Saturday"),
        ("IR", date(2026, 4, 30), date(2026, 5, 6), "Friday"),
        ("MY, subdivision: '03'", date(2026, 1, 31), date(2026, 2, 5), "Friday and Saturday"),  # Kelantan
        ("MY", date(2026, 3, 31), date(2026, 4, 7), "Saturday and Sunday"),
        (
            "HK",
            date(2026, 4, 30),
            date(2026, 5, 8),
            "Saturday and Sunday",
        ),  # six days by law, five in offices
        ("NL", date(2026, 2, 28), date(2026, 3, 6), "Saturday and Sunday"),
    ],
)
def test_the_weekend_is_that_of_the_country(
    tmp_path: Path, country: str, last_day: date, due_on: date, weekend: str
) -> None:
    told = load(tmp_path, file_of(f"country: {country}"))
    assert f"+ calendar PLACE: Place, weekend {weekend}, that of {country[:2]}" in told
    [period] = months(LegalEntity.objects.get(), last_day, last_day)
    load(tmp_path, file_of(f"country: {country}") + POLICY.replace("NUMBER", "5"))
    assert in_force(period).due_on == due_on


def test_a_weekend_that_is_given_stands(tmp_path: Path) -> None:
    given_one = "country: SA, weekend: [saturday, sunday]"
    assert "Place, weekend Saturday and Sunday\n" in load(tmp_path, file_of(given_one))
    assert load(tmp_path, file_of(given_one)) == "Nothing to change.\n"
    assert "weekend: Saturday and Sunday -> Friday and Saturday\n" in load(
        tmp_path, file_of("country: SA, weekend: ")
    )
    assert WorkCalendar.objects.get().weekend == [4, 5]


def test_a_weekend_stored_before_stays_and_loading_says_so(tmp_path: Path) -> None:
    load(tmp_path, file_of("country: SA"))
    WorkCalendar.objects.update(weekend=[5, 6])  # as earlier versions stored it, whatever the country
    told = load(tmp_path, file_of("country: SA"))
    assert told.startswith(
        "Nothing to change.\nCalendar PLACE keeps its weekend, Saturday and Sunday; that of SA"
    )
    assert "is Friday and Saturday. Give `weekend`" in told
    assert WorkCalendar.objects.get().weekend == [5, 6]


def test_no_country_rests_on_saturday_and_sunday(tmp_path: Path) -> None:
    assert "+ calendar PLACE: Place, weekend Saturday and Sunday\n" in load(tmp_path, file_of("days_off: []"))


@pytest.mark.usefixtures("in_june_2026")
@pytest.mark.parametrize(
    ("country", "words"),
    [
        ("GB", "5th working day after 31 March 2026 is Wed 8 April here, Thu 9 April in England."),
        (
            "DE",
            "5th working day after 31 December 2025 is Thu 8 January here, Fri 9 January in Baden-Württemberg.",
        ),
        ("CH", "5th working day after 31 December 2025"),
        (
            "AU",
            "5th working day after 31 May 2026 is Fri 5 June here, Tue 9 June in Australian Capital Territory.",
        ),
        ("ES", "5th working day after 31 March 2026 is Wed 8 April here, Thu 9 April in Andalucía."),
        ("IN", "in "),
        ("US", "in "),
        ("MY", "in "),
        ("PT", "in Beja."),
        ("NI", "Mon 10 August 2026 is off in Managua and worked here."),
    ],
)
def test_a_country_whose_holidays_differ_by_subdivision_warns_without_one(
    tmp_path: Path, country: str, words: str
) -> None:
    for name in ("Entity", "Another name"):
        told = load(tmp_path, file_of(f"country: {country}").replace("name: Entity", f"name: {name}"))
        [warning] = [line for line in told.splitlines() if "differ by subdivision" in line]
        assert warning.startswith(
            f"Calendar PLACE: the holidays of {country} differ by subdivision, and none is given ("
        )
        assert words in warning
    assert load(tmp_path, file_of(f"country: {country}").replace("Entity", name)) == "Nothing to change.\n"


@pytest.mark.parametrize(
    "place", ["country: GB, subdivision: ENG", "country: NL", "country: NO", "days_off: []"]
)
def test_no_warning_where_nothing_differs(tmp_path: Path, place: str) -> None:
    assert "differ by subdivision" not in load(tmp_path, file_of(place))


@pytest.mark.usefixtures("in_june_2026")
def test_the_example_knows_the_days_set_by_hand(tmp_path: Path) -> None:
    told = load(tmp_path, file_of("country: GB, days_off: [{day: 2026-04-06, name: Easter Monday}]"))
    assert "31 March 2026" not in told
    assert "in Scotland" in told


@pytest.mark.parametrize(
    ("country", "categories", "last_day", "number", "due_on", "without"),
    [
        ("HK", "public, optional", date(2026, 3, 31), 5, date(2026, 4, 10), date(2026, 4, 9)),
        ("JP", "public, bank", date(2025, 12, 31), 5, date(2026, 1, 9), date(2026, 1, 8)),
        ("JP", "public, bank", date(2026, 12, 31), 5, date(2027, 1, 8), date(2027, 1, 8)),
        ("BR", "public, optional", date(2027, 1, 31), 6, date(2027, 2, 10), date(2027, 2, 8)),
        ("BR", "public, optional", date(2026, 5, 31), 5, date(2026, 6, 8), date(2026, 6, 5)),
        # Mon 5 January is off from 14:00 in Sweden, Ash Wednesday until 14:00 in Brazil: both are worked.
        ("SE", "public, optional", date(2025, 12, 31), 5, date(2026, 1, 9), date(2026, 1, 9)),
        ("SE", "public, de_facto", date(2026, 5, 31), 15, date(2026, 6, 22), date(2026, 6, 19)),
    ],
)
def test_categories_of_holidays_can_be_chosen(
    tmp_path: Path,
    country: str,
    categories: str,
    last_day: date,
    number: int,
    due_on: date,
    without: date,
) -> None:
    chosen = deadline(tmp_path, f"country: {country}, holiday_categories: [{categories}]", last_day, number)
    assert chosen.due_on == due_on
    assert (
        f"Place calendar with {categories.replace(', ', ' and ').replace('_', ' ')} holidays,"
        in chosen.explanation
    )
    told = load(tmp_path, file_of(f"country: {country}, holiday_categories: "))
    assert f"    holiday_categories: {categories} -> nothing\n" in told
    years = range(last_day.year, last_day.year + 2)
    [plain] = work_calendars(WorkCalendar.objects.values_list("id", flat=True), years).values()
    assert plain.nth_workday_after(last_day, number) == without


@pytest.mark.usefixtures("in_june_2026")
@pytest.mark.parametrize(
    ("country", "other", "example"),
    [
        ("HK", "optional", "the 5th working day after 31 March 2026 is Fri 10 April, not Thu 9 April."),
        ("JP", "bank", "the 5th working day after 31 December 2025 is Fri 9 January, not Thu 8 January."),
        ("BR", "optional", "the 5th working day after 31 May 2026 is Mon 8 June, not Fri 5 June."),
        ("SE", "de_facto", "Fri 19 June 2026, Midsummer Eve, is off."),
    ],
)
def test_categories_are_proposed_where_a_country_keeps_several(
    tmp_path: Path, country: str, other: str, example: str
) -> None:
    told = load(tmp_path, file_of(f"country: {country}"))
    assert (
        f"Calendar PLACE: {country} keeps {other.replace('_', ' ')} holidays too, which do not count."
        f" With `holiday_categories: [public, {other}]` {example}"
    ) in told
    assert f"that of {country}; public holidays\n" in told
    chosen = load(tmp_path, file_of(f"country: {country}, holiday_categories: [public]"))
    assert "    holiday_categories: nothing -> public\n" in chosen
    assert "which do not count" not in chosen


@pytest.mark.usefixtures("in_june_2026")
def test_leaving_out_the_public_holidays_is_told(tmp_path: Path) -> None:
    told = load(tmp_path, file_of("country: JP, holiday_categories: [bank]"))
    assert (
        "Calendar PLACE leaves out the public holidays of JP: Mon 12 January 2026, Coming of Age Day, is worked"
        in told
    )


@pytest.mark.parametrize(
    ("calendar", "words"),
    [
        (
            "country: JP, holiday_categories: [banks]",
            "JP keeps no holidays of category 'banks'; it has public, bank",
        ),
        ("country: PH, holiday_categories: [workday]", "'workday' lists days that are worked"),
        ("holiday_categories: [public]", "category 'public' needs a country"),
        ("country: JP, holiday_categories: bank", "`holiday_categories` must be a list"),
    ],
)
def test_categories_that_a_country_does_not_keep_are_refused(
    tmp_path: Path, calendar: str, words: str
) -> None:
    with pytest.raises(CommandError, match=re.escape(words)):
        load(tmp_path, file_of(calendar))


def test_another_country_does_not_keep_the_categories_of_the_one_before(tmp_path: Path) -> None:
    load(tmp_path, file_of("country: JP, holiday_categories: [public, bank]"))
    with pytest.raises(
        CommandError, match="NL keeps no holidays of category 'bank'; it has public, optional"
    ):
        load(tmp_path, file_of("country: NL"))
    load(tmp_path, file_of("country: NL, holiday_categories: []"))
    assert WorkCalendar.objects.get().holiday_categories == []


LIEU = "; days worked in lieu of 2027 are not announced yet, so this may move"
ESTIMATES = "; religious dates of 2027 are estimates"


@pytest.mark.parametrize(
    ("country", "last_day", "words"),
    [
        ("CN", date(2027, 1, 31), LIEU),
        ("CN", date(2026, 12, 31), LIEU),  # the days counted lie in 2027
        ("HU", date(2027, 3, 31), LIEU),
        ("KZ", date(2027, 1, 31), LIEU),
        ("SA", date(2027, 2, 28), "; Eid al-Fitr Holiday, Tue 9 March, is an estimate, so this may move"),
        ("SA", date(2026, 2, 28), "; religious dates of 2026 are estimates"),
        ("TR", date(2027, 2, 28), "; Eid al-Fitr, Tue 9 March, is an estimate, so this may move"),
        ("TR", date(2027, 8, 31), ESTIMATES),
        ("MY", date(2027, 2, 28), "; Eid al-Fitr, Wed 10 March, is an estimate, so this may move"),
        ("MY", date(2027, 5, 31), "; Islamic New Year, Sun 6 June, is an estimate, so this may move"),
        ("AE", date(2027, 2, 28), "is an estimate, so this may move"),
        ("ID", date(2027, 2, 28), "is an estimate, so this may move"),
        ("IN", date(2027, 10, 31), "; Diwali, Fri 29 October, is an estimate, so this may move"),
        ("SG", date(2027, 4, 30), "; religious dates of 2027 are estimates"),
    ],
)
def test_what_is_not_announced_stands_in_the_words(
    tmp_path: Path, country: str, last_day: date, words: str
) -> None:
    assert words in deadline(tmp_path, f"country: {country}", last_day).explanation


@pytest.mark.parametrize(
    ("country", "last_day"),
    [
        ("CN", date(2026, 4, 30)),
        ("CN", date(2026, 8, 31)),
        ("TR", date(2026, 2, 28)),
        ("SA", date(2025, 2, 28)),
        ("KR", date(2027, 1, 31)),  # its dates are astronomy
        ("VN", date(2026, 1, 31)),
        ("BG", date(2027, 4, 30)),  # has swapped none since 2016
        ("NL", date(2027, 3, 31)),
        ("IL", date(2027, 3, 31)),
        ("LK", date(2026, 4, 30)),
    ],
)
def test_what_is_announced_or_never_changes_is_not_doubted(
    tmp_path: Path, country: str, last_day: date
) -> None:
    told = deadline(tmp_path, f"country: {country}", last_day).explanation
    assert "estimate" not in told
    assert "may move" not in told


def test_what_is_set_by_hand_is_not_doubted(tmp_path: Path) -> None:
    by_hand = "country: CN, working_days: [{day: 2027-02-20}]"
    assert "may move" not in deadline(tmp_path, by_hand, date(2027, 1, 31)).explanation


def test_the_library_knows_no_more_than_the_year_that_is_taken_for_announced() -> None:
    """After an upgrade of the library, LAST_ANNOUNCED_YEAR follows what it knows."""
    assert first_year_without_swaps("CN") == LAST_ANNOUNCED_YEAR + 1


def test_loading_again_corrects_deadlines_to_come_that_a_version_before_had_set(tmp_path: Path) -> None:
    deadline(tmp_path, "country: CN", date(2099, 4, 30))
    right = PeriodDeadline.objects.get()
    PeriodDeadline.objects.update(due_on=right.due_on + timedelta(days=1), explanation="as counted before")
    text = file_of("country: CN") + POLICY.replace("NUMBER", "5")
    assert load(tmp_path, text) == "Nothing to change.\nNew deadlines for 1 period.\n"
    [now] = PeriodDeadline.objects.filter(current=True)
    assert (now.due_on, now.explanation) == (right.due_on, right.explanation)
    assert load(tmp_path, text) == "Nothing to change.\n"
