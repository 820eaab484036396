"""What the simulator emits against the vendors' contracts: no property more, none less, in the wire's order.

`contract_names.json` holds the names as facts, so that the check needs nothing from outside. Where the contracts
themselves lie beside the project (`../shared/contracts`), the frozen names are checked against them too.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from simulator.odata.tables import BC_SETS, ENUMS, FINOPS_SETS, MODULES, PERIODS_V1, PERIODS_V2
from simulator.run import running
from tests.simulator.contract_values import CASE, CONTRACTS, check_value
from tests.simulator.erp_clients import ESIB, IEOP, Erps

HERE = Path(__file__).resolve().parent
FROZEN: dict[str, Any] = json.loads((HERE / "contract_names.json").read_text(encoding="utf-8"))


def from_contracts() -> dict[str, Any] | None:
    """The same names read from the contracts, or None where they are not."""
    path = CONTRACTS / "fo" / "fo-metadata.derived.json"
    if not path.is_file():
        return None
    finops = json.loads(path.read_text(encoding="utf-8"))
    central = json.loads((CONTRACTS / "bc" / "apiv2-pages.derived.json").read_text(encoding="utf-8"))["pages"]
    return {
        "finops": {
            name: {
                "key": finops["entitySets"][name]["key"],
                "properties": [
                    [one["name"], one["type"], one["nullable"]]
                    for one in finops["entitySets"][name]["properties"]
                ],
            }
            for name in FROZEN["finops"]
        },
        "enums": {name: finops["enums"][name] for name in FROZEN["enums"]},
        "business_central": {
            name: {
                "entity": central[name]["entityName"],
                "fields": [one["name"] for one in central[name]["fields"]],
            }
            for name in FROZEN["business_central"]
        },
    }


def test_frozen_names_are_those_of_the_contracts() -> None:
    assert from_contracts() in (None, FROZEN)


@pytest.mark.parametrize("name", sorted(FROZEN["finops"]))
def test_tables_are_the_contracts(name: str) -> None:
    contract, table = FROZEN["finops"][name], FINOPS_SETS[name]
    assert list(table.key) == contract["key"]
    described = [
        [column.name, column.type if column.type in ENUMS else f"Edm.{column.type}", column.nullable]
        for column in table.columns
    ]
    assert described == [[one, CASE.get(kind, kind), null] for one, kind, null in contract["properties"]]


def test_enums_are_the_contracts() -> None:
    assert {name: dict(ENUMS[name]) for name in FROZEN["enums"]} == FROZEN["enums"]
    levels = {
        one
        for one, _, _ in FROZEN["finops"]["LedgerFiscalPeriods"]["properties"]
        if one.endswith("AccessLevel")
    }
    assert {f"{module}AccessLevel" for module in MODULES} == levels


@pytest.mark.parametrize("name", sorted(FROZEN["finops"]))
def test_rows_on_the_wire_are_the_contracts(erps: Erps, name: str) -> None:
    erps.sim.set_profile(period_set="both")
    contract = [one for one, _, _ in FROZEN["finops"][name]["properties"]]
    rows = erps.rows(f"/data/{name}?cross-company=true")
    assert rows
    assert {tuple(row) for row in rows} == {("@odata.etag", *contract)}
    for one, kind, null in FROZEN["finops"][name]["properties"]:
        for value in {json.dumps(row[one]) for row in rows}:
            check_value(json.loads(value), CASE.get(kind, kind), null=null)


def test_keys_are_unique_and_can_be_looked_up(erps: Erps) -> None:
    for name, contract in FROZEN["finops"].items():
        served = PERIODS_V2.name if name == PERIODS_V1.name else name
        rows = erps.rows(f"/data/{served}?cross-company=true")
        keys = [tuple(row[one] for one in contract["key"]) for row in rows]
        assert len(set(keys)) == len(keys)
        kinds = {one: kind for one, kind, _ in contract["properties"]}
        predicate = ",".join(
            f"{one}='{rows[-1][one]}'" if kinds[one] == "Edm.String" else f"{one}={rows[-1][one]}"
            for one in contract["key"]
        )
        found = erps.fo(f"/data/{served}({predicate})").json()
        assert {one: part for one, part in found.items() if one != "@odata.context"} == rows[-1]


@pytest.mark.parametrize("name", sorted(FROZEN["business_central"]))
def test_business_central_fields_are_the_contracts(erps: Erps, name: str) -> None:
    assert BC_SETS[name].type == FROZEN["business_central"][name]["entity"]
    assert list(BC_SETS[name].names) == FROZEN["business_central"][name]["fields"]
    path = name
    if name == "journalLines":  # they are served below their journal only
        path = f"journals({erps.listed(IEOP, 'journals')[0]['id']})/journalLines"
    for row in erps.listed(IEOP, path):
        assert list(row) == ["@odata.etag", *FROZEN["business_central"][name]["fields"]]


def test_business_central_values_have_their_types(erps: Erps) -> None:
    (setup,) = erps.bc(f"/companies({ESIB})/generalLedgerSetup").json()["value"]
    assert setup["allowQueryFromConsolidation"] is False
    for row in erps.bc(f"/companies({ESIB})/accountingPeriods").json()["value"]:
        assert {type(row[one]) for one in ("closed", "dateLocked", "newFiscalYear")} == {bool}
        assert re.fullmatch(r"\d{4}-\d\d-01", row["startingDate"])
        assert len(row["name"]) <= 10
        assert re.fullmatch(r"\S+T\S+Z", row["lastModifiedDateTime"])


def test_every_word_of_the_demo_is_in_the_contracts() -> None:
    with running("demo") as sim:
        erps = Erps(sim)
        for row in erps.rows("/data/LedgerFiscalPeriodsV2?cross-company=true"):
            assert row["PeriodStatus"] in FROZEN["enums"]["FiscalPeriodStatus"]
            for module in MODULES:
                assert row[f"{module}AccessLevel"] in FROZEN["enums"]["ModulePeriodStat"]
        erps.http.close()
