"""How a message leaves: one function that returns once the server has taken it, or says what kind of fault it was."""

from __future__ import annotations

import contextlib
import math
import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.errors import MessageError
from typing import Any

from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends import smtp
from django.core.mail.backends.base import BaseEmailBackend

from alerts.channels.delivery_errors import (
    ChannelMisconfigured,
    ChannelUnreachable,
    PermanentFailure,
    TemporaryFailure,
)

LONGEST_SEND = timedelta(seconds=90)  # from the first word to the last; a lease is longer (05-reliability D6)
LONGEST_GOODBYE = 5.0  # seconds; nothing depends on it
LOOK_EVERY = 0.5  # seconds
PERMANENT = 500  # SMTP replies from here on say that the same will be refused again (RFC 5321, 4.2.1)
TOO_BIG = 552
SERVICE_ENDS = 421
SIGN_IN_FIRST = {530, 534, 535, 538}  # RFC 4954, 6
# What Exchange Online says of a whole account after it has read the message; to others it is the message's fault.
OF_THE_ACCOUNT = re.compile(r"SendAsDenied|\b5\.(7\.60|2\.252|7\.708|1\.8|7\.57|7\.139)\b")


class SmtpBackend(smtp.EmailBackend):
    """Django's SMTP connection, which somebody else may cut off whatever it is doing; they do so after `until`."""

    _dialling: smtplib.SMTP | None = None
    until = math.inf  # time.monotonic()

    @property
    def connection_class(self) -> Callable[..., smtplib.SMTP]:  # type: ignore[override]
        return self._dial

    def _dial(self, host: str, port: int, **params: Any) -> smtplib.SMTP:
        # smtplib hides the socket until the server has greeted, and a tarpit greets for ever: so it is dialled here.
        made = (smtplib.SMTP_SSL if self.use_ssl else smtplib.SMTP)(**params)
        made._host = host  # type: ignore[attr-defined]  # whom TLS expects to see
        self._dialling = made
        code, said = made.connect(host, port)
        if code != 220:
            made.close()
            raise smtplib.SMTPConnectError(code, said)
        return made

    def cut(self) -> None:
        """End the conversation from another thread; whoever waits for the server finds that it hung up."""
        for each in (self._dialling, self.connection):
            sock = getattr(each, "sock", None)
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        """Forget the connection without a word: after a fault nobody knows what the server would make of one."""
        for each in (self._dialling, self.connection):
            if each is not None:
                each.close()
        self._dialling = self._partial_connection = self.connection = None


@contextmanager
def mail_connection() -> Iterator[BaseEmailBackend]:
    """One connection for many messages, opened by the first."""
    server, over = get_connection(), threading.Event()
    if isinstance(server, SmtpBackend):
        threading.Thread(target=_watch, args=[server, over], daemon=True).start()
    try:
        yield server
    finally:
        _goodbye(server)
        over.set()


def open_connection(server: BaseEmailBackend) -> None:
    """Open the connection. Raises ChannelUnreachable or ChannelMisconfigured, and closes it then."""
    try:
        with _at_most(LONGEST_SEND.total_seconds(), server):
            server.open()
    except OSError as wrong:
        _drop(server)
        raise _fault_at_the_door(wrong) from wrong


def send_mail(mail: EmailMultiAlternatives, server: BaseEmailBackend) -> None:
    """Hand one mail to the server.

    Raises TemporaryFailure, ChannelUnreachable, PermanentFailure or ChannelMisconfigured; the connection is closed
    then. Takes LONGEST_SEND at most, but for looking up the server's name. What is no fault of mail or server is
    raised as it is.
    """
    with _at_most(LONGEST_SEND.total_seconds(), server):
        open_connection(server)
        try:
            if server.send_messages([mail]) != 1:
                raise PermanentFailure("The message has no address to go to.")
        except (OSError, ValueError, MessageError) as wrong:  # SMTPException is an OSError
            _drop(server)
            raise _fault(wrong) from wrong
        except BaseException:  # a time limit of the worker: half a message may have been said
            _drop(server)
            raise


@contextmanager
def _at_most(seconds: float, server: BaseEmailBackend) -> Iterator[None]:
    """Cut the conversation off after so long. A server that says a letter now and then passes every other timeout."""
    if not isinstance(server, SmtpBackend):
        yield
        return
    before = server.until
    server.until = min(before, time.monotonic() + seconds)
    try:
        yield
    finally:
        server.until = before


def _watch(server: SmtpBackend, over: threading.Event) -> None:
    # One thread for all messages: one for each would cost more than the message.
    while not over.wait(LOOK_EVERY):
        if time.monotonic() > server.until:
            server.cut()


def _goodbye(server: BaseEmailBackend) -> None:
    # It may have hung up first.
    with _at_most(LONGEST_GOODBYE, server), contextlib.suppress(OSError):
        server.close()
    _drop(server)


def _drop(server: BaseEmailBackend) -> None:
    if isinstance(server, SmtpBackend):
        server.drop()
    else:
        with contextlib.suppress(OSError):
            server.close()


def _fault_at_the_door(wrong: OSError) -> ChannelUnreachable | ChannelMisconfigured:
    """What it means that no connection was made: no message has any part in it."""
    match wrong:
        case smtplib.SMTPResponseException() if wrong.smtp_code >= PERMANENT:
            return ChannelMisconfigured(_words(wrong.smtp_code, wrong.smtp_error))
        case smtplib.SMTPResponseException():
            return ChannelUnreachable(_words(wrong.smtp_code, wrong.smtp_error))
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return ChannelUnreachable(f"The mail server hung up: {wrong}")
        case smtplib.SMTPNotSupportedError() | ssl.SSLError():
            return ChannelMisconfigured(f"The mail server and our settings do not fit: {wrong}")
        case _:
            return ChannelUnreachable(f"The mail server does not answer: {wrong}")


def _fault(
    wrong: OSError | ValueError | MessageError,
) -> TemporaryFailure | PermanentFailure | ChannelMisconfigured:
    """Whose fault it is that a message was not taken over a connection that had been made."""
    match wrong:
        case smtplib.SMTPRecipientsRefused():
            code, said = next(iter(wrong.recipients.values()))
            if code in SIGN_IN_FIRST:
                return ChannelMisconfigured(_words(code, said))
            return (PermanentFailure if code >= PERMANENT else TemporaryFailure)(_words(code, said))
        case smtplib.SMTPSenderRefused() if wrong.smtp_code == TOO_BIG:
            return PermanentFailure(_words(wrong.smtp_code, wrong.smtp_error))
        case smtplib.SMTPSenderRefused() if wrong.smtp_code >= PERMANENT:
            return ChannelMisconfigured(_words(wrong.smtp_code, wrong.smtp_error))
        case smtplib.SMTPDataError() if wrong.smtp_code >= PERMANENT:
            words = _words(wrong.smtp_code, wrong.smtp_error)
            return (ChannelMisconfigured if OF_THE_ACCOUNT.search(words) else PermanentFailure)(words)
        case smtplib.SMTPResponseException():
            return TemporaryFailure(_words(wrong.smtp_code, wrong.smtp_error))
        case smtplib.SMTPServerDisconnected():
            return TemporaryFailure("The mail server hung up before it had taken the message.")
        case OSError():
            return TemporaryFailure(f"The mail server does not answer: {wrong}")
        case _:
            return PermanentFailure(f"The message cannot be made: {type(wrong).__name__}: {wrong}")


def _words(code: int, said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return f"The mail server said {code} {' '.join(text.split())[:300]}"
