"""Maps each kind of ERP to its connector and its links."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from closing.facts.base import UnknownFactKind
from connectors.business_central.links import WEB_CLIENT_HOST, business_central_link
from connectors.business_central.source import BusinessCentralSource
from connectors.business_central.work import CENTRAL_TURNS, BusinessCentralWorkSource
from connectors.finops.links import finops_link, finops_work_link
from connectors.finops.source import FinopsSource
from connectors.finops.work import FINOPS_TURNS, FinopsWorkSource
from connectors.ledger_source import LedgerSource, SourceSettings
from connectors.work_source import WorkSource
from entities.models import Connection
from infra.hosts import HostAllowlist
from infra.outbound.entra_tokens import TokenCache
from infra.outbound.session import RequestLimits


class Connector(NamedTuple):
    """What makes the sources of a connection, and the page of the ERP where a person changes a company's periods.

    `work` makes the source of unfinished work, where the ERP has one; `turns` is the number of turns that
    read its parts. `web_hosts` are those of the maker's web client, where it is not the host that is read.
    """

    source: Callable[[SourceSettings, TokenCache, RequestLimits], LedgerSource]
    link: Callable[[SplitResult, Connection, str], str]  # https base URL, connection, company's id
    work: Callable[[SourceSettings, TokenCache, RequestLimits], WorkSource] | None = None
    turns: int = 1
    web_hosts: tuple[str, ...] = ()


CONNECTORS: dict[str, Connector] = {
    "finops": Connector(FinopsSource, finops_link, FinopsWorkSource, FINOPS_TURNS),
    "business_central": Connector(
        BusinessCentralSource,
        business_central_link,
        BusinessCentralWorkSource,
        CENTRAL_TURNS,
        (WEB_CLIENT_HOST,),
    ),
}

_TOKENS = TokenCache()  # one per process: every connection of a principal shares its token and its refusals


def build_source(
    settings: SourceSettings, *, tokens: TokenCache | None = None, limits: RequestLimits | None = None
) -> LedgerSource:
    """The connector for these settings; raises UnknownFactKind for a kind that has none."""
    if settings.kind not in CONNECTORS:
        known = ", ".join(sorted(CONNECTORS))
        raise UnknownFactKind(f"There is no connector of kind {settings.kind!r}; there are: {known}.")
    return CONNECTORS[settings.kind].source(settings, tokens or _TOKENS, limits or RequestLimits())


def build_work_source(
    settings: SourceSettings, *, tokens: TokenCache | None = None, limits: RequestLimits | None = None
) -> WorkSource:
    """The source of unfinished work for these settings; raises UnknownFactKind for a kind that has none."""
    connector = CONNECTORS.get(settings.kind)
    if connector is None or connector.work is None:
        raise UnknownFactKind(f"No unfinished work can be read from a connection of kind {settings.kind!r}.")
    return connector.work(settings, tokens or _TOKENS, limits or RequestLimits())


def turns_of_parts() -> dict[str, int]:
    """The number of turns that read the parts of unfinished work, of each kind of ERP that has any."""
    return {kind: connector.turns for kind, connector in CONNECTORS.items() if connector.work is not None}


def work_turns() -> dict[str, int]:
    """The number of all turns of each kind of ERP; the last one reads balances with partners."""
    return {kind: turns + 1 for kind, turns in turns_of_parts().items()}


def erp_link(connection: Connection | None, erp_id: str) -> str:
    """The URL where a person changes the period in the ERP; "" if it is not known to be safe.

    Only https, and only to a host of the ERP's maker or the host that the connection reads.
    """
    if connection is None or not erp_id or connection.kind not in CONNECTORS:
        return ""
    try:
        base = urlsplit(connection.base_url)
        base.port  # noqa: B018 - raises for one that is no number
    except ValueError:
        return ""
    if base.scheme != "https" or not base.hostname or base.username is not None:
        return ""
    return CONNECTORS[connection.kind].link(base, connection, erp_id)


def erp_menu_link(connection: Connection | None, erp_id: str, menu_item: str) -> str:
    """The URL of a menu item of the ERP in a company, or of the company where the ERP has no menu items.

    "" if it is not known to be safe, as `erp_link`.
    """
    company = erp_link(connection, erp_id)
    if connection is None or not company or connection.kind != "finops":
        return company
    return finops_work_link(connection.base_url, erp_id, menu_item) or ""


def safe_work_link(connection: Connection | None, url: str | None) -> str:
    """The URL of a page with unfinished work as a fact has it; "" for one that is not known to be safe.

    Only https, and only to the host that the connection reads or to that of the ERP's web client.
    """
    if connection is None or not url or not url.startswith("https://") or connection.kind not in CONNECTORS:
        return ""
    own = urlsplit(connection.base_url).netloc
    try:
        HostAllowlist([*CONNECTORS[connection.kind].web_hosts, own]).check(url)
    except ValueError:
        return ""
    return url
