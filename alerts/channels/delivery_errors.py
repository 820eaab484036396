"""The errors of sending a message; each class says whether to retry it, pause the channel, or give up."""

from __future__ import annotations

from datetime import timedelta


class DeliveryFailure(Exception):
    """The message was not accepted."""


class TemporaryFailure(DeliveryFailure):
    """The message may be accepted later; not before `wait`, where the server says so."""

    def __init__(self, message: str, wait: timedelta = timedelta(0)) -> None:
        super().__init__(message)
        self.wait = wait


class ServerBusy(TemporaryFailure):
    """The server answers, but accepts no message from us for now."""


class ChannelUnreachable(TemporaryFailure):
    """The channel's server does not answer: it would accept no message now."""


class CompositionFailed(DeliveryFailure):
    """The message could not be composed: an error in our own code, whatever the channel (05-reliability A5)."""


class PermanentFailure(DeliveryFailure):
    """The server will never accept this message to this address."""


class MessageRefused(PermanentFailure):
    """The server refuses this message or its recipient, by a reply that is about nothing else."""


class UnclearRefusal(DeliveryFailure):
    """The server refuses the message, and its reply does not show whether it would refuse every other one too."""


class ChannelMisconfigured(DeliveryFailure):
    """The server refuses us altogether, whatever the message (05-reliability D4)."""


class InvalidAddress(ChannelMisconfigured):
    """An address that no post may go to; the text says why, and what the person who typed it may do."""
