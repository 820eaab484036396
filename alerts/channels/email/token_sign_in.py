"""Signs in to a mail server by a token of Entra instead of a password (XOAUTH2 with client credentials)."""

from __future__ import annotations

import contextlib
import smtplib
from dataclasses import dataclass, field

from django.conf import settings

from infra.outbound.entra_tokens import ClientCredentials, TokenCache
from infra.outbound.errors import AccessRefused
from infra.outbound.guarded_transport import TimeBudget
from infra.outbound.session import OutboundSession, RequestLimits

TOKEN_SECONDS = 30.0  # for a token, of the time that a whole conversation may take
_LIMITS = RequestLimits(retries=1, operation_seconds=10.0, attempt_bytes=200_000)
_tokens = TokenCache()  # of this process; Entra's tokens hold for an hour


@dataclass(frozen=True, slots=True)
class MailToken:
    """A token, and the credentials that it was got by."""

    credentials: ClientCredentials
    text: str = field(repr=False)


def mail_token() -> MailToken | None:
    """The token to sign in with, None where the mail server is given a password, or nothing.

    Raises RequestFailed: AccessRefused where Entra refuses the credentials, which is remembered for a while.
    """
    if not settings.MAIL_OAUTH_TENANT:
        return None
    credentials = ClientCredentials(
        settings.MAIL_OAUTH_AUTHORITY,
        settings.MAIL_OAUTH_TENANT,
        settings.MAIL_OAUTH_CLIENT_ID,
        settings.MAIL_OAUTH_SCOPE,
        settings.MAIL_OAUTH_CLIENT_SECRET,
        place="the settings MAIL_OAUTH_...",
    )
    with _session() as session:
        return MailToken(credentials, _tokens.token(session, credentials))


def sign_in(server: smtplib.SMTP, mailbox: str, token: MailToken) -> None:
    """Sign in as the mailbox; a token that the server refuses is renewed once. Raises SMTPException."""
    try:
        _authenticate(server, mailbox, token.text)
    except smtplib.SMTPAuthenticationError:
        renewed = _renewed(token)
        if not renewed:
            raise
        _authenticate(server, mailbox, renewed)


def _renewed(token: MailToken) -> str:
    # The mail server's own reply says more than that the fresh token is refused too.
    with _session() as session, contextlib.suppress(AccessRefused):
        return _tokens.renew(session, token.credentials, token.text)
    return ""


def _authenticate(server: smtplib.SMTP, mailbox: str, token: str) -> None:
    if "XOAUTH2" not in server.esmtp_features.get("auth", "").upper().split():
        raise smtplib.SMTPNotSupportedError("it offers no sign-in by token (AUTH XOAUTH2)")
    first = f"user={mailbox}\x01auth=Bearer {token}\x01\x01"
    try:
        # A refusal comes as a challenge with its reasons; only after an empty answer comes the code.
        server.auth("XOAUTH2", lambda challenge=None: first if challenge is None else "")
    except smtplib.SMTPAuthenticationError as error:
        reply = (
            error.smtp_error.decode(errors="replace")
            if isinstance(error.smtp_error, bytes)
            else error.smtp_error
        )
        raise smtplib.SMTPAuthenticationError(error.smtp_code, reply.replace(token, "***")) from None


def _session() -> OutboundSession:
    return OutboundSession(settings.ERP_ALLOWED_HOSTS, TimeBudget(TOKEN_SECONDS), _LIMITS)
