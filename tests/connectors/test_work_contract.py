"""What every connector of unfinished work promises (connectors.work_source.WorkSource): one suite, over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from closing.blockers.blocker_facts import Doubt
from closing.blockers.work_readings import PartRead
from connectors.registry import turns_of_parts
from connectors.work_source import Coverage
from infra.outbound.errors import AccessRefused, AnswerMisread, ServerUnavailable
from simulator.run import Running
from tests.connectors.work_reads import LINES, WORK_COMPANIES, read_work, work_source

KINDS = tuple(turns_of_parts())
pytestmark = pytest.mark.parametrize("kind", KINDS)

# A company with unposted lines in May, another one, and the list that holds the lines.
LATE = {"finops": "NLDT", "business_central": "IEOP"}
OTHER = {"finops": "USRT", "business_central": "ESIB"}
LISTS = {"finops": "LedgerJournalHeaders", "business_central": "/journals"}


def test_each_turn_brings_a_fact_for_each_part_of_each_period_zeros_included(kind: str, sim: Running) -> None:
    for result in read_work(kind, sim).results:
        assert result.gaps == ()
        parts = {(fact.entity, fact.kind, fact.part) for fact in result.facts}
        assert {PartRead(*part) for part in parts} == result.parts
        for part in result.parts:
            own = [
                fact
                for fact in result.facts
                if (fact.entity, fact.kind, fact.part) == (part.entity, part.kind, part.part)
            ]
            assert {fact.period for fact in own if fact.period} == {
                100 * part.entity + month for month in (4, 5, 6)
            }
        assert result.pages > 0
        assert result.server_clock is not None


def test_no_part_is_read_in_two_turns_and_coverage_names_each(kind: str, sim: Running) -> None:
    results = read_work(kind, sim).results
    parts = [{(one.kind, one.part) for one in result.parts} for result in results]
    assert sum(map(len, parts)) == len(set().union(*parts))
    coverage = work_source(kind, sim.url).coverage()
    assert coverage.keys() == set().union(*parts)
    unread = {part for part, one in coverage.items() if one.coverage is Coverage.NOT_READABLE}
    # A source that shows a part may have no row of a period that says anything.
    assert {
        (fact.kind, fact.part)
        for result in results
        for fact in result.facts
        if fact.count is None and fact.doubt is not Doubt.NO_ROWS
    } == unread


def test_two_reads_of_an_unchanged_erp_are_equal(kind: str, sim: Running) -> None:
    first, second = read_work(kind, sim), read_work(kind, sim)
    assert first.facts == second.facts


def test_pages_however_small_bring_the_same_facts(kind: str, sim: Running) -> None:
    whole = read_work(kind, sim)
    sim.set_profile(finops_page_size=3, bc_page_size=3)
    assert read_work(kind, sim).facts == whole.facts


def test_only_the_companies_of_the_connection_are_counted(kind: str, sim: Running) -> None:
    one = read_work(kind, sim, LATE[kind])
    assert {fact.entity for fact in one.facts} == {list(WORK_COMPANIES[kind]).index(LATE[kind]) + 1}
    assert one.count(LATE[kind]) == read_work(kind, sim).count(LATE[kind])


def test_an_environment_that_is_away_raises(kind: str, sim: Running) -> None:
    sim.fault("status", status=503)
    with pytest.raises(ServerUnavailable):
        read_work(kind, sim)


def test_throttling_of_one_list_raises_with_the_time_to_wait(kind: str, sim: Running) -> None:
    sim.fault("throttled", match=LISTS[kind], retry_after=600)
    with pytest.raises(ServerUnavailable) as refused:
        read_work(kind, sim, turns=(0,))
    assert (refused.value.status, refused.value.retry_after) == (429, 600)


def test_a_wrong_secret_raises_and_so_does_a_token_that_is_not_accepted(kind: str, sim: Running) -> None:
    with pytest.raises(AccessRefused):
        read_work(kind, sim, secret="wrong")
    sim.fault("unauthorized", match=LISTS[kind])
    with pytest.raises(AccessRefused) as refused:
        read_work(kind, sim, turns=(0,))
    assert refused.value.status == 401


@pytest.mark.parametrize(
    ("fault", "doubt"), [("forbidden", Doubt.REFUSED), ("not_found", Doubt.NOT_PUBLISHED)]
)
def test_a_list_that_is_refused_or_missing_is_not_readable_and_never_zero(
    kind: str, fault: str, doubt: Doubt, sim: Running
) -> None:
    sim.fault(fault, match=LISTS[kind])
    read = read_work(kind, sim, turns=(0,))
    for code in WORK_COMPANIES[kind]:
        fact = read.fact(code)
        assert fact is not None
        assert (fact.count, fact.doubt) == (None, doubt)
        assert read.fact(code, month=None) is None
    assert read.gaps == set()
    assert any(fact.count == 0 for fact in read.facts if fact.kind is not LINES)


@pytest.mark.parametrize("options", [{"fault": "not_json"}, {"fault": "wrong_shape", "shape": "null_value"}])
def test_a_list_that_cannot_be_understood_is_a_gap_of_its_parts_only(
    kind: str, options: dict[str, Any], sim: Running
) -> None:
    whole = read_work(kind, sim, turns=(0,))
    options = dict(options)
    sim.fault(options.pop("fault"), match=LISTS[kind], **options)
    read = read_work(kind, sim, turns=(0,))
    assert {(code, part) for code, of, part in read.gaps if of == LINES} == {
        (code, "") for code in WORK_COMPANIES[kind]
    }
    missed = {of for _, of, _ in read.gaps}
    rest = [fact for fact in whole.facts if fact.kind not in missed]
    assert rest
    assert [fact for fact in read.facts if fact.kind not in missed] == rest
    assert not {(part.kind, part.part) for part in read.results[0].parts} & {
        (of, part) for _, of, part in read.gaps
    }


def test_a_row_that_breaks_the_contract_is_a_gap_of_its_company_only(kind: str, sim: Running) -> None:
    whole = read_work(kind, sim, turns=(0,))
    field, value = {"finops": ("TransDate", "2026-13-01"), "business_central": ("postingDate", "May")}[kind]
    sim.fault("wrong_type", match=LISTS[kind], company=LATE[kind], field=field, value=value)
    read = read_work(kind, sim, turns=(0,))
    assert read.gaps == {(LATE[kind], LINES.value, "")}
    assert all(fact in whole.facts for fact in read.facts)
    assert read.fact(LATE[kind]) is None
    assert read.fact(OTHER[kind]) == whole.fact(OTHER[kind])


def test_a_company_that_is_hidden_has_no_count_and_the_others_are_read(kind: str, sim: Running) -> None:
    whole = read_work(kind, sim)
    if kind == "finops":
        sim.set_profile(row_security=LATE[kind])
    else:
        sim.fault("entity_missing", company=LATE[kind])
    read = read_work(kind, sim)
    hidden = list(WORK_COMPANIES[kind]).index(LATE[kind]) + 1
    assert {fact.count for fact in read.facts if fact.entity == hidden} <= {None}
    assert [fact for fact in read.facts if fact.entity != hidden] == [
        fact for fact in whole.facts if fact.entity != hidden
    ]


def test_a_document_that_is_no_erps_raises(kind: str, sim: Running) -> None:
    sim.fault("html_login")
    with pytest.raises(AnswerMisread):
        read_work(kind, sim)
