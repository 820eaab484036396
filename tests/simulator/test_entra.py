"""Who gets a token, what is said to those who do not, and where a token is good."""

from __future__ import annotations

import base64
import json
import time

import pytest

from simulator.web.entra import BC_AUDIENCE, Entra, Principal, TokenRefused, tenant_id
from simulator.web.wire import Request
from tests.simulator.erp_clients import CLOCK, Erps


def test_token_is_issued_in_the_form_that_clients_expect(erps: Erps) -> None:
    answer = erps.ask_token(f"{erps.sim.url}/.default")
    assert answer.status_code == 200
    assert answer.headers["cache-control"].startswith("no-store")
    value = answer.json()
    assert (value["token_type"], value["expires_in"]) == ("Bearer", 3599)
    claims = json.loads(base64.urlsafe_b64decode(value["access_token"].split(".")[1] + "=="))
    assert claims["aud"] == erps.sim.url
    assert claims["exp"] - claims["iat"] == 3599


@pytest.mark.parametrize(
    ("change", "status", "error", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_id": "someone"}, 400, "unauthorized_client", 700016),
        ({"client_id": ""}, 400, "invalid_request", 900144),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"grant_type": ""}, 400, "invalid_request", 900144),
        ({"scope": "openid"}, 400, "invalid_scope", 1002012),
        ({"scope": "https://elsewhere.example/.default"}, 400, "invalid_resource", 500011),
    ],
)
def test_others_are_refused_as_entra_does(
    erps: Erps, change: dict[str, str], status: int, error: str, code: int
) -> None:
    scope = change.pop("scope", f"{erps.sim.url}/.default")
    answer = erps.ask_token(scope, **change)
    value = answer.json()
    assert (answer.status_code, value["error"], value["error_codes"]) == (status, error, [code])
    assert value["error_description"].startswith(f"AADSTS{code}: ")
    assert {"timestamp", "trace_id", "correlation_id", "error_uri"} <= set(value)


def test_secret_may_come_in_the_authorization_header(erps: Erps) -> None:
    form = {"grant_type": "client_credentials", "scope": f"{BC_AUDIENCE}/.default"}
    answer = erps.http.post("/any/oauth2/v2.0/token", data=form, auth=("simulator", "simulator"))
    assert answer.status_code == 200


def test_older_endpoint_takes_a_resource(erps: Erps) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": "simulator",
        "client_secret": "simulator",
        "resource": erps.sim.url,
    }
    token = erps.http.post("/any/oauth2/token", data=form).json()["access_token"]
    assert erps.http.get("/data/", headers={"authorization": f"Bearer {token}"}).status_code == 200


def test_token_for_one_product_is_refused_by_the_other(erps: Erps) -> None:
    path = "/v2.0/production/api/v2.0/companies"
    for_fo, for_bc = erps.token(erps.sim.url), erps.token(BC_AUDIENCE)
    assert erps.http.get("/data/", headers={"authorization": f"Bearer {for_bc}"}).status_code == 401
    answer = erps.http.get(path, headers={"authorization": f"Bearer {for_fo}"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "Authentication_InvalidCredentials"


def test_audience_with_a_slash_at_its_end_is_another_audience(erps: Erps) -> None:
    token = erps.ask_token(f"{erps.sim.url}//.default").json()["access_token"]
    assert erps.http.get("/data/", headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_business_central_wants_a_token_of_its_own_tenant(erps: Erps) -> None:
    token = erps.token(BC_AUDIENCE)
    other = "/v2.0/another.example/production/api/v2.0/companies"
    assert erps.http.get(other, headers={"authorization": f"Bearer {token}"}).status_code == 401


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "eyJ9.eyJ9.eyJ9"])
def test_no_token_or_nonsense_is_401(erps: Erps, token: str) -> None:
    answer = erps.http.get(
        "/data/LegalEntities", headers={"authorization": f"Bearer {token}"} if token else {}
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")


def test_expired_token_is_refused() -> None:
    entra = Entra()

    def asked_with(token: str) -> Request:
        return Request("GET", "/data/", "", {"authorization": f"Bearer {token}"}, b"", "http")

    tenant = tenant_id("meridian.example")
    fresh = entra.issue(tenant, BC_AUDIENCE, lifetime=60)
    assert entra.check(asked_with(fresh), BC_AUDIENCE) == Principal("simulator", tenant)
    stale = entra.issue(tenant, BC_AUDIENCE, lifetime=-int(time.time()) % 1 - 1)
    with pytest.raises(TokenRefused, match="expired"):
        entra.check(asked_with(stale), BC_AUDIENCE)


def test_clock_of_the_scenario_does_not_age_tokens(erps: Erps) -> None:
    erps.token(erps.sim.url)
    for now in ("2024-01-01T00:00:00Z", "2031-01-01T00:00:00Z", CLOCK):
        erps.sim.set_clock(now)
        assert erps.fo("/data/").status_code == 200


def test_discovery_documents(erps: Erps) -> None:
    known = erps.http.get("/meridian.example/v2.0/.well-known/openid-configuration").json()
    assert known["token_endpoint"] == f"{erps.sim.url}/meridian.example/oauth2/v2.0/token"
    assert "metadata" in erps.http.get("/common/discovery/instance").json()
