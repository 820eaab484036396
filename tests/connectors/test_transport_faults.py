"""When access, patience or time runs out: rows E1 to E7 of 05-reliability."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from closing.facts.readings import GapReason, ReadResult
from connectors.ledger_source import CompanyRef
from infra.outbound.entra_tokens import TokenCache
from infra.outbound.errors import AccessRefused, AnswerMisread, ServerUnavailable
from infra.outbound.session import RequestLimits
from simulator.run import Running, running
from tests.connectors.simulator_sources import (
    COMPANIES,
    IBERICA,
    KINDS,
    MAY,
    STATES,
    companies_read,
    company_refs,
    gap,
    gaps,
    readings_of,
    settings,
    source,
)

both = pytest.mark.parametrize("kind", KINDS)


class Watch:
    """A clock for the token cache that a test turns."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def read(kind: str, sim: Running, **changes: Any) -> ReadResult:
    return source(kind, sim.url, **changes).read(company_refs(kind), MAY)


def asked_tokens(sim: Running) -> int:
    return len(sim.requests("/oauth2/"))


def began(entry: dict[str, Any]) -> float:
    return datetime.fromisoformat(entry["at"]).timestamp()


# E1, E2: tokens


@both
def test_e01_an_expired_token_is_renewed_once_and_the_read_succeeds(kind: str, sim: Running) -> None:
    tokens = TokenCache()
    before = read(kind, sim, tokens=tokens)
    sim.fault("expired_token")
    assert read(kind, sim, tokens=tokens).readings == before.readings
    assert asked_tokens(sim) == 2


@both
def test_e01_a_lasting_401_is_refused_after_exactly_one_forced_refresh(kind: str, sim: Running) -> None:
    tokens, watch = TokenCache(), Watch()
    tokens = TokenCache(clock=watch)
    read(kind, sim, tokens=tokens)
    sim.fault("unauthorized")
    for _ in range(5):
        with pytest.raises(AccessRefused, match="does not accept this application's token") as refused:
            read(kind, sim, tokens=tokens)
        assert refused.value.status == 401
        assert asked_tokens(sim) == 2  # the first one, and one forced refresh within these 60 seconds
    watch.seconds += 61
    with pytest.raises(AccessRefused):
        read(kind, sim, tokens=tokens)
    assert asked_tokens(sim) == 3


def test_e01_fifty_companies_and_eight_threads_share_one_refresh(sim: Running) -> None:
    tokens = TokenCache()
    with running("fleet-bc:50", clock="2026-06-12T12:00:00Z") as fleet, ThreadPoolExecutor(8) as pool:
        source("business_central", fleet.url, tokens=tokens).read([], MAY)
        fleet.set_profile(bc_queue=1_000, bc_concurrent=50)
        fleet.fault("expired_token")
        names = [CompanyRef(f"Company {number}") for number in range(1, 51)]
        reads = [
            pool.submit(source("business_central", fleet.url, tokens=tokens).read, names, MAY)
            for _ in range(8)
        ]
        assert [len(one.result().readings) for one in reads] == [50] * 8
        assert asked_tokens(fleet) == 2


def test_e02_an_expired_secret_is_told_as_such_and_not_asked_again_for_15_minutes(sim: Running) -> None:
    watch = Watch()
    tokens = TokenCache(clock=watch)
    sim.fault("invalid_client", code=7000222)
    for _ in range(5):
        with pytest.raises(AccessRefused, match=r"secret has expired.*Create a new one"):
            read("finops", sim, tokens=tokens)
        watch.seconds += 170
    assert asked_tokens(sim) == 1
    watch.seconds += 60
    with pytest.raises(AccessRefused):
        read("finops", sim, tokens=tokens)
    assert asked_tokens(sim) == 2


def test_e02_a_corrected_secret_is_tried_at_once(sim: Running) -> None:
    tokens = TokenCache()
    with pytest.raises(AccessRefused, match="secret is wrong"):
        read("finops", sim, tokens=tokens, secret="of yesterday")
    assert companies_read(read("finops", sim, tokens=tokens)) == set(COMPANIES["finops"])


def test_e02_a_token_is_used_until_five_minutes_before_its_end(sim: Running) -> None:
    watch = Watch()
    tokens = TokenCache(clock=watch)
    read("finops", sim, tokens=tokens)
    watch.seconds += 3599 - 301
    read("finops", sim, tokens=tokens)
    assert asked_tokens(sim) == 1
    watch.seconds += 2
    read("finops", sim, tokens=tokens)
    assert asked_tokens(sim) == 2


def test_e02_a_busy_token_endpoint_is_no_refusal(sim: Running) -> None:
    sim.fault("status", status=503, match="/oauth2/", times=2)
    assert companies_read(read("finops", sim)) == set(COMPANIES["finops"])
    sim.fault("status", status=503, match="/oauth2/")
    with pytest.raises(ServerUnavailable, match="No token"):
        read("finops", sim)


# E3, E4: no access, not there


def test_e03_one_of_twenty_companies_without_access_leaves_nineteen_read(
    twenty_companies_sim: Running,
) -> None:
    twenty_companies_sim.reset()
    twenty_companies_sim.fault("forbidden", company="B00007")
    harvest = source("business_central", twenty_companies_sim.url).read(
        [CompanyRef(f"Company {number}") for number in range(1, 21)], MAY
    )
    assert gaps(harvest) == {"Company 7": GapReason.NO_ACCESS}
    assert len(companies_read(harvest)) == 19
    assert "may not read this company (403)" in gap(harvest).words


@both
def test_e03_no_access_to_anything_is_refused(kind: str, sim: Running) -> None:
    sim.fault("forbidden")
    with pytest.raises(AccessRefused, match=r"no permission \(403\)") as refused:
        read(kind, sim)
    assert refused.value.status == 403


def test_e04_one_company_that_is_gone_is_a_gap(sim: Running) -> None:
    sim.fault("not_found", company="ESIB")
    harvest = read("business_central", sim)
    assert gaps(harvest) == {"Ibérica SL": GapReason.NOT_FOUND}
    assert companies_read(harvest) == {"Ireland Operations"}


@pytest.mark.parametrize("body", ["json", "html", "empty"])
@both
def test_e04_an_environment_that_moved_is_refused(kind: str, body: str, sim: Running) -> None:
    sim.set_profile(not_found_body=body)
    sim.fault("not_found")
    with pytest.raises(AccessRefused, match=r"not found \(404\)") as refused:
        read(kind, sim)
    assert refused.value.status == 404


def test_e04_a_renamed_business_central_environment_is_refused(sim: Running) -> None:
    with pytest.raises(AccessRefused, match="moved or renamed"):
        read("business_central", sim, environment="production-2025")


# E5, E6: patience


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["1", "http-date"])
@both
def test_e05_a_wait_that_fits_the_budget_is_kept_and_never_cut_short(
    kind: str, asked: str, sim: Running
) -> None:
    sim.fault("throttled", retry_after=asked, seconds=2, times=1, match=STATES[kind])
    assert companies_read(read(kind, sim)) == set(COMPANIES[kind])
    log = sim.requests()
    [stopped] = [place for place, entry in enumerate(log) if entry["status"] == 429]
    told = began(log[stopped]) + log[stopped]["milliseconds"] / 1000
    gap_kept = began([entry for entry in log[stopped + 1 :] if STATES[kind] in entry["path"]][-1]) - told
    assert gap_kept >= 0.95  # an HTTP date knows whole seconds only: of two asked one may be left


@both
def test_e05_a_wait_beyond_the_budget_is_handed_to_the_caller_at_once(kind: str, sim: Running) -> None:
    sim.fault("throttled", retry_after=30)
    since = time.monotonic()
    with pytest.raises(ServerUnavailable, match="asked to wait 30 seconds") as later:
        read(kind, sim, budget_seconds=3)
    assert time.monotonic() - since < 2
    assert later.value.retry_after == 30
    assert later.value.status == 429


@pytest.mark.parametrize(("asked", "handed_on"), [("1000000000", 900), ("901", 900), ("http-date", 900)])
@both
def test_e05_an_absurd_wait_is_capped_at_15_minutes(
    kind: str, asked: str, handed_on: float, sim: Running
) -> None:
    sim.fault("throttled", retry_after=asked, seconds=86_400)
    with pytest.raises(ServerUnavailable) as later:
        read(kind, sim)
    assert later.value.retry_after == handed_on


@pytest.mark.parametrize("asked", [None, "-5", "0", "soon", "1e9", "Thu, 01 Jan 1970 00:00:00 GMT", ""])
@both
def test_e05_without_a_sensible_wait_our_own_pauses_apply(kind: str, asked: str | None, sim: Running) -> None:
    sim.fault("throttled", retry_after=asked, times=2)
    assert companies_read(read(kind, sim)) == set(COMPANIES[kind])
    sim.fault("throttled", retry_after=asked)
    with pytest.raises(ServerUnavailable) as later:
        read(kind, sim)
    assert later.value.retry_after is None


def test_e05_throttling_slows_the_whole_principal_and_not_one_request(twenty_companies_sim: Running) -> None:
    twenty_companies_sim.reset()
    twenty_companies_sim.fault("throttled", retry_after=1, times=1, after=10)
    source("business_central", twenty_companies_sim.url).read(
        [CompanyRef(f"Company {n}") for n in range(1, 21)], MAY
    )
    log = twenty_companies_sim.requests("/companies")
    [stopped] = [entry for entry in log if entry["status"] == 429]
    told = began(stopped) + stopped["milliseconds"] / 1000
    during = [entry for entry in log if told + 0.05 < began(entry) < told + 0.95]
    assert during == []
    assert len([entry for entry in log if began(entry) > told]) > 20


def test_e05_business_central_never_has_more_than_three_requests_under_way(
    twenty_companies_sim: Running,
) -> None:
    twenty_companies_sim.reset()
    twenty_companies_sim.set_latency(10)
    harvest = source("business_central", twenty_companies_sim.url).read(
        [CompanyRef(f"Company {n}") for n in range(1, 21)], MAY
    )
    log = twenty_companies_sim.log()
    assert (harvest.pages, log["max_concurrent"]) == (41, 3)
    reads = [entry for entry in log["requests"] if "/companies" in entry["path"]]
    assert {entry["data_access_intent"] for entry in reads} == {"ReadOnly"}


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("body", ["json", "html", "empty"])
@both
def test_e06_a_passing_status_is_tried_again(kind: str, status: int, body: str, sim: Running) -> None:
    sim.fault("status", status=status, body=body, times=3, match=STATES[kind])
    assert companies_read(read(kind, sim)) == set(COMPANIES[kind])


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
@both
def test_e06_a_lasting_status_is_unavailable_after_three_more_tries(
    kind: str, status: int, sim: Running
) -> None:
    sim.fault("status", status=status, match=STATES[kind])
    with pytest.raises(ServerUnavailable, match=f"answered {status}") as later:
        source(kind, sim.url).read(company_refs(kind)[:1], MAY)
    assert later.value.status == status
    assert len(sim.requests(STATES[kind])) == 4


def test_e06_finops_that_only_answers_500_is_unavailable(sim: Running) -> None:
    sim.fault("status", status=500, match="LedgerFiscalPeriods")
    with pytest.raises(ServerUnavailable, match="answered 500"):
        read("finops", sim)


def test_e06_one_company_that_answers_500_does_not_hide_the_others(sim: Running) -> None:
    sim.fault("status", status=500, company="ESIB")
    harvest = read("business_central", sim)
    assert gaps(harvest) == {"Ibérica SL": GapReason.FAILED}
    assert companies_read(harvest) == {"Ireland Operations"}


# Answers that no other row is about, with the number of times that each is asked for.
ODD_ANSWERS = {
    **dict.fromkeys((400, 402, 405, 406, 413, 418, 422, 423, 451, 501, 505, 511), 1),
    **dict.fromkeys((408, 409, 429, 500, 502, 503, 504), 4),
}


@pytest.mark.parametrize(("status", "times"), ODD_ANSWERS.items())
@pytest.mark.parametrize("match", ["accountingPeriods", "generalLedgerSetup"])
def test_whatever_one_company_answers_is_that_companys_gap(
    match: str, status: int, times: int, sim: Running
) -> None:
    told = f"{match}?" if match == "accountingPeriods" else match
    healthy = readings_of(read("business_central", sim), "Ireland Operations")
    sim.call("DELETE", "requests")
    sim.fault("status", status=status, match=f"{IBERICA})/{match}", message="Closed for repairs.")
    harvest = read("business_central", sim)
    assert readings_of(harvest, "Ireland Operations") == healthy != []
    assert gaps(harvest) == {"Ibérica SL": GapReason.FAILED}
    assert str(status) in gap(harvest).words
    assert "Closed for repairs." in gap(harvest).words
    assert len([one for one in sim.requests(told) if IBERICA in one["path"]]) == times


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("unauthorized", {}),
        ("redirect", {}),
        ("html_login", {}),
        ("reset", {}),
        ("truncated_close", {}),
        ("huge_page", {"megabytes": 6}),
        ("next_link_host", {}),
        ("next_link_loop", {}),
        ("throttled", {"retry_after": 30}),
    ],
)
def test_however_one_company_fails_the_others_are_read(
    fault: str, options: dict[str, Any], sim: Running
) -> None:
    sim.fault(fault, company="ESIB", **options)
    harvest = read("business_central", sim)
    assert set(gaps(harvest)) == {"Ibérica SL"}
    assert companies_read(harvest) == {"Ireland Operations"}
    assert harvest.retry_after == options.get("retry_after")


def test_one_company_that_never_ends_uses_up_the_budget_alone(sim: Running) -> None:
    sim.fault("read_hang", company="ESIB")
    harvest = read("business_central", sim, budget_seconds=1.5)
    assert companies_read(harvest) == {"Ireland Operations"}
    assert "did not finish within its 1.5 seconds" in gap(harvest).words


def test_companies_that_fail_in_different_ways_have_gaps_of_their_own(twenty_companies_sim: Running) -> None:
    twenty_companies_sim.reset()
    for number, status in enumerate((400, 405, 423, 501, 403, 404), start=1):
        twenty_companies_sim.fault("status", status=status, company=f"B{number:05}")
    harvest = source("business_central", twenty_companies_sim.url).read(
        [CompanyRef(f"Company {n}") for n in range(1, 7)], MAY
    )
    assert companies_read(harvest) == set()
    statuses = {one.erp_id: re.findall(r"\((\d+)\)", one.words) for one in harvest.gaps}
    assert statuses == {
        "Company 1": ["400"],
        "Company 2": ["405"],
        "Company 3": ["423"],
        "Company 4": ["501"],
        "Company 5": ["403"],
        "Company 6": ["404"],
    }


def test_a_source_that_fails_for_every_company_is_not_asked_for_all_of_them(
    twenty_companies_sim: Running,
) -> None:
    twenty_companies_sim.reset()
    twenty_companies_sim.fault("status", status=503, match="accountingPeriods")
    with pytest.raises(ServerUnavailable, match="answered 503"):
        source("business_central", twenty_companies_sim.url).read(
            [CompanyRef(f"Company {n}") for n in range(1, 21)], MAY
        )
    # Four requests for each company. After five failures nothing more begins, but a thread that has ended one company
    # may begin another before the fifth is counted.
    assert len(twenty_companies_sim.requests("accountingPeriods")) <= 4 * (5 + 5)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (409, "Another user has already changed the record."),
        (400, "Your activity was deadlocked with another user who was modifying the G/L Entry table."),
        (500, "Transaction (Process ID 61) was deadlocked on lock resources with another process."),
        (422, "The operation could not complete because a record was locked by another user."),
    ],
)
@both
def test_conflicts_and_deadlocks_are_tried_again(kind: str, status: int, message: str, sim: Running) -> None:
    sim.fault("status", status=status, message=message, times=3, match=STATES[kind])
    assert companies_read(read(kind, sim)) == set(COMPANIES[kind])


@both
def test_e06_a_page_too_large_and_a_bad_question_are_ours_to_mend(kind: str, sim: Running) -> None:
    for status in (400, 413):
        sim.clear()
        sim.fault("status", status=status, match=STATES[kind])
        with pytest.raises(AnswerMisread, match=f"refuses the request \\({status}\\)"):
            read(kind, sim)
        assert {entry["status"] for entry in sim.requests(STATES[kind])} == {status}


# E7: time


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["read_hang", "slow_loris"])
@both
def test_e07_an_attempt_ends_with_its_budget(kind: str, fault: str, sim: Running) -> None:
    sim.fault(fault, match=STATES[kind])
    since = time.monotonic()
    with pytest.raises(ServerUnavailable, match=r"did not finish within its 1\.5 seconds"):
        read(kind, sim, budget_seconds=1.5)
    assert 1.4 < time.monotonic() - since < 1.5 + 5


@pytest.mark.slow
@both
def test_e07_a_server_that_never_accepts_ends_with_the_budget(kind: str, sim: Running) -> None:
    url = f"http://127.0.0.1:{sim.fault('connect_hang')['port']}"
    hosts = (settings(kind, sim.url).allowed_hosts[0], url.removeprefix("http://"))
    since = time.monotonic()
    with pytest.raises((ServerUnavailable, AccessRefused)):
        read(kind, sim, authority=url, allowed_hosts=hosts, budget_seconds=1.5)
    assert time.monotonic() - since < 1.5 + 5


@both
def test_e07_one_slow_operation_is_tried_again_within_the_budget(kind: str, sim: Running) -> None:
    sim.fault("delay", seconds=3, times=1, match=STATES[kind])
    quick = RequestLimits(operation_seconds=0.5, first_pause=0.02)
    assert companies_read(read(kind, sim, limits=quick, budget_seconds=10)) == set(COMPANIES[kind])
