"""When the answer comes but cannot be believed as it is: rows E10 to E12, E15 to E17, E19, E21, E24 and E25."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from closing.calendar.days import DateSpan
from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.finops_facts import FinopsFacts
from closing.facts.readings import GapReason, ReadResult
from connectors.ledger_source import CompanyRef
from connectors.odata.lists import InvalidRow, optional_text_field
from infra.outbound.errors import AnswerMisread, ServerUnavailable
from infra.outbound.strict_json import parse_strict_json
from simulator.run import Running, running
from tests.connectors.simulator_sources import (
    COMPANIES,
    IBERICA,
    KINDS,
    MAY,
    SPRING,
    companies_read,
    company_refs,
    gap,
    gaps,
    readings_of,
    source,
)

both = pytest.mark.parametrize("kind", KINDS)
# As we, as the simulator calls it.
ONE = {
    "finops": ("NLDT", "NLDT"),
    "business_central": ("Ibérica SL", "ESIB"),
}


def read(kind: str, sim: Running, span: DateSpan = MAY, **changes: Any) -> ReadResult:
    return source(kind, sim.url, **changes).read(company_refs(kind), span)


def spoiled(kind: str, sim: Running, fault: str, **options: Any) -> ReadResult:
    """A read while one company's row is spoiled; the others must be as they were."""
    erp_id, code = ONE[kind]
    healthy = read(kind, sim)
    sim.fault(fault, company=code, **options)
    harvest = read(kind, sim)
    for other in COMPANIES[kind]:
        if other != erp_id:
            assert readings_of(harvest, other) == readings_of(healthy, other) != []
    return harvest


def status(harvest: ReadResult, erp_id: str) -> str | None:
    [reading] = readings_of(harvest, erp_id)
    assert isinstance(reading.facts, FinopsFacts)
    return reading.facts.status


def window(harvest: ReadResult, erp_id: str) -> PostingWindowFacts:
    [reading] = readings_of(harvest, erp_id)
    assert isinstance(reading.facts, PostingWindowFacts)
    return reading.facts


# E10: valid JSON, wrong shape


@pytest.mark.parametrize("value", [[1], {"a": 1}, True, 1.5])
@both
def test_e10_a_value_of_another_type_costs_only_its_own_company(
    kind: str, value: object, sim: Running
) -> None:
    harvest = spoiled(kind, sim, "wrong_type", value=value, where=in_may(kind))
    assert gaps(harvest) == {ONE[kind][0]: GapReason.BAD_ROW}
    assert "cannot be read" in gap(harvest).words


@both
def test_e10_a_missing_property_costs_only_its_own_company(kind: str, sim: Running) -> None:
    harvest = spoiled(kind, sim, "missing_field", where=in_may(kind))
    assert gaps(harvest) == {ONE[kind][0]: GapReason.BAD_ROW}
    assert "missing" in gap(harvest).words


def in_may(kind: str) -> dict[str, str]:
    return {"PeriodName": "Period 5", "YearName": "2026"} if kind == "finops" else {}


def test_e10_one_bad_row_among_five_hundred_companies_leaves_499(sim: Running) -> None:
    with running("fleet:500", clock="2026-06-12T12:00:00Z") as fleet:
        names = [CompanyRef(f"E{number:05}") for number in range(1, 501)]
        fleet.fault("wrong_type", company="E00250", where={"PeriodName": "Period 5", "YearName": "2026"})
        harvest = source("finops", fleet.url).read(names, MAY)
        assert gaps(harvest) == {"E00250": GapReason.BAD_ROW}
        assert len(companies_read(harvest)) == 499


def test_e10_a_null_status_is_a_period_without_status(sim: Running) -> None:
    harvest = spoiled("finops", sim, "null_field", where=in_may("finops"))
    assert status(harvest, "NLDT") is None
    assert harvest.gaps == ()


@pytest.mark.parametrize("shape", ["no_value", "null_value", "value_object", "list", "text"])
@pytest.mark.parametrize(
    "entity", ["LegalEntities", "Ledgers", "FiscalPeriods", "LedgerFiscalPeriods", "companies?"]
)
def test_e10_a_list_that_is_none_brings_nothing(shape: str, entity: str, sim: Running) -> None:
    sim.fault("wrong_shape", shape=shape, match=entity)
    with pytest.raises(AnswerMisread, match="holds no list of values"):
        read("business_central" if entity == "companies?" else "finops", sim)


@pytest.mark.parametrize("shape", ["no_value", "null_value", "value_object", "list", "text"])
def test_e10_a_company_whose_list_is_none_is_a_gap(shape: str, sim: Running) -> None:
    assert gaps(spoiled("business_central", sim, "wrong_shape", shape=shape)) == {
        "Ibérica SL": GapReason.BAD_ROW
    }


def test_e10_a_row_that_names_nobody_spoils_those_that_lack_one(sim: Running) -> None:
    sim.fault("wrong_shape", shape="row_text", match="LedgerFiscalPeriods")
    harvest = read("finops", sim, DateSpan(date(2026, 1, 1), date(2026, 12, 31)))
    [(erp_id, reason)] = gaps(harvest).items()
    assert reason is GapReason.BAD_ROW
    assert companies_read(harvest) == set(COMPANIES["finops"]) - {erp_id}


def test_e10_a_row_without_company_is_found_by_its_ledger(sim: Running) -> None:
    healthy = read("finops", sim)
    for fault in ("null_field", "missing_field"):
        sim.clear()
        sim.fault(fault, field="LegalEntityId", company="NLDT", match="LedgerFiscalPeriods", rows=99)
        assert read("finops", sim).readings == healthy.readings


@pytest.mark.parametrize(
    ("field", "fault"), [("Type", "null_field"), ("EndDate", "wrong_type"), ("PeriodName", "missing_field")]
)
def test_e10_a_bad_period_of_a_calendar_costs_the_companies_that_keep_it(
    field: str, fault: str, sim: Running
) -> None:
    sim.fault(fault, field=field, match="/FiscalPeriods")
    assert gaps(read("finops", sim)) == dict.fromkeys(COMPANIES["finops"], GapReason.BAD_ROW)


def test_e10_an_unknown_type_of_period_is_not_guessed(sim: Running) -> None:
    sim.fault("unknown_enum", field="Type", value="Adjusting", match="/FiscalPeriods")
    harvest = read("finops", sim)
    assert gaps(harvest) == dict.fromkeys(COMPANIES["finops"], GapReason.BAD_ROW)
    assert "Adjusting" in harvest.gaps[0].words


@pytest.mark.parametrize(
    ("fault", "field", "value"),
    [
        ("wrong_type", "id", "not a GUID"),
        ("missing_field", "id", None),
        ("null_field", "name", None),
        ("wrong_type", "name", 7),
        ("wrong_shape", "", None),
    ],
)
def test_a_bad_row_in_the_list_of_companies_costs_only_its_own_company(
    fault: str, field: str, value: object, sim: Running
) -> None:
    options = {"shape": "row_text"} if fault == "wrong_shape" else {"field": field}
    sim.fault(fault, match="companies?", **options, **({} if value is None else {"value": value}))
    harvest = read("business_central", sim)
    [(erp_id, reason)] = gaps(harvest).items()
    assert reason is GapReason.BAD_ROW
    assert "cannot be read" in gap(harvest).words
    assert companies_read(harvest) == set(COMPANIES["business_central"]) - {erp_id}


def test_a_company_listed_twice_with_two_names_is_a_conflict_of_that_company(sim: Running) -> None:
    sim.fault("conflicting_rows", match="companies?", field="name", value="Somebody else")
    [(_, reason)] = gaps(read("business_central", sim)).items()
    assert reason is GapReason.CONFLICT


@pytest.mark.parametrize(
    "value", ["2026-02-30", "31-05-2026", "2026-5-1", "2026-05-01T00:00:00Z", "", " ", "0001-01-01x"]
)
def test_e10_dates_of_business_central_are_read_strictly(value: str, sim: Running) -> None:
    for entity, field in (("generalLedgerSetup", "allowPostingTo"), ("accountingPeriods", "startingDate")):
        sim.clear()
        sim.fault("wrong_type", field=field, value=value, company="ESIB", match="")
        harvest = read("business_central", sim)
        assert gaps(harvest) == {"Ibérica SL": GapReason.BAD_ROW}, entity


@pytest.mark.parametrize("field", ["StartDate", "EndDate"])
@pytest.mark.parametrize(
    "value",
    [
        "2026-04-30T22:00:00Z",
        "2026-04-30T23:00:00Z",
        "2026-05-31T05:00:00Z",
        "2026-05-31T18:30:00Z",
        "2026-05-31T23:59:59Z",
        "2026-05-31T12:00:01Z",
        "2026-05-31T00:00:00.001Z",
        "2026-05-31T00:00:00+02:00",
        "2026-05-31T12:00:00-05:00",
    ],
)
def test_a_date_of_finops_at_another_hour_is_a_bad_row_and_not_the_day_before(
    value: str, field: str, sim: Running
) -> None:
    sim.fault("wrong_type", field=field, value=value, match="/FiscalPeriods")
    harvest = read("finops", sim)
    assert gaps(harvest) == dict.fromkeys(COMPANIES["finops"], GapReason.BAD_ROW)
    assert f"{field} is '{value}', neither noon nor midnight of UTC" in harvest.gaps[0].words


@pytest.mark.parametrize("hour", ["T12:00:00Z", "T00:00:00Z", "T12:00:00.0000000Z", "T00:00:00+00:00"])
def test_noon_and_midnight_name_the_day_that_is_written(hour: str, sim: Running) -> None:
    healthy = read("finops", sim)
    sim.fault("wrong_type", field="EndDate", value=f"2026-05-31{hour}", match="/FiscalPeriods")
    assert read("finops", sim).readings == healthy.readings


@pytest.mark.parametrize("field", ["closed", "dateLocked", "newFiscalYear"])
def test_e10_flags_are_true_or_false_and_no_text(field: str, sim: Running) -> None:
    sim.fault("wrong_type", field=field, value="false", company="ESIB")
    assert gaps(read("business_central", sim)) == {"Ibérica SL": GapReason.BAD_ROW}


def test_e10_text_that_no_database_holds_is_a_bad_row(sim: Running) -> None:
    harvest = spoiled("finops", sim, "unknown_enum", value="Clo\x00sed", where=in_may("finops"))
    assert gaps(harvest) == {"NLDT": GapReason.BAD_ROW}
    with pytest.raises(InvalidRow):
        optional_text_field(parse_strict_json(b'{"Name":"\\ud800"}'), "Name")


# E11, E12: twice


def test_e11_duplicate_keys_in_the_status_list_bring_nothing(sim: Running) -> None:
    sim.fault("duplicate_keys", company="NLDT", value="Closed")
    with pytest.raises(AnswerMisread, match="'PeriodStatus' comes twice"):
        read("finops", sim)


def test_e11_duplicate_keys_of_one_company_are_a_gap(sim: Running) -> None:
    harvest = spoiled("business_central", sim, "duplicate_keys", value="2026-07-01")
    assert gaps(harvest) == {"Ibérica SL": GapReason.BAD_ROW}
    assert "'allowPostingFrom' comes twice" in gap(harvest).words


@pytest.mark.parametrize(
    "entity", ["LegalEntities", "Ledgers", "/FiscalPeriods", "LedgerFiscalPeriods", "accountingPeriods"]
)
def test_e12_a_row_that_comes_twice_counts_once(entity: str, sim: Running) -> None:
    kind = "business_central" if entity == "accountingPeriods" else "finops"
    healthy = read(kind, sim)
    sim.fault("duplicate_rows", match=entity, rows=99)
    assert read(kind, sim).readings == healthy.readings


def test_e12_two_values_for_one_period_are_a_conflict_of_that_company(sim: Running) -> None:
    harvest = spoiled("finops", sim, "conflicting_rows", where=in_may("finops"))
    assert gaps(harvest) == {"NLDT": GapReason.CONFLICT}


def test_e12_two_setups_of_one_company_cannot_both_be_right(sim: Running) -> None:
    harvest = spoiled("business_central", sim, "conflicting_rows", value="2026-07-01")
    assert gaps(harvest) == {"Ibérica SL": GapReason.BAD_ROW}
    assert "2 rows instead of one" in gap(harvest).words


def test_e12_two_accounting_periods_of_one_day_are_a_conflict(sim: Running) -> None:
    sim.fault("conflicting_rows", company="ESIB", field="name", value="Mayo")
    sim.fault("conflicting_rows", match="generalLedgerSetup", field="nothing")
    assert gaps(read("business_central", sim)) == {"Ibérica SL": GapReason.CONFLICT}


@pytest.mark.parametrize(
    ("entity", "field", "value"),
    [("Ledgers", "FiscalCalendar", "Other"), ("/FiscalPeriods", "EndDate", "2026-05-30T12:00:00Z")],
)
def test_e12_conflicts_behind_the_status_are_conflicts_too(
    entity: str, field: str, value: str, sim: Running
) -> None:
    where = {} if entity == "Ledgers" else {"PeriodName": "Period 5"}
    sim.fault("conflicting_rows", match=entity, field=field, value=value, where=where)
    found = gaps(read("finops", sim))
    assert set(found.values()) == {GapReason.CONFLICT}
    assert len(found) == (1 if entity == "Ledgers" else 4)


def test_e12_pages_that_repeat_rows_bring_the_same_readings(sim: Running) -> None:
    healthy = read("finops", sim, SPRING)
    sim.set_profile(finops_page_size=9, next_link="skip")
    sim.fault("overlapping_pages", shift=2)
    assert read("finops", sim, SPRING).readings == healthy.readings


def test_e12_pages_that_skip_rows_are_noticed(sim: Running) -> None:
    sim.set_profile(finops_page_size=9, next_link="skip")
    sim.fault("overlapping_pages", shift=-1, times=1)
    with pytest.raises(ServerUnavailable, match=r"\d+ of \d+ rows came"):
        read("finops", sim, SPRING)


# E15: unknown words


@pytest.mark.parametrize("word", ["Frozen", "closed", "CLOSED", "Geschlossen", "Permanently closed", "", "2"])
def test_e15_an_unknown_status_travels_word_for_word(word: str, sim: Running) -> None:
    harvest = spoiled("finops", sim, "unknown_enum", value=word, where=in_may("finops"))
    assert status(harvest, "NLDT") == word
    assert harvest.gaps == ()


def test_e15_a_number_instead_of_a_word_is_kept_as_its_digits(sim: Running) -> None:
    assert status(spoiled("finops", sim, "unknown_enum", value=7, where=in_may("finops")), "NLDT") == "7"


def test_e15_an_unknown_access_level_travels_word_for_word(sim: Running) -> None:
    harvest = spoiled(
        "finops", sim, "unknown_enum", field="LedgerAccessLevel", value="Sometimes", where=in_may("finops")
    )
    [reading] = readings_of(harvest, "NLDT")
    assert isinstance(reading.facts, FinopsFacts)
    assert reading.facts.access["Ledger"] == "Sometimes"


# E16, E17: less than there was


def test_e16_no_periods_at_all_are_suspicious_for_everybody(sim: Running) -> None:
    for entity in ("LedgerFiscalPeriods", "/FiscalPeriods"):
        sim.clear()
        sim.fault("empty_list", match=entity)
        assert gaps(read("finops", sim)) == dict.fromkeys(COMPANIES["finops"], GapReason.EMPTY)


def test_e16_no_status_of_one_company_is_suspicious_for_it(sim: Running) -> None:
    sim.fault("empty_list", company="NLDT", match="")
    assert gaps(read("finops", sim)) == {"NLDT": GapReason.MISSING}  # its rows are gone from every list


def test_e16_a_company_without_setup_is_a_bad_row(sim: Running) -> None:
    harvest = spoiled("business_central", sim, "empty_list", match="")
    assert gaps(harvest) == {"Ibérica SL": GapReason.BAD_ROW}


def test_e16_a_company_without_accounting_periods_is_read_by_calendar_months(sim: Running) -> None:
    sim.fault("empty_list", match="accountingPeriods")
    harvest = read("business_central", sim, SPRING)
    assert harvest.gaps == ()
    readings = readings_of(harvest, "Ibérica SL")
    assert [(one.name, one.erp_key, one.span.last.day) for one in readings] == [
        ("April 2026", "2026-04-01", 30),
        ("May 2026", "2026-05-01", 31),
        ("June 2026", "2026-06-01", 30),
    ]
    assert all(isinstance(one.facts, PostingWindowFacts) and one.facts.assumed_end for one in readings)


@both
def test_e17_a_company_that_disappears_is_missing_and_nothing_else(kind: str, sim: Running) -> None:
    assert gaps(spoiled(kind, sim, "entity_missing")) == {ONE[kind][0]: GapReason.MISSING}


# E19: clocks


@pytest.mark.parametrize("seconds", [-3600, 3600])
@both
def test_e19_a_server_clock_that_is_off_changes_no_reading_and_is_told(
    kind: str, seconds: int, sim: Running
) -> None:
    healthy = read(kind, sim)
    sim.fault("clock_skew", seconds=seconds)
    harvest = read(kind, sim)
    assert harvest.readings == healthy.readings
    assert harvest.server_clock is not None
    assert abs((harvest.server_clock - datetime.now(UTC)).total_seconds() - seconds) < 30


def test_e19_a_wait_until_a_date_follows_the_servers_own_clock(sim: Running) -> None:
    sim.fault("clock_skew", seconds=-7200)
    sim.fault("throttled", retry_after="http-date", seconds=30)
    with pytest.raises(ServerUnavailable) as later:
        read("finops", sim, budget_seconds=3)
    # The date is the simulator's true one, two hours ahead of the Date header beside it: more than the cap.
    assert later.value.retry_after == 900


# E21, E24, E25


def test_e21_another_company_under_the_old_name_is_not_read(sim: Running) -> None:
    pinned = [CompanyRef("Ibérica SL", IBERICA), CompanyRef("Ireland Operations")]
    assert source("business_central", sim.url).read(pinned, MAY).gaps == ()
    sim.fault("identity_changed", company="ESIB")
    harvest = source("business_central", sim.url).read(pinned, MAY)
    assert gaps(harvest) == {"Ibérica SL": GapReason.IDENTITY_CHANGED}
    assert IBERICA in gap(harvest).words
    assert companies_read(harvest) == {"Ireland Operations"}


def test_e21_a_renamed_company_is_told_by_its_new_name(sim: Running) -> None:
    harvest = source("business_central", sim.url).read([CompanyRef("Iberia SL", IBERICA)], MAY)
    assert gap(harvest).reason is GapReason.MISSING
    assert "now called 'Ibérica SL'" in gap(harvest).words


def test_e24_answers_for_the_default_company_only_leave_a_gap_for_each_other(sim: Running) -> None:
    sim.fault("default_company_only")
    harvest = read("finops", sim)
    assert companies_read(harvest) == {"UKHC"}
    assert set(gaps(harvest)) == {"UKRT", "USRT", "NLDT"}
    assert all("default company" in one.words for one in harvest.gaps)


def test_e24_every_list_is_asked_across_companies(sim: Running) -> None:
    sim.set_profile(period_scope="company")
    assert companies_read(read("finops", sim)) == set(COMPANIES["finops"])
    lists = [entry for entry in sim.requests("/data/") if entry["path"] != "/data/"]
    assert len(lists) == 4
    assert all("cross-company=true" in entry["query"] for entry in lists)


@pytest.mark.parametrize(
    ("which", "left"), [("both", (None, None)), ("from", (None, None)), ("to", (date(2026, 6, 1), None))]
)
def test_e25_blank_dates_are_no_limits(
    which: str, left: tuple[date | None, date | None], sim: Running
) -> None:
    assert window(read("business_central", sim), "Ibérica SL").allowed_from == date(2026, 6, 1)
    sim.fault("blank_bc_dates", which=which)
    facts = window(read("business_central", sim), "Ibérica SL")
    assert (facts.allowed_from, facts.allowed_to) == left


def test_e25_a_null_date_is_blank_too(sim: Running) -> None:
    sim.fault("null_field", field="allowPostingFrom", company="ESIB")
    assert window(read("business_central", sim), "Ibérica SL").allowed_from is None
