"""The matrix through HTTP and as data: what each cell says, what is counted, who sees what, and what it costs."""

from __future__ import annotations

import re
from datetime import date, datetime

import pytest
from django.http import QueryDict
from django.test import Client

from board.reports.matrix import ClosedFraction, Matrix, matrix, months_until
from board.web.board_request import BoardRequest, resolve_request
from board.web.params import MatrixWindow
from entities.models import Connection, LegalEntity, Membership
from tests.board.reports.matrix_html import cells, entities, fractions, page
from tests.board.reports.year_of_closes import YEAR_AT
from tests.builders import utc
from tests.db_builders import SampleGroup, save_person
from tests.settable_clock import SettableClock

pytestmark = pytest.mark.django_db


def asked(told: dict[str, str] | None = None, moment: datetime = YEAR_AT) -> BoardRequest:
    somebody = save_person(f"x{LegalEntity.objects.count()}-{len(told or {})}@meridian.test", "X")
    return resolve_request(somebody, told or {}, moment)


# --- what it says -------------------------------------------------------------------------------------------------


def test_twelve_months_of_an_entity(rosa_with_year: Client) -> None:
    text = page(rosa_with_year)
    told = cells(text, "NLDT")
    assert len(told) == 12
    assert told[0] == ("ok", "EU DTC BV, June 2025: Closed, on time, closed 9 Jul")
    assert told[1] == ("late", "EU DTC BV, July 2025: Closed, 3 calendar days late, closed 14 Aug")
    assert told[5] == ("alert", "EU DTC BV, November 2025: Closed, 6 calendar days late, closed 15 Dec")
    assert told[-1] == (
        "alert",
        "EU DTC BV, May 2026: Open, 8 calendar days late, alerting: more than 5 calendar days",
    )


def test_what_is_in_the_way_of_a_plain_green_cell(rosa_with_year: Client) -> None:
    text = page(rosa_with_year)
    march = cells(text, "FRSA")[9]
    assert march[0] == "alert again"
    assert march[1].startswith("Distribution SAS, March 2026: Open, 68 calendar days late")
    assert march[1].endswith("reopened once; Finance & Operations should not allow this")
    stale = cells(text, "ESIB")
    assert stale[0] == (
        "ok stale",
        "Ibérica SL, June 2025: Closed, on time, closed 9 Jul, not read since 09:12",
    )
    assert stale[-1][0] == "alert stale"
    assert "when last read, not read since 09:12" in stale[-1][1]
    assert cells(text, "USRT")[-1][0] == "alert on_hold"
    assert cells(text, "MXCO")[-1] == ("due", "México SA, May 2026: Open, due in 5d")


def test_a_month_in_which_an_entity_was_not_active_is_left_blank(rosa_with_year: Client) -> None:
    LegalEntity.objects.filter(code="UKWS").update(active_from="2025-09-01", active_to="2026-02-28")
    text = page(rosa_with_year)
    told = cells(text, "UKWS")
    assert [bool(words) for _, words in told] == [False] * 3 + [True] * 6 + [False] * 3
    assert fractions(text, "UK") == ["2/2"] * 3 + ["3/3"] * 6 + ["2/2"] * 3
    assert "UKWS" not in entities(
        page(rosa_with_year, "?show=outstanding")
    )  # nothing of it is outstanding in May
    assert "UKWS" not in entities(page(rosa_with_year, "?months=6&month=2025-08"))


def test_fractions_count_what_was_closed_when_last_read(rosa_with_year: Client) -> None:
    text = page(rosa_with_year)
    assert fractions(text, "UK") == ["3/3"] * 11 + ["2/3"]
    assert fractions(text, "EUROPE") == ["5/5"] * 9 + ["4/5", "5/5", "2/5"]
    assert "May 2026: 2 of 5 closed when last read, 1 not read, 3 late" in text
    total = re.search(r"<tfoot>.*</tfoot>", text, re.S)
    assert total is not None
    assert "March 2026: 11 of 12 closed when last read, 1 not read, 1 late" in total[0]


def test_when_nothing_is_fresh_no_fraction_looks_confirmed(
    rosa_with_year: Client, clock: SettableClock
) -> None:
    clock.at = utc("2026-06-17 16:00")
    text = page(rosa_with_year)
    assert fractions(text, "UK") == ["3/3"] * 11 + ["2/3"]
    assert 'class="share full"' not in text
    assert "March 2026: 3 of 3 closed when last read, 3 not read" in text
    assert "Nothing has been read since" in text
    assert not re.search(r'class="cell (ok|late|alert|due)(?! [^"]*stale)[^"]*" href', text)


def test_the_line_below_the_heading_sums_up(rosa_with_year: Client) -> None:
    text = page(rosa_with_year)
    assert "<h1>June 2025 – May 2026</h1>" in text
    assert "<title>June 2025 – May 2026 · Matrix · Closeboard</title>" in text
    for said in ("12 entities × 12 months", "1 reopened", "on time 77.6 % of 143 due", "below 90 %"):
        assert said in text
    assert "could be judged" not in text  # only México SA's deadline of May lies ahead, and that is not due


def test_a_cell_leads_to_its_entity_and_month(rosa_with_year: Client) -> None:
    assert 'href="/entities/NLDT/?month=2025-11"' in page(rosa_with_year)
    assert 'href="/entities/NLDT/?month=2025-11&at=2026-06-10"' in page(rosa_with_year, "?at=2026-06-10")


# --- windows ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("months", [6, 12, 24, 36])
def test_as_many_months_as_asked_for(rosa_with_year: Client, months: int) -> None:
    text = page(rosa_with_year, f"?months={months}")
    assert len(cells(text, "NLDT")) == months
    assert f"12 entities × {months} months" in text
    assert re.search(rf'id="months-{months}" class="here" aria-current="true"', text)


def test_the_windows_before_and_after(rosa_with_year: Client) -> None:
    text = page(rosa_with_year)
    assert re.search(r'href="/matrix/\?month=2025-05" id="previous"', text)
    assert 'id="next"' not in text
    assert 'id="latest"' not in text
    before = page(rosa_with_year, "?month=2025-05&months=24&by=erp")
    assert "<h1>June 2023 – May 2025</h1>" in before
    assert re.search(r'href="/matrix/\?by=erp&months=24" id="next"', before)
    assert "Latest: June 2024 – May 2026" in before
    near = page(rosa_with_year, "?month=2026-02")
    assert re.search(r'href="/matrix/" id="next"', near)  # no window reaches beyond the latest month


def test_months_begin_where_the_calendar_does() -> None:
    assert months_until(date(2026, 5, 1), 3) == [date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)]
    assert months_until(date(1990, 2, 1), 6) == [date(1990, 1, 1), date(1990, 2, 1)]


def test_the_month_being_closed_is_marked(rosa_with_year: Client) -> None:
    text = page(rosa_with_year)
    assert re.findall(
        r'<th scope="col" class="now" aria-current="date">.*?<span class="unseen">([^<]*)', text
    ) == ["May 2026"]
    assert 'aria-current="date"' not in page(rosa_with_year, "?month=2026-02")


# --- the past -----------------------------------------------------------------------------------------------------


def test_a_past_moment_shows_what_was_known_then_and_says_so(rosa_with_year: Client) -> None:
    text = page(rosa_with_year, "?at=2026-05-20")
    assert "This is the past:" in text
    assert "<h1>May 2025 – April 2026</h1>" in text
    assert cells(text, "FRSA")[-2][0] == "ok stale"  # March was opened again only on 28 May
    assert re.search(r'href="/matrix/" id="moment-now"', text)
    assert re.search(r'href="/matrix/\?month=2025-04&at=2026-05-20" id="previous"', text)
    assert "This is the past" not in page(rosa_with_year)


def test_the_heading_of_a_month_leads_to_its_board_of_the_same_moment(rosa_with_year: Client) -> None:
    assert 'href="/?month=2026-03"' in page(rosa_with_year)
    assert 'href="/?month=2026-03&at=2026-05-20"' in page(rosa_with_year, "?at=2026-05-20")
    assert 'href="/?month=2026-03&at=2026-05-20T14%3A30%2B01%3A00"' in page(
        rosa_with_year, "?at=2026-05-20T14:30"
    )


# --- filters and headings -----------------------------------------------------------------------------------------


def test_filters_on_who_an_entity_is(rosa_with_year: Client) -> None:
    assert set(entities(page(rosa_with_year, "?q=retail"))) == {"UKRT", "USRT"}
    assert set(entities(page(rosa_with_year, "?q=Luc"))) == {"CALC", "MXCO"}
    assert set(entities(page(rosa_with_year, "?group=UK"))) == {"UKHC", "UKRT", "UKWS"}
    assert set(entities(page(rosa_with_year, "?country=NL"))) == {"NLDT"}
    assert set(entities(page(rosa_with_year, "?owner=Tom+Okafor"))) == {"UKWS"}
    assert len(entities(page(rosa_with_year, "?erp=meridian-prod"))) == 12
    text = page(rosa_with_year, "?group=UK")
    assert "3 entities × 12 months" in text
    assert 'name="months"' not in text


def test_filters_on_how_it_stands_look_at_the_last_month(rosa_with_year: Client) -> None:
    assert set(entities(page(rosa_with_year, "?show=late"))) == {"NLDT", "DEVT", "ESIB", "UKWS", "USRT"}
    assert set(entities(page(rosa_with_year, "?state=on_hold"))) == {"UKWS", "USRT"}
    assert set(entities(page(rosa_with_year, "?show=late&month=2026-03"))) == {"FRSA"}
    assert set(entities(page(rosa_with_year, "?show=stale"))) == {"ESIB"}


def test_a_filter_that_leaves_nobody_says_so(rosa_with_year: Client) -> None:
    text = page(rosa_with_year, "?q=nobody+at+all&months=24")
    assert "No entity or owner matches “nobody at all”." in text
    assert 'href="/matrix/?months=24"' in text
    assert "<table" not in text


def test_a_form_keeps_the_window(rosa_with_year: Client) -> None:
    text = page(rosa_with_year, "?months=24&month=2026-04&at=2026-06-10")
    for name, value in (("months", "24"), ("month", "2026-04"), ("at", "2026-06-10")):
        assert f'<input type="hidden" name="{name}" value="{value}">' in text


def test_headings(rosa_with_year: Client) -> None:
    Connection.objects.create(
        name="lowlands-bc", kind="business_central", base_url="https://x.test", tenant="x", client_id="x"
    )
    LegalEntity.objects.filter(code="NLDT").update(connection=None)

    def names(text: str) -> list[str]:
        return [each.strip() for each in re.findall(r'class="groupline">([^<]*)', text)]

    assert names(page(rosa_with_year)) == ["Continental Europe", "United Kingdom", "Americas"]
    assert names(page(rosa_with_year, "?by=erp")) == ["No ERP", "meridian-prod"]
    assert names(page(rosa_with_year, "?by=owner"))[:2] == ["Sanne de Wit", "Marta Ruiz"]
    assert names(page(rosa_with_year, "?by=none")) == ["All entities"]
    assert entities(page(rosa_with_year, "?by=none&sort=name"))[:2] == ["CALC", "FRSA"]


def test_those_furthest_behind_come_first(rosa_with_year: Client) -> None:
    assert entities(page(rosa_with_year))[:3] == ["NLDT", "ESIB", "DEVT"]


# --- too many to load ---------------------------------------------------------------------------------------------


def shares(data: Matrix) -> list[tuple[str, list[tuple[int, int, int]]]]:
    def plain(each: ClosedFraction) -> tuple[int, int, int]:
        return each.closed, each.entities, each.unconfirmed

    parts = [(part.key, [plain(each) for each in part.fractions]) for part in data.sections]
    return [*parts, ("", [plain(each) for each in data.total])]


@pytest.mark.parametrize("by", ["group", "erp", "owner", "none"])
@pytest.mark.parametrize(
    "moment", ["2026-02-09 12:00", "2026-05-28 12:01", "2026-06-17 09:42", "2026-06-18 12:00"]
)
def test_fractions_counted_in_the_database_are_those_of_the_rows(
    moment: str, by: str, year: SampleGroup, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    LegalEntity.objects.filter(code="UKWS").update(active_to="2026-02-28")
    question = asked({"by": by}, utc(moment))
    loaded = matrix(question)
    monkeypatch.setattr("board.reports.matrix.FOLD_THRESHOLD", 0)
    counted = matrix(question)
    assert (loaded.all_loaded, counted.all_loaded) == (True, False)
    assert shares(loaded) == shares(counted)
    assert [each.late for each in counted.total][-1] == loaded.total[-1].late
    assert counted.lines == []
    assert (counted.reopened, counted.on_time) == (None, None)


def test_an_open_heading_loads_its_entities_and_no_more_than_there_is_room_for(
    rosa_with_year: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {code: cells(page(rosa_with_year), code) for code in ("UKHC", "UKRT", "NLDT")}
    monkeypatch.setattr("board.reports.matrix.FOLD_THRESHOLD", 4)
    monkeypatch.setattr("board.reports.matrix_page.FOLD_THRESHOLD", 4)
    monkeypatch.setattr("board.reports.report_page.FOLD_THRESHOLD", 4)
    shut = page(rosa_with_year, "?months=12")
    assert entities(shut) == []
    assert "More than 4 entities" in shut
    assert "on-time rate: counted for 4 entities or fewer" in shut
    assert re.search(r'href="/matrix/\?open=UK#part-UK" aria-expanded="false"', shut)

    uk = page(rosa_with_year, "?open=UK")
    assert set(entities(uk)) == {"UKHC", "UKRT", "UKWS"}
    assert cells(uk, "UKHC") == whole["UKHC"]
    assert re.search(r'href="/matrix/#part-UK" aria-expanded="true"', uk)
    assert re.search(r'href="/matrix/\?open=UK&open=EUROPE#part-EUROPE" aria-expanded="false"', uk)

    both = page(rosa_with_year, "?open=UK&open=EUROPE")
    assert entities(both)[0] == "NLDT"
    assert len(entities(both)) == 4
    assert "more: no more than 4 entities are shown at once" in both
    assert fractions(both, "UK") == fractions(uk, "UK")
    # Three entities fit, however many there are in all.
    assert entities(page(rosa_with_year, "?open=UK&group=UK")) != []


def test_an_open_heading_that_is_none_is_left_alone(
    rosa_with_year: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("board.reports.matrix.FOLD_THRESHOLD", 4)
    assert entities(page(rosa_with_year, "?open=NOWHERE&open=%00&open=" + "x" * 500)) == []


def test_a_window_of_an_address() -> None:
    assert MatrixWindow.of(QueryDict("")) == MatrixWindow(12, ())
    assert MatrixWindow.of(QueryDict("months=24&open=UK&open=&open=UK&open=EUROPE")) == MatrixWindow(
        24, ("UK", "EUROPE")
    )
    assert len(MatrixWindow.of(QueryDict("&".join(f"open={n}" for n in range(500)))).opened) == 100


# --- who sees what ------------------------------------------------------------------------------------------------


def test_who_sees_the_uk_sees_nothing_of_the_rest(rosa_with_year: Client) -> None:
    client = Client()
    client.force_login(save_person("uma@meridian.test", "Uma", group="UK", role=Membership.Role.OWNER))
    text = page(client)
    assert set(entities(text)) == {"UKHC", "UKRT", "UKWS"}
    assert "3 entities × 12 months" in text
    for foreign in (
        "EU DTC BV",
        "NLDT",
        "Americas",
        "Continental Europe",
        "Sanne",
        "reopened ·",
        "1 reopened",
    ):
        assert foreign not in text
    for query in ("?group=EUROPE", "?q=NLDT", "?open=EUROPE"):
        assert "NLDT" not in entities(page(client, query))


def test_without_a_role_the_next_step_is_named(rosa_with_year: Client) -> None:
    client = Client()
    client.force_login(save_person("nina@meridian.test", "Nina", group=None))
    text = page(client)
    assert "You have no entities yet" in text
    assert "Ask an administrator" in text


def test_a_window_in_which_nobody_closes_says_so(rosa_with_year: Client) -> None:
    LegalEntity.objects.update(active_from="2026-05-31")
    text = page(rosa_with_year, "?month=2026-04")
    assert "Nobody closes May 2025 – April 2026" in text
    assert "None of your 12 entities was active in that time." in text
    assert "Show June 2025 – May 2026" in text
    assert "12 entities × 12 months" in page(rosa_with_year)


def test_a_name_is_text_wherever_it_stands(rosa_with_year: Client) -> None:
    LegalEntity.objects.filter(code="NLDT").update(name='"><script>alert(1)</script>')
    text = rosa_with_year.get("/matrix/").content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
