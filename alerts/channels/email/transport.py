"""Sends a mail over SMTP; returns once the server has accepted it, or raises the kind of failure."""

from __future__ import annotations

import contextlib
import math
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import encoders
from email.errors import MessageError
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.core.mail.backends import smtp
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import sanitize_address

from alerts.channels.delivery_errors import (
    ChannelMisconfigured,
    ChannelUnreachable,
    MessageRefused,
    PermanentFailure,
    ServerBusy,
    TemporaryFailure,
    UnclearRefusal,
)
from alerts.channels.email.smtp_replies import Concern, Stage, concern_of
from alerts.channels.email.token_sign_in import mail_token, sign_in
from alerts.models.delivery import NO_SIGN_IN, REPLY_WORDS
from infra.outbound.errors import RequestFailed, ServerUnavailable

LONGEST_SEND = timedelta(seconds=90)  # of a whole conversation; a lease is longer (05-reliability D6)
LONGEST_GOODBYE = 5.0  # seconds; nothing depends on it
WATCH_INTERVAL = 0.5  # seconds
PERMANENT = 500  # SMTP replies from here on mean that a retry will be refused as well (RFC 5321, 4.2.1)


class SmtpBackend(smtp.EmailBackend):
    """Django's SMTP connection, which another thread may cut off at any point; `_watch` does so after `until`."""

    _dialling: smtplib.SMTP | None = None
    until = math.inf  # time.monotonic()

    @property
    def connection_class(self) -> Callable[..., smtplib.SMTP]:  # type: ignore[override]
        return self._dial

    def _dial(self, host: str, port: int, **params: Any) -> smtplib.SMTP:
        # smtplib hides the socket until the server has greeted, and a tarpit greets for ever: so it is dialled here.
        params["local_hostname"] = settings.MAIL_EHLO_NAME  # this machine's own name is often refused
        client = (smtplib.SMTP_SSL if self.use_ssl else smtplib.SMTP)(**params)
        client._host = host  # type: ignore[attr-defined]  # the name that TLS verifies
        self._dialling = client
        code, reply = client.connect(host, port)
        if code != 220:
            client.close()
            raise smtplib.SMTPConnectError(code, reply)
        return client

    def open(self) -> bool | None:
        """Connect, exchange names and sign in: what is refused here is no fault of a message."""
        token = mail_token() if self.connection is None else None  # before the server waits for us
        opened = super().open()
        if opened and self.connection is not None:
            self.connection.ehlo_or_helo_if_needed()
            if token is not None:
                sign_in(self.connection, self.username, token)
        return opened

    def _send(self, email_message: EmailMessage) -> bool:
        """Send one message; its body keeps 8-bit characters only where the server offers to take them (RFC 6152)."""
        server, encoding = self.connection, email_message.encoding or settings.DEFAULT_CHARSET
        addresses = [sanitize_address(address, encoding) for address in email_message.recipients()]
        if not addresses or server is None:
            return False
        message = email_message.message()
        parts = [part for part in message.walk() if part["Content-Transfer-Encoding"] == "8bit"]
        options = ["BODY=8BITMIME"] if parts and server.has_extn("8bitmime") else []
        if not options:
            for part in parts:
                del part["Content-Transfer-Encoding"]
                encoders.encode_quopri(part)
        sender = sanitize_address(email_message.from_email, encoding)
        content = message.as_bytes(linesep="\r\n")  # type: ignore[call-arg]  # Django's own message class
        server.sendmail(sender, addresses, content, mail_options=options)
        return True

    def cut(self) -> None:
        """End the conversation from another thread; the sending thread then sees a closed connection."""
        for client in (self._dialling, self.connection):
            sock = getattr(client, "sock", None)
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        """Close the connection without QUIT: after a failure the state of the conversation is unknown."""
        for client in (self._dialling, self.connection):
            if client is not None:
                client.close()
        self._dialling = self._partial_connection = self.connection = None


@contextmanager
def mail_connection() -> Iterator[BaseEmailBackend]:
    """One connection for many messages, opened by the first."""
    server, done = get_connection(), threading.Event()
    if isinstance(server, SmtpBackend):
        threading.Thread(target=_watch, args=[server, done], daemon=True).start()
    try:
        yield server
    finally:
        _goodbye(server)
        done.set()


def open_connection(server: BaseEmailBackend) -> None:
    """Open the connection. Raises ChannelUnreachable or ChannelMisconfigured, and closes it then."""
    try:
        with _at_most(LONGEST_SEND.total_seconds(), server):
            server.open()
    except RequestFailed as error:
        _drop(server)
        failure = ChannelUnreachable if isinstance(error, ServerUnavailable) else ChannelMisconfigured
        raise failure(f"{NO_SIGN_IN}: {error}") from None
    except OSError as error:
        _drop(server)
        raise _connection_failure(error) from error


def send_mail(mail: EmailMultiAlternatives, server: BaseEmailBackend) -> None:
    """Send one mail.

    Raises TemporaryFailure, PermanentFailure, UnclearRefusal or ChannelMisconfigured; the connection is closed
    then. Takes LONGEST_SEND at most, without the look-up of the server's name. Other errors than those of mail or
    server are raised as they are.
    """
    with _at_most(LONGEST_SEND.total_seconds(), server):
        open_connection(server)
        try:
            if server.send_messages([mail]) != 1:
                raise PermanentFailure("The message has no address to go to.")
        except (OSError, ValueError, MessageError) as error:  # SMTPException is an OSError
            _drop(server)
            raise _message_failure(error) from error
        except BaseException:  # a time limit of the worker: half a message may have been sent
            _drop(server)
            raise


@contextmanager
def _at_most(seconds: float, server: BaseEmailBackend) -> Iterator[None]:
    """Cut the conversation off after `seconds`. A server that sends a byte now and then passes other timeouts."""
    if not isinstance(server, SmtpBackend):
        yield
        return
    before = server.until
    server.until = min(before, time.monotonic() + seconds)
    try:
        yield
    finally:
        server.until = before


def _watch(server: SmtpBackend, done: threading.Event) -> None:
    # One thread for all messages: a thread for each would cost more than the message.
    while not done.wait(WATCH_INTERVAL):
        if time.monotonic() > server.until:
            server.cut()


def _goodbye(server: BaseEmailBackend) -> None:
    # The server may have hung up first.
    with _at_most(LONGEST_GOODBYE, server), contextlib.suppress(OSError):
        server.close()
    _drop(server)


def _drop(server: BaseEmailBackend) -> None:
    if isinstance(server, SmtpBackend):
        server.drop()
    else:
        with contextlib.suppress(OSError):
            server.close()


def _connection_failure(error: OSError) -> ChannelUnreachable | ChannelMisconfigured:
    """The error for a connection that could not be opened; it never concerns a single message."""
    match error:
        case smtplib.SMTPResponseException() if error.smtp_code >= PERMANENT:
            return ChannelMisconfigured(_reply_text(error.smtp_code, error.smtp_error))
        case smtplib.SMTPResponseException():
            return ChannelUnreachable(_reply_text(error.smtp_code, error.smtp_error))
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return ChannelUnreachable(f"The mail server hung up: {error}")
        case smtplib.SMTPNotSupportedError() | ssl.SSLError():
            return ChannelMisconfigured(f"The mail server and our settings do not fit: {error}")
        case _:
            return ChannelUnreachable(f"The mail server does not answer: {error}")


def _message_failure(error: OSError | ValueError | MessageError) -> Exception:
    """The error for a message that was refused over an open connection."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            code, reply = next(iter(error.recipients.values()))
            return _refusal(Stage.RCPT, code, reply)
        case smtplib.SMTPSenderRefused():
            return _refusal(Stage.MAIL, error.smtp_code, error.smtp_error)
        case smtplib.SMTPResponseException():
            return _refusal(Stage.DATA, error.smtp_code, error.smtp_error)
        case smtplib.SMTPServerDisconnected():
            return TemporaryFailure("The mail server hung up before it had taken the message.")
        case OSError():
            return TemporaryFailure(f"The mail server does not answer: {error}")
        case _:
            return PermanentFailure(f"The message cannot be made: {type(error).__name__}: {error}")


def _refusal(stage: Stage, code: int, reply: bytes | str) -> Exception:
    """The error for a reply; what is refused for good is given up only where it is about the message or recipient."""
    text = _reply_text(code, reply)
    match concern_of(stage, code, text.removeprefix(f"{REPLY_WORDS} {code}")), code >= PERMANENT:
        case Concern.CLIENT, True:
            return ChannelMisconfigured(text)
        case Concern.CLIENT, False:
            return ServerBusy(text)
        case Concern.UNCLEAR, True:
            return UnclearRefusal(text)
        case _, True:
            return MessageRefused(text)
        case _:
            return TemporaryFailure(text)


def _reply_text(code: int, reply: bytes | str) -> str:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    return f"{REPLY_WORDS} {code} {' '.join(text.split())[:300]}"
