"""How a post leaves: one function that returns once the server has taken it, or says what kind of fault it was.

Everything goes through the connectors' HTTP door, so that a destination can lead to no address that it forbids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import parse_qsl, unquote

from django.conf import settings

from alerts.models import Destination
from alerts.transports import Misconfigured, Permanent, Temporary, Unreachable
from infra.hosts import ForbiddenAddress, HostRules, Target, literal, parse_url
from infra.outbound.errors import AccessRefused, RequestFailed, ServerUnavailable
from infra.outbound.host_limits import Deadline
from infra.outbound.requests import Answer, Limits, Wire
from infra.secrets import SecretUnreadable

LONGEST_POST = 30.0  # seconds from the look-up of the name to the answer; a lease is ten times as long
LIMITS = Limits(retries=0, operation_seconds=10.0, attempt_bytes=200_000)  # who tries again is the outbox
AFTER_A_HANG = timedelta(
    minutes=1
)  # that a server which does not answer is left alone; others wait meanwhile
Kind = Destination.Kind

_HOSTS: Mapping[str, tuple[str, ...]] = {
    Kind.TEAMS: ("*.logic.azure.com", "*.environment.api.powerplatform.com"),
    Kind.SLACK: ("hooks.slack.com",),
    Kind.WEBHOOK: (),
}
_OLD_TEAMS = ("webhook.office.com", "outlook.office.com", "outlook.office365.com")
_NOT_OURS = {401, 402, 403, 404, 405, 407, 410}
_LATER = {408, 425, 429}


class AddressRefused(ValueError):
    """An address that no post may go to; the text says why and what to do, for whoever has typed it."""


def allowed_hosts(kind: str) -> tuple[str, ...]:
    """Where posts of a kind may go. This machine is open to every kind where the operator has listed it."""
    listed = settings.WEBHOOK_ALLOWED_HOSTS
    if kind == Kind.WEBHOOK:
        return listed
    return (*_HOSTS[kind], *(each for each in listed if _is_this_machine(each)))


def _is_this_machine(entry: str) -> bool:
    try:
        host = parse_url(f"https://{entry}").host
    except ForbiddenAddress:
        return False
    address = literal(host)
    return host == "localhost" if address is None else address.is_loopback


def check_address(kind: str, url: str) -> Target:
    """The address in parts where a destination of this kind may have it; raises AddressRefused. Opens nothing."""
    try:
        host = parse_url(url).host
    except ForbiddenAddress:
        raise AddressRefused("This is no address. Paste the whole of it; it begins with https://.") from None
    if kind == Kind.TEAMS and any(host == old or host.endswith(f".{old}") for old in _OLD_TEAMS):
        raise AddressRefused(
            "This is the address of an Office 365 connector, and Microsoft has retired those. In Teams, open"
            " Workflows, choose “Send webhook alerts to a channel”, and paste the address that it gives."
        )
    try:
        target = HostRules(allowed_hosts(kind)).check(url)
    except ForbiddenAddress as wrong:
        raise AddressRefused(_instead(kind, host, str(wrong))) from None
    if kind == Kind.TEAMS and not target.path.partition("?")[2] and target.scheme == "https":
        raise AddressRefused("The end of the address is missing: it has to have everything behind the “?”.")
    if kind == Kind.SLACK and not target.path.startswith("/services/"):
        raise AddressRefused(
            "A Slack webhook is written https://hooks.slack.com/services/ and three more parts."
        )
    return target


def _instead(kind: str, host: str, why: str) -> str:
    if "https" in why:
        return "Only addresses that begin with https:// can be used: what is posted would be readable on its way."
    match kind:
        case Kind.TEAMS:
            return (
                f"{host} is not where Teams workflows are. Their addresses end in logic.azure.com or"
                " environment.api.powerplatform.com."
            )
        case Kind.SLACK:
            return f"{host} is not where Slack takes posts. Its webhooks begin with https://hooks.slack.com/services/."
        case _:
            return (
                f"{host} is not among the hosts that signed webhooks may be sent to. Whoever runs Closeboard lists"
                " them in WEBHOOK_ALLOWED_HOSTS."
            )


def post(place: Destination, body: bytes, headers: Mapping[str, str]) -> None:
    """Post one body to a destination.

    Raises Temporary, Unreachable, Permanent or Misconfigured, none of whose words holds any of the address but its
    host. Takes LONGEST_POST at most. No redirect is followed.
    """
    try:
        url = place.url
        target = check_address(place.kind, url)
    except SecretUnreadable:
        raise Misconfigured(
            "Its address cannot be read any more: the key it was stored with is gone."
        ) from None
    except AddressRefused as wrong:
        raise Misconfigured(str(wrong)) from None
    with Wire(allowed_hosts(place.kind), Deadline(LONGEST_POST), LIMITS) as wire:
        wire.hide(*_secrets_of(target))
        try:
            answer = wire.post_json(url, headers, body)
        except RequestFailed as wrong:
            raise _fault(target, wrong) from None
    _judge(target, answer)


def _secrets_of(target: Target) -> list[str]:
    """Every part of an address that may be what lets somebody post there."""
    path, _, query = target.path.partition("?")
    values = [value for _, value in parse_qsl(query)]
    parts = [target.path, path, query, *values, *re.split(r"[/?&=]", target.path)]
    return [each for part in parts for each in (part, unquote(part)) if len(each) > 5]


def _fault(target: Target, wrong: RequestFailed) -> Temporary | Misconfigured:
    """What it means that there is no answer; the wire's own words name the whole path, which is a secret here."""
    host = target.netloc
    if isinstance(wrong, AccessRefused):
        return Misconfigured(
            f"{host} may not be contacted: it does not prove who it is, or leads to an address that is forbidden."
        )
    if not isinstance(wrong, ServerUnavailable):
        return Temporary(f"{host} sent an answer that has no end.", AFTER_A_HANG)
    if wrong.status is not None:
        wait = timedelta(seconds=wrong.retry_after or 0)
        asked = f" and asked to wait {wait.total_seconds():.0f} seconds" if wait else ""
        return Temporary(f"{host} answered {wrong.status}{asked}.", wait)
    if not wrong.reached:
        return Unreachable(f"{host} cannot be reached.")
    return Temporary(f"{host} did not answer in time, or hung up before it had.", AFTER_A_HANG)


def _judge(target: Target, answer: Answer) -> None:
    status = answer.status
    said = f"{target.netloc} answered {status}"
    said += f": {answer.sample[:200].strip()}" if answer.sample.strip() else "."
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise Misconfigured(f"{target.netloc} sends us elsewhere ({status}), and no post follows.")
    if status in _NOT_OURS:
        raise Misconfigured(said)
    if status in _LATER or status >= 500:
        raise Temporary(said)
    raise Permanent(said)
