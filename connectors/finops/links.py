"""The page of Finance & Operations where a person changes ledger periods."""

from __future__ import annotations

from urllib.parse import SplitResult, urlencode

from entities.models import Connection


def finops_link(base: SplitResult, connection: Connection, erp_id: str) -> str:
    """The ledger calendar of a company, on the host that the connection reads."""
    netloc = base.hostname if base.port is None else f"{base.hostname}:{base.port}"
    return f"https://{netloc}/?{urlencode({'cmp': erp_id, 'mi': 'LedgerFiscalCalendar'})}"
