"""Faults of the connection and of whole answers, and the switch itself (05-reliability 2E, E1 to E8)."""

from __future__ import annotations

import json
import socket
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from simulator.faults.fault import KINDS
from tests.simulator.erp_clients import ESIB, Erps

MAY = "/data/LedgerFiscalPeriodsV2?cross-company=true&$filter=YearName eq '2026' and PeriodName eq 'Period 5'"
SETUP = f"/companies({ESIB})/generalLedgerSetup"
IEOP = "/companies(22222222-3333-4444-5555-666666666666)/generalLedgerSetup"


def test_every_kind_is_tried_in_one_of_the_two_files() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_fault*.py"))
    assert [kind for kind in KINDS if f'"{kind}"' not in text] == []


# E1, E2


def test_unauthorized_as_often_as_told(erps: Erps) -> None:
    erps.sim.fault("unauthorized", times=2, match="LedgerFiscalPeriods")
    codes = [erps.fo(path).status_code for path in (MAY, "/data/LegalEntities", MAY, MAY)]
    assert codes == [401, 200, 401, 200]
    (fault,) = erps.sim.faults()
    assert (fault["struck"], fault["over"]) == (2, True)
    assert [entry["faults"] for entry in erps.sim.requests("LedgerFiscalPeriods")] == [
        ["unauthorized"]
    ] * 2 + [[]]


def test_expired_token_until_a_new_one_is_fetched(erps: Erps) -> None:
    assert erps.fo(MAY).status_code == erps.bc(SETUP).status_code == 200
    erps.sim.fault("expired_token")
    assert erps.fo(MAY).status_code == erps.bc(SETUP).status_code == 401
    erps.forget_tokens()
    assert erps.fo(MAY).status_code == erps.bc(SETUP).status_code == 200


@pytest.mark.parametrize(
    ("options", "status", "code"), [({}, 401, 7000215), ({"code": 7000222, "status": 400}, 400, 7000222)]
)
def test_invalid_client_at_the_token_endpoint_only(
    erps: Erps, options: dict[str, int], status: int, code: int
) -> None:
    token = erps.token(erps.sim.url)
    erps.sim.fault("invalid_client", **options)
    answer = erps.ask_token(f"{erps.sim.url}/.default")
    assert (answer.status_code, answer.json()["error"]) == (status, "invalid_client")
    assert answer.json()["error_codes"] == [code]
    assert erps.http.get(MAY, headers={"authorization": f"Bearer {token}"}).status_code == 200


# E3 to E6


def test_one_company_forbidden_and_the_others_fine(erps: Erps) -> None:
    erps.sim.fault("forbidden", match="Ibérica SL")
    assert (erps.bc(SETUP).status_code, erps.bc(IEOP).status_code, erps.bc("/companies").status_code) == (
        403,
        200,
        200,
    )


def test_company_not_found(erps: Erps) -> None:
    erps.sim.fault("not_found", company="ESIB")
    answer = erps.bc(SETUP)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "BadRequest_ResourceNotFound")
    assert erps.bc(IEOP).status_code == 200


@pytest.mark.parametrize(
    ("asked", "told"),
    [(27, "27"), (None, None), (10**9, "1000000000"), (-5, "-5"), ("soon", "soon"), ("0", "0")],
)
def test_throttled_with_any_retry_after(erps: Erps, asked: Any, told: str | None) -> None:
    erps.sim.fault("throttled", retry_after=asked, times=2)
    for answer in (erps.fo(MAY), erps.bc(SETUP)):
        assert (answer.status_code, answer.headers.get("retry-after")) == (429, told)
    assert erps.fo(MAY).status_code == 200


def test_throttled_until_a_date(erps: Erps) -> None:
    erps.sim.fault("throttled", retry_after="http-date", seconds=120)
    answer = erps.fo(MAY)
    wait = parsedate_to_datetime(answer.headers["retry-after"]) - parsedate_to_datetime(
        answer.headers["date"]
    )
    assert 118 <= wait.total_seconds() <= 121


@pytest.mark.parametrize("status", [408, 413, 500, 502, 503, 504])
@pytest.mark.parametrize("body", ["json", "html", "empty"])
def test_statuses_with_and_without_a_body(erps: Erps, status: int, body: str) -> None:
    erps.sim.fault("status", status=status, body=body, retry_after=3)
    for answer in (erps.fo(MAY), erps.bc(SETUP)):
        assert (answer.status_code, answer.headers["retry-after"]) == (status, "3")
        if body == "json":
            assert "error" in answer.json()
        else:
            assert answer.text.startswith("<!DOCTYPE html>") if body == "html" else answer.content == b""


def test_token_endpoint_can_be_down_too(erps: Erps) -> None:
    erps.sim.fault("status", match="/oauth2/", status=503)
    assert erps.ask_token(f"{erps.sim.url}/.default").status_code == 503
    erps.sim.clear()
    erps.sim.fault("html_login", match="/oauth2/")
    assert erps.ask_token(f"{erps.sim.url}/.default").headers["content-type"].startswith("text/html")


def test_after_lets_the_first_pages_pass(erps: Erps) -> None:
    erps.sim.set_profile(finops_page_size=60)
    erps.sim.fault("status", match="LedgerFiscalPeriods", after=2)
    first = erps.fo("/data/LedgerFiscalPeriodsV2").json()
    second = erps.fo(first["@odata.nextLink"]).json()
    assert erps.fo(second["@odata.nextLink"]).status_code == 503


# E7, E8


def test_read_hang_says_nothing(erps: Erps) -> None:
    token = erps.token(erps.sim.url)
    erps.sim.fault("read_hang")
    with pytest.raises(httpx.ReadTimeout):
        erps.http.get(MAY, headers={"authorization": f"Bearer {token}"}, timeout=0.3)


def test_connect_hang_names_a_port_where_nobody_accepts(erps: Erps) -> None:
    port = erps.sim.fault("connect_hang")["port"]
    with socket.socket() as caller:
        caller.settimeout(0.5)
        with pytest.raises(TimeoutError):
            caller.connect(("127.0.0.1", port))
    assert erps.fo(MAY).status_code == 200


def test_slow_loris_trickles(erps: Erps) -> None:
    erps.sim.fault("slow_loris", bytes_per_second=50)
    headers = {"authorization": f"Bearer {erps.token(erps.sim.url)}"}
    begin, seen = time.monotonic(), 0
    with erps.http.stream("GET", MAY, headers=headers) as answer:
        assert answer.status_code == 200
        for part in answer.iter_raw():
            seen += len(part)
            if time.monotonic() > begin + 0.5:
                break
    assert 5 <= seen <= 60


def test_delay_is_late_and_whole(erps: Erps) -> None:
    erps.sim.fault("delay", seconds=0.3, times=1)
    begin = time.monotonic()
    assert erps.fo(MAY).status_code == 200
    assert time.monotonic() - begin >= 0.3


@pytest.mark.parametrize("kind", ["truncated_length", "truncated_chunked"])
def test_truncation_that_http_notices(erps: Erps, kind: str) -> None:
    erps.sim.fault(kind, times=2)
    for get, path in ((erps.fo, MAY), (erps.bc, SETUP)):
        with pytest.raises(httpx.RemoteProtocolError):
            get(path)
    assert erps.fo(MAY).status_code == 200


def test_truncation_that_only_json_notices(erps: Erps) -> None:
    erps.sim.fault("truncated_close")
    answer = erps.fo(MAY)
    assert answer.status_code == 200
    assert "content-length" not in answer.headers
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_reset_in_the_middle(erps: Erps) -> None:
    erps.sim.fault("reset")
    with pytest.raises(httpx.ReadError):
        erps.fo(MAY)


# the switch itself


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"kind": "meteor"}, "no fault 'meteor'; there are: invalid_client"),
        ({"kind": "throttled", "retry": 3}, "no option retry; it has: .*retry_after"),
        ({"kind": "forbidden", "company": "NOPE"}, "no company 'NOPE'"),
        ({"kind": "identity_changed"}, "needs a `company`"),
        ({"kind": "wrong_shape", "shape": "round"}, "no shape 'round'"),
        ({}, "'kind' is missing"),
    ],
)
def test_wrong_wishes_are_refused_in_words(erps: Erps, wish: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        erps.sim.call("POST", "faults", wish)


def test_faults_end_when_cleared_and_never_change_what_is_kept(erps: Erps) -> None:
    before = erps.fo(MAY).content
    for kind in ("unknown_enum", "duplicate_rows", "empty_list", "next_link_self", "default_company_only"):
        erps.sim.fault(kind)
    assert erps.fo(MAY).content != before
    erps.sim.clear()
    assert erps.fo(MAY).content == before
    assert erps.sim.call("GET", "faults")["kinds"]["throttled"]["does"].startswith("429")
