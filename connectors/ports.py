"""What every connector promises: one verb, one kind of answer, three kinds of error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from closing.days import DateSpan
from closing.readings import Harvest


class SourceError(Exception):
    """A read that brought nothing; its text is a sentence for people that names the next step and holds no secret.

    `status` is the HTTP status that told us, if one did; `retry_after` the seconds the source asked us to wait.
    Not `reached`: no connection could be made, so nothing that was to be said can have been heard.
    """

    def __init__(
        self,
        words: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        reached: bool = True,
    ) -> None:
        super().__init__(words)
        self.words = words
        self.status = status
        self.retry_after = retry_after
        self.reached = reached


class SourceUnavailable(SourceError):
    """Later may be better: no answer, overloaded, or answering nonsense of the passing kind."""


class SourceRefused(SourceError):
    """A person must fix access: wrong or expired credentials, no permission, wrong tenant or environment."""


class SourceMisread(SourceError):
    """The answer is not what the contract says: our code or the set-up must change before this can be believed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A company to read: its id in the ERP and, once pinned, the identity it must still have there."""

    erp_id: str
    identity: str = ""


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where and as whom to read; the secret never appears in repr, logs or errors.

    `base_url` is the origin ("https://contoso.operations.dynamics.com"; for Business Central the API host).
    `authority` is the token host ("https://login.microsoftonline.com"); `environment` is Business Central's.
    """

    name: str
    kind: str
    base_url: str
    authority: str
    tenant: str
    client_id: str
    secret: str = field(repr=False, default="")
    environment: str = ""
    allowed_hosts: tuple[str, ...] = ()  # "host", "host:port" or "*.suffix"; nothing else is ever contacted
    budget_seconds: float = 120.0


class LedgerSource(Protocol):
    """One ERP environment that can be read."""

    def read(self, wanted: Sequence[Wanted], span: DateSpan) -> Harvest:
        """Read the periods of the wanted companies that touch the span.

        Raises SourceUnavailable, SourceRefused or SourceMisread when nothing at all can be believed; a company that
        alone fails becomes a Gap of the Harvest.
        """
        ...
