"""The groups of Business Central's API in one environment, and a client that may read them."""

from __future__ import annotations

from collections.abc import Set
from urllib.parse import quote

from connectors.ledger_source import SourceSettings
from connectors.odata.lists import ODataClient
from infra.outbound.entra_tokens import TokenCache
from infra.outbound.errors import AccessRefused, AnswerMisread
from infra.outbound.session import RequestLimits

RESOURCE = "https://api.businesscentral.dynamics.com"
STANDARD = "v2.0"
INTERCOMPANY = "microsoft/intercompany/v1.0"  # Microsoft's app "API - Cross Environment Intercompany"
COMPANION = "closeboard/close/v1.0"  # the optional extension of Closeboard's own contract


def central_client(settings: SourceSettings, tokens: TokenCache, limits: RequestLimits) -> ODataClient:
    """A client of the environment; tokens are issued for the product, not for the address.

    A cloud with a host of its own is the exception.
    """
    microsoft_host = settings.base_url.lower().startswith("https://api.businesscentral.")
    return ODataClient(
        settings,
        tokens,
        limits,
        resource=None if microsoft_host else RESOURCE,
        headers={"Data-Access-Intent": "ReadOnly"},
    )


def group_url(client: ODataClient, settings: SourceSettings, group: str = STANDARD) -> str:
    """The root of a group of the API, without a slash at its end; raises AccessRefused without an environment."""
    tenant, environment = (quote(part, safe="") for part in (settings.tenant, settings.environment))
    if not environment:
        raise AccessRefused("The connection names no Business Central environment, such as 'production'.")
    return f"{client.base}/v2.0/{tenant}/{environment}/api/{group}"


def published_sets(client: ODataClient, settings: SourceSettings, group: str) -> Set[str]:
    """The names of the sets that a group publishes, by its service document; none where it is not installed."""
    url = group_url(client, settings, group) + "/"
    try:
        document = client.get(url).document
    except AccessRefused as error:
        if error.status in {403, 404, 410}:
            return frozenset()
        raise
    rows = document.get("value") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise AnswerMisread(f"{url}: the answer is JSON but lists no sets.", status=200)
    return frozenset(
        row["name"] for row in rows if isinstance(row, dict) and isinstance(row.get("name"), str)
    )
