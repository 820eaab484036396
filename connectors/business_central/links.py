"""Pages of Business Central's web client: a company, where its posting range is changed, and its lists of work."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from connectors.ledger_source import SourceSettings

WEB_CLIENT_HOST = "businesscentral.dynamics.com"
_MICROSOFT_DOMAINS = ("dynamics.com", "dynamics.cn", "microsoftdynamics.us", "microsoftdynamics.de")


# The numbers of the web client's pages, by the set of the API that shows the same.
_PAGES = {
    "journals": 39,
    "customerPaymentJournals": 255,
    "vendorPaymentJournals": 256,
    "purchaseInvoices": 9308,
    "salesInvoices": 9301,
    "purchaseCreditMemos": 9309,
    "salesCreditMemos": 9302,
    "approvalEntries": 658,
    "jobQueueLogEntries": 674,
    "inventoryPeriods": 5828,
    "intercompanyInboxTransactions": 615,
}


class _Environment(Protocol):
    @property
    def tenant(self) -> str: ...

    @property
    def environment(self) -> str: ...


def business_central_link(base: SplitResult, connection: _Environment, erp_id: str) -> str:
    """The company in Microsoft's web client; "" for a host that is not Microsoft's."""
    return _web_client(base, connection, company=erp_id)


def work_link(settings: SourceSettings, company: str, set_name: str) -> str | None:
    """The page where a person finishes what a set shows; None without a known page, https or Microsoft's host."""
    base = urlsplit(settings.base_url)
    if base.scheme != "https" or base.username is not None or set_name not in _PAGES:
        return None
    return _web_client(base, settings, company=company, page=str(_PAGES[set_name])) or None


def _web_client(base: SplitResult, connection: _Environment, **options: str) -> str:
    host = base.hostname or ""
    microsoft = any(host == name or host.endswith(f".{name}") for name in _MICROSOFT_DOMAINS)
    if not microsoft or not connection.tenant:
        return ""
    path = "/".join(quote(part, safe="") for part in (connection.tenant, connection.environment) if part)
    return f"https://{WEB_CLIENT_HOST}/{path}?{urlencode(options, quote_via=quote)}"
