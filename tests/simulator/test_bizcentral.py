"""Business Central over HTTP: companies, accounting periods, the one row of general ledger setup, limits."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx2 as httpx
import pytest

from simulator.web.entra import BC_AUDIENCE
from tests.simulator.erp_clients import ESIB, TENANT, Erps

PERIODS = f"/companies({ESIB})/accountingPeriods"
SETUP = f"/companies({ESIB})/generalLedgerSetup"


def test_companies_with_and_without_tenant_in_the_address(erps: Erps) -> None:
    value = erps.bc("/companies").json()
    assert value["@odata.context"] == f"{erps.sim.url}/v2.0/{TENANT}/production/api/v2.0/$metadata#companies"
    assert [one["name"] for one in value["value"]] == ["Ibérica SL", "Ireland Operations"]
    assert list(value["value"][0])[1:] == ["id", "systemVersion", "name", "displayName", "businessProfileId"]
    token = {"authorization": f"Bearer {erps.token(BC_AUDIENCE)}"}
    without = erps.http.get("/v2.0/SANDBOX/api/v2.0/companies", headers=token).json()
    assert without["value"] == value["value"]
    assert erps.http.get("/v2.0/elsewhere/api/v2.0/companies", headers=token).status_code == 404
    erps.sim.set_profile(bc_company_fields="more")
    assert "systemCreatedAt" in erps.bc("/companies").json()["value"][0]


def test_accounting_periods_are_dates_and_booleans(erps: Erps) -> None:
    rows = erps.bc(f"{PERIODS}?$orderby=startingDate desc").json()["value"]
    # The lone first month is there.
    assert [row["startingDate"] for row in rows[:2]] == [
        "2027-01-01",
        "2026-12-01",
    ]
    may = next(row for row in rows if row["startingDate"] == "2026-05-01")
    assert (may["name"], may["closed"], may["dateLocked"], may["newFiscalYear"]) == (
        "May",
        False,
        False,
        False,
    )
    closed = {row["startingDate"] for row in rows if row["closed"]}
    locked = {row["startingDate"] for row in rows if row["dateLocked"]}
    assert closed == {f"2025-{month:02}-01" for month in range(1, 13)}
    assert locked - closed == {"2026-01-01"}  # Close Year locks the first period of the next year too


def test_vendors_own_filter_is_understood(erps: Erps) -> None:
    path = f"{PERIODS}?$filter=newFiscalYear eq true and dateLocked eq true and startingDate ge 2026-01-01"
    assert [row["startingDate"] for row in erps.bc(path).json()["value"]] == ["2026-01-01"]


def test_setup_is_a_list_of_exactly_one_row(erps: Erps) -> None:
    (row,) = erps.bc(SETUP).json()["value"]
    assert (row["allowPostingFrom"], row["allowPostingTo"]) == ("2026-06-01", "0001-01-01")
    assert row["lastModifiedDateTime"] == "2026-06-08T16:41:00Z"
    single = erps.bc(f"{SETUP}({row['id']})").json()
    assert single["@odata.context"].endswith("/generalLedgerSetup/$entity")
    erps.sim.set_state("ESIB", allow_posting_from="2026-05-01", allow_posting_to="2026-06-30")
    (row,) = erps.bc(SETUP).json()["value"]
    assert (row["allowPostingFrom"], row["allowPostingTo"]) == ("2026-05-01", "2026-06-30")


def test_window_follows_the_clock(erps: Erps) -> None:
    erps.sim.set_clock("2026-06-08T16:40:00Z")
    (row,) = erps.bc(SETUP).json()["value"]
    assert row["allowPostingFrom"] == "2026-05-01"


def test_pages_by_skiptoken(erps: Erps) -> None:
    path, rows, pages = f"{PERIODS}?$orderby=startingDate", [], 0
    prefer = {"prefer": "odata.maxpagesize=10"}
    while path:
        answer = erps.bc(path, **prefer)
        assert answer.headers["preference-applied"] == "odata.maxpagesize=10"
        page = answer.json()
        rows += [row["startingDate"] for row in page["value"]]
        link = page.get("@odata.nextLink", "")
        assert not link or "$skiptoken=" in link
        path, pages = link.removeprefix(f"{erps.sim.url}/v2.0/{TENANT}/production/api/v2.0"), pages + 1
    assert (len(rows), pages) == (25, 3)
    assert rows == sorted(set(rows))
    assert len(erps.bc(f"{PERIODS}?$top=7&$skip=3&$count=true").json()["value"]) == 7
    assert erps.bc(f"{PERIODS}/$count").text == "25"
    assert erps.bc(f"{PERIODS}?$skiptoken='nobody'").status_code == 400


def test_errors_name_a_code_and_perhaps_a_correlation(erps: Erps) -> None:
    unknown = "/companies(99999999-0000-0000-0000-000000000000)/accountingPeriods"
    answer = erps.bc(unknown)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "BadRequest_ResourceNotFound")
    assert "CorrelationId:" in answer.json()["error"]["message"]
    erps.sim.set_profile(bc_error_ids="absent")
    assert "CorrelationId:" not in erps.bc(unknown).json()["error"]["message"]
    for path in (f"{PERIODS}?$filter=endingDate eq null", "/companies(Ibérica)", f"{PERIODS}?$expand=x"):
        assert erps.bc(path).status_code == 400
    for path in (
        "/nothing",
        f"/companies({ESIB})/nothing",
        f"{PERIODS}(99999999-0000-0000-0000-000000000000)",
    ):
        assert erps.bc(path).status_code == 404


@pytest.mark.parametrize(("switch", "begins"), [("base64", 'W/"MTk7'), ("short", 'W/"1"'), ("absent", None)])
def test_form_of_the_etag_is_a_switch(erps: Erps, switch: str, begins: str | None) -> None:
    erps.sim.set_profile(bc_etag=switch)
    row = erps.bc("/companies").json()["value"][0]
    assert row.get("@odata.etag", "").startswith(begins) if begins else "@odata.etag" not in row


def test_read_replica_is_accepted_and_noted(erps: Erps) -> None:
    assert erps.bc(SETUP, **{"data-access-intent": "ReadOnly"}).status_code == 200
    assert erps.sim.requests("generalLedgerSetup")[-1]["data_access_intent"] == "ReadOnly"


async def all_at_once(erps: Erps, count: int) -> tuple[Counter[int], list[httpx.Headers]]:
    token = {"authorization": f"Bearer {erps.token(BC_AUDIENCE)}"}
    limits = httpx.Limits(max_connections=count)
    async with httpx.AsyncClient(base_url=erps.sim.url, headers=token, timeout=20, limits=limits) as client:
        asked = [client.get(f"/v2.0/{TENANT}/production/api/v2.0{SETUP}") for _ in range(count)]
        answers = await asyncio.gather(*asked)
    return Counter(answer.status_code for answer in answers), [
        one.headers for one in answers if one.status_code == 429
    ]


def test_five_at_a_time_and_the_others_wait(erps: Erps) -> None:
    erps.sim.set_latency(50)
    codes, _ = asyncio.run(all_at_once(erps, 20))
    assert codes == {200: 20}
    # Twenty requests of 50 ms through five places take four turns: the last ones waited for three of them.
    waited = sorted(entry["milliseconds"] for entry in erps.sim.requests("generalLedgerSetup"))
    assert waited[-1] > 3 * 50
    assert erps.sim.log()["max_concurrent"] == 20


@pytest.mark.parametrize("headers", ["bare", "retry_after"])
def test_full_queue_is_429(erps: Erps, headers: str) -> None:
    erps.sim.set_profile(bc_queue=3, bc_429=headers)
    erps.sim.set_latency(300)
    codes, refused = asyncio.run(all_at_once(erps, 20))
    assert codes == {200: 8, 429: 12}
    assert all(("retry-after" in one) is (headers == "retry_after") for one in refused)


def test_rate_over_five_minutes_is_429(erps: Erps) -> None:
    erps.bc(SETUP)
    erps.sim.set_profile(bc_rate=1)
    assert erps.bc(SETUP).status_code == 429
    erps.sim.set_profile(bc_rate=0)
    assert erps.bc(SETUP).status_code == 200
