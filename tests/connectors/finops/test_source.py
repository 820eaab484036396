"""Reading Finance & Operations: the worked example, and every switch of what nobody knows (03-erp-contracts 2, 3)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from urllib.parse import unquote

import pytest

from closing.calendar.days import DateSpan
from closing.facts.finops_facts import FinopsFacts
from closing.facts.readings import GapReason, PeriodReading, PeriodType
from connectors.ledger_source import CompanyRef
from infra.outbound.errors import AccessRefused
from simulator.run import Running, running
from tests.connectors.simulator_sources import (
    COMPANIES,
    MAY,
    SPRING,
    companies_read,
    company_refs,
    gap,
    readings_of,
    source,
)

NAMES = COMPANIES["finops"]


def read(sim: Running, span: DateSpan = MAY) -> dict[str, PeriodReading]:
    return {
        reading.erp_id: reading
        for reading in source("finops", sim.url).read(company_refs("finops"), span).readings
    }


def facts(reading: PeriodReading) -> FinopsFacts:
    assert isinstance(reading.facts, FinopsFacts)
    return reading.facts


def test_may_2026_of_the_worked_example(sim: Running) -> None:
    states = {}
    for moment in ("2026-06-01T12:00Z", "2026-06-05T18:00Z", "2026-06-08T18:00Z", "2026-06-10T22:00Z"):
        sim.set_clock(moment)
        states[moment[5:10]] = [facts(reading).status for reading in read(sim).values()]
    assert states == {
        "06-01": ["Open", "Open", "Open", "Open"],
        "06-05": ["Closed", "Open", "Open", "Open"],
        "06-08": ["Closed", "Closed", "Open", "Open"],
        "06-10": ["Closed", "Closed", "OnHold", "Open"],
    }


def test_a_reading_says_which_period_it_is_in_the_erps_own_words(sim: Running) -> None:
    one = read(sim)["UKRT"]
    assert (one.erp_key, one.calendar, one.year, one.name) == (
        "Fiscal|2026|Period 5",
        "Fiscal",
        "2026",
        "Period 5",
    )
    assert one.span == DateSpan(date(2026, 5, 1), date(2026, 5, 31))
    assert one.type is PeriodType.OPERATING
    assert one.erp_changed_at is None
    assert len(facts(one).access) == 16
    assert set(facts(one).access.values()) == {"All"}
    assert facts(one).user_groups == {}


def test_closing_periods_share_the_last_days_and_keep_their_own_key(sim: Running) -> None:
    december = source("finops", sim.url).read(
        [CompanyRef("NLDT")], DateSpan(date(2026, 12, 31), date(2026, 12, 31))
    )
    assert {one.type for one in december.readings} == {PeriodType.OPERATING, PeriodType.CLOSING}
    assert len({one.erp_key for one in december.readings}) == len(december.readings) == 2
    january = source("finops", sim.url).read(
        [CompanyRef("NLDT")], DateSpan(date(2026, 1, 1), date(2026, 1, 1))
    )
    assert {one.type for one in january.readings} == {PeriodType.OPERATING, PeriodType.OPENING}


def test_module_access_travels_with_its_user_groups(sim: Running) -> None:
    sim.set_state("NLDT", period="2026-05", access={"Ledger": ["User", "FINCLOSE"], "Vend": "None"})
    told = facts(read(sim)["NLDT"])
    assert (told.access["Ledger"], told.access["Vend"], told.access["Cust"]) == ("User", "None", "All")
    assert told.user_groups == {"Ledger": "FINCLOSE"}


@pytest.mark.parametrize(
    "switches",
    [
        {"period_set": "V1"},
        {"period_set": "both"},
        {"period_dates": "midnight"},
        {"entity_id_case": "upper"},
        {"period_scope": "company"},
        {"error_body": "html"},
        {"unauthorized_body": "json"},
        {"finops_texts": "exact"},
        {"finops_texts": "exact", "entity_id_case": "upper"},
        {"row_order": "shuffled", "finops_page_size": 5},
        {"finops_maxpagesize": "honoured"},
    ],
)
def test_no_answer_to_an_open_question_changes_a_reading(switches: dict[str, str], sim: Running) -> None:
    usual = source("finops", sim.url).read(company_refs("finops"), SPRING).readings
    sim.set_profile(**switches)
    assert source("finops", sim.url).read(company_refs("finops"), SPRING).readings == usual


def test_older_versions_without_landed_cost_and_with_blank_levels_are_read_as_they_are(sim: Running) -> None:
    sim.set_profile(landed_cost="absent", access_levels="blank")
    told = facts(read(sim)["USRT"])
    assert told.status == "OnHold"
    assert len(told.access) == 15
    assert set(told.access.values()) == {None}


def test_v2_is_preferred_where_both_are_public(sim: Running) -> None:
    sim.set_profile(period_set="both")
    read(sim)
    assert [entry["path"] for entry in sim.requests("LedgerFiscalPeriods")] == ["/data/LedgerFiscalPeriodsV2"]


def test_an_environment_that_does_not_publish_the_status_is_refused_with_the_next_step(sim: Running) -> None:
    document = '{"value":[{"name":"LegalEntities"},{"name":"Ledgers"},{"name":"FiscalPeriods"}]}'
    sim.fault("not_json", body=document, match="/data/")
    with pytest.raises(
        AccessRefused, match=r"LedgerFiscalPeriodsV2 or LedgerFiscalPeriods.*must set the data entity"
    ):
        read(sim)


def test_few_companies_of_many_are_asked_for_by_name_and_year(sim: Running) -> None:
    with running("fleet:500", clock="2026-06-12T12:00:00Z") as fleet:
        for switches in ({}, {"entity_id_case": "upper", "finops_texts": "exact"}):
            fleet.set_profile(**switches)
            harvest = source("finops", fleet.url).read([CompanyRef("e00007"), CompanyRef("E00400")], MAY)
            assert companies_read(harvest) == {"e00007", "E00400"}
            assert harvest.gaps == ()
        assert harvest.rows < 1_100  # two lists of 500 companies, and of the status only what was asked for
        [status, *_] = fleet.requests("LedgerFiscalPeriods")
        asked = unquote(status["query"])
        assert "YearName eq '2026'" in asked
        assert "LegalEntityId eq 'E00400'" in asked


def test_all_companies_of_a_year_are_asked_for_at_once(sim: Running) -> None:
    read(sim)
    [status] = sim.requests("LedgerFiscalPeriods")
    assert "LegalEntityId eq" not in unquote(status["query"])
    assert "YearName eq '2026'" in unquote(status["query"])


def test_a_span_outside_every_calendar_asks_for_no_status_and_is_a_gap(sim: Running) -> None:
    harvest = source("finops", sim.url).read(
        [CompanyRef("UKHC")], DateSpan(date(1990, 1, 1), date(1990, 12, 31))
    )
    assert gap(harvest).reason is GapReason.EMPTY
    assert sim.requests("LedgerFiscalPeriods") == []


@pytest.mark.parametrize("asked", [" UKHC", "ukhc\u00a0", "\tUKHC "])
def test_a_legal_entity_is_found_with_blanks_around_its_id(asked: str, sim: Running) -> None:
    harvest = source("finops", sim.url).read([CompanyRef(asked)], MAY)
    assert companies_read(harvest) == {asked}


def test_equal_rows_share_one_value(sim: Running) -> None:
    harvest = source("finops", sim.url).read(
        company_refs("finops"), DateSpan(date(2026, 1, 1), date(2026, 4, 30))
    )
    assert len({id(one.facts) for one in harvest.readings}) == 1
    assert len(harvest.readings) >= 16


STORY = """
finops:
  default_company: ukhc
  calendars:
    Retail 4-4-5: {weeks: 4-4-5, from: 2025, to: 2027}
    "O'Brien & Söhne": {from: 2025, to: 2027}
  base: {closed_before: 2026-05}
  companies:
    - {code: UKHC, name: UK HoldCo, country: GBR, currency: GBP, calendar: Retail 4-4-5}
    - {code: NLDT, name: EU DTC BV, country: NLD, currency: EUR, calendar: "O'Brien & Söhne"}
    - {code: USRT, name: US Retail Inc, country: USA, currency: USD, calendar: "O'Brien & Söhne", status_rows: false}
"""


def test_calendars_of_other_shapes_and_names_with_marks(tmp_path: Path) -> None:
    story = tmp_path / "story.yaml"
    story.write_text(STORY, encoding="utf-8")
    with running(story, clock="2026-06-12T12:00:00Z") as erp:
        harvest = source("finops", erp.url).read(
            [CompanyRef("UKHC"), CompanyRef("NLDT"), CompanyRef("USRT")], SPRING
        )
    assert {one.erp_key for one in readings_of(harvest, "NLDT")} >= {"O'Brien & Söhne|2026|Period 5"}
    weeks = {(one.span.last - one.span.first).days + 1 for one in readings_of(harvest, "UKHC")}
    assert weeks <= {28, 35}
    assert gap(harvest).erp_id == "USRT"
    assert gap(harvest).reason is GapReason.EMPTY
