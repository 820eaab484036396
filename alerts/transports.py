"""How a message leaves: one function that returns once the server has taken it, or says what kind of fault it was."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend

PERMANENT = 500  # SMTP replies from here on say that the same will be refused again (RFC 5321, 4.2.1)


class Temporary(Exception):
    """It may go through later."""


class Permanent(Exception):
    """This message to this address never will."""


class Misconfigured(Exception):
    """The server does not want us at all: no fault of any message (05-reliability D4)."""


@contextmanager
def mail_server() -> Iterator[BaseEmailBackend]:
    """One connection for many messages, opened by the first."""
    server = get_connection()
    try:
        yield server
    finally:
        _close(server)


def send(mail: EmailMultiAlternatives, server: BaseEmailBackend) -> None:
    """Hand one mail to the server. Raises Temporary, Permanent or Misconfigured; the connection is closed then."""
    try:
        mail.connection = server
        if mail.send() != 1:
            raise Permanent("The message has no address to go to.")
    except (Temporary, Permanent, Misconfigured):
        raise
    except Exception as wrong:
        fault = _fault(wrong)
        _close(server)
        raise fault from wrong


def _close(server: BaseEmailBackend) -> None:
    with contextlib.suppress(OSError, smtplib.SMTPException):  # it may have hung up first
        server.close()


def _fault(wrong: Exception) -> Exception:
    """Which of the three an error of the mail library is; anything unknown may have been the message's own fault."""
    match wrong:
        case smtplib.SMTPRecipientsRefused():
            code, said = next(iter(wrong.recipients.values()))
            return (Permanent if code >= PERMANENT else Temporary)(_words(code, said))
        case smtplib.SMTPAuthenticationError() if wrong.smtp_code >= PERMANENT:
            return Misconfigured(_words(wrong.smtp_code, wrong.smtp_error))
        case smtplib.SMTPSenderRefused() if wrong.smtp_code >= PERMANENT:
            return Misconfigured(_words(wrong.smtp_code, wrong.smtp_error))
        case smtplib.SMTPHeloError() | smtplib.SMTPNotSupportedError() | ssl.SSLError():
            return Misconfigured(f"The mail server and our settings do not fit: {wrong}")
        case smtplib.SMTPDataError() if wrong.smtp_code >= PERMANENT:
            return Permanent(_words(wrong.smtp_code, wrong.smtp_error))
        case smtplib.SMTPResponseException():
            return Temporary(_words(wrong.smtp_code, wrong.smtp_error))
        case OSError():
            return Temporary(f"The mail server does not answer: {wrong}")
        case _:
            return Permanent(f"The message could not be made: {type(wrong).__name__}: {wrong}")


def _words(code: int, said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return f"The mail server said {code} {' '.join(text.split())[:300]}"
