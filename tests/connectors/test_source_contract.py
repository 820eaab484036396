"""What every connector promises (connectors.ledger_source.LedgerSource): one suite, both ERPs, over real HTTP."""

from __future__ import annotations

import dataclasses
import logging
from datetime import UTC, date, datetime
from typing import Any

import pytest

from closing.calendar.days import DateSpan
from closing.facts.readings import GapReason, PeriodType, ReadResult
from connectors.ledger_source import CompanyRef
from connectors.registry import build_source
from infra.outbound.entra_tokens import TokenCache
from infra.outbound.errors import AccessRefused, AnswerMisread, ServerUnavailable
from infra.outbound.session import RequestLimits
from simulator.run import Running
from tests.connectors.simulator_sources import (
    COMPANIES,
    KINDS,
    MAY,
    SPRING,
    companies_read,
    company_refs,
    gap,
    gaps,
    readings_of,
    settings,
    sockets_opened,
    source,
)

pytestmark = pytest.mark.parametrize("kind", KINDS)


def may(kind: str, sim: Running, **changes: Any) -> ReadResult:
    return source(kind, sim.url, **changes).read(company_refs(kind), MAY)


def test_reads_every_wanted_company_and_no_other(kind: str, sim: Running) -> None:
    harvest = source(kind, sim.url).read(company_refs(kind)[:1], SPRING)
    assert companies_read(harvest) == {COMPANIES[kind][0]}
    assert harvest.gaps == ()


def test_reads_the_periods_that_touch_the_span(kind: str, sim: Running) -> None:
    for first, last, months in [(15, 16, [5]), (1, 31, [5])]:
        span = DateSpan(date(2026, 5, first), date(2026, 5, last))
        for erp_id in COMPANIES[kind]:
            readings = readings_of(source(kind, sim.url).read(company_refs(kind), span), erp_id)
            assert [reading.span.first.month for reading in readings] == months
    harvest = source(kind, sim.url).read(company_refs(kind), SPRING)
    assert [reading.span for reading in readings_of(harvest, COMPANIES[kind][0])] == [
        DateSpan(date(2026, 4, 1), date(2026, 4, 30)),
        DateSpan(date(2026, 5, 1), date(2026, 5, 31)),
        DateSpan(date(2026, 6, 1), date(2026, 6, 30)),
    ]
    assert {reading.type for reading in harvest.readings} == {PeriodType.OPERATING}
    assert {reading.year for reading in harvest.readings} == {"2026"}


def test_companies_are_named_without_case_and_answered_as_asked(kind: str, sim: Running) -> None:
    asked = [CompanyRef(erp_id.swapcase()) for erp_id in COMPANIES[kind]]
    harvest = source(kind, sim.url).read(asked, MAY)
    assert companies_read(harvest) == {one.erp_id for one in asked}


def test_a_company_asked_for_twice_is_read_once(kind: str, sim: Running) -> None:
    name = COMPANIES[kind][0]
    harvest = source(kind, sim.url).read([CompanyRef(name), CompanyRef(name.lower()), CompanyRef(name)], MAY)
    assert len(harvest.readings) == 1


def test_two_reads_of_an_unchanged_erp_are_equal(kind: str, sim: Running) -> None:
    first, second = may(kind, sim), may(kind, sim)
    assert first.readings == second.readings
    assert (first.pages, first.rows) == (second.pages, second.rows)


def test_keys_are_unique_within_a_company_and_stay(kind: str, sim: Running) -> None:
    year = DateSpan(date(2025, 1, 1), date(2026, 12, 31))
    sim.set_profile(row_order="shuffled")
    harvest = source(kind, sim.url).read(company_refs(kind), year)
    keys = [(reading.erp_id, reading.erp_key) for reading in harvest.readings]
    assert len(set(keys)) == len(keys) >= 24 * len(COMPANIES[kind])
    assert {(one.erp_id, one.erp_key) for one in may(kind, sim).readings} <= set(keys)


def test_counts_its_work_and_tells_the_servers_clock(kind: str, sim: Running) -> None:
    harvest = may(kind, sim)
    assert harvest.pages >= 4
    assert harvest.rows >= len(harvest.readings)
    assert harvest.server_clock is not None
    assert abs((harvest.server_clock - datetime.now(UTC)).total_seconds()) < 60


def test_e17_a_company_the_erp_does_not_list_is_a_gap_and_the_others_are_read(
    kind: str, sim: Running
) -> None:
    harvest = source(kind, sim.url).read([*company_refs(kind), CompanyRef("Nobody Ltd")], MAY)
    assert gaps(harvest) == {"Nobody Ltd": GapReason.MISSING}
    assert companies_read(harvest) == set(COMPANIES[kind])
    assert gap(harvest).words.endswith((".", "company."))


def test_pages_however_small_bring_the_same_readings(kind: str, sim: Running) -> None:
    whole = source(kind, sim.url).read(company_refs(kind), SPRING)
    for link in ("skip_top", "skip", "skiptoken"):
        sim.set_profile(finops_page_size=7, bc_page_size=4, next_link=link)
        paged = source(kind, sim.url).read(company_refs(kind), SPRING)
        assert paged.readings == whole.readings
        assert paged.pages > whole.pages


def test_more_pages_than_the_cap_are_a_misread(kind: str, sim: Running) -> None:
    sim.set_profile(finops_page_size=1, bc_page_size=1)
    with pytest.raises(AnswerMisread, match="more than 5 pages"):
        source(kind, sim.url, limits=RequestLimits(pages=5)).read(company_refs(kind), SPRING)


def test_one_token_serves_many_reads_of_many_connections(kind: str, sim: Running) -> None:
    tokens = TokenCache()
    for _ in range(5):
        source(kind, sim.url, tokens=tokens).read(company_refs(kind), MAY)
    assert len(sim.requests("/oauth2/")) == 1


def test_only_get_is_ever_sent_to_the_erp_e22(kind: str, sim: Running) -> None:
    may(kind, sim)
    log = sim.requests()
    assert {entry["method"] for entry in log if "/oauth2/" not in entry["path"]} == {"GET"}
    assert len(log) >= 5


def test_a_wrong_secret_is_refused_in_words_for_people_and_never_told(
    kind: str, sim: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "s3cret+of/the=house"
    with pytest.raises(AccessRefused, match="client secret is wrong") as refused:
        may(kind, sim, secret=secret)
    given = settings(kind, sim.url, secret=secret)
    told = [str(refused.value), repr(refused.value), repr(given), repr(build_source(given)), caplog.text]
    assert not [text for text in told if "s3cret" in text]
    assert refused.value.status in {400, 401}


def test_an_unknown_application_is_refused_in_other_words(kind: str, sim: Running) -> None:
    with pytest.raises(AccessRefused, match="does not know this application"):
        may(kind, sim, client_id="somebody-else")


@pytest.mark.parametrize("tenant", ["", "../common", "a/b", "x?y", "tenant\r\nx"])
def test_a_tenant_that_is_none_is_refused_before_any_request(kind: str, tenant: str, sim: Running) -> None:
    with pytest.raises(AccessRefused, match="tenant"):
        may(kind, sim, tenant=tenant)
    assert sim.requests("/oauth2/") == []


def test_nobody_listening_is_unavailable(kind: str, sim: Running) -> None:
    url = "http://127.0.0.1:9199"
    with pytest.raises(ServerUnavailable, match="no connection"):
        source(kind, url).read(company_refs(kind), MAY)


def test_an_address_with_a_path_is_refused(kind: str, sim: Running) -> None:
    with sockets_opened() as opened, pytest.raises(AccessRefused, match="origin"):
        source(kind, f"{sim.url}/data").read(company_refs(kind), MAY)
    assert opened == []


def test_settings_are_plain_values_and_the_connector_holds_no_state(kind: str, sim: Running) -> None:
    one = source(kind, sim.url)
    assert one.read(company_refs(kind), MAY).readings == one.read(company_refs(kind), MAY).readings


def test_an_unknown_kind_is_named(kind: str, sim: Running) -> None:
    with pytest.raises(ValueError, match="There is no connector of kind 'sap'"):
        build_source(dataclasses.replace(settings(kind, sim.url), kind="sap"))
