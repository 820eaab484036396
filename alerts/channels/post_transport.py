"""How a post leaves: one function that returns once the server has taken it, or says what kind of fault it was.

Everything goes through the connectors' HTTP door, so that a destination can lead to no address that it forbids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qsl, unquote

from alerts.channels.delivery_errors import (
    ChannelMisconfigured,
    ChannelUnreachable,
    PermanentFailure,
    TemporaryFailure,
)
from alerts.channels.destination_addresses import InvalidAddress, allowed_hosts, check_address
from alerts.models import Destination
from infra.hosts import UrlParts
from infra.outbound.errors import AccessRefused, RequestFailed, ServerUnavailable
from infra.outbound.guarded_transport import TimeBudget
from infra.outbound.session import OutboundResponse, OutboundSession, RequestLimits
from infra.secrets import SecretUnreadable

LONGEST_POST = 30.0  # seconds from the look-up of the name to the answer; a lease is ten times as long
# Who tries again is the outbox.
LIMITS = RequestLimits(retries=0, operation_seconds=10.0, attempt_bytes=200_000)
# That a server which does not answer is left alone; others wait meanwhile.
AFTER_A_HANG = timedelta(minutes=1)

_NOT_OURS = {401, 402, 403, 404, 405, 407, 410}
_LATER = {408, 425, 429}


def post_to_destination(place: Destination, body: bytes, headers: Mapping[str, str]) -> None:
    """Post one body to a destination.

    Raises TemporaryFailure, ChannelUnreachable, PermanentFailure or ChannelMisconfigured, none of whose words holds
    any of the address but its host. Takes LONGEST_POST at most. No redirect is followed.
    """
    try:
        url = place.url
        target = check_address(place.kind, url)
    except SecretUnreadable:
        raise ChannelMisconfigured(
            "Its address cannot be read any more: the key it was stored with is gone."
        ) from None
    except InvalidAddress as wrong:
        raise ChannelMisconfigured(str(wrong)) from None
    with OutboundSession(allowed_hosts(place.kind), TimeBudget(LONGEST_POST), LIMITS) as wire:
        wire.register_secrets(*_secrets_of(target))
        try:
            answer = wire.post_json(url, headers, body)
        except RequestFailed as wrong:
            raise _fault(target, wrong) from None
    _judge(target, answer)


def _secrets_of(target: UrlParts) -> list[str]:
    """Every part of an address that may be what lets somebody post there."""
    path, _, query = target.path.partition("?")
    values = [value for _, value in parse_qsl(query)]
    parts = [target.path, path, query, *values, *re.split(r"[/?&=]", target.path)]
    return [each for part in parts for each in (part, unquote(part)) if len(each) > 5]


def _fault(target: UrlParts, wrong: RequestFailed) -> TemporaryFailure | ChannelMisconfigured:
    """What it means that there is no answer; the wire's own words name the whole path, which is a secret here."""
    host = target.netloc
    if isinstance(wrong, AccessRefused):
        return ChannelMisconfigured(
            f"{host} may not be contacted: it does not prove who it is, or leads to an address that is forbidden."
        )
    if not isinstance(wrong, ServerUnavailable):
        return TemporaryFailure(f"{host} sent an answer that has no end.", AFTER_A_HANG)
    if wrong.status is not None:
        wait = timedelta(seconds=wrong.retry_after or 0)
        asked = f" and asked to wait {wait.total_seconds():.0f} seconds" if wait else ""
        return TemporaryFailure(f"{host} answered {wrong.status}{asked}.", wait)
    if not wrong.reached:
        return ChannelUnreachable(f"{host} cannot be reached.")
    return TemporaryFailure(f"{host} did not answer in time, or hung up before it had.", AFTER_A_HANG)


def _judge(target: UrlParts, answer: OutboundResponse) -> None:
    status = answer.status
    said = f"{target.netloc} answered {status}"
    said += f": {answer.sample[:200].strip()}" if answer.sample.strip() else "."
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise ChannelMisconfigured(f"{target.netloc} sends us elsewhere ({status}), and no post follows.")
    if status in _NOT_OURS:
        raise ChannelMisconfigured(said)
    if status in _LATER or status >= 500:
        raise TemporaryFailure(said)
    raise PermanentFailure(said)


@dataclass(frozen=True, slots=True)
class Post:
    """What a destination is sent."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def send_post(place: Destination, told: Post) -> None:
    """Send the post. Raises TemporaryFailure, ChannelUnreachable, PermanentFailure or ChannelMisconfigured."""
    post_to_destination(place, told.body, told.headers)
