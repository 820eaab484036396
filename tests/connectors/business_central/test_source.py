"""Reading Business Central: ends and years are worked out, blank dates are no limits (03-erp-contracts 7)."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from closing.calendar.days import DateSpan
from closing.calendar.months import month_end
from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.readings import GapReason, ReadResult
from connectors.business_central.api_groups import central_client, group_url
from connectors.business_central.source import BusinessCentralSource
from connectors.ledger_source import CompanyRef
from infra.outbound.errors import AccessRefused
from simulator.run import Running
from tests.connectors.simulator_sources import (
    COMPANIES,
    IBERICA,
    MAY,
    SPRING,
    companies_read,
    company_refs,
    gap,
    gaps,
    readings_of,
    source,
)

YEARS = DateSpan(date(2024, 1, 1), date(2027, 12, 31))


def facts(harvest: ReadResult, erp_id: str, place: int = 0) -> PostingWindowFacts:
    told = readings_of(harvest, erp_id)[place].facts
    assert isinstance(told, PostingWindowFacts)
    return told


def test_the_posting_range_of_the_worked_example(sim: Running) -> None:
    sim.set_clock("2026-06-08T12:00:00Z")
    before = source("business_central", sim.url).read(company_refs("business_central"), MAY)
    assert facts(before, "Ibérica SL").allowed_from == date(2026, 5, 1)
    sim.set_clock("2026-06-12T12:00:00Z")
    harvest = source("business_central", sim.url).read(company_refs("business_central"), MAY)
    assert facts(harvest, "Ibérica SL") == PostingWindowFacts(date(2026, 6, 1), None)
    assert facts(harvest, "Ireland Operations") == PostingWindowFacts(None, None)
    [may] = readings_of(harvest, "Ibérica SL")
    assert (may.erp_key, may.name, may.year, may.span) == ("2026-05-01", "May", "2026", MAY)
    assert may.erp_changed_at == datetime(2026, 6, 8, 16, 41, tzinfo=UTC)


def test_a_company_is_found_by_its_id_and_by_its_name_and_pinned_by_its_id(sim: Running) -> None:
    for asked in (IBERICA, IBERICA.upper(), "ibérica sl"):
        harvest = source("business_central", sim.url).read([CompanyRef(asked, IBERICA.upper())], MAY)
        assert companies_read(harvest) == {asked}
        assert harvest.identities == {asked: IBERICA}


def test_a_closed_year_is_told_as_flags_and_nothing_is_concluded(sim: Running) -> None:
    harvest = source("business_central", sim.url).read(
        [CompanyRef("Ibérica SL")], DateSpan(date(2025, 12, 1), MAY.last)
    )
    december, january, february, *_ = (facts(harvest, "Ibérica SL", place) for place in range(4))
    assert (december.year_closed, december.date_locked) == (True, True)
    assert (january.year_closed, january.date_locked) == (False, True)  # the first period of the next year
    assert (february.year_closed, february.date_locked) == (False, False)


def test_each_period_ends_the_day_before_the_next_and_months_after_the_last_row_are_assumed(
    sim: Running,
) -> None:
    readings = readings_of(
        source("business_central", sim.url).read([CompanyRef("Ireland Operations")], YEARS),
        "Ireland Operations",
    )
    assert [one.span.first for one in readings] == [date(2025 + n // 12, n % 12 + 1, 1) for n in range(36)]
    assert all(one.span.last == month_end(one.span.first) for one in readings)
    assumed = [
        one.erp_key for one in readings if isinstance(one.facts, PostingWindowFacts) and one.facts.assumed_end
    ]
    assert assumed == [f"2027-{month:02}-01" for month in range(1, 13)]
    assert [one.name for one in readings[23:26]] == ["December", "January", "February 2027"]


def test_a_page_of_periods_never_ends_the_knowledge_of_the_next_start(sim: Running) -> None:
    whole = source("business_central", sim.url).read(company_refs("business_central"), MAY)
    sim.set_profile(bc_page_size=1)
    assert (
        source("business_central", sim.url).read(company_refs("business_central"), MAY).readings
        == whole.readings
    )


@pytest.mark.parametrize(
    "switches",
    [
        {"bc_etag": "short"},
        {"bc_etag": "absent"},
        {"bc_company_fields": "more"},
        {"bc_error_ids": "absent"},
        {"bc_429": "retry_after"},
        {"bc_page_size": 2},
        {"row_order": "shuffled"},
    ],
)
def test_no_answer_to_an_open_question_changes_a_reading(switches: dict[str, str], sim: Running) -> None:
    usual = source("business_central", sim.url).read(company_refs("business_central"), SPRING).readings
    sim.set_profile(**switches)
    assert (
        source("business_central", sim.url).read(company_refs("business_central"), SPRING).readings == usual
    )


def test_the_real_limits_of_five_at_once_are_never_met(sim: Running) -> None:
    sim.set_profile(bc_concurrent=3, bc_queue=0)
    sim.set_latency(5)
    assert source("business_central", sim.url).read(company_refs("business_central"), MAY).gaps == ()
    assert {entry["status"] for entry in sim.requests("/companies")} == {200}


def test_an_environment_must_be_named(sim: Running) -> None:
    with pytest.raises(AccessRefused, match="names no Business Central environment"):
        source("business_central", sim.url, environment="").read(company_refs("business_central"), MAY)


def test_another_environment_of_the_tenant_is_another_place(sim: Running) -> None:
    harvest = source("business_central", sim.url, environment="Sandbox").read(
        company_refs("business_central"), MAY
    )
    assert companies_read(harvest) == set(COMPANIES["business_central"])
    assert all("/Sandbox/" in entry["path"] for entry in sim.requests("/companies"))


def listed_names(running: Running) -> dict[str, str]:
    """The names of the companies that the simulator lists, by id."""
    reading = source("business_central", running.url)
    assert isinstance(reading, BusinessCentralSource)
    with central_client(reading.settings, reading.tokens, reading.limits) as client:
        url = f"{group_url(client, reading.settings)}/companies"
        return {row["id"]: row["name"] for row in client.rows(url)}


def found(odd_companies_sim: Running, asked: str, identity: str = "") -> str:
    """The name of the company that a reference finds, or the reason why it finds none."""
    harvest = source("business_central", odd_companies_sim.url).read([CompanyRef(asked, identity)], MAY)
    if harvest.gaps:
        return gap(harvest).reason.value
    assert companies_read(harvest) == {asked}
    return listed_names(odd_companies_sim)[harvest.identities[asked]]


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("Zürich Straße AG", "CRONUS CH"),
        ("Zu\u0308rich Straße AG", "CRONUS CH"),
        ("ZÜRICH STRASSE AG", "CRONUS CH"),
        (" \u00a0Zürich Straße AG\t", "CRONUS CH"),
        (" cronus ch ", "CRONUS CH"),
        ("ＣＲＯＮＵＳ ＣＨ", "CRONUS CH"),
        ("Zürich\u00a0Straße AG", "CRONUS CH"),
        ("Basel AG", "Basel AG"),  # a name stands before the display name of another company
        ("Old Basel", "Basel AG"),
        ("A² Ltd", "A² Ltd"),
        ("a2 ltd", "A2 Ltd"),
        ("Zurich Strasse AG", "missing"),
        ("Genève SA", "conflict"),
    ],
)
def test_a_company_is_found_by_name_or_display_name_however_it_is_written(
    asked: str, name: str, odd_companies_sim: Running
) -> None:
    assert found(odd_companies_sim, asked) == name


def test_a_display_name_that_two_companies_share_finds_the_pinned_one(odd_companies_sim: Running) -> None:
    harvest = source("business_central", odd_companies_sim.url).read([CompanyRef("Genève SA")], MAY)
    assert "'CRONUS GE' and 'CRONUS GE2'" in gap(harvest).words
    ids = {name: identity for identity, name in listed_names(odd_companies_sim).items()}
    assert found(odd_companies_sim, "Genève SA", ids["CRONUS GE2"]) == "CRONUS GE2"
    assert found(odd_companies_sim, "Basel AG", ids["CRONUS BS"]) == "identity_changed"


def test_an_id_is_found_however_it_is_written(odd_companies_sim: Running) -> None:
    [identity] = (
        source("business_central", odd_companies_sim.url)
        .read([CompanyRef("CRONUS CH")], MAY)
        .identities.values()
    )
    for asked in (identity.upper(), f" {identity} ", f"{{{identity}}}"):
        assert found(odd_companies_sim, asked) == "CRONUS CH"


def test_a_company_that_keeps_no_periods_is_read_by_calendar_months(odd_companies_sim: Running) -> None:
    harvest = source("business_central", odd_companies_sim.url).read(
        [CompanyRef("No Periods Ltd")], DateSpan(date(2026, 4, 15), MAY.last)
    )
    assert [(one.name, one.span) for one in harvest.readings] == [
        ("April 2026", DateSpan(date(2026, 4, 1), date(2026, 4, 30))),
        ("May 2026", MAY),
    ]
    assert facts(harvest, "No Periods Ltd").assumed_end


def test_a_year_bears_the_calendar_year_it_begins_in(odd_companies_sim: Running) -> None:
    harvest = source("business_central", odd_companies_sim.url).read(
        [CompanyRef("April Year BV")], DateSpan(date(2026, 1, 1), MAY.last)
    )
    assert [(one.name, one.year) for one in harvest.readings] == [
        ("January", "2025"),
        ("February", "2025"),
        ("March", "2025"),
        ("April", "2026"),
        ("May", "2026"),
    ]


def test_a_company_whose_periods_ended_is_read_like_one_that_keeps_none(odd_companies_sim: Running) -> None:
    names = ("Old Periods Ltd", "No Periods Ltd")
    harvest = source("business_central", odd_companies_sim.url).read(
        [CompanyRef(name) for name in names], MAY
    )
    old, bare = (readings_of(harvest, name)[0] for name in names)
    assert (old.span, old.facts, old.erp_key, old.name) == (bare.span, bare.facts, bare.erp_key, bare.name)
    assert harvest.keep_periods == {"Old Periods Ltd"}


def test_periods_that_begin_after_the_span_are_a_gap_and_no_guess(odd_companies_sim: Running) -> None:
    span = DateSpan(date(2024, 10, 1), date(2024, 10, 31))
    harvest = source("business_central", odd_companies_sim.url).read([CompanyRef("CRONUS CH")], span)
    assert gaps(harvest) == {"CRONUS CH": GapReason.EMPTY}
    assert "begin only on 2025-01-01" in gap(harvest).words


def test_a_span_of_long_ago_is_asked_for_in_dates_that_the_erp_knows(odd_companies_sim: Running) -> None:
    span = DateSpan(date.min, date(1, 1, 31))
    harvest = source("business_central", odd_companies_sim.url).read([CompanyRef("No Periods Ltd")], span)
    assert [one.span for one in harvest.readings] == [span]
    assert "0001" not in odd_companies_sim.requests("accountingPeriods")[-2]["query"]


def test_a_period_that_begins_after_all_times_is_a_bad_row(sim: Running) -> None:
    sim.fault("wrong_type", field="startingDate", value="9999-12-31", company="ESIB")
    assert gaps(source("business_central", sim.url).read(company_refs("business_central"), MAY)) == {
        "Ibérica SL": GapReason.BAD_ROW
    }
