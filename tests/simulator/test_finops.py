"""Finance & Operations over HTTP: sets, options, paging, errors, and the switches for what is unverified."""

from __future__ import annotations

import base64
import re
from itertools import product
from xml.etree import ElementTree

import pytest

from simulator.odata.tables import FINOPS_SETS
from tests.simulator.erp_clients import EVERYTHING, Erps

PERIODS = "/data/LedgerFiscalPeriodsV2?cross-company=true"


def test_service_document_lists_the_sets(erps: Erps) -> None:
    for path in ("/data", "/data/"):
        value = erps.fo(path).json()
        assert value["@odata.context"] == f"{erps.sim.url}/data/$metadata"
        names = {one["name"] for one in value["value"]}
        assert {"LegalEntities", "Ledgers", "FiscalPeriods", "LedgerFiscalPeriodsV2"} <= names
        assert "LedgerFiscalPeriods" not in names
        assert {(one["kind"], one["name"] == one["url"]) for one in value["value"]} == {("EntitySet", True)}


@pytest.mark.parametrize(
    ("switch", "there", "missing"),
    [
        ("V1", {"LedgerFiscalPeriods"}, {"LedgerFiscalPeriodsV2"}),
        ("V2", {"LedgerFiscalPeriodsV2"}, {"LedgerFiscalPeriods"}),
        ("both", {"LedgerFiscalPeriods", "LedgerFiscalPeriodsV2"}, set()),
    ],
)
def test_name_of_the_period_set_is_a_switch(
    erps: Erps, switch: str, there: set[str], missing: set[str]
) -> None:
    erps.sim.set_profile(period_set=switch)
    names = {one["name"] for one in erps.fo("/data/").json()["value"]}
    assert there <= names
    assert not missing & names
    assert all(erps.fo(f"/data/{name}").status_code == 200 for name in there)
    assert all(erps.fo(f"/data/{name}").status_code == 404 for name in missing)


def test_metadata_describes_what_is_served(erps: Erps) -> None:
    answer = erps.fo("/data/$metadata")
    assert answer.headers["content-type"] == "application/xml"
    erps.sim.set_work("USRT", situation=EVERYTHING)  # so that every set has a row
    tree = ElementTree.fromstring(answer.content)
    edm = {"edm": "http://docs.oasis-open.org/odata/ns/edm"}
    for one in tree.iterfind(".//edm:EntitySet", edm):
        name = one.attrib["Name"]
        row = erps.fo(f"/data/{name}?cross-company=true&$top=1").json()["value"][0]
        type_name = one.attrib["EntityType"].rpartition(".")[2]
        described = tree.findall(f".//edm:EntityType[@Name='{type_name}']/edm:Property", edm)
        assert [prop.attrib["Name"] for prop in described] == list(row)[1:]
        declared = {enum.attrib["Name"] for enum in tree.iterfind(".//edm:EnumType", edm)}
        for prop in described:
            namespace, _, kind = prop.attrib["Type"].rpartition(".")
            assert namespace == "Edm" or kind in declared
        keys = tree.findall(f".//edm:EntityType[@Name='{type_name}']/edm:Key/edm:PropertyRef", edm)
        assert {key.attrib["Name"] for key in keys} <= set(row)


def test_metadata_catalogues(erps: Erps) -> None:
    entities = {
        one["PublicCollectionName"]: one["Name"] for one in erps.fo("/metadata/DataEntities").json()["value"]
    }
    assert entities["LedgerFiscalPeriodsV2"] == "LedgerFiscalPeriodEntity"
    period = erps.fo("/Metadata/PublicEntities('FiscalPeriod')").json()
    assert [one["Name"] for one in period["Properties"] if one["IsKey"]] == list(
        FINOPS_SETS["FiscalPeriods"].key
    )
    status = erps.fo("/metadata/PublicEnumerations('FiscalPeriodStatus')").json()
    assert {one["Name"]: one["Value"] for one in status["Members"]} == {"OnHold": 0, "Open": 1, "Closed": 2}
    assert erps.fo("/metadata/Nothing").status_code == 404


def test_list_has_the_envelope_of_recorded_answers(erps: Erps) -> None:
    answer = erps.fo(f"{PERIODS}&$filter=LegalEntityId eq 'ukrt' and YearName eq '2026'&$count=true")
    assert answer.headers["content-type"] == "application/json; odata.metadata=minimal"
    value = answer.json()
    assert list(value) == ["@odata.context", "@odata.count", "value"]
    assert value["@odata.context"] == f"{erps.sim.url}/data/$metadata#LedgerFiscalPeriodsV2"
    # Twelve months, an opening and a closing period.
    assert value["@odata.count"] == len(value["value"]) == 14
    for row in value["value"]:
        assert next(iter(row)) == "@odata.etag"
        tag = re.fullmatch(r'W/"(.+)"', row["@odata.etag"])
        assert tag
        assert re.fullmatch(r"'\d+,\d+'", base64.b64decode(tag[1]).decode())


def test_etag_changes_with_the_row_and_with_nothing_else(erps: Erps) -> None:
    path = f"{PERIODS}&$filter=YearName eq '2026' and PeriodName eq 'Period 5'"
    before = {row["LedgerName"]: row["@odata.etag"] for row in erps.rows(path)}
    erps.sim.set_state("NLDT", period="2026-05", status="OnHold")
    after = {row["LedgerName"]: row["@odata.etag"] for row in erps.rows(path)}
    assert {name for name in before if before[name] != after[name]} == {"NLDT"}


def test_select_shapes_rows_and_context(erps: Erps) -> None:
    value = erps.fo(f"{PERIODS}&$select=PeriodStatus,LedgerName&$top=1").json()
    assert value["@odata.context"].endswith("#LedgerFiscalPeriodsV2(PeriodStatus,LedgerName)")
    assert list(value["value"][0]) == ["@odata.etag", "PeriodStatus", "LedgerName"]


def test_dates_have_no_time_and_blanks_are_what_they_are(erps: Erps) -> None:
    path = "/data/FiscalPeriods?$filter=FiscalYear eq '2026' and PeriodName eq 'Period 5'"
    period = erps.rows(path)[0]
    assert (period["StartDate"], period["EndDate"]) == ("2026-05-01T12:00:00Z", "2026-05-31T12:00:00Z")
    assert (period["Type"], period["Month"], period["Quarter"]) == ("Operating", "Month5", "Q2")
    assert (period["Comments"], period["CalendarType"], period["Days"]) == ("", None, 31)
    erps.sim.set_profile(period_dates="midnight")
    assert erps.rows(path)[0]["EndDate"] == "2026-05-31T00:00:00Z"
    assert erps.rows("/data/LegalEntities")[0]["StartDateOfBusiness"] == "1900-01-01T12:00:00Z"


def test_closing_period_shares_the_dates_of_december(erps: Erps) -> None:
    rows = erps.rows("/data/FiscalPeriods?$filter=FiscalYear eq '2026' and EndDate ge 2026-12-01T00:00:00Z")
    assert {row["PeriodName"]: row["Type"] for row in rows} == {
        "Period 12": "Operating",
        "Period 13": "Closing",
    }
    assert len({(row["StartDate"], row["EndDate"]) for row in rows}) == 1


def test_key_lookup_needs_all_keys(erps: Erps) -> None:
    whole = "LedgerName='UKRT',Calendar='Fiscal',YearName='2026',PeriodName='Period 5'"
    value = erps.fo(f"/data/LedgerFiscalPeriodsV2({whole})").json()
    assert value["@odata.context"].endswith("#LedgerFiscalPeriodsV2/$entity")
    assert value["PeriodStatus"] == "Closed"
    assert erps.fo("/data/LegalEntities('UKRT')").json()["Name"] == "UK Retail Ltd"
    assert erps.fo("/data/LedgerFiscalPeriodsV2('UKRT')").status_code == 400
    assert erps.fo("/data/LegalEntities('NOPE')").status_code == 404


def test_count_alone_is_plain_text(erps: Erps) -> None:
    answer = erps.fo("/data/LegalEntities/$count?$filter=Name eq '*Retail*'")
    assert (answer.headers["content-type"], answer.text) == ("text/plain", "2")


@pytest.mark.parametrize(
    ("link", "shape"),
    [
        ("skip_top", r"\?cross-company=true&\$orderby=LedgerName&\$skip=50&\$top=118"),
        ("skip", r"\?cross-company=true&\$orderby=LedgerName&\$skip=50"),
        ("skiptoken", r"\?cross-company=true&\$orderby=LedgerName&\$skiptoken=\S+"),
    ],
)
def test_pages_follow_each_other_without_loss(erps: Erps, link: str, shape: str) -> None:
    erps.sim.set_profile(finops_page_size=50, next_link=link)
    first = erps.fo(f"{PERIODS}&$orderby=LedgerName").json()
    assert re.fullmatch(
        re.escape(f"{erps.sim.url}/data/LedgerFiscalPeriodsV2") + shape, first["@odata.nextLink"]
    )
    rows = erps.rows(f"{PERIODS}&$orderby=LedgerName")
    assert len(rows) == len({(row["LedgerName"], row["YearName"], row["PeriodName"]) for row in rows}) == 168
    assert len(erps.sim.requests("LedgerFiscalPeriodsV2")) == 1 + 4


@pytest.mark.parametrize("link", ["skip_top", "skip", "skiptoken"])
def test_clients_own_top_ends_the_pages(erps: Erps, link: str) -> None:
    erps.sim.set_profile(finops_page_size=50, next_link=link)
    assert len(erps.rows(f"{PERIODS}&$top=120&$skip=10")) == 120
    assert len(erps.rows(f"{PERIODS}&$top=50")) == 50
    assert len(erps.rows(f"{PERIODS}&$top=0")) == 0
    assert len(erps.rows(f"{PERIODS}&$skip=500")) == 0


def test_page_size_of_the_client_is_a_switch(erps: Erps) -> None:
    prefer = {"prefer": "odata.maxpagesize=5"}
    assert len(erps.fo(PERIODS, **prefer).json()["value"]) == 168
    erps.sim.set_profile(finops_maxpagesize="honoured")
    assert len(erps.fo(PERIODS, **prefer).json()["value"]) == 5


def test_cross_company_matters_for_company_data_and_not_for_shared(erps: Erps) -> None:
    assert len(erps.rows("/data/LedgerJournalHeaders")) == 0  # UKHC, the default company, has none
    found = erps.rows("/data/LedgerJournalHeaders?cross-company=true")
    assert {row["dataAreaId"] for row in found} == {"ukrt", "nldt"}
    assert len(erps.rows("/data/LedgerFiscalPeriodsV2")) == 168
    erps.sim.set_profile(period_scope="company")
    assert {row["LedgerName"] for row in erps.rows("/data/LedgerFiscalPeriodsV2")} == {"UKHC"}
    assert len(erps.rows(PERIODS)) == 168


def test_module_access_narrows_an_open_period(erps: Erps) -> None:
    erps.sim.set_state("NLDT", period="2026-05", access={"Ledger": ["User", "FINCLOSE"], "Vend": "None"})
    key = "LedgerName='NLDT',Calendar='Fiscal',YearName='2026',PeriodName='Period 5'"
    row = erps.fo(f"/data/LedgerFiscalPeriodsV2({key})").json()
    assert (row["PeriodStatus"], row["LedgerAccessLevel"], row["LedgerUserGroupInfo"]) == (
        "Open",
        "User",
        "FINCLOSE",
    )
    assert (row["VendAccessLevel"], row["CustAccessLevel"]) == ("None", "All")
    erps.sim.set_profile(access_levels="blank", landed_cost="absent", entity_id_case="upper")
    row = erps.fo(f"/data/LedgerFiscalPeriodsV2({key})").json()
    assert (row["VendAccessLevel"], row["CustAccessLevel"], row["LegalEntityId"]) == ("None", None, "NLDT")
    assert "ITMAccessLevel" not in row


def test_years_are_closed_when_all_their_periods_are(erps: Erps) -> None:
    years = {
        (row["LegalEntityId"], row["FiscalYear"]): row["Status"] for row in erps.rows("/data/FiscalYears")
    }
    assert years["ukrt", "2025"] == "Close"
    assert years["ukrt", "2026"] == "Open"


def test_order_without_orderby_is_a_switch(erps: Erps) -> None:
    stable = [row["@odata.etag"] for row in erps.rows(PERIODS)]
    erps.sim.set_profile(row_order="shuffled", finops_page_size=30)
    shuffled = [row["@odata.etag"] for row in erps.rows(PERIODS)]
    assert shuffled != stable
    assert sorted(shuffled) == sorted(stable)
    ordered = [row["LedgerName"] for row in erps.rows(f"{PERIODS}&$orderby=LedgerName")]
    assert ordered == sorted(ordered)


def test_comparing_texts_is_a_switch(erps: Erps) -> None:
    path = "/data/Ledgers?$filter=LegalEntityId eq 'UKRT'"
    assert len(erps.rows(path)) == 1
    erps.sim.set_profile(finops_texts="exact")
    assert len(erps.rows(path)) == 0


@pytest.mark.parametrize(
    ("body", "not_found"), list(product(["innererror", "message", "html"], ["json", "html", "empty"]))
)
def test_errors_in_every_variant(erps: Erps, body: str, not_found: str) -> None:
    erps.sim.set_profile(error_body=body, not_found_body=not_found)
    bad = erps.fo("/data/LegalEntities?$filter=Name has 'x'")
    assert bad.status_code == 400
    if body == "html":
        assert bad.headers["content-type"].startswith("text/html")
    else:
        error = bad.json()["error"]
        said = error["innererror"]["message"] if body == "innererror" else error["message"]
        assert "has" in said
        assert error["code"] == ""
    missing = erps.fo("/data/Nothing")
    assert missing.status_code == 404
    assert (missing.text == "") is (not_found == "empty")
    is_page = missing.headers.get("content-type", "").startswith("text/html")
    assert is_page is (not_found == "html" or (not_found == "json" and body == "html"))


def test_nothing_can_be_written_or_expanded(erps: Erps) -> None:
    token = {"authorization": f"Bearer {erps.token(erps.sim.url)}"}
    for method in ("POST", "PATCH", "PUT", "DELETE"):
        assert erps.http.request(method, "/data/LegalEntities", headers=token).status_code == 405
    assert erps.fo("/data/LegalEntities?$expand=Ledgers").status_code == 400
    assert erps.fo("/data/legalentities").status_code == 404  # set names are case-sensitive
    assert erps.fo("/elsewhere").status_code == 404
