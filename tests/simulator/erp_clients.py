"""Clients of the simulator: as the two products with a token for each, by python-odata, and by an SDK."""

from __future__ import annotations

from typing import Any

import httpx2 as httpx
import requests
from dynamics.core.client import Dynamics  # type: ignore[import-untyped]
from odata import ODataService  # type: ignore[import-untyped]

from simulator.run import Running
from simulator.web.entra import BC_AUDIENCE

CLOCK = "2026-06-12T12:00:00Z"
TENANT = "meridian.example"
ESIB = "11111111-2222-3333-4444-555555555555"
IEOP = "22222222-3333-4444-5555-666666666666"
# The situations that leave no set of Finance & Operations without a row.
EVERYTHING = [
    "module_journals",
    "documents",
    "in_use_and_blocked",
    "bank_open",
    "not_transferred",
    "set_up_and_traps",
    "due_to_ukrt_188700",
]


class Erps:
    """Reads the simulator as the two products, with a token for each."""

    def __init__(self, sim: Running) -> None:
        self.sim = sim
        self.http = httpx.Client(base_url=sim.url, timeout=10, trust_env=False)
        self._tokens: dict[str, str] = {}

    def ask_token(self, scope: str, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": "simulator",
            "client_secret": "simulator",
            "scope": scope,
        }
        form = {name: text for name, text in (form | changes).items() if text}
        return self.http.post(f"/{TENANT}/oauth2/v2.0/token", data=form)

    def token(self, audience: str) -> str:
        if audience not in self._tokens:
            self._tokens[audience] = self.ask_token(f"{audience}/.default").json()["access_token"]
        return self._tokens[audience]

    def forget_tokens(self) -> None:
        self._tokens.clear()

    def fo(self, path: str, **headers: str) -> httpx.Response:
        """GET below the Finance & Operations host."""
        return self.http.get(path, headers={"authorization": f"Bearer {self.token(self.sim.url)}", **headers})

    def bc(self, path: str, **headers: str) -> httpx.Response:
        """GET below the production environment's API."""
        base = f"/v2.0/{TENANT}/production/api/v2.0"
        auth = {"authorization": f"Bearer {self.token(BC_AUDIENCE)}"}
        return self.http.get(base + path, headers={**auth, **headers})

    def api(self, company: str, path: str, group: str = "v2.0") -> httpx.Response:
        """GET below a company of one of Business Central's APIs."""
        base = f"/v2.0/{TENANT}/production/api/{group}/companies({company})/"
        return self.http.get(base + path, headers={"authorization": f"Bearer {self.token(BC_AUDIENCE)}"})

    def listed(self, company: str, path: str, group: str = "v2.0") -> list[dict[str, Any]]:
        """The rows of one page of a list of Business Central."""
        value: list[dict[str, Any]] = self.api(company, path, group).json()["value"]
        return value

    def rows(self, path: str) -> list[dict[str, Any]]:
        """All rows of a Finance & Operations list, page by page."""
        found: list[dict[str, Any]] = []
        while path:
            page = self.fo(path).json()
            found += page["value"]
            path = page.get("@odata.nextLink", "")
        return found

    def may(self) -> dict[str, str]:
        """The states of May 2026 by entity."""
        rows = self.rows(
            "/data/LedgerFiscalPeriodsV2?cross-company=true"
            "&$filter=YearName eq '2026' and PeriodName eq 'Period 5'&$select=LegalEntityId,PeriodStatus"
        )
        return {row["LegalEntityId"].upper(): row["PeriodStatus"] for row in rows}


def odata_service(erps: Erps, audience: str, path: str, **options: str) -> Any:
    """Open python-odata on one product: it reads $metadata and makes its classes of it."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {erps.token(audience)}"
    session.params = options
    return ODataService(f"{erps.sim.url}{path}", session=session, reflect_entities=True, quiet_progress=True)


def here(erps: Erps) -> type[Any]:
    """The Business Central SDK with the simulator's address in place of the two hosts it has written down."""

    class Here(Dynamics):  # type: ignore[misc]
        TOKEN_URL = Dynamics.TOKEN_URL.replace("https://login.microsoftonline.com", erps.sim.url)
        BASE_URL = Dynamics.BASE_URL.replace(BC_AUDIENCE, erps.sim.url)
        API_URL = erps.sim.url

    return Here
