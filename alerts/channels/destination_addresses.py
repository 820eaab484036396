"""Checks the address of a destination against the hosts that its kind allows."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.core.exceptions import ValidationError

from alerts.models import Destination
from infra.hosts import ForbiddenAddress, HostAllowlist, UrlParts, ip_literal, parse_url

DestinationKind = Destination.Kind


_HOSTS: Mapping[str, tuple[str, ...]] = {
    DestinationKind.TEAMS: ("*.logic.azure.com", "*.environment.api.powerplatform.com"),
    DestinationKind.SLACK: ("hooks.slack.com",),
    DestinationKind.WEBHOOK: (),
}


_OLD_TEAMS = ("webhook.office.com", "outlook.office.com", "outlook.office365.com")


def allowed_hosts(kind: str) -> tuple[str, ...]:
    """The hosts that posts of a kind may go to. Every kind may use this machine where the operator has listed it."""
    listed = settings.WEBHOOK_ALLOWED_HOSTS
    if kind == DestinationKind.WEBHOOK:
        return listed
    return (*_HOSTS[kind], *(host for host in listed if _is_this_machine(host)))


def _is_this_machine(entry: str) -> bool:
    try:
        host = parse_url(f"https://{entry}").host
    except ForbiddenAddress:
        return False
    address = ip_literal(host)
    return host == "localhost" if address is None else address.is_loopback


def check_address(kind: str, url: str) -> UrlParts:
    """Return the parts of an address that this kind allows, else raise ValidationError for "url".

    The text explains what to do. Opens no connection.
    """
    try:
        host = parse_url(url).host
    except ForbiddenAddress:
        raise _refused("This is not an address. Paste all of it; it begins with https://.") from None
    if kind == DestinationKind.TEAMS and any(host == old or host.endswith(f".{old}") for old in _OLD_TEAMS):
        raise _refused(
            "This is the address of an Office 365 connector, and Microsoft has retired those. In Teams, open"
            " Workflows, choose “Send webhook alerts to a channel”, and paste the address that it gives."
        )
    try:
        target = HostAllowlist(allowed_hosts(kind)).check(url)
    except ForbiddenAddress as error:
        raise _refused(_explanation(kind, host, str(error))) from None
    if kind == DestinationKind.TEAMS and not target.path.partition("?")[2] and target.scheme == "https":
        raise _refused("The end of the address is missing: paste all of it, with what follows the “?”.")
    if kind == DestinationKind.SLACK and not target.path.startswith("/services/"):
        raise _refused("A Slack webhook is written https://hooks.slack.com/services/ and three more parts.")
    return target


def _refused(message: str) -> ValidationError:
    return ValidationError({"url": message})


def _explanation(kind: str, host: str, error: str) -> str:
    if "https" in error:
        return "Only addresses that begin with https:// can be used, so that posts are encrypted."
    match kind:
        case DestinationKind.TEAMS:
            return (
                f"{host} is not where Teams workflows are. Their addresses end in logic.azure.com or"
                " environment.api.powerplatform.com."
            )
        case DestinationKind.SLACK:
            return f"{host} is not where Slack takes posts. Its webhooks begin with https://hooks.slack.com/services/."
        case _:
            return (
                f"{host} is not an allowed host of signed webhooks. The operator of Closeboard lists them in"
                " WEBHOOK_ALLOWED_HOSTS."
            )
