"""The one HTTP session of a process: feeds and webhooks go through it, and through its check of addresses.

The check sits where the socket is made, so that it sees the address really connected to: every redirect hop,
every candidate of every address family, no gap for DNS rebinding, and no way around it by an IP literal
(a resolver is not asked about those).
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Literal

import aiohttp

from deltawire.config import FetchConfig

Kind = Literal["loopback", "private", "link-local", "multicast", "reserved", "embedded IPv4"]

# Explicit networks: ipaddress calls NAT64, 6to4, v4-compatible, multicast and fec0::/10 addresses global.
_V4: tuple[tuple[str, Kind], ...] = (
    ("0.0.0.0/8", "loopback"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "private"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "reserved"),
    ("192.88.99.0/24", "embedded IPv4"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "reserved"),
    ("198.51.100.0/24", "reserved"),
    ("203.0.113.0/24", "reserved"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
)
_V6: tuple[tuple[str, Kind], ...] = (
    ("::/127", "loopback"),
    ("::ffff:0:0/96", "embedded IPv4"),
    ("::ffff:0:0:0/96", "embedded IPv4"),
    ("::/96", "embedded IPv4"),
    ("64:ff9b::/96", "embedded IPv4"),
    ("64:ff9b:1::/48", "embedded IPv4"),
    ("2001::/32", "embedded IPv4"),
    ("2002::/16", "embedded IPv4"),
    ("2001::/23", "reserved"),
    ("2001:db8::/32", "reserved"),
    ("3fff::/20", "reserved"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private"),
    ("ff00::/8", "multicast"),
)
_GLOBAL_V6 = IPv6Network("2000::/3")

_networks: tuple[tuple[IPv4Network | IPv6Network, Kind], ...] = tuple(
    (ip_network(network), kind) for network, kind in _V4 + _V6
)
_MAY_BE_ALLOWED: frozenset[Kind] = frozenset({"loopback", "private"})

AddrInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]


class AddressRefused(OSError):
    """The address may not be connected to."""

    def __init__(self, address: str, kind: Kind) -> None:
        super().__init__(f"{kind} address refused")
        self.address = address
        self.kind = kind

    def __str__(self) -> str:
        # Without the address: when all candidates of a host fail with the same text, aiohappyeyeballs
        # raises the first error itself instead of one that only quotes them.
        return "address refused"


def kind_of(address: str) -> Kind | None:
    """What keeps an IP address from being an ordinary host of the internet; null if nothing does."""
    ip = ip_address(address.partition("%")[0])
    for network, kind in _networks:
        if ip in network:
            return kind
    if isinstance(ip, IPv6Address) and ip not in _GLOBAL_V6:
        return "reserved"
    return None


def check_address(address: str, *, allow_private_networks: bool) -> None:
    """Raise AddressRefused unless the address may be connected to.

    ``allow_private_networks`` admits loopback and private addresses; link-local ones (where clouds keep
    their credentials), multicast and reserved ones stay refused.
    """
    kind = kind_of(address)
    if kind == "embedded IPv4" and allow_private_networks:
        mapped = ip_address(address.partition("%")[0])
        if isinstance(mapped, IPv6Address) and mapped.ipv4_mapped is not None:
            kind = kind_of(str(mapped.ipv4_mapped))
    if kind is None or (allow_private_networks and kind in _MAY_BE_ALLOWED):
        return
    raise AddressRefused(address, kind)


def refusal(error: BaseException) -> str | None:
    """The sentence for an error of the session that means a refused address; null for any other error."""
    if not isinstance(error, aiohttp.ClientConnectorError) or not isinstance(error.os_error, AddressRefused):
        return None
    refused = error.os_error
    article = "an" if refused.kind[0] in "aeiou" else "a"
    what = f"{article} {refused.kind} address"
    subject = what if error.host == refused.address else f"{refused.address}, {what}"
    mend = (
        "set [fetch] allow_private_networks = true if that is meant"
        if refused.kind in _MAY_BE_ALLOWED
        else "such addresses are never connected to"
    )
    verb = "is" if error.host == refused.address else "resolves to"
    return f"{error.host} {verb} {subject}; {mend}"


def make_session(fetch: FetchConfig) -> aiohttp.ClientSession:
    """The session for all outgoing HTTP: no cookies, no proxy from the environment, addresses checked.

    It has a total deadline of ``fetch.timeout`` seconds a request; callers close it.
    """

    def checked_socket(addr_info: AddrInfo) -> socket.socket:
        family, type_, proto, _, sockaddr = addr_info
        check_address(str(sockaddr[0]), allow_private_networks=fetch.allow_private_networks)
        return socket.socket(family=family, type=type_, proto=proto)

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0,
            limit_per_host=fetch.per_host_connections,
            # Longer than the usual interval of an open blog, so that its connection is used again.
            keepalive_timeout=30,
            socket_factory=checked_socket,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": fetch.user_agent},
        timeout=aiohttp.ClientTimeout(total=fetch.timeout, sock_connect=min(fetch.timeout, 10)),
        trust_env=False,
    )
