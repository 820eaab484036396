"""How a message fails to leave: each error says what may be tried next."""

from __future__ import annotations

from datetime import timedelta


class TemporaryFailure(Exception):
    """It may go through later; not before `wait`, where the server says so."""

    def __init__(self, words: str, wait: timedelta = timedelta(0)) -> None:
        super().__init__(words)
        self.wait = wait


class ChannelUnreachable(TemporaryFailure):
    """No server answers where it should: no message would go through now."""


class PermanentFailure(Exception):
    """This message to this address never will."""


class ChannelMisconfigured(Exception):
    """The server does not want us at all: no fault of any message (05-reliability D4)."""
