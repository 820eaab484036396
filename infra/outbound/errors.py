"""The three errors of a request to another server, each with a sentence for people."""

from __future__ import annotations


class RequestFailed(Exception):
    """A request failed; the text is a sentence for people, names the next step and holds no secret.

    `status` is the HTTP status of the response, if there was one; `retry_after` the seconds that the server asks us
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
    """The server does not respond, is overloaded, or returns an error that may pass: try again later."""


class AccessRefused(RequestFailed):
    """The server refuses access: a person must correct credentials, permissions, tenant or environment."""


class AnswerMisread(RequestFailed):
    """The response breaks the contract: the code or the set-up must change first."""
