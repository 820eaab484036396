"""The page of Business Central where a person changes the posting range."""

from __future__ import annotations

from urllib.parse import SplitResult, quote, urlencode

from entities.models import Connection

_MICROSOFT_DOMAINS = ("dynamics.com", "dynamics.cn", "microsoftdynamics.us", "microsoftdynamics.de")


def business_central_link(base: SplitResult, connection: Connection, erp_id: str) -> str:
    """The company in Microsoft's web client; "" for a host that is not Microsoft's."""
    host = base.hostname or ""
    microsoft = any(host == name or host.endswith(f".{name}") for name in _MICROSOFT_DOMAINS)
    if not microsoft or not connection.tenant:
        return ""
    path = "/".join(quote(part, safe="") for part in (connection.tenant, connection.environment) if part)
    return f"https://businesscentral.dynamics.com/{path}?{urlencode({'company': erp_id}, quote_via=quote)}"
