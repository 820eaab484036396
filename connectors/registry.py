"""Maps each kind of ERP to its connector."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.business_central.source import BusinessCentralSource
from connectors.finops.source import FinopsSource
from connectors.ledger_source import LedgerSource, SourceSettings
from infra.outbound.entra_tokens import TokenCache
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
    """The connector for these settings; raises ValueError for a kind that has none."""
    factory = SOURCE_FACTORIES.get(settings.kind)
    if factory is None:
        raise ValueError(
            f"There is no connector of kind {settings.kind!r}; there are: {', '.join(sorted(SOURCE_FACTORIES))}."
        )
    return factory(settings, tokens or _TOKENS, limits or RequestLimits())
