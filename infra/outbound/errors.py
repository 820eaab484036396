"""How a request to another server fails: three kinds, each with a sentence for people."""

from __future__ import annotations


class RequestFailed(Exception):
    """A request that brought nothing; its text is a sentence for people, names the next step and holds no secret.

    `status` is the HTTP status of the answer, if there was one; `retry_after` the seconds that the server asks us
    to wait. Not `reached`: no connection could be made, so the server cannot have received anything.
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


class ServerUnavailable(RequestFailed):
    """The server gives no answer, is overloaded, or answers something that may pass: try again later."""


class AccessRefused(RequestFailed):
    """The server refuses access: a person must mend credentials, permissions, tenant or environment."""


class AnswerMisread(RequestFailed):
    """The answer is not what the contract says: the code or the set-up must change first."""
