"""Rules for outbound requests: acceptable URLs, listed hosts, and the addresses that a host name may have.

Pure rules, no socket is opened here; `infra.outbound.session` checks them before every request (05-reliability 4.6).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

# Metadata addresses of cloud machines, and link-local ones: blocked even when an administrator lists them.
_ALWAYS_BLOCKED = tuple(
    ip_network(text)
    for text in ("169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "fe80::/10", "fd00:ec2::254/128")
)
# Python's own tables change between versions, so these networks are listed beside the check of `is_global`.
_NOT_PUBLIC = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24"),
        *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "::/96", "64:ff9b:1::/48", "100::/64"),
        *("2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fec0::/10", "ff00::/8"),
    )
)
_NAT64 = ip_network("64:ff9b::/96")

# Only characters that may stand on a request line; no fragment, backslash or user name.
_URL = re.compile(r"(https?)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(/[!$-;=?-\[\]-~]*)?")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class ForbiddenAddress(ValueError):
    """A URL, host or address that must not be contacted; the text says which rule it breaks."""


@dataclass(frozen=True, slots=True)
class UrlParts:
    """A checked URL in parts; `path` begins with a slash and includes the query, byte for byte as it was given."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        return (self.scheme, self.host, self.port)

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORT[self.scheme] else f"{host}:{self.port}"

    @property
    def without_query(self) -> str:
        """Host and path without the query, which may appear in an error or a log."""
        return self.netloc + self.path.partition("?")[0]


_DEFAULT_PORT = {"https": 443, "http": 80}


def parse_url(url: str) -> UrlParts:
    """Parse an absolute URL strictly; raises ForbiddenAddress.

    Refuses all that parsers read differently: user names, fragments, backslashes, blanks, control and
    non-ASCII characters, percent-encoded hosts, numeric hosts other than a plain dotted quad.
    """
    match = _URL.fullmatch(url) if len(url) <= 16_384 else None
    if not match:
        raise ForbiddenAddress("not a plain http or https address")
    scheme, host, port_text, path = match.groups()
    port = int(port_text) if port_text else _DEFAULT_PORT[scheme]
    if not 0 < port < 65_536:
        raise ForbiddenAddress(f"port {port} does not exist")
    return UrlParts(scheme, _normal_host(host), port, path or "/")


def _normal_host(text: str) -> str:
    if text.startswith("["):
        try:
            return str(IPv6Address(text[1:-1]))
        except ValueError:
            raise ForbiddenAddress("not an IPv6 address between the brackets") from None
    host = text.lower()
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ForbiddenAddress("not a host name")
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        # Some resolvers read 2130706433, 0x7f.1 and 0177.0.0.1 as 127.0.0.1: only the plain form is an address.
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise ForbiddenAddress("a number that is not a plain IPv4 address") from None
    return host


def ip_literal(host: str) -> Address | None:
    """The host as an address if it is written as one, else None."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def embedded_ipv4(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses embedded in an IPv6 address: mapped, 6to4, NAT64, Teredo (server and client)."""
    if isinstance(address, IPv4Address):
        return ()
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address.sixtofour:
        return (address.sixtofour,)
    if address.teredo:
        return address.teredo
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFF_FFFF),)
    return ()


def is_always_blocked(address: Address) -> bool:
    """Whether an address is link-local or of cloud metadata, also as one embedded in IPv6."""
    return any(
        candidate in network
        for candidate in (address, *embedded_ipv4(address))
        for network in _ALWAYS_BLOCKED
        if network.version == candidate.version
    )


def is_public(address: Address) -> bool:
    """Whether the address, or each IPv4 address embedded in it, belongs to the public internet."""
    embedded = embedded_ipv4(address)
    if embedded:
        return all(is_public(part) for part in embedded)
    if any(address in net for net in (*_NOT_PUBLIC, *_ALWAYS_BLOCKED) if net.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


@dataclass(frozen=True, slots=True)
class _Entry:
    host: str
    port: int | None  # None: the scheme's default
    suffix: bool

    def covers(self, target: UrlParts) -> bool:
        any_port = self.port is None and is_loopback(self.host)  # ports of this machine are our own
        if not any_port and target.port != (self.port or _DEFAULT_PORT[target.scheme]):
            return False
        return target.host.endswith(self.host) if self.suffix else target.host == self.host


class HostAllowlist:
    """The hosts that one session may contact; an empty list allows none.

    Entries: "host", "host:port", "[v6]:port", "*.suffix" (one label or more in front), "*.suffix:port"; an entry
    without a port allows the scheme's default port, on the loopback any port. Raises ValueError for anything else.
    """

    def __init__(self, allowed: Sequence[str]) -> None:
        self._entries = tuple(_entry(text) for text in allowed)

    def check(self, url: str) -> UrlParts:
        """The URL in parts if it may be contacted; raises ForbiddenAddress. Opens and resolves nothing."""
        target = parse_url(url)
        covering = [entry for entry in self._entries if entry.covers(target)]
        if not covering:
            raise ForbiddenAddress(f"{target.netloc} is not among the allowed hosts of this connection")
        exact = any(not entry.suffix for entry in covering)
        address = ip_literal(target.host)
        if address is not None and (is_always_blocked(address) or not exact):
            raise ForbiddenAddress(f"{target.netloc} is an address that is never contacted")
        if target.scheme != "https" and not (exact and is_loopback(target.host)):
            raise ForbiddenAddress(f"{target.netloc} must be reached over https")
        return target

    def check_addresses(self, host: str, resolved: Iterable[str]) -> list[str]:
        """The addresses of a host, if each of them may be contacted; raises ForbiddenAddress.

        One bad address among good ones refuses all: a resolver that mixes them cannot be trusted.
        """
        addresses = list(dict.fromkeys(text.partition("%")[0] for text in resolved))
        if not addresses:
            raise ForbiddenAddress(f"{host} has no address")
        if ip_literal(host) is not None:
            return addresses  # written out and listed; `check` has refused the blocked ones
        fits = (lambda address: address.is_loopback) if host == "localhost" else is_public
        for text in addresses:
            if not fits(ip_address(text)):
                raise ForbiddenAddress(f"{host} resolves to {text}, which is not a public address")
        return addresses


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    address = ip_literal(host)
    return host == "localhost" if address is None else address.is_loopback


def _entry(text: str) -> _Entry:
    bare = text.strip().lower()
    suffix = bare.startswith("*.")
    if bare.count(":") > 1 and not bare.startswith("["):
        bare = f"[{bare}]"
    try:
        target = parse_url("https://" + (bare[2:] if suffix else bare))
    except ForbiddenAddress as error:
        raise ValueError(f"allowed host {text!r}: {error}") from None
    if (
        target.path != "/"
        or bare.endswith("/")
        or (suffix and (ip_literal(target.host) or "." not in target.host))
    ):
        raise ValueError(f"allowed host {text!r}: write host, host:port or *.suffix.example")
    explicit = re.search(r":(\d+)$", bare if "]" not in bare else bare.rpartition("]")[2])
    return _Entry(
        f".{target.host}" if suffix else target.host, int(explicit[1]) if explicit else None, suffix
    )
