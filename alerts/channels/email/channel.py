"""Mails to people, all of one run over one connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from alerts.channels.email.transport import mail_connection, open_connection, send_mail
from alerts.channels.kinds import ChannelConnection
from alerts.mail.compose import compose_mail


class EmailKind:
    """The channel of people; it has no destinations."""

    @contextmanager
    def connect(self) -> Iterator[ChannelConnection]:
        """Yield one connection to the mail server."""
        with mail_connection() as server:
            yield ChannelConnection(
                lambda draft: send_mail(compose_mail(*draft), server), partial(open_connection, server)
            )


EMAIL = EmailKind()
