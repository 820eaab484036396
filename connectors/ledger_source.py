"""The interface of every connector: one method, one result class, and the errors of `infra.outbound.errors`."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from closing.calendar.days import DateSpan
from closing.facts.readings import ReadResult


@dataclass(frozen=True, slots=True)
class CompanyRef:
    """A company to read: its id in the ERP and, once pinned, the identity that it must still have there."""

    erp_id: str
    identity: str = ""


def name_key(name: str, form: Literal["NFC", "NFKC"] = "NFC") -> str:
    """The name without case and outer blanks, in one Unicode form; NFKC makes wide and joined letters plain, too."""
    decomposed = unicodedata.normalize("NFKD" if form == "NFKC" else "NFD", name)
    return unicodedata.normalize(form, decomposed.casefold()).strip()


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """The address and credentials of one connection; the secret never appears in repr, logs or errors.

    `base_url` is the origin ("https://contoso.operations.dynamics.com"; for Business Central the API host).
    `authority` is the token host ("https://login.microsoftonline.com"); `environment` is Business Central's, and so
    are `journal_templates`, whose names no request lists.
    """

    name: str
    kind: str
    base_url: str
    authority: str
    tenant: str
    client_id: str
    secret: str = field(repr=False, default="")
    environment: str = ""
    journal_templates: tuple[str, ...] = ()  # of Business Central; empty: the default one
    allowed_hosts: tuple[str, ...] = ()  # "host", "host:port" or "*.suffix"; nothing else is ever contacted
    budget_seconds: float = 120.0


class LedgerSource(Protocol):
    """One ERP environment that can be read."""

    def read(self, refs: Sequence[CompanyRef], span: DateSpan) -> ReadResult:
        """Read the periods of the requested companies that touch the span.

        Raises ServerUnavailable, AccessRefused or AnswerMisread when the whole read fails; a company that fails
        alone becomes a ReadGap of the ReadResult.
        """
        ...
