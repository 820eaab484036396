"""Clients that others wrote for the real services talk to the simulator."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msal
import pytest
import requests

from simulator.web.entra import BC_AUDIENCE
from tests.simulator.erp_clients import ESIB, TENANT, Erps, here, odata_service


def test_odata_client_reads_states_by_enumeration(odata_client: Any) -> None:
    periods = odata_client.entities["LedgerFiscalPeriodsV2"]
    status = odata_client.types["Microsoft.Dynamics.DataEntities.FiscalPeriodStatus"]
    closed = (
        odata_client.query(periods)
        .filter(periods.YearName == "2026")
        .filter(periods.PeriodName == "Period 5")
        .filter(periods.PeriodStatus == status.Closed)
        .order_by(periods.LegalEntityId.asc())
    )
    assert [(one.LegalEntityId, one.PeriodStatus) for one in closed] == [
        ("ukhc", status.Closed),
        ("ukrt", status.Closed),
    ]


def test_odata_client_follows_pages_and_counts(erps: Erps, odata_client: Any) -> None:
    erps.sim.set_profile(finops_page_size=50)
    periods = odata_client.entities["LedgerFiscalPeriodsV2"]
    rows = odata_client.query(periods).all()
    assert len({(one.LedgerName, one.YearName, one.PeriodName) for one in rows}) == len(rows) == 168
    assert odata_client.query(periods).count() == 168


def test_odata_client_compares_dates_and_texts(odata_client: Any) -> None:
    periods, entities = odata_client.entities["FiscalPeriods"], odata_client.entities["LegalEntities"]
    begin, end = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC)
    (may,) = odata_client.query(periods).filter(periods.EndDate >= begin).filter(periods.EndDate <= end)
    assert (may.PeriodName, may.StartDate, may.Days) == ("Period 5", datetime(2026, 5, 1, 12, tzinfo=UTC), 31)
    assert may.Type.name == "Operating"
    found = odata_client.query(entities).filter(entities.Name == "*retail*")
    assert [one.Name for one in found] == ["UK Retail Ltd", "US Retail Inc"]
    assert odata_client.query(entities).get("nldt").Name == "EU DTC BV"


def test_odata_client_reads_business_central(erps: Erps) -> None:
    central = odata_service(erps, BC_AUDIENCE, f"/v2.0/{TENANT}/production/api/v2.0/")
    companies = central.entities["companies"]
    assert [one.name for one in central.query(companies)] == ["Ibérica SL", "Ireland Operations"]


def test_business_central_sdk_finds_companies_and_journals(erps: Erps) -> None:
    sdk = here(erps)
    companies = sdk("simulator", "simulator", "simulator", "production").companies.get_all()
    assert {one["name"]: one["id"] for one in companies}["Ibérica SL"] == ESIB
    inside = sdk("simulator", "simulator", "simulator", "production", ESIB)
    assert [one["code"] for one in inside.journals.get_all()] == ["DEFAULT"]


def test_business_central_sdk_understands_refusals(erps: Erps) -> None:
    sdk = here(erps)
    with pytest.raises(Exception, match="401"):
        sdk("simulator", "wrong", "simulator", "production")
    with pytest.raises(Exception, match="Invalid refresh token"):
        sdk("simulator", "simulator", "stale", "production")


class ThroughTheSimulator:
    """msal's own way to bring one's own HTTP client: it insists on https addresses, so the host is replaced here."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, url: str, **options: Any) -> requests.Response:
        # As a TLS proxy in front would ask, so that the addresses in the answer are https too.
        proxied = {"host": "login.microsoftonline.com", "x-forwarded-proto": "https"}
        return requests.get(self._here(url), **{**options, "headers": proxied})

    def post(self, url: str, **options: Any) -> requests.Response:
        return requests.post(self._here(url), **options)

    def close(self) -> None:
        pass

    def _here(self, url: str) -> str:
        return url.replace("https://login.microsoftonline.com", self.url)


def application(erps: Erps, secret: str) -> Any:
    return msal.ConfidentialClientApplication(
        "simulator",
        client_credential=secret,
        authority=f"https://login.microsoftonline.com/{TENANT}",
        instance_discovery=False,
        http_client=ThroughTheSimulator(erps.sim.url),
    )


def test_msal_gets_a_token_that_is_good(erps: Erps) -> None:
    value = application(erps, "simulator").acquire_token_for_client([f"{erps.sim.url}/.default"])
    answer = erps.http.get("/data/", headers={"authorization": f"Bearer {value['access_token']}"})
    assert answer.status_code == 200


def test_msal_understands_the_refusal(erps: Erps) -> None:
    value = application(erps, "wrong").acquire_token_for_client([f"{erps.sim.url}/.default"])
    assert (value["error"], value["error_codes"]) == ("invalid_client", [7000215])


def test_msal_refuses_plain_http() -> None:
    with pytest.raises(ValueError, match="https"):
        msal.ConfidentialClientApplication(
            "simulator", authority="http://127.0.0.1:9100/any", client_credential="x"
        )
