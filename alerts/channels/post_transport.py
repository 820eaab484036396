"""Sends a post over HTTPS, and reads what its answer means.

Every request goes through `infra.outbound`, so that a destination can lead to no address that it forbids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qsl, unquote

from alerts.channels.delivery_errors import (
    ChannelMisconfigured,
    ChannelUnreachable,
    DeliveryFailure,
    PermanentFailure,
    TemporaryFailure,
)
from infra.hosts import UrlParts
from infra.outbound.errors import AccessRefused, RequestFailed, ServerUnavailable
from infra.outbound.guarded_transport import TimeBudget
from infra.outbound.session import OutboundResponse, OutboundSession, RequestLimits

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


@dataclass(frozen=True, slots=True)
class Post:
    """The body and the headers of one request to a destination."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def post_over_https(url: str, target: UrlParts, allowed_hosts: Sequence[str], post: Post) -> OutboundResponse:
    """Send a post to an address, of which `target` has the parts, and return the answer, whatever it is.

    Raises TemporaryFailure, ChannelUnreachable or ChannelMisconfigured, whose texts hold nothing of the address but
    its host. Takes LONGEST_POST at most. No redirect is followed.
    """
    with OutboundSession(allowed_hosts, TimeBudget(LONGEST_POST), LIMITS) as session:
        session.register_secrets(*_secrets_of(target))
        try:
            return session.post_json(url, post.headers, post.body)
        except RequestFailed as error:
            raise _request_failure(target, error) from None


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


def answer_failure(target: UrlParts, answer: OutboundResponse) -> DeliveryFailure | None:
    """What an answer means; None where the server has accepted the post."""
    status = answer.status
    reply = f"{target.netloc} answered {status}"
    reply += f": {answer.sample[:200].strip()}" if answer.sample.strip() else "."
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return ChannelMisconfigured(f"{target.netloc} sends us elsewhere ({status}), and no post follows.")
    if status in _MISCONFIGURED_STATUSES or (status < 500 and _DESTINATION_GONE.search(answer.sample)):
        return ChannelMisconfigured(reply)
    if status in _RETRY_STATUSES or status >= 500:
        return TemporaryFailure(reply)
    return PermanentFailure(reply)
