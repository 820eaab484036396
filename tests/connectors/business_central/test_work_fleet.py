"""The work of twenty companies: few requests at once, six each, and none after the ERP asks to wait."""

from __future__ import annotations

import pytest

from closing.blockers.blocker_facts import Doubt
from connectors.work_source import WorkPeriod, WorkRef
from infra.outbound.errors import ServerUnavailable
from simulator.run import Running
from tests.builders import MAY, MAY_DAYS
from tests.connectors.business_central.central_reads import BC, DOCUMENTS
from tests.connectors.work_reads import NOON, work_source

COMPANIES = 20


def refs() -> list[WorkRef]:
    period = WorkPeriod(5, MAY_DAYS, MAY)
    return [
        WorkRef(number, f"B{number:05}", f"Company {number}", "", (period,))
        for number in range(1, COMPANIES + 1)
    ]


def test_each_company_gets_six_requests_and_three_are_read_at_once(twenty_companies_sim: Running) -> None:
    twenty_companies_sim.reset()
    twenty_companies_sim.fault("forbidden", company="B00007")
    result = work_source(BC, twenty_companies_sim.url).read_work(refs(), MAY_DAYS, NOON, turn=DOCUMENTS)
    assert result.gaps == ()
    assert {fact.entity for fact in result.facts if fact.doubt is Doubt.REFUSED} == {7}
    log = twenty_companies_sim.requests("/companies")
    # A company whose invoices are refused is not asked for those that are late.
    assert len(log) == 1 + 6 * (COMPANIES - 1) + 5
    assert twenty_companies_sim.log()["max_concurrent"] <= 3


def test_nothing_more_is_asked_once_the_erp_wants_rest(twenty_companies_sim: Running) -> None:
    twenty_companies_sim.reset()
    twenty_companies_sim.fault("throttled", retry_after=600, match="/companies(", after=10)
    with pytest.raises(ServerUnavailable) as refused:
        work_source(BC, twenty_companies_sim.url).read_work(refs(), MAY_DAYS, NOON, turn=DOCUMENTS)
    assert refused.value.retry_after is not None
    assert len(twenty_companies_sim.requests("/companies(")) <= 10 + 3
