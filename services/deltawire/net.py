"""The one HTTP session of a process: feeds and webhooks go through it, and through its check of addresses.

The check sits where the socket is made, so that it sees the address really connected to: every redirect hop,
every candidate of every address family, no gap for DNS rebinding, and no way around it by an IP literal
(a resolver is not asked about those).
"""

from __future__ import annotations

import asyncio
import functools
import socket
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

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


class AnswerTooLarge(aiohttp.ClientPayloadError):
    """More came over a connection than an answer may have, whatever of it is a body."""

    def __init__(self, most: int) -> None:
        super().__init__(f"the answer has more than {most} bytes")


class _Metered(ResponseHandler):
    """The client's end of a connection, which counts what comes.

    Sizes of bodies and of single headers are limited elsewhere. But interim answers, the framing of chunks and trailers
    have no end if a site wants none, and taking them apart would cost a core until the deadline.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int) -> None:
        super().__init__(loop)
        self._most = most
        self._left = most

    def set_response_params(self, **params: Any) -> None:
        self._left = self._most
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left >= 0:
            super().data_received(data)
            return
        error, payload, transport = AnswerTooLarge(self._most), self._payload, self.transport
        # What follows from the end of the connection must not replace the reason for it.
        self._parser = self._payload = None
        self.set_exception(error)
        if payload is not None:
            payload.set_exception(error)
        if isinstance(transport, asyncio.Transport):
            transport.abort()


class _Connector(aiohttp.TCPConnector):
    def __init__(self, most: int, **options: Any) -> None:
        super().__init__(**options)
        self._factory = functools.partial(_Metered, most=most, loop=self._loop)  # type: ignore[assignment]


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
    """The session for all outgoing HTTP: no cookies, no proxy from the environment, addresses checked, answers metered.

    It has a total deadline of ``fetch.timeout`` seconds a request; callers close it.
    """

    def checked_socket(addr_info: AddrInfo) -> socket.socket:
        family, type_, proto, _, sockaddr = addr_info
        check_address(str(sockaddr[0]), allow_private_networks=fetch.allow_private_networks)
        return socket.socket(family=family, type=type_, proto=proto)

    return aiohttp.ClientSession(
        connector=_Connector(
            # Chunks of a hundred bytes add a tenth to them; a kilobyte of headers is usual.
            fetch.max_bytes + fetch.max_bytes // 4 + 64 * 1024,
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
