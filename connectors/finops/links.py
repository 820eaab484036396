"""The pages of Finance & Operations where a person changes ledger periods or finishes work."""

from __future__ import annotations

from urllib.parse import SplitResult, urlencode, urlsplit

from entities.models import Connection


def finops_link(base: SplitResult, connection: Connection, erp_id: str) -> str:
    """The ledger calendar of a company, on the host that the connection reads."""
    return _page(base, erp_id, "LedgerFiscalCalendar")


def finops_work_link(base_url: str, erp_id: str, menu_item: str = "") -> str | None:
    """The page of a menu item in a company, or the company's start page; None unless the address is https."""
    try:
        base = urlsplit(base_url)
        base.port  # noqa: B018 - raises for one that is no number
    except ValueError:
        return None
    if base.scheme != "https" or not base.hostname or base.username is not None:
        return None
    return _page(base, erp_id, menu_item)


def _page(base: SplitResult, erp_id: str, menu_item: str) -> str:
    netloc = base.hostname if base.port is None else f"{base.hostname}:{base.port}"
    return f"https://{netloc}/?{urlencode({'cmp': erp_id} | ({'mi': menu_item} if menu_item else {}))}"
