"""The hosts that links of close tasks may lead to."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings

from entities.models import Connection


def link_hosts() -> frozenset[str]:
    """The hosts of ERP_ALLOWED_HOSTS, TASK_LINK_HOSTS and of the connections, hosts below them included; one query.

    Of an API such as api.businesscentral.dynamics.com also the host of its web client. Without any of these no link
    leads anywhere: an empty list allows nothing.
    """
    rules = (*settings.ERP_ALLOWED_HOSTS, *settings.TASK_LINK_HOSTS)
    listed = [_host(f"//{rule.removeprefix('*.')}") for rule in rules]
    read = [_host(url) for url in Connection.objects.order_by().values_list("base_url", flat=True)]
    clients = [host.removeprefix("api.") for host in read]
    return frozenset(filter(None, (*listed, *read, *clients)))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
