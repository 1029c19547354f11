"""The one HTTP session of a process: feeds and webhooks go through it, and through its check of addresses.

The check sits where the socket is made, so that it sees the address really connected to: every redirect hop,
every candidate of every address family, no gap for DNS rebinding, and no way around it by an IP literal
(a resolver is not asked about those).
"""

from __future__ import annotations

import socket
from typing import Any

import aiohttp

from deltawire import networks
from deltawire.config import FetchConfig
from deltawire.networks import Kind

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


def check_address(address: str, *, allow_private_networks: bool) -> None:
    """Raise AddressRefused unless the address may be connected to (``networks.refused``)."""
    if (kind := networks.refused(address, allow_private_networks=allow_private_networks)) is not None:
        raise AddressRefused(address, kind)


def refusal(error: BaseException) -> str | None:
    """The sentence for an error of the session that means a refused address; null for any other error."""
    if not isinstance(error, aiohttp.ClientConnectorError) or not isinstance(error.os_error, AddressRefused):
        return None
    refused = error.os_error
    what = networks.described(refused.kind)
    stated = error.host == refused.address
    subject = f"is {what}" if stated else f"resolves to {refused.address}, {what}"
    return f"{error.host} {subject}; {networks.mend(refused.kind)}"


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
