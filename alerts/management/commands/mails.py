"""`manage.py mails show|hold|release|retry`: show, hold and release all mails and posts, and retry failed ones."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction
from django.db.models import Count, Min
from django.db.models.functions import Now
from django.utils import timezone

from alerts.channels import state as channel_state
from alerts.models import EMAIL, Delivery, Destination
from alerts.outbox import queue as outbox
from alerts.outbox import restore_guard
from entities.audit_trail import Verb, record_act
from infra.audit.recording import INSTALLATION

_STATE_WORDS = {Delivery.State.CANCELLED.value: "not sent"}
BY_HAND = "held by `manage.py mails hold`"


class Command(BaseCommand):
    """Holds and releases all messages; use it on a restored database before its workers start."""

    help = (
        "Show what waits to be sent (show), send nothing until further notice (hold: do so before you start workers "
        "on a restored backup, whose messages may have gone out already), send again (release), or try again what "
        "could not be sent (retry). All of these are about mails and about posts to destinations."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", nargs="?", default="show", choices=["show", "hold", "release", "retry"])
        parser.add_argument(
            "--because", default=BY_HAND, help="why messages are held, for the next administrator"
        )

    def handle(self, *args: Any, verb: str, because: str, **options: Any) -> None:
        match verb:
            case "hold":
                with transaction.atomic():
                    channel_state.hold(because)
                    record_act(Verb.SENDING_HELD, INSTALLATION, reason=because)
                self.stdout.write("No mail and no post is sent until `manage.py mails release`.")
            case "release":
                with transaction.atomic():
                    restore_guard.accept_database(timezone.now())
                    channel_state.release()
                    record_act(Verb.SENDING_RELEASED, INSTALLATION)
                self.stdout.write("Mails and posts are sent again; waiting ones within 30 seconds.")
            case "retry":
                with transaction.atomic():
                    count = outbox.retry_failed()
                    record_act(Verb.SENDING_RETRIED, INSTALLATION, after={"messages": count})
                self.stdout.write(f"{_wait(count)} for another try.")
        self._show()

    def _show(self) -> None:
        counts = [
            f"{count} {_STATE_WORDS.get(state, Delivery.State(state).label.lower())}"
            for state, count in Delivery.objects.order_by().values_list("state").annotate(Count("pk"))
        ]
        self.stdout.write(f"Messages: {', '.join(sorted(counts)) or 'none'}.")
        unsent = Delivery.objects.filter(state__in=["waiting", "sending"], due_at__lte=Now())
        oldest = unsent.aggregate(span=Now() - Min("due_at"))["span"]
        if oldest is not None:
            self.stdout.write(f"The oldest that is due has been due for {_span(oldest)}.")
        channels = channel_state.channel_stats()
        mail = channels.get(EMAIL, channel_state.ChannelStats(EMAIL))
        if not settings.MAILS_LEAVE:
            self.stdout.write("No mail server is set, so mails wait: set MAIL_URL.")
        elif mail.held:
            self.stdout.write(f"Sending is on hold: {mail.words}.")
        elif mail.paused_for is not None:
            self.stdout.write(f"Sending is paused for {_span(mail.paused_for)} more: {mail.words}")
        elif mail.words:
            self.stdout.write(f"In trouble: {mail.words}")
        self._show_posts(channels.values())
        for failed in Delivery.objects.filter(state="parked").select_related("recipient", "destination")[:20]:
            to = failed.to if failed.recipient is None else failed.recipient.email
            self.stdout.write(f"Cannot be sent to {to}: {failed.words}")

    def _show_posts(self, channels: Iterable[channel_state.ChannelStats]) -> None:
        destinations = {row.channel: row for row in Destination.objects.all()}
        for row in channels:
            if row.name in destinations and (row.words or row.waiting or row.failed):
                paused = f", paused for {_span(row.paused_for)} more" if row.paused_for is not None else ""
                error = f": {row.words}" if row.words else ""
                counts = f"{_wait(row.waiting)}, {row.failed} cannot be sent"
                self.stdout.write(f"To {destinations[row.name]}: {counts}{paused}{error}")


def _wait(count: int) -> str:
    return "1 message waits" if count == 1 else f"{count} messages wait"


def _span(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
