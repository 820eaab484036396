"""The kinds of channel: one interface for mail, Teams, Slack, signed webhooks and others, by the stored kind.

`settings.CHANNEL_KINDS` names the object of each, in a folder of its own: `alerts/channels/<kind>/channel.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from alerts.channels.delivery_errors import ChannelMisconfigured, DeliveryFailure, InvalidAddress
from alerts.channels.post_transport import Post, answer_failure, post_over_https
from alerts.mail.compose import post_content
from alerts.mail.message_lookups import MessageLookups
from alerts.mail.sections import MessageContent
from alerts.models import Delivery, Destination
from alerts.notices.entries import DeliverableNotice
from infra.hosts import ForbiddenAddress, HostAllowlist, UrlParts, is_loopback, parse_url
from infra.outbound.session import OutboundResponse
from infra.secrets import SecretUnreadable
from worklist.task_store.task_reminders import TaskReminder

Renderer = Callable[[Destination, str, MessageContent, Sequence[DeliverableNotice], datetime], Post]


class Draft(NamedTuple):
    """A message to compose: with its notices as they are at a moment, and data that many messages share."""

    delivery: Delivery
    items: Sequence[DeliverableNotice]  # empty where it reports a channel's trouble
    as_of: datetime
    lookups: MessageLookups | None = None
    tasks: TaskReminder | None = None  # of the person's daily digest


SendMethod = Callable[[Draft], None]


class ChannelConnection(NamedTuple):
    """A connection for the messages of one run, which the first opens.

    `send` composes and sends a message and returns once the server has accepted it; `reach` opens the connection.
    Both raise the errors of `alerts.channels.delivery_errors`.
    """

    send: SendMethod
    reach: Callable[[], None]


class ChannelKind(Protocol):
    """The interface of every kind of channel."""

    def connect(self) -> AbstractContextManager[ChannelConnection]: ...


@dataclass(frozen=True, kw_only=True)
class DestinationKind:
    """A kind of channel that posts over HTTPS to destinations, which people add with an address.

    `hosts`: where posts may go, without any those that the operator lists; `foreign_host` explains of a host that it
    is none of them, `address_problem` what is wrong with an address at one of them ("" for nothing). `render` makes
    the post of the message with an id; `failure` reads the answer, None for an accepted post. `new_secret` makes a
    key where posts are signed; `help` and `test_hint` stand beside the form and the result of a test post.
    """

    label: str
    help: str
    foreign_host: Callable[[str], str]
    render: Renderer
    hosts: tuple[str, ...] = ()
    address_problem: Callable[[UrlParts], str] = lambda _: ""
    failure: Callable[[UrlParts, OutboundResponse], DeliveryFailure | None] = answer_failure
    new_secret: Callable[[], str] | None = None
    test_hint: str = ""

    def connect(self) -> AbstractContextManager[ChannelConnection]:
        """Each post has a connection of its own."""
        return nullcontext(ChannelConnection(self._send, lambda: None))

    def _send(self, draft: Draft) -> None:
        self.post(draft.delivery.place, self.compose(draft))

    def compose(self, draft: Draft) -> Post:
        """The post of a message."""
        content, destination = post_content(*draft[:4]), draft.delivery.place
        return self.render(destination, f"msg_{draft.delivery.uid.hex}", content, draft.items, draft.as_of)

    def make_secret(self) -> str:
        """A new key that signs posts; empty where none are signed."""
        return self.new_secret() if self.new_secret is not None else ""

    def post(self, destination: Destination, post: Post) -> None:
        """Send one post. Raises TemporaryFailure, ChannelUnreachable, PermanentFailure or ChannelMisconfigured."""
        try:
            url = destination.url
            target = self.check_address(url)
        except SecretUnreadable:
            raise ChannelMisconfigured(
                "Its address cannot be read any more: the key it was stored with is gone."
            ) from None
        answer = post_over_https(url, target, self.allowed_hosts(), post)
        if (failure := self.failure(target, answer)) is not None:
            raise failure

    def allowed_hosts(self) -> tuple[str, ...]:
        """The hosts that posts may go to. Every kind may use this machine where the operator has listed it."""
        listed = settings.WEBHOOK_ALLOWED_HOSTS
        return (*self.hosts, *filter(_is_this_machine, listed)) if self.hosts else listed

    def check_address(self, url: str) -> UrlParts:
        """Return the parts of an address that this kind allows. Opens no connection; raises InvalidAddress."""
        try:
            host = parse_url(url).host
        except ForbiddenAddress:
            raise InvalidAddress(
                "This is not an address. Paste all of it; it begins with https://."
            ) from None
        try:
            target = HostAllowlist(self.allowed_hosts()).check(url)
        except ForbiddenAddress as error:
            if "https" in str(error):
                raise InvalidAddress(
                    "Only addresses that begin with https:// can be used, so that posts are encrypted."
                ) from None
            raise InvalidAddress(self.foreign_host(host)) from None
        if problem := self.address_problem(target):
            raise InvalidAddress(problem)
        return target


def destination_kinds() -> Mapping[str, DestinationKind]:
    """The kinds that destinations may have, in the order in which the form lists them."""
    return {kind: it for kind, it in channel_kinds().items() if isinstance(it, DestinationKind)}


def destination_kind(destination: Destination) -> DestinationKind:
    """The kind of a destination. Raises ChannelMisconfigured where it is not installed."""
    kind = destination_kinds().get(destination.kind)
    if kind is None:
        raise ChannelMisconfigured(f"No channel of the kind “{destination.kind}” is installed.")
    return kind


def signs_posts(destination: Destination) -> bool:
    """Whether the posts to a destination are signed with a key."""
    kind = destination_kinds().get(destination.kind)
    return kind is not None and kind.new_secret is not None


def channel_kinds() -> Mapping[str, ChannelKind]:
    """Every kind that is installed, by the word that rows store."""
    return {kind: import_string(path) for kind, path in settings.CHANNEL_KINDS.items()}


def _is_this_machine(entry: str) -> bool:
    try:
        return is_loopback(parse_url(f"https://{entry}").host)
    except ForbiddenAddress:
        return False
