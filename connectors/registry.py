"""Which connector reads which kind of ERP."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.business_central.source import BusinessCentralSource
from connectors.finops.source import FinopsSource
from connectors.ledger_source import LedgerSource, SourceSettings
from connectors.odata.entra import TokenCache
from infra.outbound.session import RequestLimits

SourceFactory = Callable[[SourceSettings, TokenCache, RequestLimits], LedgerSource]

SOURCE_FACTORIES: Mapping[str, SourceFactory] = {
    "finops": FinopsSource,
    "business_central": BusinessCentralSource,
}

_TOKENS = TokenCache()  # one per process: every connection of a principal shares its token and its refusals


def build_source(
    settings: SourceSettings, *, tokens: TokenCache | None = None, limits: RequestLimits | None = None
) -> LedgerSource:
    """The connector for these settings; raises ValueError for a kind that none is written for."""
    builder = SOURCE_FACTORIES.get(settings.kind)
    if builder is None:
        raise ValueError(
            f"There is no connector of kind {settings.kind!r}; there are: {', '.join(sorted(SOURCE_FACTORIES))}."
        )
    return builder(settings, tokens or _TOKENS, limits or RequestLimits())
