"""The calendar through HTTP: what each day says, who waits for which deadline, who sees what, and what it costs."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from entities.models import CalendarDay, LegalEntity, Membership, WorkCalendar
from periods.models import PeriodDeadline
from periods.remarks import set_expected_close
from tests.board.reports.calendar_html import ahead, days, entities, heads, page
from tests.board.reports.matrix_html import text_of
from tests.board.reports.year_of_closes import YEAR_AT
from tests.builders import MAY, OPEN, utc
from tests.db_builders import SampleGroup, save_person
from tests.settable_clock import SettableClock

pytestmark = pytest.mark.django_db


# --- the days -----------------------------------------------------------------------------------------------------


def test_the_days_run_from_period_end_to_the_last_deadline(rosa_with_year: Client) -> None:
    told = heads(page(rosa_with_year))
    assert (told[0], told[-1], len(told)) == ("Mon 1 June", "Wed 24 June", 24)
    assert told[16] == "Wed 17 June, today"


def test_an_open_one_grows_later_day_by_day(rosa_with_year: Client) -> None:
    told = days(page(rosa_with_year), "NLDT")
    assert [mark for _, mark, _ in told[:9]] == ["0", "1", "2", "3", "4", "", "", "5", "6"]
    assert told[5][0] == {"off"}
    looks, mark, words = told[8]
    assert (looks, mark, words) == ({"due"}, "6", "Tue 9 June: deadline WD6")
    assert [mark for _, mark, _ in told[9:17]] == [f"+{n}" for n in range(1, 9)]
    assert "late" in told[13][0]
    assert "alert" in told[14][0]  # 15 June: strictly more than five days
    assert told[14][2] == "Mon 15 June: 6 calendar days late, alerting"
    assert "today" in told[16][0]
    assert all("to-come" in looks and not mark for looks, mark, _ in told[17:])


def test_a_close_is_marked_on_the_day_it_was_first_seen(rosa_with_year: Client) -> None:
    told = days(page(rosa_with_year), "UKHC")
    looks, mark, words = told[4]
    assert (looks, mark, words) == ({"closed", "closes"}, "closed", "Fri 5 June: close first seen")
    assert told[8] == ({"closed", "due"}, "", "Tue 9 June: deadline WD6")
    assert all("closed" in looks for looks, _, _ in told[4:17])
    assert not any("closed" in looks for looks, _, _ in told[17:])  # nobody knows what is to come


def test_a_late_close_says_by_how_much(rosa_with_year: Client) -> None:
    looks, mark, words = days(page(rosa_with_year), "FRSA")[9]
    assert looks >= {"late", "closes"}
    assert mark == "closed +1"
    assert words == "Wed 10 June: close first seen, 1 calendar day late, watch"


def test_holidays_are_those_of_the_entitys_own_calendar(rosa_with_year: Client) -> None:
    text = page(rosa_with_year)
    looks, _, words = days(text, "IEOP")[0]
    assert "off" in looks
    assert words == "Mon 1 June: June Bank Holiday"
    assert "off" not in days(text, "UKHC")[0][0]
    assert days(text, "USRT")[18][2] == "Fri 19 June: Juneteenth National Independence Day"


def test_a_weekend_of_other_days_and_a_day_set_by_hand(rosa_with_year: Client) -> None:
    WorkCalendar.objects.filter(code="NL").update(weekend=[4, 5])
    CalendarDay.objects.create(
        calendar=WorkCalendar.objects.get(code="NL"), day=date(2026, 6, 8), working=False, name="Stock-taking"
    )
    told = days(page(rosa_with_year), "NLDT")
    assert ["off" in looks for looks, _, _ in told[3:8]] == [False, True, True, False, True]
    assert told[7][2] == "Mon 8 June: Stock-taking"


def test_a_reopening_is_marked_and_late_from_there(rosa_with_year: Client, year: SampleGroup) -> None:
    year.read("2026-06-17 09:41", {"FRSA": OPEN})
    told = days(page(rosa_with_year), "FRSA")
    assert told[9][1] == "closed +1"
    looks, mark, words = told[16]
    assert looks == {"reopens", "today"}
    assert mark == "reopened +8"
    assert words == "Wed 17 June: seen open again, 8 calendar days late, alerting"
    assert "closed" in told[15][0]


def test_where_too_many_days_have_passed_today_stands_behind_them(rosa_with_year: Client) -> None:
    text = page(rosa_with_year, "?month=2026-03")
    assert heads(text)[-2:] == ["Fri 15 May", "Wed 17 June, today"]
    told = days(text, "FRSA")
    assert "closed" in told[-2][0]
    assert told[-1][:2] == ({"alert", "today"}, "+68")


def test_a_deadline_with_a_cut_off_says_so(rosa_with_year: Client) -> None:
    PeriodDeadline.objects.filter(period__entity__code="NLDT", period__reporting_month=MAY).update(
        cut_off="17:00"
    )
    text = page(rosa_with_year)
    assert days(text, "NLDT")[8][2] == "Tue 9 June: deadline WD6, by 17:00 in Amsterdam"
    assert "WD6 by 17:00 Amsterdam" in text


def test_an_expected_day_is_marked_with_who_said_so(rosa_with_year: Client) -> None:
    dana = save_person("dana@meridian.test", "Dana", role=Membership.Role.FINANCE)
    set_expected_close(dana, "NLDT", MAY, date(2026, 6, 19), "bank file", YEAR_AT)
    looks, mark, words = days(page(rosa_with_year), "NLDT")[18]
    assert looks >= {"expected", "to-come"}
    assert (mark, words) == ("◇", "Fri 19 June: expected to close, says Dana")


def test_what_is_not_confirmed_is_dark_from_the_last_reading_on(
    rosa_with_year: Client, clock: SettableClock
) -> None:
    clock.at = utc("2026-06-20 12:00")
    text = page(rosa_with_year)
    assert "Nothing has been read since" in text
    told = days(text, "NLDT")
    assert "alert" in told[16][0]
    assert [("dark" in looks) for looks, _, _ in told[16:21]] == [False, True, True, True, False]
    assert "closed" in days(text, "UKHC")[16][0]
    assert "dark" in days(text, "UKHC")[17][0]
    assert 'class="stale"' in text


# --- order, headings, filters -------------------------------------------------------------------------------------


def test_the_earliest_deadline_comes_first_then_who_is_furthest_behind(rosa_with_year: Client) -> None:
    assert entities(page(rosa_with_year, "?by=none"))[:4] == ["NLDT", "ESIB", "UKWS", "FRSA"]
    assert entities(page(rosa_with_year, "?by=none"))[-1] == "MXCO"
    assert entities(page(rosa_with_year, "?by=none&sort=name"))[:2] == ["CALC", "FRSA"]


def test_headings_and_filters_are_the_boards(rosa_with_year: Client) -> None:
    text = page(rosa_with_year)
    for name, closed in (("United Kingdom", "2</b>/3 closed"), ("Americas", "2</b>/4 closed")):
        assert name in text
        assert closed in text
    assert set(entities(page(rosa_with_year, "?group=UK&by=owner"))) == {"UKHC", "UKRT", "UKWS"}
    assert set(entities(page(rosa_with_year, "?show=alerting"))) == {"NLDT", "ESIB", "DEVT", "UKWS", "USRT"}
    empty = page(rosa_with_year, "?q=nobody+at+all")
    assert "No entity or owner matches “nobody at all”." in empty
    assert "No entity passes the filters." in empty
    assert "<table" not in empty


def test_the_months_before_and_after(rosa_with_year: Client) -> None:
    text = page(rosa_with_year, "?by=erp")
    assert 'href="/calendar/?month=2026-04&by=erp" id="previous"' in text
    assert 'href="/calendar/?month=2026-06&by=erp" id="next"' in text
    assert 'id="latest"' not in text
    assert 'href="/calendar/" id="latest"' in page(rosa_with_year, "?month=2026-01")


def test_a_month_long_closed_does_not_reach_today(rosa_with_year: Client) -> None:
    told = heads(page(rosa_with_year, "?month=2025-06&group=UK"))
    assert (told[0], told[-1]) == ("Tue 1 July", "Sat 12 July")
    unconfirmed = heads(page(rosa_with_year, "?month=2025-06&q=ESIB"))
    assert unconfirmed[-2:] == ["Fri 11 July", "Wed 17 June, today"]


def test_a_past_moment_shows_what_was_known_then(rosa_with_year: Client) -> None:
    text = page(rosa_with_year, "?at=2026-06-09")
    assert "This is the past:" in text
    assert "closes" in days(text, "UKHC")[4][0]
    assert "due" in days(text, "NLDT")[8][0]
    assert "late" not in days(text, "NLDT")[9][0]
    assert 'href="/entities/NLDT/?month=2026-05&at=2026-06-09"' in text
    assert 'href="/calendar/" id="moment-now"' in text


# --- the deadlines ahead ------------------------------------------------------------------------------------------


def test_the_next_deadlines_name_who_is_at_risk(rosa_with_year: Client) -> None:
    told = ahead(page(rosa_with_year, "?at=2026-06-05T17:00"))  # a Friday
    assert told[0].startswith("Tue 9 Jun in 4 days 5 not closed, 5 at risk At risk: Distribution SAS")
    assert told[1] == "Wed 10 Jun in 5 days 2 not closed Ireland Operations Vertrieb GmbH"
    assert [each[:10] for each in told[2:]] == ["Thu 11 Jun", "Fri 12 Jun"]


def test_who_is_past_their_deadline_comes_before_the_deadlines_ahead(rosa_with_year: Client) -> None:
    told = ahead(page(rosa_with_year))
    assert told[0] == (
        "Overdue 1 when last read 5 overdue, 5 alerting"
        " EU DTC BV +8d Ibérica SL +8d UK Wholesale Ltd +8d Vertrieb GmbH +7d US Retail Inc +6d"
    )
    assert told[1] == "Mon 22 Jun in 5 days 1 not closed México SA"


def test_deadlines_that_passed_since_the_last_reading_say_that_nobody_knows(
    rosa_with_year: Client, clock: SettableClock
) -> None:
    clock.at = utc("2026-06-24 12:00")
    assert (
        ahead(page(rosa_with_year))[1]
        == "Mon 22 Jun not read since 1 not closed, 1 at risk At risk: México SA"
    )


def test_when_everybody_is_closed_nobody_waits(rosa_with_year: Client) -> None:
    assert "Every entity is closed." in page(rosa_with_year, "?q=UK+Retail")
    assert "No further deadlines this month." in page(rosa_with_year, "?show=late")


# --- too many to draw ---------------------------------------------------------------------------------------------


def test_above_the_limit_only_open_headings_are_drawn(
    rosa_with_year: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = days(page(rosa_with_year), "UKHC")
    monkeypatch.setattr("board.reports.close_calendar.FOLD_THRESHOLD", 4)
    monkeypatch.setattr("board.reports.calendar_page.FOLD_THRESHOLD", 4)
    monkeypatch.setattr("board.reports.report_page.FOLD_THRESHOLD", 4)
    shut = page(rosa_with_year)
    assert entities(shut) == []
    assert "More than 4 entities" in shut
    assert "2</b>/3 closed" in shut
    assert len(ahead(shut)) == 2
    assert 'href="/calendar/?open=UK#part-UK" aria-expanded="false"' in shut
    uk = page(rosa_with_year, "?open=UK")
    assert set(entities(uk)) == {"UKHC", "UKRT", "UKWS"}
    assert days(uk, "UKHC") == whole
    assert 'href="/calendar/#part-UK" aria-expanded="true"' in uk
    both = page(rosa_with_year, "?open=UK&open=EUROPE")
    assert len(entities(both)) == 4
    assert "more: no more than 4 entities are shown at once" in both
    assert "All entities" in page(rosa_with_year, "?by=none")
    assert len(entities(page(rosa_with_year, "?by=none&open=all"))) == 4


# --- who sees what, and what it costs -----------------------------------------------------------------------------


def test_who_sees_the_uk_sees_nothing_of_the_rest(rosa_with_year: Client) -> None:
    client = Client()
    client.force_login(save_person("uma@meridian.test", "Uma", group="UK", role=Membership.Role.OWNER))
    text = page(client)
    assert set(entities(text)) == {"UKHC", "UKRT", "UKWS"}
    for foreign in ("EU DTC BV", "NLDT", "Americas", "Continental Europe", "Sanne", "México"):
        assert foreign not in text
    assert entities(page(client, "?group=EUROPE")) == []


def test_without_a_role_the_next_step_is_named(rosa_with_year: Client) -> None:
    client = Client()
    client.force_login(save_person("nina@meridian.test", "Nina", group=None))
    assert "Ask an administrator" in page(client)


def test_when_nobody_closes_a_month_the_latest_is_offered(rosa_with_year: Client) -> None:
    LegalEntity.objects.update(active_from="2026-05-31")
    text = page(rosa_with_year, "?month=2026-04")
    assert "Nobody closes April 2026" in text
    assert "Show May 2026" in text


def test_any_sensible_month_is_shown_and_others_are_refused(rosa_with_year: Client) -> None:
    for month in ("1990-01", "2026-06", "2100-12"):
        page(rosa_with_year, f"?month={month}")
    answer = rosa_with_year.get("/calendar/?month=June")
    assert answer.status_code == 400
    assert "No such month" in text_of(answer)


def test_a_name_is_text_wherever_it_stands(rosa_with_year: Client) -> None:
    LegalEntity.objects.filter(code="NLDT").update(name='"><script>alert(1)</script>')
    CalendarDay.objects.create(
        calendar=WorkCalendar.objects.get(code="NL"),
        day=date(2026, 6, 8),
        working=False,
        name='"><script>alert(2)</script>',
    )
    text = rosa_with_year.get("/calendar/").content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(2)&lt;/script&gt;" in text


def test_it_costs_the_same_few_statements_however_many_entities(rosa_with_year: Client) -> None:
    few = Client()
    somebody = save_person("few@meridian.test", "Few", group=None)
    Membership.objects.create(
        person=somebody, role=Membership.Role.OWNER, entity=LegalEntity.objects.get(code="UKHC")
    )
    few.force_login(somebody)
    counted = set()
    for client in (few, rosa_with_year):
        for query in ("", "?by=owner", "?month=2026-02"):
            client.get(f"/calendar/{query}")
            with CaptureQueriesContext(connection) as ran:
                page(client, query)
            assert all(each["sql"].lstrip().upper().startswith(("SELECT", "WITH")) for each in ran), (
                "it wrote"
            )
            counted.add(len(ran))
    assert len(counted) == 1, counted
    assert counted.pop() <= 20
