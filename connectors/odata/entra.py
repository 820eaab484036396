"""What connectors use to sign in to Entra; the tokens come from `infra`, since mail signs in by them too."""

from __future__ import annotations

from infra.outbound.entra_tokens import NOT_ACCEPTED, ClientCredentials, TokenCache

__all__ = ["NOT_ACCEPTED", "ClientCredentials", "TokenCache"]
