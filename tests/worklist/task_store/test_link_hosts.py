"""Links of tasks lead to hosts of the allow-list and of the connections, and nowhere else."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from closing.close_tasks.task_acts import TaskActRefused
from entities.models import Connection, Person
from tests.builders import utc
from tests.worklist.close_task_builders import task_of
from worklist.models import TaskSupport
from worklist.task_store.link_hosts import link_hosts
from worklist.task_store.support_store import add_link

pytestmark = pytest.mark.django_db
FINOPS, CENTRAL = "https://contoso.operations.dynamics.com", "https://api.businesscentral.dynamics.com"


def linked(by: Person, url: str) -> bool:
    try:
        add_link(by, task_of("rec").uid, "Support", url, utc("2026-06-03 12:00"), allowed_hosts=link_hosts())
    except TaskActRefused:
        return False
    return TaskSupport.objects.filter(url=url).exists()


@pytest.mark.parametrize(
    ("rules", "base_url", "url", "allowed"),
    [
        ((), FINOPS, f"{FINOPS}/?cmp=nldt", True),
        ((), FINOPS, "https://evil.example/", False),
        ((), FINOPS, "https://operations.dynamics.com/", False),  # above the host that is read
        ((), FINOPS, "https://contoso.operations.dynamics.com.evil.example/", False),
        ((), CENTRAL, "https://businesscentral.dynamics.com/tenant/production?page=39", True),
        ((), CENTRAL, f"{CENTRAL}/v2.0/", True),
        (("*.sharepoint.com",), FINOPS, "https://contoso.sharepoint.com/close.xlsx", True),
        (("*.sharepoint.com",), FINOPS, f"{FINOPS}/", True),
        (("files.contoso.example:8443",), FINOPS, "https://files.contoso.example:8443/a", True),
        (("*.sharepoint.com",), FINOPS, "https://sharepoint.com.evil.example/", False),
        ((), "not a web address", "https://evil.example/", False),
        ((), "https://[", "https://evil.example/", False),
    ],
)
def test_a_link_leads_to_a_known_host(
    anna: Person, settings: Settings, rules: tuple[str, ...], base_url: str, url: str, allowed: bool
) -> None:
    settings.ERP_ALLOWED_HOSTS = rules
    Connection.objects.update(base_url=base_url)
    assert linked(anna, url) is allowed


def test_without_rules_and_connections_no_host_is_allowed(anna: Person, settings: Settings) -> None:
    settings.ERP_ALLOWED_HOSTS = ()
    Connection.objects.update(base_url="")
    assert link_hosts() == frozenset()
    assert not linked(anna, "https://x.example/")
