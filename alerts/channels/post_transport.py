"""Sends a post over HTTPS; returns once the server has accepted it, or raises the kind of failure.

Every request goes through `infra.outbound`, so that a destination can lead to no address that it forbids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qsl, unquote

from django.core.exceptions import ValidationError

from alerts.channels.delivery_errors import (
    ChannelMisconfigured,
    ChannelUnreachable,
    PermanentFailure,
    TemporaryFailure,
)
from alerts.channels.destination_addresses import allowed_hosts, check_address
from alerts.models import Destination
from infra.hosts import UrlParts
from infra.outbound.errors import AccessRefused, RequestFailed, ServerUnavailable
from infra.outbound.guarded_transport import TimeBudget
from infra.outbound.session import OutboundResponse, OutboundSession, RequestLimits
from infra.secrets import SecretUnreadable

LONGEST_POST = 30.0  # seconds from the look-up of the name to the answer; a lease is ten times as long
# No retries here: the outbox retries.
LIMITS = RequestLimits(retries=0, operation_seconds=10.0, attempt_bytes=200_000)
# The pause of a server that does not answer, so that it does not delay the posts to others.
HANG_PAUSE = timedelta(minutes=1)

_MISCONFIGURED_STATUSES = {401, 402, 403, 404, 405, 407, 410}
_RETRY_STATUSES = {408, 425, 429}
# Power Automate and Slack say so where the flow is switched off, or the channel or the app is gone.
_DESTINATION_GONE = re.compile(
    r"TriggerIsNotEnabled|Workflow\w*(NotFound|Disabled|Suspended)|DirectApi\w*|no_service|no_active_hooks|no_team"
    r"|team_disabled|channel_\w+|user_not_found|action_prohibited|invalid_token|posting_to_\w+",
    re.IGNORECASE,
)


def post_to_destination(destination: Destination, body: bytes, headers: Mapping[str, str]) -> None:
    """Post one body to a destination.

    Raises TemporaryFailure, ChannelUnreachable, PermanentFailure or ChannelMisconfigured, whose texts hold nothing
    of the address but its host. Takes LONGEST_POST at most. No redirect is followed.
    """
    try:
        url = destination.url
        target = check_address(destination.kind, url)
    except SecretUnreadable:
        raise ChannelMisconfigured(
            "Its address cannot be read any more: the key it was stored with is gone."
        ) from None
    except ValidationError as error:
        raise ChannelMisconfigured(" ".join(error.messages)) from None
    with OutboundSession(allowed_hosts(destination.kind), TimeBudget(LONGEST_POST), LIMITS) as session:
        session.register_secrets(*_secrets_of(target))
        try:
            answer = session.post_json(url, headers, body)
        except RequestFailed as error:
            raise _request_failure(target, error) from None
    _raise_for_status(target, answer)


def _secrets_of(target: UrlParts) -> list[str]:
    """Every part of an address that may be the secret which permits posting there."""
    path, _, query = target.path.partition("?")
    values = [value for _, value in parse_qsl(query)]
    parts = [target.path, path, query, *values, *re.split(r"[/?&=]", target.path)]
    return [text for part in parts for text in (part, unquote(part)) if len(text) > 5]


def _request_failure(target: UrlParts, error: RequestFailed) -> TemporaryFailure | ChannelMisconfigured:
    """The error for a request without an answer; the original text names the whole path, which is secret here."""
    host = target.netloc
    if isinstance(error, AccessRefused):
        return ChannelMisconfigured(
            f"{host} may not be contacted: it does not prove who it is, or leads to an address that is forbidden."
        )
    if not isinstance(error, ServerUnavailable):
        return TemporaryFailure(f"{host} sent an answer that has no end.", HANG_PAUSE)
    if error.status is not None:
        wait = timedelta(seconds=error.retry_after or 0)
        delay = f" and asked to wait {wait.total_seconds():.0f} seconds" if wait else ""
        return TemporaryFailure(f"{host} answered {error.status}{delay}.", wait)
    if not error.reached:
        return ChannelUnreachable(f"{host} cannot be reached.")
    return TemporaryFailure(f"{host} did not answer in time, or hung up before it had.", HANG_PAUSE)


def _raise_for_status(target: UrlParts, answer: OutboundResponse) -> None:
    status = answer.status
    reply = f"{target.netloc} answered {status}"
    reply += f": {answer.sample[:200].strip()}" if answer.sample.strip() else "."
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise ChannelMisconfigured(f"{target.netloc} sends us elsewhere ({status}), and no post follows.")
    if status in _MISCONFIGURED_STATUSES or (status < 500 and _DESTINATION_GONE.search(answer.sample)):
        raise ChannelMisconfigured(reply)
    if status in _RETRY_STATUSES or status >= 500:
        raise TemporaryFailure(reply)
    raise PermanentFailure(reply)


@dataclass(frozen=True, slots=True)
class Post:
    """The body and the headers of one request to a destination."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def send_post(destination: Destination, post: Post) -> None:
    """Send the post. Raises TemporaryFailure, ChannelUnreachable, PermanentFailure or ChannelMisconfigured."""
    post_to_destination(destination, post.body, post.headers)
