"""Which IP addresses are no ordinary hosts of the internet, and which of those may be allowed."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

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


def kind_of(address: str) -> Kind | None:
    """What keeps an IP address from being an ordinary host of the internet; null if nothing does."""
    ip = ip_address(address.partition("%")[0])
    for network, kind in _networks:
        if ip in network:
            return kind
    if isinstance(ip, IPv6Address) and ip not in _GLOBAL_V6:
        return "reserved"
    return None


def refused(address: str, *, allow_private_networks: bool) -> Kind | None:
    """Why an IP address may not be connected to; null if it may.

    ``allow_private_networks`` admits loopback and private addresses; link-local ones (where clouds keep
    their credentials), multicast and reserved ones stay refused.
    """
    kind = kind_of(address)
    if kind == "embedded IPv4" and allow_private_networks:
        mapped = ip_address(address.partition("%")[0])
        if isinstance(mapped, IPv6Address) and mapped.ipv4_mapped is not None:
            kind = kind_of(str(mapped.ipv4_mapped))
    return None if allow_private_networks and kind in _MAY_BE_ALLOWED else kind


def described(kind: Kind) -> str:
    """Part of a sentence: an address of that kind."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} address"


def mend(kind: Kind) -> str:
    """Part of a sentence: what can be done about a refusal."""
    if kind in _MAY_BE_ALLOWED:
        return "set [fetch] allow_private_networks = true if that is meant"
    return "such addresses are never connected to"
