"""Sends a test mail to the signed-in administrator."""

from __future__ import annotations

from email.utils import formataddr
from typing import cast

import structlog
from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.core.mail import EmailMultiAlternatives
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_POST
from redis import RedisError

from alerts.channels.delivery_errors import ChannelMisconfigured, DeliveryFailure, TemporaryFailure
from alerts.channels.email.transport import mail_connection, send_mail
from board.notifications.mail_preview import mail_folder
from board.web import labels
from board.web.forms import SeeOther
from board.web.readers import Reader, may_send_test, signed_in
from entities.models import Person

TEST_MESSAGE_INTERVAL = 60  # seconds between two test mails of one person

log = structlog.get_logger(__name__)


@require_POST
@signed_in
def send_test_message(request: HttpRequest) -> HttpResponse:
    """Sends a test mail to the person at once and shows the mail server's reply."""
    person = cast("Person", request.user)
    if not may_send_test(person):
        raise PermissionDenied
    response = SeeOther(reverse("alerts"))
    if not settings.MAILS_LEAVE:
        messages.error(request, "No mail server is named: set MAIL_URL in the environment and start again.")
    elif may_send_now(
        request,
        f"trial-message-{person.pk}",
        TEST_MESSAGE_INTERVAL,
        verb="sent",
        too_soon="You have just sent one. Try again in a minute.",
    ):
        _send(request, person)
    return response


def may_send_now(request: HttpRequest, key: str, seconds: int, *, verb: str, too_soon: str) -> bool:
    """Whether nothing was sent under the key in the last seconds; shows a message if not."""
    try:
        if cache.add(key, 1, seconds):
            return True
    except RedisError:
        messages.error(request, f"Redis does not answer, so nothing was {verb}. Try again in a minute.")
    else:
        messages.warning(request, too_soon)
    return False


def _send(request: HttpRequest, person: Person) -> None:
    reader = Reader.in_zone(person.zone)
    when = f"{labels.moment_in_full(now(), reader.zone)} {reader.zone_name}"
    mail = EmailMultiAlternatives(
        subject="Closeboard: a test message",
        body=f"You asked for this message on {when}. Alerts of Closeboard reach you at this address.\n\n"
        f"{settings.PUBLIC_BASE_URL.rstrip('/')}{reverse('alerts')}\n",
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[formataddr((person.name, person.email))],
        headers={"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"},
    )
    try:
        with mail_connection() as server:
            send_mail(mail, server)
    except ChannelMisconfigured as error:
        messages.error(request, f"The mail server refuses our mails. {error}")
    except TemporaryFailure as error:
        messages.error(request, f"The message could not be sent just now. {error}")
    except DeliveryFailure as error:
        messages.error(request, f"The message to {person.email} cannot be sent. {error}")
    else:
        result = "was written to the folder of mails" if mail_folder() else "was accepted by the mail server"
        messages.success(request, f"A message to {person.email} {result}.")
        return
    log.warning("trial message not sent", person=person.pk)
