"""Where a connector may go: 05-reliability 4.6, over sixty hostile addresses and not one socket."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest

from infra.hosts import ForbiddenAddress, HostAllowlist, is_public, parse_url
from infra.outbound.errors import AccessRefused, ServerUnavailable
from tests.connectors.simulator_sources import MAY, company_refs, sockets_opened, source

REAL_HOSTS = ("login.microsoftonline.com", "*.operations.dynamics.com", "api.businesscentral.dynamics.com")

HOSTILE = [
    # this machine, in all its spellings
    "http://127.0.0.1/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.0.1.:443/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://0/",
    "https://0.0.0.0/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    # metadata of clouds, plain and in disguise
    "http://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254/metadata/instance",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://[::ffff:169.254.169.254]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2001:0:a9fe:a9fe::1]/",
    "https://[fd00:ec2::254]/",
    "https://168.63.129.16/",
    "https://100.100.100.200/",
    "https://metadata.google.internal/",
    # networks of our own
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://192.0.0.192/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fc00::1]/",
    "https://[ff02::1]/",
    # hosts that look like the right one
    "https://login.microsoftonline.com.evil.example/",
    "https://evil-operations.dynamics.com/",
    "https://operations.dynamics.com/",
    "https://evil.example/?x=.operations.dynamics.com",
    "https://evil.example/login.microsoftonline.com",
    "https://login.microsoftonline.com@evil.example/",
    "https://user:secret@login.microsoftonline.com/",
    "https://login.microsoftonline.com:8443/",
    "http://login.microsoftonline.com/",
    "https://login.microsoftonline.com\\@evil.example/",
    "https://evil.example\\.operations.dynamics.com/",
    "https://evil.example#.operations.dynamics.com/",
    "https://evil.example%23.operations.dynamics.com/",
    "https://contoso.operations.dynamics.com%00.evil.example/",
    "https://contoso.operations.dynamics.com /",
    "https://contoso .operations.dynamics.com/",
    "https://contoso\t.operations.dynamics.com/",
    "https://contoso.operations.dynamics.com\r\nHost: evil.example/",
    "https://contoso..operations.dynamics.com/",
    "https://-contoso.operations.dynamics.com/",
    "https://ⅼogin.microsoftonline.com/",
    "https://login。microsoftonline。com/",
    "https://contoso.operations.dynamics.com:0/",
    "https://contoso.operations.dynamics.com:99999/",
    "https://contoso.operations.dynamics.com:443:80/",
    # other protocols, and nothing at all
    "file:///etc/passwd",
    "ftp://contoso.operations.dynamics.com/",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "dict://127.0.0.1:6379/info",
    "ldap://127.0.0.1/",
    "unix:///run/postgresql",
    "javascript:alert(1)",
    "data:application/json,{}",
    "//contoso.operations.dynamics.com/",
    "https:///contoso.operations.dynamics.com/",
    "https:contoso.operations.dynamics.com",
    "HTTPS\n://contoso.operations.dynamics.com",
    "contoso.operations.dynamics.com",
    "",
]


def test_the_corpus_holds_at_least_sixty_addresses() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 60


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_is_refused_before_any_socket(url: str) -> None:
    with pytest.raises(ForbiddenAddress):
        HostAllowlist(REAL_HOSTS).check(url)


@pytest.mark.parametrize("kind", ["finops", "business_central"])
def test_hostile_connections_open_no_socket_and_ask_no_token(kind: str) -> None:
    with sockets_opened() as opened:
        for url in HOSTILE:
            with pytest.raises(AccessRefused):
                source(kind, url, authority=f"https://{REAL_HOSTS[0]}", allowed_hosts=REAL_HOSTS).read(
                    company_refs(kind), MAY
                )
            with pytest.raises(AccessRefused):
                source(
                    kind, "https://contoso.operations.dynamics.com", authority=url, allowed_hosts=REAL_HOSTS
                ).read(company_refs(kind), MAY)
    assert opened == []


def test_without_allowed_hosts_nothing_is_contacted() -> None:
    with sockets_opened() as opened, pytest.raises(AccessRefused, match="allowed hosts"):
        source("finops", "https://contoso.operations.dynamics.com", allowed_hosts=()).read(
            company_refs("finops"), MAY
        )
    assert opened == []


def test_a_name_that_leads_into_our_own_network_is_looked_up_but_never_connected_to() -> None:
    own_name = socket.gethostname().lower()
    with sockets_opened() as opened, pytest.raises((AccessRefused, ServerUnavailable)):
        source("finops", f"https://{own_name}", allowed_hosts=(own_name,), budget_seconds=2).read(
            company_refs("finops"), MAY
        )
    assert not [event for event in opened if event.startswith("socket.connect")]


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("login.microsoftonline.com", "https://login.microsoftonline.com/t/oauth2/v2.0/token"),
        ("login.microsoftonline.com", "https://LOGIN.microsoftonline.com:443/"),
        ("*.operations.dynamics.com", "https://contoso.operations.dynamics.com/data/"),
        ("*.operations.dynamics.com", "https://contoso.sandbox.operations.dynamics.com/data/"),
        ("erp.example:7048", "https://erp.example:7048/BC/api/v2.0"),
        ("127.0.0.1:9100", "http://127.0.0.1:9100/data/"),
        ("127.0.0.1", "http://127.0.0.1:9100/data/"),
        ("localhost:9100", "http://localhost:9100/"),
        ("[::1]:9100", "http://[::1]:9100/"),
        ("10.1.2.3:7048", "https://10.1.2.3:7048/"),
    ],
)
def test_listed_hosts_may_be_contacted(entry: str, url: str) -> None:
    assert HostAllowlist([entry]).check(url).origin == parse_url(url).origin


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("erp.example", "https://erp.example:7048/"),
        ("erp.example:7048", "https://erp.example/"),
        ("127.0.0.1:9100", "http://127.0.0.1:9101/"),
        ("169.254.169.254", "https://169.254.169.254/"),
        ("168.63.129.16", "https://168.63.129.16/"),
        ("10.1.2.3:80", "http://10.1.2.3:80/"),
        ("erp.example:80", "http://erp.example/"),
    ],
)
def test_a_list_allows_no_more_than_it_says(entry: str, url: str) -> None:
    with pytest.raises(ForbiddenAddress):
        HostAllowlist([entry]).check(url)


@pytest.mark.parametrize(
    "entry", ["", "*", "*.", "*.com", "https://x.example", "x.example/", "a b", "*.10.0.0.1", "u@h.example"]
)
def test_a_bad_entry_of_the_list_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="allowed host"):
        HostAllowlist([entry])


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254", "168.63.129.16"),
        *(
            "100.64.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "198.19.255.255",
            "224.0.0.1",
            "240.0.0.1",
            "0.0.0.0",
        ),
        *(
            "255.255.255.255",
            "192.0.2.1",
            "203.0.113.9",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fec0::1",
            "ff02::1",
        ),
        *(
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
        ),
        *(
            "2002:a9fe:a9fe::1",
            "2002:7f00:1::",
            "2001:0:a9fe:a9fe::1",
            "::7f00:1",
            "2001:db8::1",
            "fd00:ec2::254",
        ),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "20.190.160.1", "2603:1030::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(ip_address(address))


def test_one_private_address_among_public_ones_spoils_the_name() -> None:
    rules = HostAllowlist(["erp.example"])
    assert rules.check_addresses("erp.example", ["20.190.160.1", "2603:1030::1"]) == [
        "20.190.160.1",
        "2603:1030::1",
    ]
    with pytest.raises(ForbiddenAddress, match=r"10\.0\.0\.1"):
        rules.check_addresses("erp.example", ["20.190.160.1", "10.0.0.1"])
    with pytest.raises(ForbiddenAddress):
        HostAllowlist(["localhost"]).check_addresses("localhost", ["20.190.160.1"])


def test_a_host_that_goes_by_two_names_is_still_one_origin() -> None:
    assert parse_url("https://Contoso.Example/a").origin == parse_url("https://contoso.example:443/b").origin
