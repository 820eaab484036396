"""Faults of what an answer says: pages, rows, links, companies (05-reliability 2E, E9 to E25)."""

from __future__ import annotations

import gzip
import json
import time
from collections import Counter
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2 as httpx
import pytest

from tests.simulator.erp_clients import ESIB, Erps

MAY = "/data/LedgerFiscalPeriodsV2?cross-company=true&$filter=YearName eq '2026' and PeriodName eq 'Period 5'"
SETUP = f"/companies({ESIB})/generalLedgerSetup"
IEOP = "/companies(22222222-3333-4444-5555-666666666666)/generalLedgerSetup"


def states(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["LedgerName"]: row.get("PeriodStatus") for row in rows}


# E9, E14


def test_login_page_and_redirects(erps: Erps) -> None:
    erps.sim.fault("html_login", times=1)
    answer = erps.fo(MAY)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    erps.sim.fault("redirect", times=1)
    answer = erps.bc(SETUP)
    assert answer.status_code == 302
    assert "/oauth2/authorize" in answer.headers["location"]
    erps.sim.fault("redirect", location="http://169.254.169.254/latest/meta-data/", status=307)
    answer = erps.fo(MAY)
    assert (answer.status_code, answer.headers["location"]) == (
        307,
        "http://169.254.169.254/latest/meta-data/",
    )


def test_not_json(erps: Erps) -> None:
    erps.sim.fault("not_json", body="{'PeriodStatus': 'Closed'}")
    with pytest.raises(json.JSONDecodeError):
        erps.fo(MAY).json()


def test_gzip_bomb_is_small_and_unpacks_to_valid_json(erps: Erps) -> None:
    erps.sim.fault("gzip_bomb", megabytes=64)
    headers = {"authorization": f"Bearer {erps.token(erps.sim.url)}"}
    with erps.http.stream("GET", MAY, headers=headers) as answer:
        packed = b"".join(answer.iter_raw())
    assert len(packed) < 100_000
    unpacked = gzip.decompress(packed)
    assert len(unpacked) > 64 * 2**20
    assert json.loads(unpacked) == {"value": []}


def test_huge_page_is_valid_json(erps: Erps) -> None:
    erps.sim.fault("huge_page", megabytes=5)
    answer = erps.fo(MAY)
    assert len(answer.content) > 5 * 2**20
    assert len(answer.json()["value"]) == 4


# E10 to E12, E15


@pytest.mark.parametrize("shape", ["no_value", "null_value", "value_object", "list", "row_text", "text"])
def test_wrong_shapes_are_json_and_no_list_of_rows(erps: Erps, shape: str) -> None:
    erps.sim.fault("wrong_shape", shape=shape)
    value = erps.fo(MAY).json()
    rows = value.get("value") if isinstance(value, dict) else None
    assert not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows))
    assert erps.fo("/data/LegalEntities").json()["value"]


@pytest.mark.parametrize(
    ("kind", "options", "wanted"),
    [
        ("null_field", {}, None),
        ("wrong_type", {"value": 7}, 7),
        ("unknown_enum", {}, "Frozen"),
        ("unknown_enum", {"value": "closed"}, "closed"),
    ],
)
def test_one_row_of_one_company_is_spoilt(
    erps: Erps, kind: str, options: dict[str, Any], wanted: Any
) -> None:
    erps.sim.fault(kind, company="USRT", **options)
    found = states(erps.rows(MAY))
    assert found == {"UKHC": "Closed", "UKRT": "Closed", "USRT": wanted, "NLDT": "Open"}


def test_missing_field_of_a_named_row_and_set(erps: Erps) -> None:
    erps.sim.fault("missing_field", company="USRT", where={"PeriodName": "Period 5", "YearName": "2026"})
    rows = [row for row in erps.rows("/data/LedgerFiscalPeriodsV2") if "PeriodStatus" not in row]
    assert [(row["LedgerName"], row["PeriodName"], row["YearName"]) for row in rows] == [
        ("USRT", "Period 5", "2026")
    ]
    erps.sim.fault("missing_field", field="EndDate", rows=3)
    assert Counter("EndDate" in row for row in erps.rows("/data/FiscalPeriods")) == {True: 39, False: 3}
    erps.sim.fault("missing_field", company="ESIB")
    assert "allowPostingFrom" not in erps.bc(SETUP).json()["value"][0]
    assert "allowPostingFrom" in erps.bc(IEOP).json()["value"][0]


def test_duplicate_keys_hide_one_value_behind_the_other(erps: Erps) -> None:
    erps.sim.fault("duplicate_keys", company="UKHC")
    text = erps.fo(MAY).text
    assert '"PeriodStatus":"Open","PeriodStatus":"Closed"' in text
    pairs: list[list[str]] = []
    json.loads(text, object_pairs_hook=lambda found: pairs.append([key for key, _ in found]))
    assert sum(len(keys) != len(set(keys)) for keys in pairs) == 1


def test_rows_twice_equal_and_conflicting(erps: Erps) -> None:
    erps.sim.fault("duplicate_rows", company="NLDT")
    rows = erps.rows(MAY)
    assert [row["PeriodStatus"] for row in rows if row["LedgerName"] == "NLDT"] == ["Open", "Open"]
    erps.sim.clear()
    erps.sim.fault("conflicting_rows", company="NLDT")
    rows = erps.rows(MAY)
    assert [row["PeriodStatus"] for row in rows if row["LedgerName"] == "NLDT"] == ["Open", "Closed"]


@pytest.mark.parametrize(("shift", "most", "distinct"), [(2, 2, 168 - 6), (-2, 1, 168 - 6)])
def test_pages_that_overlap_or_leave_a_gap(erps: Erps, shift: int, most: int, distinct: int) -> None:
    erps.sim.set_profile(finops_page_size=50)
    erps.sim.fault("overlapping_pages", shift=shift)
    seen = Counter(
        (row["LedgerName"], row["YearName"], row["PeriodName"])
        for row in erps.rows("/data/LedgerFiscalPeriodsV2")
    )
    assert max(seen.values()) == most
    assert len(seen) < 168 if shift < 0 else sum(seen.values()) > len(seen)


# E13


def test_next_links_that_never_end(erps: Erps) -> None:
    erps.sim.fault("next_link_self")
    first = erps.fo(MAY).json()
    assert erps.fo(first["@odata.nextLink"]).json()["@odata.nextLink"] == first["@odata.nextLink"]
    erps.sim.clear()
    for kind, distinct in (("next_link_loop", 2), ("next_link_endless", 6)):
        erps.sim.fault(kind)
        for begin, get in ((MAY, erps.fo), (SETUP, erps.bc)):
            links, path = set(), begin
            for _ in range(6):
                path = (
                    get(path)
                    .json()["@odata.nextLink"]
                    .removeprefix(
                        "" if get == erps.fo else f"{erps.sim.url}/v2.0/meridian.example/production/api/v2.0"
                    )
                )
                links.add(path)
            assert len(links) == distinct
        erps.sim.clear()


def test_next_links_to_elsewhere(erps: Erps) -> None:
    erps.sim.fault("next_link_host", host="127.0.0.1:1", times=1)
    assert erps.fo(MAY).json()["@odata.nextLink"].startswith("http://127.0.0.1:1/data/LedgerFiscalPeriodsV2?")
    erps.sim.fault("next_link_scheme", times=1)
    assert erps.fo(MAY).json()["@odata.nextLink"].startswith("https://")
    erps.sim.fault("next_link_scheme", scheme="ftp", times=1)
    assert erps.fo(MAY).json()["@odata.nextLink"].startswith("ftp://")


# E16, E17, E19, E21, E24, E25


def test_empty_lists(erps: Erps) -> None:
    erps.sim.fault("empty_list", company="UKRT")
    assert set(states(erps.rows(MAY))) == {"UKHC", "USRT", "NLDT"}
    erps.sim.clear()
    erps.sim.fault("empty_list")
    assert erps.rows(MAY) == []
    assert erps.bc(SETUP).json()["value"] == []
    assert len(erps.rows("/data/LegalEntities")) == 4
    erps.sim.fault("empty_list", match="/companies?")
    assert erps.bc("/companies?$top=5").json()["value"] == []


def test_entity_missing_from_every_list(erps: Erps) -> None:
    erps.sim.fault("entity_missing", company="NLDT")
    for path, field in (
        (MAY, "LegalEntityId"),
        ("/data/LegalEntities", "LegalEntityId"),
        ("/data/Ledgers", "LegalEntityId"),
    ):
        assert [row[field] for row in erps.rows(path)] == ["ukhc", "ukrt", "usrt"]
    erps.sim.fault("entity_missing", company="ESIB")
    assert [one["name"] for one in erps.bc("/companies").json()["value"]] == ["Ireland Operations"]
    assert erps.bc(SETUP).status_code == 404


def test_identity_changed_under_the_same_name(erps: Erps) -> None:
    erps.sim.fault("identity_changed", company="ESIB")
    known = {one["name"]: one["id"] for one in erps.bc("/companies").json()["value"]}
    assert known["Ibérica SL"] != ESIB
    assert erps.bc(f"/companies({known['Ibérica SL']})/generalLedgerSetup").status_code == 200
    assert erps.bc(SETUP).status_code == 404


def test_default_company_only_although_all_were_asked_for(erps: Erps) -> None:
    erps.sim.fault("default_company_only")
    assert set(states(erps.rows(MAY))) == {"UKHC"}
    assert [row["LegalEntityId"] for row in erps.rows("/data/LegalEntities")] == ["ukhc"]


@pytest.mark.parametrize(
    ("which", "allowed"),
    [
        ("both", ("0001-01-01", "0001-01-01")),
        ("from", ("0001-01-01", "2026-06-30")),
        ("to", ("2026-06-01", "0001-01-01")),
    ],
)
def test_blank_dates(erps: Erps, which: str, allowed: tuple[str, str]) -> None:
    erps.sim.set_state("ESIB", allow_posting_from="2026-06-01", allow_posting_to="2026-06-30")
    erps.sim.fault("blank_bc_dates", company="ESIB", which=which)
    (row,) = erps.bc(SETUP).json()["value"]
    assert (row["allowPostingFrom"], row["allowPostingTo"]) == allowed


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_clock_skew_in_the_date_header(erps: Erps, seconds: int) -> None:
    def off(answer: httpx.Response) -> float:
        return parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()

    assert abs(off(erps.fo(MAY))) < 5
    erps.sim.fault("clock_skew", seconds=seconds)
    assert abs(off(erps.fo(MAY)) - seconds) < 5
    assert abs(off(erps.bc(SETUP)) - seconds) < 5
